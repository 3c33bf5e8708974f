"""When a service is wanted, as TQ1, and as the TQ of ORC-7 where a message has no TQ1 (guide: TQ1[ServiceRequest])."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import V2, table
from shared.mapping.datatypes.timing import ABBREVIATIONS, DAYS, LETTERS, frequency_of
from shared.rendering.coded import text
from shared.rendering.codes import inverse_code, system_name
from shared.rendering.draft import composed
from shared.rendering.identifiers import ei, has_type
from shared.rendering.rows import Resource, Row, Table, Write, fill, prune
from shared.rendering.times import clock, hl7_time, time
from shared.rendering.values import cq

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_GUIDE = "TQ1[ServiceRequest]"
_TABLE = V2 + "0335"
_GTS = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
_UCUM = "http://unitsofmeasure.org"
_PRN = "PRN"
_NAMED = {1: "QD", 2: "BID", 3: "TID", 4: "QID"}
_FROM_GTS = {short: code for code, short in reversed(ABBREVIATIONS.items())}
_EVENTS = inverse_code(table("EventRelatedPeriod"))
_REPEAT = "ServiceRequest.occurrenceTiming.repeat"


def time_of_day(value: str, draft: Draft, kind: str) -> str:
    """Write a FHIR time as a TM."""
    del draft, kind
    return clock(value)


def minutes(value: int, draft: Draft, kind: str) -> str:
    """Write a number of minutes as a CQ."""
    del draft, kind
    return composed([str(value), ["min", "", "UCUM"]])


TIMING = Table(
    "TQ1",
    "ServiceRequest",
    (
        Row("TQ1-2", "ServiceRequest.quantityQuantity", cq, f"{_GUIDE} 4"),
        Row("TQ1-4", f"{_REPEAT}.timeOfDay", time_of_day, f"{_GUIDE} 6"),
        Row("TQ1-5", f"{_REPEAT}.offset", minutes, f"{_GUIDE} 7"),
        Row("TQ1-6", f"{_REPEAT}.boundsDuration", cq, f"{_GUIDE} 8 to 10"),
        Row("TQ1-7", f"{_REPEAT}.boundsPeriod.start", time, f"{_GUIDE} 11"),
        Row("TQ1-8", f"{_REPEAT}.boundsPeriod.end", time, f"{_GUIDE} 12"),
        Row("TQ1-10", "ServiceRequest.asNeededCodeableConcept.text", text, f"{_GUIDE} 14"),
        Row("TQ1-14", f"{_REPEAT}.count", text, f"{_GUIDE} 19"),
    ),
    (),
    {
        3: "comes back from the code and the frequency of the Timing",
        13: "comes back from duration and its unit",
    },
)


def related(code: str) -> Write:
    """Return the write function of an order that another one names by its number of this type."""

    def number(value: Resource, draft: Draft, kind: str) -> str:
        del kind
        is_its = "identifier" in value and has_type(code)(value["identifier"])
        found = ei()(value["identifier"], draft, "EI") if is_its else ""
        if found:
            value.pop("type", None)
        return found

    return number


SEQUENCE = Table(
    "TQ2",
    "ServiceRequest",
    (
        Row("TQ2-3", "ServiceRequest.supportingInfo", related("PLAC"), "decision 0020"),
        Row("TQ2-4", "ServiceRequest.supportingInfo", related("FILL"), "decision 0020"),
    ),
)


def write_timing(order: Resource, draft: Draft) -> None:
    """Write TQ1 and TQ2 of an order that says when, how often or after which other one it is wanted."""
    tq1 = draft.segment("TQ1")
    fill_timing(tq1, order, draft)
    end_timing(tq1, 1, order, SEQUENCE, draft)


def fill_timing(tq1: SegmentDraft, order: Resource, draft: Draft) -> None:
    """Write when and how often an order is wanted into a TQ1."""
    repeat = order.get("occurrenceTiming", {}).get("repeat", {})
    pattern = _taken_pattern(order)
    if pattern:
        tq1.add(3, pattern)
    lasting = _taken_lasting(repeat)
    if lasting:
        tq1.set(13, cq(lasting, draft, "CQ"))
    fill(tq1, order, TIMING, draft)


def end_timing(tq1: SegmentDraft, number: int, order: Resource, related: Table, draft: Draft) -> None:
    """Write the TQ2 of a TQ1, by the rows of the related orders; number both, or leave out what says nothing."""
    tq2 = draft.segment("TQ2")
    fill(tq2, order, related, draft)
    if not tq2.fields and not tq1.fields:
        draft.segments.remove(tq1)
    else:
        tq1.set(1, str(number))
    if tq2.fields:
        tq2.set(1, "1")
    else:
        draft.segments.remove(tq2)


def write_old_timing(orc: SegmentDraft, order: Resource) -> None:
    """Write the timing of an order into ORC-7, for a message that has no TQ1."""
    orc.set(7, old_timing(order))


def old_timing(order: Resource, priority: str = "", conjunction: str = "") -> str:
    """Return when an order is wanted as a TQ, and take it; empty where nothing says it."""
    repeat = order.get("occurrenceTiming", {}).get("repeat", {})
    code = _taken_code(order)
    clocks = [clock(one) for one in repeat.pop("timeOfDay", ())]
    bounds = repeat.get("boundsPeriod", {})
    ends = [hl7_time(bounds.pop(end, "")) for end in ("start", "end")]
    quantity = order.get("quantityQuantity", {})
    amount = [str(quantity.pop("value", "")), quantity.pop("unit", "")]
    asked = order.get("asNeededCodeableConcept", {}).pop("text", "")
    parts = [amount, [code, ",".join(clocks)], _taken_letters(repeat), *ends, priority, asked, "", conjunction, "", ""]
    found = composed([*parts, str(repeat.pop("count", ""))])
    prune(order)
    return found


def _taken_letters(repeat: Resource) -> str:
    """Return a duration of TQ.3, ``D3``, and take it."""
    length = repeat.get("boundsDuration", {})
    letter = LETTERS.get(length.get("code", ""), "")
    if not letter or "value" not in length:
        return ""
    found = f"{letter}{length['value']}"
    length.clear()
    return found


def _taken_lasting(repeat: Resource) -> Resource:
    if "duration" not in repeat or "durationUnit" not in repeat:
        return {}
    return {"value": repeat.pop("duration"), "code": repeat.pop("durationUnit"), "system": _UCUM}


def _taken_pattern(order: Resource) -> str:
    """Return how often an order is wanted as an RPT, and take it."""
    timing = order.get("occurrenceTiming", {})
    repeat = timing.get("repeat", {})
    code = _taken_code(order)
    first: list[str] | str = code or _taken_words(timing)
    unit = repeat.get("periodUnit", "") if "frequency" not in repeat else ""
    length = [str(repeat.pop("period")), repeat.pop("periodUnit")] if unit and "period" in repeat else ["", ""]
    events = repeat.get("when", [])
    event = _EVENTS.get(events[0], "") if len(events) == 1 else ""
    if event:
        repeat.pop("when")
    return composed([first, "", "", "", *length, "", event])


def _taken_code(order: Resource) -> str:
    """Return the pattern of HL7 table 0335 of an order, and take what it says: PRN stands before it."""
    timing = order.get("occurrenceTiming", {})
    repeat = timing.get("repeat", {})
    code = next((one for one in _candidates(timing) if one), "")
    implied = frequency_of(code.removeprefix(_PRN)) or {}
    for name, value in implied.items():
        if repeat.get(name) == value:
            repeat.pop(name)
    if code.startswith(_PRN):
        order.pop("asNeededBoolean", None)
    elif order.get("asNeededBoolean") is True:
        order.pop("asNeededBoolean")
        code = _PRN + code
    return code


def _candidates(timing: Resource) -> Iterator[str]:
    """Yield the code of HL7 table 0335 that is said, else R4's abbreviation for it, else the one of the frequency."""
    codings = timing.get("code", {}).get("coding", [])
    for system in (_TABLE, _GTS):
        for one in codings:
            if one.get("system") == system and "code" in one:
                code = str(one["code"])
                for own in codings:
                    if own.get("system") in (_TABLE, _GTS):
                        own.clear()
                prune(timing)
                yield code if system == _TABLE else _FROM_GTS.get(code, code)
    yield _of_frequency(timing.get("repeat", {}))


def _of_frequency(repeat: Resource) -> str:
    """Return the pattern of a frequency: ``BID``, ``Q6H``, ``Q2J35``; empty where HL7 table 0335 has none."""
    times, period, unit = (repeat.get(name) for name in ("frequency", "period", "periodUnit"))
    days = repeat.get("dayOfWeek")
    if times is None or period is None:
        return ""
    if days and (times, unit) == (1, "wk"):
        found = f"Q{period if period != 1 else ''}J" + "".join(str(DAYS.index(day) + 1) for day in days)
    elif times == 1 and unit in LETTERS and period != 1:
        found = f"Q{period}{LETTERS[unit]}"
    elif times == 1 and unit != "d":
        found = f"Q1{LETTERS.get(str(unit), '')}"
    else:
        found = _NAMED.get(times, f"{times}ID") if (period, unit) == (1, "d") else ""
    implied = frequency_of(found) or {}
    return found if implied and all(repeat.get(name) == value for name, value in implied.items()) else ""


def _taken_words(timing: Resource) -> list[str]:
    """Return a pattern that is in no table as a CWE in subcomponents, and take it."""
    code = timing.get("code", {})
    codings = code.get("coding", [])
    first: Resource = codings[0] if codings else {}
    said = code.pop("text", "") or first.get("display", "")
    first.pop("display", None)
    found = [first.pop("code", ""), said, system_name(first.pop("system", ""))]
    prune(timing)
    return found if any(found) else []


TABLES = (TIMING, SEQUENCE)
