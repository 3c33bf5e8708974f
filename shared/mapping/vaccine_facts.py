"""OBX below a vaccine's RXA: elements of the Immunization and of its forecast, by CDC's codes (decision 0021).

Such OBX are no Observations. Those with one OBX-4 belong together: a leaflet with its dates, a dose of a series, a
forecast. A reaction is an Observation that the Immunization refers to; any other OBX stays an Observation of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared.mapping.aside import leave_out
from shared.mapping.codes.systems import CODE_SYSTEMS
from shared.mapping.datatypes.coded import DATA_ABSENT, coded_text, concept, text
from shared.mapping.datatypes.number import number
from shared.mapping.datatypes.time import date_time, fhir_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node, place_of
from shared.mapping.note import note
from shared.mapping.observation import observation
from shared.mapping.organization import coded_organization
from shared.mapping.query import name_source
from shared.mapping.role import role
from shared.mapping.rows import Build, Resource, Row, Table, first, one, parts_of
from shared.message.finding import Finding

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_LOINC = CODE_SYSTEMS["LN"]
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_DECIDED = "decision 0021"
_REACTION = "31044-1"
_ADVICE = "ImmunizationRecommendation.recommendation."


@parts_of({1: ""})
def _count(raw: str, scope: Scope) -> int | str | None:
    """Return a number of doses; what is no whole number stays text."""
    said = scope.text(raw)
    found = number(said)
    return found if isinstance(found, int) and 0 < found < 2**31 else said or None


@parts_of({1: ""}, dict.fromkeys(range(2, 10), "the code says which document it is"))
def _document(raw: str, scope: Scope) -> str | None:
    """Return the identifier of a leaflet (R4: "identifier of the material presented"), else its name."""
    parts = scope.parts(raw)
    return scope.text(parts[0]) or scope.text(parts[1]) or None


# LOINC of CDC's guide -> where OBX-5 goes, what makes it.
_FACTS: dict[str, tuple[str, Build]] = {
    "64994-7": ("Immunization.programEligibility", concept()),
    "30963-3": ("Immunization.fundingSource", concept()),
    "48767-8": ("Immunization.note.text", text),
    "69764-9": ("Immunization.education.documentType", _document),
    "29768-9": ("Immunization.education.publicationDate", date_time),
    "29769-7": ("Immunization.education.presentationDate", date_time),
    "59785-6": ("Immunization.education.presentationDate", date_time),
    "30956-7": ("Immunization.protocolApplied.targetDisease", concept()),
    "38890-0": ("Immunization.protocolApplied.targetDisease", concept()),
    "30973-2": ("Immunization.protocolApplied.doseNumber[x]", _count),
    "59782-3": ("Immunization.protocolApplied.seriesDoses[x]", _count),
    "59780-7": ("Immunization.protocolApplied.series", coded_text),
    "59779-9": ("Immunization.protocolApplied.authority", coded_organization),
    "30981-5": (_ADVICE + "dateCriterion", date_time),
    "30980-7": (_ADVICE + "dateCriterion", date_time),
    "59777-3": (_ADVICE + "dateCriterion", date_time),
    "59778-1": (_ADVICE + "dateCriterion", date_time),
    "59783-1": (_ADVICE + "forecastStatus", concept()),
    "30982-3": (_ADVICE + "forecastReason", concept()),
}
_ROWS: dict[str, Row] = {
    loinc: one("OBX-5", target, build, _DECIDED, placed=True) for loinc, (target, build) in _FACTS.items()
}


@parts_of({1: "", 3: ""}, dict.fromkeys((2, *range(4, 23)), "the code says which element the value is"))
def _which(raw: str, scope: Scope) -> str | None:
    return scope.text(scope.parts(raw)[0]) or None


_CODE = one("OBX-3", "Immunization", _which, _DECIDED, placed=True)
_ASIDE = "below a vaccine: it qualifies a value that is an element of the Immunization"
_DATES = {
    "30981-5": "Earliest date to give",
    "30980-7": "Date vaccine due",
    "59777-3": "Latest date to give immunization",
    "59778-1": "Date when overdue for immunization",
}
_VACCINE, _ADVISES = ("30956-7", "38890-0"), frozenset({*_DATES, "59783-1", "30982-3"})
_LEAFLET = frozenset({"69764-9", "29768-9", "29769-7", "59785-6"})
_SERIES = frozenset({"30973-2", "59782-3", "59780-7", "59779-9"})
_WITHOUT_RESULT = frozenset({"X", "D", "W", "N"})

Said = dict[str, Any]


def add_facts(node: Node, vaccination: Resource | None, frame: Frame, scope: Scope) -> None:
    """Place the OBX below an RXA that are no Observations, and take them out of what is walked.

    Args:
        vaccination: The Immunization; None where no vaccine was given, so that only forecasts are placed.
    """
    placed: list[Node] = []
    for group in _groups(node):
        codes = {_loinc(child, scope): child for child in group}
        advises = bool(codes.keys() & _ADVISES)
        if advises and frame.patient is None:
            continue  # a forecast is somebody's: without a person its values stay observations
        kept = {loinc: child for loinc, child in codes.items() if _is_placed(loinc, vaccination, advises)}
        said = {loinc: value for loinc, child in kept.items() if (value := _value(loinc, child, scope)) is not None}
        if advises:
            _add_forecast(said, vaccination, frame, scope)
        if vaccination is not None:
            of_forecast = _ADVISES | _SERIES | {*_VACCINE} if advises else frozenset()
            _add_elements({loinc: value for loinc, value in said.items() if loinc not in of_forecast}, vaccination)
        placed += [kept[loinc] for loinc in said]
    for child in node.all("OBX") if vaccination is not None else ():
        if _loinc(child, scope) == _REACTION:
            _add_reaction(child, vaccination, frame, scope)
            placed.append(child)
    for child in placed:
        for remark in child.all("NTE") if _loinc(child, scope) != _REACTION else ():
            note(remark, frame, scope)
    node.children = [child for child in node.children if child not in placed]


def _groups(node: Node) -> Iterator[list[Node]]:
    """Yield the OBX that belong together: of one OBX-4, until one code comes again."""
    by_id: dict[str, list[Node]] = {}
    for child in node.all("OBX"):
        known = by_id.setdefault(child.segment.text(4), [])
        if any(one_.segment.text(3) == child.segment.text(3) for one_ in known):
            yield known
            known = by_id[child.segment.text(4)] = []
        known.append(child)
    yield from by_id.values()


def _loinc(node: Node, scope: Scope) -> str:
    """Return the LOINC code of an OBX that has a value to place; empty otherwise."""
    segment = node.segment
    fields = segment.fields
    if len(fields) < 6 or not fields[5] or segment.code(11) in _WITHOUT_RESULT:
        return ""
    parts = scope.parts(fields[3])
    return scope.text(parts[0]).strip() if scope.text(parts[2]).upper() in {"LN", "LOINC", "LNC"} else ""


def _is_placed(loinc: str, vaccination: Resource | None, advises: bool) -> bool:
    """Tell whether a code is an element here; where no vaccine was given only those of a forecast are."""
    if loinc not in _FACTS:
        return False
    if loinc in _ADVISES or (advises and (loinc in _SERIES or loinc in _VACCINE)):
        return True
    return vaccination is not None


def _value(loinc: str, node: Node, scope: Scope) -> Any:
    segment = node.segment
    found = first(_ROWS[loinc], segment, scope, {})
    if found is not None:
        first(_CODE, segment, scope, {})
        leave_out(segment, (4, *range(6, 27)), _ASIDE, scope)
    return found


def _add_elements(said: Said, vaccination: Resource) -> None:
    for loinc, element in (("64994-7", "programEligibility"), ("48767-8", "note")):
        if loinc in said:
            value = {"text": said[loinc]} if element == "note" else said[loinc]
            vaccination[element] = [*vaccination.get(element, []), value]
    if "30963-3" in said:
        vaccination.setdefault("fundingSource", said["30963-3"])
    is_leaflet = bool(said.keys() & _LEAFLET)
    if said.keys() & _SERIES or (_vaccine(said) and not is_leaflet):
        vaccination.setdefault("protocolApplied", []).append(_protocol(said))
    if is_leaflet:
        vaccination.setdefault("education", []).append(_education(said))


def _vaccine(said: Said) -> Resource | None:
    return next((said[loinc] for loinc in _VACCINE if loinc in said), None)


def _education(said: Said) -> Resource:
    """Return what was handed out; R4 imm-1 wants to know what it was."""
    vaccine = _vaccine(said)
    kind = said.get("69764-9") or (vaccine and _shown(vaccine))
    found: Resource = {"documentType": kind} if kind else {"_documentType": _UNKNOWN}
    shown = said.get("29769-7") or said.get("59785-6")
    if "29768-9" in said:
        found["publicationDate"] = said["29768-9"]
    return {**found, "presentationDate": shown} if shown else found


def _shown(concept_: Resource) -> str | None:
    coding = concept_.get("coding", [{}])[0]
    shown: str | None = concept_.get("text") or coding.get("display") or coding.get("code")
    return shown


def _protocol(said: Said) -> Resource:
    found = _doses(said)
    vaccine = _vaccine(said)
    if vaccine:
        found["targetDisease"] = [vaccine]
    if "59779-9" in said:
        found["authority"] = said["59779-9"]
    if not any(name.startswith("doseNumber") for name in found):
        found["_doseNumberString"] = _UNKNOWN
    return found


def _doses(said: Said) -> Resource:
    """Return series, number of the dose and of all doses, as protocol and forecast have them."""
    found: Resource = {"series": said["59780-7"]} if "59780-7" in said else {}
    for loinc, element in (("30973-2", "doseNumber"), ("59782-3", "seriesDoses")):
        if loinc in said:
            value = said[loinc]
            found[element + ("PositiveInt" if isinstance(value, int) else "String")] = value
    return found


def _add_forecast(said: Said, vaccination: Resource | None, frame: Frame, scope: Scope) -> None:
    """Add one recommendation to the forecast of the person; a new forecast of a sender replaces its older one."""
    if frame.patient is None or not said:
        return
    vaccine = _vaccine(said)
    found: Resource = {"vaccineCode": [vaccine or _UNKNOWN]}
    found["forecastStatus"] = said.get("59783-1", _UNKNOWN)
    if "30982-3" in said:
        found["forecastReason"] = [said["30982-3"]]
    dates = [
        {"code": {"coding": [{"system": _LOINC, "code": loinc, "display": shown}]}, "value": said[loinc]}
        for loinc, shown in _DATES.items()
        if loinc in said
    ]
    if dates:
        found["dateCriterion"] = dates
    found.update(_doses(said))
    if vaccination is not None:
        found["supportingImmunization"] = [{"reference": "urn:uuid:" + vaccination["id"]}]
    forecast = _forecast(frame.patient, scope)
    forecast["recommendation"].append(found)
    if "59779-9" in said:
        forecast.setdefault("authority", said["59779-9"])


def _forecast(patient: Resource, scope: Scope) -> Resource:
    key = ("ImmunizationRecommendation", patient["reference"])
    found: Resource | None = scope.known.get(key)
    if found is None:
        told = fhir_time(scope.message_time, scope.zone)
        found = {
            "resourceType": "ImmunizationRecommendation",
            "id": scope.mint(key[0], key[1], scope.assigner),
            "patient": patient,
            **({"date": told.value} if told else {"_date": _UNKNOWN}),
            "recommendation": [],
        }
        name_source(found, scope)
        scope.known[key] = found
        scope.add(found)
    return found


def _add_reaction(node: Node, vaccination: Resource | None, frame: Frame, scope: Scope) -> None:
    assert vaccination is not None
    results: list[Resource] = []
    inner = observation(node, frame.within(gathers=results), scope)
    for below in node.children if inner else ():
        {"NTE": note, "PRT": role}.get(below.segment.name, _pass)(below, inner or frame, scope)
    for reference in results:
        when = scope.entries[reference["reference"]]["resource"].get("effectiveDateTime")
        reaction = {**({"date": when} if when else {}), "detail": reference}
        vaccination.setdefault("reaction", []).append(reaction)


def _pass(node: Node, frame: Frame, scope: Scope) -> None:
    del frame
    scope.findings.append(Finding("segment_unmapped", place_of(node.segment)))


TABLES = (Table("OBX", "Immunization", (*_ROWS.values(), _CODE)),)
HANDLERS: dict[str, Handler] = {}  # immunization reads them: they are no Observations
