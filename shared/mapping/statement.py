"""ACC, DB1, DRG and PDA: segments of which R4 has no resource, as Observations (docs/decisions/0007).

What a segment is about is the value, each further field a component; who did what, where and when keeps its element.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import boolean, concept, fixed, text
from shared.mapping.datatypes.identifier import cx, ei
from shared.mapping.datatypes.number import bare_quantity
from shared.mapping.datatypes.person import EXTENSION, address
from shared.mapping.datatypes.time import date_time, ordered, period
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import addressed, location
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DECIDED = "decision 0007"
_NO_TARGET = "the guide has no map of it and R4 no element"
_LOINC, _SNOMED = "http://loinc.org", "http://snomed.info/sct"
_EVENT_LOCATION = EXTENSION + "event-location"
_YES_NO = boolean(table("YesNoIndicator"))


@dataclass(frozen=True, slots=True)
class Part:
    """One field that becomes a component: its row, what it is called, and the element of its value."""

    row: Row
    name: str
    element: str


def component(
    source: str, name: str, element: str, build: Build, guide: str = _DECIDED, *, repeats: bool = False
) -> Part:
    """Return the part of a field whose value, or each of them, is a component of this name."""
    row_of = many if repeats else one
    return Part(row_of(source, f"Observation.component.{element}", build, guide, placed=True, part=KEPT), name, element)


def _placed(source: str, target: str, build: Build) -> Row:
    return one(source, target, build, _DECIDED, placed=True, part=KEPT)


_ACCIDENT_PARTS = (
    component("ACC-2", "Accident code", "valueCodeableConcept", concept(bare_table("0050", ""))),
    component("ACC-4", "Auto accident state", "valueCodeableConcept", concept(bare_table("0347", ""))),
    component("ACC-5", "Accident job related", "valueBoolean", _YES_NO),
    component("ACC-6", "Accident death", "valueBoolean", _YES_NO),
    component("ACC-9", "Brought in by", "valueString", text),
    component("ACC-10", "Police notified", "valueBoolean", _YES_NO),
    component("ACC-12", "Degree of patient liability", "valueQuantity", bare_quantity),
)
_SCENE = _placed("ACC-3", "Location.name", text)
_SCENE_ADDRESS = _placed("ACC-11", "Location.address", address)

ACCIDENT = Table(
    "ACC",
    "Observation",
    (
        one("ACC-1", "Observation.effectiveDateTime", date_time, _DECIDED),
        many("ACC-7", "Observation.performer", practitioner, _DECIDED),
        one("ACC-8", "Observation.valueString", text, _DECIDED),
        many("ACC-13", "Observation.identifier", ei(), _DECIDED),
        *(_SCENE, _SCENE_ADDRESS),
        *(part.row for part in _ACCIDENT_PARTS),
    ),
)

_GROUP_PARTS = (
    component("DRG-5", "Outlier type", "valueCodeableConcept", concept(bare_table("0083", ""))),
    component("DRG-6", "Outlier days", "valueQuantity", bare_quantity),
    component("DRG-14", "PCCL value", "valueCodeableConcept", concept(bare_table("0728", ""))),
    component("DRG-15", "Effective weight", "valueQuantity", bare_quantity),
)
GROUP = Table(
    "DRG",
    "Observation",
    (
        one("DRG-1", "Observation.valueCodeableConcept", concept(), _DECIDED, reuse=True),
        one("DRG-2", "Observation.effectiveDateTime", date_time, _DECIDED),
        *(part.row for part in _GROUP_PARTS),
    ),
    dict.fromkeys((3, 4, *range(7, 14), *range(16, 34)), _NO_TARGET),
)

_DISABILITY_PARTS = (
    component("DB1-7", "Return to work", "valueDateTime", date_time),
    component("DB1-8", "Unable to work since", "valueDateTime", date_time),
)
_WHO = _placed("DB1-2", "Observation.subject", text)
_NUMBER = many("DB1-3", "Patient.identifier", cx(), _DECIDED, placed=True, part=KEPT)
_SINCE = _placed("DB1-5", "Observation.effectivePeriod.start", date_time)
_UNTIL = _placed("DB1-6", "Observation.effectivePeriod.end", date_time)
DISABILITY = Table(
    "DB1",
    "Observation",
    (
        *(_WHO, _NUMBER, _SINCE, _UNTIL),
        one("DB1-4", "Observation.valueBoolean", _YES_NO, _DECIDED),
        *(part.row for part in _DISABILITY_PARTS),
    ),
    {1: "set id: position only"},
)

_DEATH_PARTS = (
    component("PDA-3", "Death certified", "valueBoolean", _YES_NO),
    component("PDA-6", "Autopsy", "valueBoolean", _YES_NO),
    component("PDA-9", "Coroner", "valueBoolean", _YES_NO),
)
_DEATHPLACE = _placed("PDA-2", "Observation.extension.valueReference", location)
_SIGNED = _placed("PDA-4", "Procedure.performedDateTime", date_time)
_CERTIFIER = many("PDA-5", "Procedure.performer.actor", practitioner, _DECIDED, placed=True, part=KEPT)
_OPENED = _placed("PDA-7", "Procedure.performedPeriod", period)
_PATHOLOGIST = many("PDA-8", "Procedure.performer.actor", practitioner, _DECIDED, placed=True, part=KEPT)
DEATH = Table(
    "PDA",
    "Observation",
    (
        one("PDA-1", "Observation.valueCodeableConcept", concept(), _DECIDED, reuse=True),
        *(_DEATHPLACE, _SIGNED, _CERTIFIER, _OPENED, _PATHOLOGIST),
        *(part.row for part in _DEATH_PARTS),
    ),
)

PARTS = (*_ACCIDENT_PARTS, *_GROUP_PARTS, *_DISABILITY_PARTS, *_DEATH_PARTS)
ACCIDENT_CODE = fixed(_LOINC, "11374-6", "Injury incident description Narrative")
GROUP_CODE: Resource = {"text": "Diagnosis related group"}
CAUSE_CODE = fixed(_LOINC, "69453-9", "Cause of death [US Standard Certificate of Death]")
DISABILITY_CODE = fixed(_SNOMED, "21134002", "Disability")
CERTIFICATION = fixed(_SNOMED, "308646001", "Death certification")
AUTOPSY = fixed(_SNOMED, "29240004", "Autopsy examination")


def statement_of(
    node: Node, frame: Frame, scope: Scope, rows: Table, parts: tuple[Part, ...], code: Resource, *key: str
) -> Resource | None:
    """Return the Observation of a segment, not yet added; None where it says nothing of a person."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[1:]):
        return None
    about = frame.encounter or frame.patient
    resource: Resource = {
        "resourceType": "Observation",
        "id": scope.child_id("Observation", about["reference"], segment.name, *key),
        "status": "final",
        "code": code,
        "subject": frame.patient,
    }
    if frame.encounter:
        resource["encounter"] = frame.encounter
    fill(resource, segment, rows, scope)
    found = [
        {"code": {"text": part.name}, part.element: value}
        for part in parts
        for value in values(part.row, segment, scope, resource)
    ]
    if found:
        resource["component"] = found
    return resource


def _at(resource: Resource, place: Resource | None) -> None:
    if place:
        resource.setdefault("extension", []).append({"url": _EVENT_LOCATION, "valueReference": place})


def accident(node: Node, frame: Frame, scope: Scope) -> None:
    """ACC: the accident, at its place."""
    resource = statement_of(node, frame, scope, ACCIDENT, _ACCIDENT_PARTS, ACCIDENT_CODE, node.segment.text(1))
    if resource is None:
        return
    name, where = (first(row, node.segment, scope, resource) for row in (_SCENE, _SCENE_ADDRESS))
    if name or where:
        _at(resource, addressed(name, where, scope))
    scope.add(resource)


def diagnosis_group(node: Node, frame: Frame, scope: Scope) -> None:
    """DRG: the diagnosis related group of the visit."""
    resource = statement_of(node, frame, scope, GROUP, _GROUP_PARTS, GROUP_CODE)
    if resource is not None:
        scope.add(resource)


def disability(node: Node, frame: Frame, scope: Scope) -> None:
    """DB1: a disability of the patient; that of another person (DB1-2 other than PT) is a finding."""
    segment = node.segment
    if frame.person is None:
        return
    who = first(_WHO, segment, scope, frame.person)
    if who and who != "PT":
        scope.find("person_other", "HL7 table 0334: not the patient's disability")
        return
    known = frame.person.get("identifier", [])
    more = [one_ for one_ in values(_NUMBER, segment, scope, frame.person) if one_ not in known]
    if more:
        frame.person["identifier"] = [*known, *more]
    resource = statement_of(node, frame, scope, DISABILITY, _DISABILITY_PARTS, DISABILITY_CODE, segment.text(5))
    if resource is None:
        return
    lasting = ordered(first(_SINCE, segment, scope, resource), first(_UNTIL, segment, scope, resource), scope)
    if lasting:
        resource["effectivePeriod"] = lasting
    scope.add(resource)


def death(node: Node, frame: Frame, scope: Scope) -> None:
    """PDA: the cause of death, its certification and the autopsy."""
    segment = node.segment
    resource = statement_of(node, frame, scope, DEATH, _DEATH_PARTS, CAUSE_CODE)
    if resource is None:
        return
    _at(resource, first(_DEATHPLACE, segment, scope, resource))
    scope.add(resource)
    signed, opened = (first(row, segment, scope, resource) for row in (_SIGNED, _OPENED))
    _add_act(frame, segment, CERTIFICATION, "performedDateTime", signed, _CERTIFIER, scope)
    _add_act(frame, segment, AUTOPSY, "performedPeriod", opened, _PATHOLOGIST, scope)


def _add_act(
    frame: Frame, segment: Segment, code: Resource, element: str, when: Any, performers: Row, scope: Scope
) -> None:
    """Add a Procedure where the segment says when it was done or by whom."""
    assert frame.patient is not None
    who = [{"actor": actor} for actor in values(performers, segment, scope, {})]
    if not when and not who:
        return
    act: Resource = {
        "resourceType": "Procedure",
        "id": scope.child_id("Procedure", frame.patient["reference"], segment.name, code["coding"][0]["code"]),
        "status": "completed",
        "code": code,
        "subject": frame.patient,
    }
    if when:
        act[element] = when
    if who:
        act["performer"] = who
    scope.add(act)


TABLES = (ACCIDENT, GROUP, DISABILITY, DEATH)
HANDLERS: dict[str, Handler] = {"ACC": accident, "DRG": diagnosis_group, "DB1": disability, "PDA": death}
