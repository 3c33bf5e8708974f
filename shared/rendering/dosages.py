"""Dosage as the dose of an RXO, as RXR and as TQ1 (guide: RXO[MedicationRequest], RXR and TQ1[MedicationRequest]).

An RXO has one dose, and every RXR and TQ1 beside it holds for it. So the first dosage is written, with those that
differ from it in time or in route alone; what other ones say is told as not carried.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.mapping.codes.tables import table
from shared.mapping.datatypes.timing import LETTERS
from shared.rendering.coded import code, concept, text, text_concept
from shared.rendering.draft import escaped
from shared.rendering.medications import DECIDED, unit_of
from shared.rendering.rows import Resource, Row, Table, fill, prune
from shared.rendering.timing import end_timing, fill_timing, old_timing, related
from shared.rendering.values import cq

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_GUIDE = "RXO[MedicationRequest]"
_WAY = ("route", "site", "method")
_WHEN = ("timing", "asNeededBoolean", "asNeededCodeableConcept", "text", "sequence")
_WORDS = ("additionalInstruction", "patientInstruction")
_BESIDE, _AFTER = "A", "S"  # HL7 table 0427: the next statement of timing holds beside this one, after it


def per_time(value: Resource, draft: Draft, kind: str) -> str:
    """Write what a rate is per: ``H1``, or the unit of one."""
    del draft, kind
    number, letter = value.pop("value"), LETTERS.get(value.pop("code", ""), "")
    shown = value.pop("unit", "")
    value.pop("system", None)
    return escaped(f"{letter}{number}" if letter else shown)


DOSE = Table(
    "RXO",
    "MedicationRequest.dosageInstruction.doseAndRate",
    (
        Row("RXO-2", "doseAndRate.doseQuantity.value", text, f"{_GUIDE} 5"),
        Row("RXO-2", "doseAndRate.doseRange.low.value", text, f"{_GUIDE} 5"),
        Row("RXO-3", "doseAndRate.doseRange.high.value", text, f"{_GUIDE} 7"),
        Row("RXO-4", "doseAndRate.doseQuantity", unit_of, f"{_GUIDE} 8"),
        Row("RXO-4", "doseAndRate.doseRange.low", unit_of, f"{_GUIDE} 8"),
        Row("RXO-17", "doseAndRate.rateRatio.denominator", per_time, DECIDED),
        Row("RXO-21", "doseAndRate.rateRatio.numerator.value", text, DECIDED),
        Row("RXO-21", "doseAndRate.rateQuantity.value", text, DECIDED),
        Row("RXO-22", "doseAndRate.rateRatio.numerator", unit_of, DECIDED),
        Row("RXO-22", "doseAndRate.rateQuantity", unit_of, DECIDED),
    ),
)
INSTRUCTIONS = Table(
    "RXO",
    "MedicationRequest.dosageInstruction",
    (
        Row("RXO-7", "dosageInstruction.additionalInstruction", text_concept, DECIDED),
        Row("RXO-7", "dosageInstruction.patientInstruction", text, DECIDED),
        Row("RXO-23", "dosageInstruction.maxDosePerPeriod.numerator", cq, f"{_GUIDE} 32 to 34"),
    ),
)
OLD_TEXT = Table(
    "RXO",
    "MedicationRequest.dosageInstruction",
    (Row("RXO-7", "dosageInstruction.text", text, DECIDED),),
)
WAY = Table(
    "RXR",
    "MedicationRequest.dosageInstruction",
    (
        Row("RXR-1", "dosageInstruction.route", concept(table("RouteOfAdministration")), "RXR[MedicationRequest] 3"),
        Row("RXR-2", "dosageInstruction.site", concept(table("BodyParts")), "RXR[MedicationRequest] 4"),
        Row("RXR-4", "dosageInstruction.method", concept(table("AdministrationMethod")), "RXR[MedicationRequest] 6"),
    ),
    (),
    {5: "comes back in RXO-7: FHIR has one list of instructions"},
)
TIME = Table(
    "TQ1",
    "MedicationRequest.dosageInstruction",
    (Row("TQ1-11", "dosageInstruction.text", text, "TQ1[MedicationRequest] 15"),),
    (),
    {12: "comes back from the sequence of the dosages"},
)
_PRIORITY = code(table("ExtendedPriorityCodes"))
PRIORITY = Table(
    "TQ1",
    "MedicationRequest",
    (Row("TQ1-9", "MedicationRequest.priority", _PRIORITY, "TQ1[MedicationRequest] 13"),),
)
RELATED = Table(
    "TQ2",
    "MedicationRequest",
    (
        Row("TQ2-3", "MedicationRequest.supportingInformation", related("PLAC"), DECIDED),
        Row("TQ2-4", "MedicationRequest.supportingInformation", related("FILL"), DECIDED),
    ),
)


class Plan(NamedTuple):
    """What of the dosages of an order one RXO can say.

    Attributes:
        times: One for each time, all by the first route.
        ways: One for each route.
    """

    times: list[Resource]
    ways: list[Resource]


def planned(order: Resource) -> Plan:
    """Return the dosages of an order that one RXO says; what another of them says already is taken out."""
    dosages = order.get("dosageInstruction", [])
    by_way: dict[str, list[Resource]] = {}
    for one in dosages:
        if _rest(one) == _rest(dosages[0]):
            by_way.setdefault(repr(_picked(one, _WAY)), []).append(one)
    if not by_way:
        return Plan([], [])
    times, *others = by_way.values()
    whens = [_picked(one, _WHEN) for one in times]
    again = [group for group in others if [_picked(one, _WHEN) for one in group] == whens]
    for one in times[1:]:
        _keep(one, (*_WHEN, *_WORDS))
    for first, *more in again:
        _keep(first, (*_WAY, *_WORDS))
        for one in more:
            _keep(one, _WORDS)
    return Plan(times, [times[0], *(group[0] for group in again)])


def _picked(dosage: Resource, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: dosage[name] for name in names if name in dosage}


def _rest(dosage: Resource) -> dict[str, Any]:
    return {name: value for name, value in dosage.items() if name not in (*_WAY, *_WHEN, *_WORDS)}


def _keep(dosage: Resource, names: tuple[str, ...]) -> None:
    for name in [name for name in dosage if name not in names]:
        del dosage[name]


def write_dose(rxo: SegmentDraft, plan: Plan, draft: Draft) -> None:
    """Write dose, rate, limit and instructions into the RXO."""
    for one in (*plan.times, *plan.ways[1:]):
        with_limit = _is_daily(one.get("maxDosePerPeriod", {}))
        aside = {} if with_limit else {"maxDosePerPeriod": one.pop("maxDosePerPeriod", {})}
        if with_limit:
            one["maxDosePerPeriod"].pop("denominator")  # RXO-23: within a day
        fill(rxo, one, INSTRUCTIONS, draft)
        one.update(aside)
    for one in plan.times[:1]:
        dose = next((dose for dose in one.get("doseAndRate", ()) if _is_ordered(dose)), None)
        if dose is not None:
            _write_dose(rxo, dose, draft)


def _is_daily(limit: Resource) -> bool:
    time = limit.get("denominator", {})
    return (time.get("value"), time.get("code")) == (1, "d")


def _is_ordered(dose: Resource) -> bool:
    codings = dose.get("type", {}).get("coding", ())
    return not codings or any(one.get("code") == "ordered" for one in codings)


def _write_dose(rxo: SegmentDraft, dose: Resource, draft: Draft) -> None:
    """Write dose and rate; half of a range or of a ratio would be another amount, and stays to be told."""
    dose.pop("type", None)
    ends, rate = dose.get("doseRange", {}), dose.get("rateRatio", {})
    aside: Resource = {}
    if not _is_whole(ends):
        aside["doseRange"] = dose.pop("doseRange", {})
    if not _is_per_time(rate):
        aside["rateRatio"] = dose.pop("rateRatio", {})
    elif rate.get("numerator") == dose.get("doseQuantity"):
        rate.pop("numerator")  # RXO-17 alone: the dose in that time
    if "doseRange" in dose:
        _keep(ends["high"], ("value",))  # the low end says the unit
    fill(rxo, dose, DOSE, draft)
    dose.update(aside)
    prune(dose)


def _is_whole(ends: Resource) -> bool:
    low, high = ends.get("low", {}), ends.get("high", {})
    return "value" in low and "value" in high and {**low, "value": 0} == {**high, "value": 0}


def _is_per_time(rate: Resource) -> bool:
    time = rate.get("denominator", {})
    is_named = time.get("code") in LETTERS or (time.get("value") == 1 and "unit" in time and "code" not in time)
    return is_named and "value" in time and "value" in rate.get("numerator", {})


def write_ways(plan: Plan, draft: Draft) -> None:
    """Write an RXR for each route."""
    for one in plan.ways:
        fill(draft.segment("RXR"), one, WAY, draft)
        if not draft.segments[-1].fields:
            draft.segments.pop()


def write_times(order: Resource, plan: Plan, draft: Draft) -> None:
    """Write a TQ1 for each time, and behind the first the TQ2 of the order."""
    following = _taken_sequence(plan)
    for number, (dosage, next_) in enumerate(zip(plan.times or [{}], following, strict=True), 1):
        tq1 = draft.segment("TQ1")
        asked = _as_service(dosage)
        fill_timing(tq1, asked, draft)
        _settle(dosage, asked)
        fill(tq1, dosage, TIME, draft)
        if number == 1:
            fill(tq1, order, PRIORITY, draft)
        tq1.set(12, next_)
        end_timing(tq1, number, order if number == 1 else {}, RELATED, draft)


def write_old_times(orc: SegmentDraft, rxo: SegmentDraft, order: Resource, plan: Plan, draft: Draft) -> None:
    """Write times and priority into ORC-7, and the text of a dosage into RXO-7, for a message that has no TQ1."""
    priority = _PRIORITY(order.pop("priority"), draft, "ID") if "priority" in order else ""
    for dosage, next_ in zip(plan.times or [{}], _taken_sequence(plan), strict=True):
        asked = _as_service(dosage)
        said = old_timing(asked, priority, next_)
        _settle(dosage, asked)
        fill(rxo, dosage, OLD_TEXT, draft)
        if said:
            orc.add(7, said)
        priority = ""


def _taken_sequence(plan: Plan) -> list[str]:
    """Return for each time how the next one follows, and take it from their numbers."""
    numbers = [one.pop("sequence", None) for one in plan.times]
    following = [_BESIDE if one is not None and one == next_ else _AFTER for one, next_ in pairwise(numbers)]
    return [*following, ""]


def _as_service(dosage: Resource) -> Resource:
    """Return the time of a dosage in the elements of a ServiceRequest; what is taken of it is taken of the dosage."""
    found = _picked(dosage, ("asNeededBoolean", "asNeededCodeableConcept"))
    return {"occurrenceTiming": dosage["timing"], **found} if "timing" in dosage else found


def _settle(dosage: Resource, asked: Resource) -> None:
    if "asNeededBoolean" not in asked:
        dosage.pop("asNeededBoolean", None)


TABLES = (DOSE, INSTRUCTIONS, OLD_TEXT, WAY, TIME, PRIORITY, RELATED)
