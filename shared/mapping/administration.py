"""RXA of a drug: MedicationAdministration (guide: ORC[MedicationAdministration]; RXA: decision 0020)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.codes.tables import V2, table
from shared.mapping.datatypes.coded import DATA_ABSENT, code, coded_text, coding, concept, fixed
from shared.mapping.datatypes.identifier import ei, typed_number
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.medication import (
    DECIDED,
    counts_initially,
    describe,
    dose_of,
    dose_rows,
    drug_rows,
    set_drug,
    set_person,
)
from shared.mapping.practitioner import practitioner
from shared.mapping.route import administered_by
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, Unmapped, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_NO_TARGET = "R4 has no element for it"
_PLACE = "http://hl7.org/fhir/StructureDefinition/event-location"
_BUSINESS_EVENT = "http://hl7.org/fhir/StructureDefinition/businessEvent"
_ORDERED_BY = fixed(V2 + "0443", "OP", "Ordering Provider")
_STATUS = table("CompletionStatus")
_CANCELLED = frozenset({"CA", "OC", "CR"})

_DRUG = drug_rows(
    "RXA", code=5, form=8, strength=13, strength_unit=14, volume=23, volume_unit=24, lot=15, expires=16, manufacturer=17
)
_DOSE = dose_rows("RXA", "MedicationAdministration.dosage.", low=6, unit=7, per=12)


def _row(number: int, target: str, build: Build, *, repeats: bool = False) -> Row:
    make = many if repeats else one
    return make(f"RXA-{number}", f"MedicationAdministration.{target}", build, DECIDED, placed=True, part=KEPT)


_RXA = {
    "sub_id": _row(2, "identifier", typed_number("")),
    "start": _row(3, "effective[x]", date_time),
    "end": _row(4, "effectivePeriod.end", date_time),
    "notes": _row(9, "note.text", coded_text, repeats=True),
    "performer": _row(10, "performer.actor", practitioner, repeats=True),
    "refused": _row(18, "statusReason", concept(), repeats=True),
    "reason": _row(19, "reasonCode", concept(), repeats=True),
    "status": _row(20, "status", code(_STATUS)),
    "place": _row(27, "extension.valueReference", location),
    "tag": _row(29, "identifier", ei(), repeats=True),
}
ADMINISTRATION = Table(
    "RXA",
    "MedicationAdministration",
    (*_DRUG.values(), *_DOSE.values(), *_RXA.values()),
    {
        1: "position within the order",
        21: "the action: it says what to do with the administration",
        **dict.fromkeys((11, 22, 25, 26, 28), _NO_TARGET),
    },
)
_GUIDE = "ORC[MedicationAdministration] "
_NUMBER = "MedicationAdministration.identifier"
_NUMBERS = (
    one("ORC-2", _NUMBER, ei("PLAC", "Placer Identifier"), _GUIDE + "7 to 9", placed=True, part=KEPT),
    one("ORC-3", _NUMBER, ei("FILL", "Filler Identifier"), _GUIDE + "10 to 12", placed=True, part=KEPT),
)
_CONTROLS = table("OrderControlCode[ServiceRequest.status]")
_CONTROL = one("ORC-1", "MedicationAdministration.extension", concept(_CONTROLS), _GUIDE + "3 to 6", placed=True)
_ORDERER = one("ORC-12", "MedicationAdministration.performer.actor", practitioner, _GUIDE + "21 to 23", placed=True)
COMMON = Table(
    "ORC",
    "MedicationAdministration",
    (
        *_NUMBERS,
        _CONTROL,
        _ORDERER,
        many("ORC-28", "MedicationAdministration.meta.security", coding(table("ConfidentialityCode")), _GUIDE + "39"),
    ),
)


def administration(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RXA: a MedicationAdministration of its order."""
    segment, orc = node.segment, frame.orc.segment if frame.orc else None
    said = {name: values(row, segment, scope, {}) for name, row in _RXA.items()}
    resource: Resource = {"resourceType": "MedicationAdministration", "id": _id_of(segment, frame, scope)}
    scope.add(resource)
    if scope.message.count("RXA") > 1:
        scope.note_alike(resource)
    performers: list[Resource] = [{"actor": one_} for one_ in said["performer"]]
    numbers = [*said["tag"], *(one_ for one_ in said["sub_id"] if one_["value"] != "0")]
    if orc is not None:
        fill(resource, orc, COMMON, scope)
        numbers += [one_ for row in _NUMBERS if (one_ := first(row, orc, scope, resource))]
        _add_control(resource, orc, scope)
        orderer = first(_ORDERER, orc, scope, resource)
        performers += [{"function": _ORDERED_BY, "actor": orderer}] if orderer else []
    if numbers:
        resource["identifier"] = numbers
    _set_status(resource, segment, orc, said, scope)
    drug = describe(_DRUG, segment, [], scope)
    set_drug(resource, drug, scope)
    set_person(resource, "subject", frame.patient, scope)
    if frame.encounter:
        resource["context"] = frame.encounter
    _set_time(resource, said, scope)
    if performers:
        resource["performer"] = performers
    if said["reason"]:
        resource["reasonCode"] = said["reason"]
    if frame.request and frame.request["resourceType"] == "MedicationRequest":
        resource["request"] = {"reference": "urn:uuid:" + frame.request["id"]}
    if said["notes"]:
        resource["note"] = [{"text": line} for line in said["notes"]]
    if said["place"]:
        place = {"url": _PLACE, "valueReference": said["place"][0]}
        resource["extension"] = [*resource.get("extension", []), place]
    _add_dosage(resource, node, scope)
    at = {"reference": "urn:uuid:" + resource["id"]}
    return frame.within(remarks=resource, part_of=at, order=(resource["id"],))


def _id_of(segment: Segment, frame: Frame, scope: Scope) -> str:
    """Return the id of an administration: by its order, and its number within it or the time it began."""
    of = frame.request["id"] if frame.request else (frame.patient or {}).get("reference", "")
    number = segment.text(2)
    key = ("number", number) if number not in {"", "0"} and frame.request else (segment.text(5), segment.text(3))
    return scope.child_id("MedicationAdministration", of, *key)


def _add_control(resource: Resource, orc: Segment, scope: Scope) -> None:
    event = first(_CONTROL, orc, scope, resource)
    if event:
        value = {"url": "value", "valueCodeableConcept": {"coding": event["coding"][-1:]}}
        resource["extension"] = [{"url": _BUSINESS_EVENT, "extension": [value]}]


def _set_status(
    resource: Resource, segment: Segment, orc: Segment | None, said: dict[str, list[Any]], scope: Scope
) -> None:
    """Set whether it was given: by RXA-20; a reason to refuse it alone says that it was not."""
    status = said["status"][0] if said["status"] else None
    if isinstance(status, Unmapped):
        resource["_status"] = status.extension
        status = None
    action = segment.code(21)
    scope.noted(resource)["control"] = action or (orc.code(1) if orc is not None else "")
    if action == "D":
        status = "entered-in-error"
    is_cancelled = orc is not None and orc.code(1) in _CANCELLED  # nobody got a dose of it, unless RXA-20 says so
    resource["status"] = status or ("not-done" if said["refused"] or is_cancelled else "completed")
    if said["refused"]:
        resource["statusReason"] = said["refused"]


def _set_time(resource: Resource, said: dict[str, list[Any]], scope: Scope) -> None:
    start, end = (said[name][0] if said[name] else None for name in ("start", "end"))
    period = ordered(start, end, scope) or {}
    if period.get("end") and period["end"] != period.get("start"):
        resource["effectivePeriod"] = period
    elif "start" in period:
        resource["effectiveDateTime"] = period["start"]
    else:
        resource["_effectiveDateTime"] = _UNKNOWN
        counts_initially(resource, ("_effectiveDateTime",), scope)


def _add_dosage(resource: Resource, node: Node, scope: Scope) -> None:
    """Add dose, route, site and method; a route needs a dose beside it (R4 mad-1), which may be unknown."""
    dose, unread = dose_of(_DOSE, node.segment, scope)
    found = administered_by(node.all("RXR"), scope)
    note = found.pop("note", None)
    if "doseQuantity" in dose:
        found["dose"] = dose["doseQuantity"]
    if "rateRatio" in dose:
        found["rateRatio"] = dose["rateRatio"]
    if unread:
        found["text"] = unread
    if found and "dose" not in found and "rateRatio" not in found:
        found["dose"] = _UNKNOWN
    if found:
        resource["dosage"] = found
    if note:
        resource["note"] = [*resource.get("note", []), {"text": note}]


TABLES = (ADMINISTRATION, COMMON)
HANDLERS: dict[str, Handler] = {}  # immunization decides whether an RXA is one
