"""SPM, and the specimen inside an OBR: the Specimen (guide: SPM[Specimen], OBR[Specimen], SPS[Specimen-Source])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import code, codings_of, concept
from shared.mapping.datatypes.identifier import cx, ei, eip
from shared.mapping.datatypes.number import quantity
from shared.mapping.datatypes.time import date_time, ordered, period
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.note import remark
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import ALL, KEPT, Resource, Table, fill, first, many, one, parts_of, values

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


_PARENT = eip("PGN", "FGN")


@parts_of({1: "identifier", 2: "identifier"})
def parents(raw: str, scope: Scope) -> list[Resource]:
    """Return references to a parent by its numbers: it comes with another message."""
    return [{"type": "Specimen", "identifier": number} for number in _PARENT(raw, scope)]


_IDS = one("SPM-2", "Specimen.identifier", eip("PGN", "FGN"), "SPM[Specimen] 4, 5", placed=True, part=KEPT)
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
        many("SPM-3", "Specimen.parent", parents, "SPM[Specimen] 6, 7"),
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
        many("SPM-14", "Specimen.note", remark, "SPM[Specimen] 18", part=ALL),
        one("SPM-17", "Specimen.collection.collectedPeriod", collected_from, "SPM[Specimen] 21"),
        one("SPM-17", "Specimen.collection.collectedDateTime", collected_at, "SPM[Specimen] 22"),
        one("SPM-18", "Specimen.receivedTime", date_time, "SPM[Specimen] 23"),
        one("SPM-20", "Specimen.status", code(table("YesNoIndicator[AvailabilityStatus]")), "SPM[Specimen] 25"),
        many("SPM-24", "Specimen.condition", concept(table("SpecimenCondition")), "SPM[Specimen] 29", reuse=True),
        _CONTAINER,
        one("SPM-30", "Specimen.accessionIdentifier", cx(), "SPM[Specimen] 35"),
        many("SPM-31", "Specimen.identifier", cx(), "SPM[Specimen] 36", part=KEPT),
        many("SPM-32", "Specimen.identifier", ei(), "SPM[Specimen] 37", part=KEPT),
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
_COMMENT = many("OBR-39", "Specimen.note", remark, "OBR[Specimen] 45", placed=True, part=KEPT)

_COLLECTED = one("OBR-7", "Specimen.collection.collectedDateTime", date_time, "OBR[Specimen] 9, 10", placed=True)
_COLLECTED_END = one("OBR-8", "Specimen.collection.collectedPeriod.end", date_time, "OBR[Specimen] 11", placed=True)

ORDERED_SPECIMEN = Table(
    "OBR", "Specimen", (_COLLECTED, _COLLECTED_END, _VOLUME, _COLLECTOR, _RECEIVED, _SOURCE, _COMMENT)
)
# Fields of an OBR that speak of a specimen; OBR-7 and OBR-8 alone say when something was observed.
_OF_SPECIMEN = (9, 10, 14, 15, 39)


def specimens_of(order: Node, frame: Frame, scope: Scope) -> list[Resource]:
    """Return references to the specimens of an order, before its results are read.

    Its SPMs, or the SPM it stands below; else the one its OBR speaks of.
    """
    found = [one_ for spm in order.all("SPM") if (one_ := _specimen(spm.segment, frame, scope))]
    if not found and frame.specimen:
        found = [frame.specimen]
    if not found:
        own = _own_specimen(order.segment, frame, scope)
        return [own] if own else []
    said = _ordered(order.segment, scope)
    for reference in found:  # guide: OBR[Specimen] for each; the SPM comes first
        _complete(scope.entries[reference["reference"]]["resource"], said)
    return found


def _complete(specimen_: Resource, said: Resource) -> None:
    """Add what the OBR says and the SPM does not."""
    own: Resource = specimen_.get("collection", {})
    is_timed = any(name.startswith("collected") for name in own)
    more = {name: value for name, value in said.get("collection", {}).items() if not (is_timed and name in _WHEN)}
    if more.keys() - own.keys():
        specimen_["collection"] = {**more, **own}
    for element in ("receivedTime", "note"):
        if element in said:
            specimen_.setdefault(element, said[element])


_WHEN = frozenset({"collectedDateTime", "collectedPeriod"})


def _ordered(segment: Segment, scope: Scope) -> Resource:
    """Return what an OBR says of its specimens besides OBR-15."""
    collection: Resource = {}
    pairs = (("quantity", _VOLUME), ("collector", _COLLECTOR))
    collection.update({name: value for name, row in pairs if (value := first(row, segment, scope, {}))})
    start, end = first(_COLLECTED, segment, scope, {}), first(_COLLECTED_END, segment, scope, {})
    lasted = ordered(start, end, scope) if end and end != start else None
    if lasted:
        collection["collectedPeriod"] = lasted
    elif start or end:
        collection["collectedDateTime"] = start or end
    found: Resource = {"collection": collection} if collection else {}
    received, notes = first(_RECEIVED, segment, scope, {}), values(_COMMENT, segment, scope, {})
    if received:
        found["receivedTime"] = received
    return {**found, "note": notes} if notes else found


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
    fields = segment.fields
    if not any(fields[number] for number in _OF_SPECIMEN if number < len(fields)):
        return None
    of = frame.patient["reference"] if frame.patient else scope.assigner
    key = ("source", of, fields[15] if len(fields) > 15 else "", frame.effective or segment.text(7))
    resource: Resource = {"resourceType": "Specimen", "id": scope.child_id("Specimen", *key)}
    source_said, said = first(_SOURCE, segment, scope, resource) or {}, _ordered(segment, scope)
    collection = said.pop("collection", {})
    if "bodySite" in source_said:
        collection["bodySite"] = source_said.pop("bodySite")
    if "condition" in source_said:
        source_said["condition"] = [source_said["condition"]]
    notes = [*source_said.get("note", ()), *said.get("note", ())]
    resource.update({**source_said, **said, **({"note": notes} if notes else {})})
    if collection:
        resource["collection"] = collection
    if frame.patient:
        resource["subject"] = frame.patient
    return {"reference": scope.add(resource)}


TABLES = (SPECIMEN, ORDERED_SPECIMEN)
HANDLERS: dict[str, Handler] = {"SPM": specimen}
