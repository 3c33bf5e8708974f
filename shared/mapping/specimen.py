"""SPM, and the specimen inside an OBR: the Specimen (guide: SPM[Specimen], OBR[Specimen], SPS[Specimen-Source])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import code, codings_of, concept
from shared.mapping.datatypes.identifier import cx, ei, eip
from shared.mapping.datatypes.number import quantity
from shared.mapping.datatypes.time import date_time, period
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.note import remark
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Resource, Table, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_TARGET = "the guide gives it no FHIR element"
_TYPES = table("SpecimenType")


@parts_of({1: "collectedDateTime"}, {2: "empty here"})
def collected_at(raw: str, scope: Scope) -> str | None:
    """Return the one time of a DR without an end."""
    parts = scope.parts(raw)
    return None if parts[1] else date_time(parts[0], scope)


@parts_of({1: "start", 2: "end"})
def collected_from(raw: str, scope: Scope) -> dict[str, str] | None:
    """Return the Period of a DR that has an end."""
    return period(raw, scope) if scope.parts(raw)[1] else None


_IDS = one("SPM-2", "Specimen.identifier", eip("PGN", "FGN"), "SPM[Specimen] 4, 5", placed=True)
_ADDITIVE = many(
    "SPM-6",
    "Specimen.container.additiveCodeableConcept",
    concept(table("AdditivePreservative")),
    "SPM[Specimen] 10",
    placed=True,
)
_CONTAINER = one("SPM-27", "Specimen.container.type", concept(), "SPM[Specimen] 32", placed=True)

SPECIMEN = Table(
    "SPM",
    "Specimen",
    (
        _IDS,
        one("SPM-4", "Specimen.type", concept(_TYPES), "SPM[Specimen] 8", reuse=True),
        _ADDITIVE,
        one(
            "SPM-7",
            "Specimen.collection.method",
            concept(table("SpecimenCollectionMethod")),
            "SPM[Specimen] 11",
            reuse=True,
        ),
        one("SPM-8", "Specimen.collection.bodySite", concept(), "SPM[Specimen] 12", reuse=True),
        one("SPM-12", "Specimen.collection.quantity", quantity, "SPM[Specimen] 16"),
        many("SPM-14", "Specimen.note", remark, "SPM[Specimen] 18"),
        one("SPM-17", "Specimen.collection.collectedPeriod", collected_from, "SPM[Specimen] 21"),
        one("SPM-17", "Specimen.collection.collectedDateTime", collected_at, "SPM[Specimen] 22"),
        one("SPM-18", "Specimen.receivedTime", date_time, "SPM[Specimen] 23"),
        one("SPM-20", "Specimen.status", code(table("YesNoIndicator[AvailabilityStatus]")), "SPM[Specimen] 25"),
        many("SPM-24", "Specimen.condition", concept(table("SpecimenCondition")), "SPM[Specimen] 29", reuse=True),
        _CONTAINER,
        one("SPM-30", "Specimen.accessionIdentifier", cx(), "SPM[Specimen] 35"),
        many("SPM-31", "Specimen.identifier", cx(), "SPM[Specimen] 36"),
        many("SPM-32", "Specimen.identifier", ei(), "SPM[Specimen] 37"),
    ),
    {
        1: "set id: position only",
        9: "the guide's extension does not exist",
        **dict.fromkeys((5, 10, 11, 13, 15, 16, 19, 21, 22, 23, 25, 26, 28, 29, 33, 34, 35), _NO_TARGET),
    },
)


@parts_of(
    {1: "type", 2: "container.additive", 3: "note", 4: "collection.bodySite", 6: "condition"},
    {5: _NO_TARGET, 7: _NO_TARGET},
)
def source(raw: str, scope: Scope) -> Resource:
    """Return the elements of OBR-15; its codes are subcomponents."""
    parts = scope.parts(raw)
    found: Resource = {}
    places = (("type", 0), ("bodySite", 3), ("condition", 5))
    for element, place in places:
        if parts[place]:
            inner = [*parts[place].split(scope.subcomponent), *[""] * 30]
            codings = codings_of(inner, scope, _TYPES) if element == "type" else codings_of(inner, scope)
            if codings:
                found[element] = {"coding": codings}
    remark = scope.text(parts[2])
    if remark:
        found["note"] = [{"text": remark}]
    return found


_VOLUME = one("OBR-9", "Specimen.collection.quantity", quantity, "OBR[Specimen] 12", placed=True)
_COLLECTOR = one("OBR-10", "Specimen.collection.collector", practitioner, "OBR[Specimen] 13", reuse=True, placed=True)
_RECEIVED = one("OBR-14", "Specimen.receivedTime", date_time, "OBR[Specimen] 18", placed=True)
_SOURCE = one("OBR-15", "Specimen", source, "OBR[Specimen] 19", placed=True)
_COMMENT = many("OBR-39", "Specimen.note", remark, "OBR[Specimen] 45", placed=True)

ORDERED_SPECIMEN = Table("OBR", "Specimen", (_VOLUME, _COLLECTOR, _RECEIVED, _SOURCE, _COMMENT))


def specimens_of(order: Node, frame: Frame, scope: Scope) -> list[Resource]:
    """Return references to the specimens of an order, before its results are read: its SPMs, else the OBR's own."""
    found = [one_ for spm in order.all("SPM") if (one_ := _specimen(spm.segment, frame, scope))]
    if found:
        return found
    own = _own_specimen(order.segment, frame, scope)
    return [own] if own else []


def specimen(node: Node, frame: Frame, scope: Scope) -> Frame:
    """SPM: the Specimen; an OBX below is about it."""
    reference = _specimen(node.segment, frame, scope)
    if reference is None:
        return frame
    return frame.within(specimen=reference, remarks=scope.entries[reference["reference"]]["resource"])


def _specimen(segment: Segment, frame: Frame, scope: Scope) -> Resource | None:
    known = ("SPM", str(segment.index))
    if known not in scope.known:
        scope.known[known] = _build(segment, frame, scope) if any(segment.fields[2:]) else None
    found: Resource | None = scope.known[known]
    return found


def _build(segment: Segment, frame: Frame, scope: Scope) -> Resource:
    """Return a reference to the Specimen; the same number is the same specimen, whichever order names it."""
    fields = segment.fields
    of = frame.patient["reference"] if frame.patient else scope.assigner
    key = ("number", of, fields[2]) if fields[2] else ("source", of, *(segment.text(n) for n in (4, 8, 17)))
    resource: Resource = {"resourceType": "Specimen", "id": scope.child_id("Specimen", *key)}
    identifiers = values(_IDS, segment, scope, resource)
    if identifiers:
        resource["identifier"] = identifiers
    fill(resource, segment, SPECIMEN, scope)
    if frame.patient:
        resource["subject"] = frame.patient
    kind, additives = first(_CONTAINER, segment, scope, resource), values(_ADDITIVE, segment, scope, resource)
    if kind or additives:
        first_container: Resource = {"type": kind} if kind else {}
        if additives:
            first_container["additiveCodeableConcept"] = additives[0]
        more = [{"additiveCodeableConcept": additive} for additive in additives[1:]]
        resource["container"] = [first_container, *more]
    return {"reference": scope.add(resource)}


def _own_specimen(segment: Segment, frame: Frame, scope: Scope) -> Resource | None:
    if len(segment.fields) <= 15 or not segment.fields[15]:
        return None
    of = frame.patient["reference"] if frame.patient else scope.assigner
    key = ("source", of, segment.fields[15], frame.effective)
    resource: Resource = {"resourceType": "Specimen", "id": scope.child_id("Specimen", *key)}
    said = first(_SOURCE, segment, scope, resource)
    if not said:
        return None
    collection: Resource = {}
    pairs = (("quantity", _VOLUME), ("collector", _COLLECTOR))
    collection.update({name: value for name, row in pairs if (value := first(row, segment, scope, resource))})
    if "bodySite" in said:
        collection["bodySite"] = said.pop("bodySite")
    if frame.effective:
        collection["collectedDateTime"] = frame.effective
    resource.update(said)
    if "condition" in resource:
        resource["condition"] = [resource["condition"]]
    received = first(_RECEIVED, segment, scope, resource)
    if received:
        resource["receivedTime"] = received
    notes = [*resource.get("note", ()), *values(_COMMENT, segment, scope, resource)]
    if notes:
        resource["note"] = notes
    if collection:
        resource["collection"] = collection
    if frame.patient:
        resource["subject"] = frame.patient
    return {"reference": scope.add(resource)}


TABLES = (SPECIMEN, ORDERED_SPECIMEN)
HANDLERS: dict[str, Handler] = {"SPM": specimen}
