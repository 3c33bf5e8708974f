"""LOC and what follows it: a place of the master file, and the departments at it (decision 0035)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.aside import leave_out
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import boolean, coded_text, concept, text
from shared.mapping.datatypes.identifier import coded_number
from shared.mapping.datatypes.person import address, contact_point
from shared.mapping.datatypes.time import clock
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.master_file import DECIDED, add_entry, settle
from shared.mapping.organization import away_from_home, organization
from shared.mapping.rows import KEPT, Resource, Table, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_MORE = "decision 0145"
# R5 Location.characteristic, as the extension that R5 defines for R4.
_CHARACTERISTIC = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Location.characteristic"
_NO_ELEMENT = "R4 has no element for it"
_ACTION = "the action: it says what to do with what the segment tells"
_KEY = "the key: LOC-1 says it"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ACTIVE = decided("0183", "http://hl7.org/fhir/boolean", A="true", I="false")

_PLACE = one("LOC-1", "Location.identifier", location, DECIDED, reuse=True, placed=True, part=KEPT)

PLACE = Table(
    "LOC",
    "Location",
    (
        _PLACE,
        one("LOC-2", "Location.description", text, DECIDED),
        many("LOC-3", "Location.type", concept(bare_table("0260", "PatientLocationType")), DECIDED, reuse=True),
        one("LOC-4", "Location.managingOrganization", organization, DECIDED, reuse=True),
        one("LOC-5", "Location.address", address, DECIDED),
        many("LOC-6", "Location.telecom", contact_point(), DECIDED),
        many("LOC-7", "Location.identifier", coded_number, DECIDED, part=KEPT),
    ),
    {8: _NO_ELEMENT, 9: _NO_ELEMENT},
)


def place(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """LOC: the Location that PL fields know by the same levels."""
    reference = first(_PLACE, node.segment, scope, {})
    if reference is None:
        return None
    resource = scope.edit(reference["reference"])
    if "identifier" in resource:
        resource["identifier"] = [*resource["identifier"]]
    fill(resource, node.segment, PLACE, scope)
    if "address" in resource:
        resource["address"] = away_from_home(resource["address"])
    settle(resource, frame, scope)
    add_entry(resource, frame, scope)
    return frame.within(place=resource, remarks=None)


_RELATED = one("LRL-6", "Location.partOf", location, DECIDED, reuse=True, placed=True, part=KEPT)
_RELATED_NAME = one("LRL-6", "Location.alias", text, DECIDED, placed=True)
RELATION = Table(
    "LRL",
    "Location",
    (_RELATED, _RELATED_NAME),
    {
        1: _KEY,
        2: _ACTION,
        3: "the key of the segment",
        4: "which relation: PAR is partOf, ALI an alias",
        5: _NO_ELEMENT,
    },
)
_KIND = one("LCH-4", "Location.extension.valueCodeableConcept", concept(bare_table("0324", "")), _MORE, placed=True)
_VALUE = one("LCH-5", "Location.extension.valueCodeableConcept.text", coded_text, _MORE, placed=True)
CHARACTERISTIC = Table("LCH", "Location", (_KIND, _VALUE), {1: _KEY, 2: _ACTION, 3: "the key of the segment"})


def relation(node: Node, frame: Frame, scope: Scope) -> None:
    """LRL: the place that this one is part of (PAR), or another name of it (ALI)."""
    segment, kind = node.segment, node.segment.code(4)
    if frame.place is None:
        return
    if kind == "PAR":
        above = first(_RELATED, segment, scope, frame.place)
        if above and above["reference"] != "urn:uuid:" + frame.place["id"]:
            frame.place["partOf"] = above
    elif kind == "ALI":
        named = first(_RELATED_NAME, segment, scope, frame.place)
        if named:
            shown = " ".join(part for part in scope.texts(segment.fields[6]) if part)
            frame.place.setdefault("alias", []).append(shown)


def characteristic(node: Node, frame: Frame, scope: Scope) -> None:
    """LCH: a characteristic that the department or the place has; one that it has not (N) is left out."""
    segment = node.segment
    if frame.place is None:
        return
    if segment.code(5) == "N":
        leave_out(segment, (4, 5), "the place has it not", scope)
        return
    kind, value = (first(row, segment, scope, frame.place) for row in (_KIND, _VALUE))
    if not kind:
        return
    if value and value != "Y":
        kind = {**kind, "text": f"{kind.get('text') or segment.text(4, 2) or segment.text(4)}: {value}"}
    if frame.service is not None:
        frame.service.setdefault("characteristic", []).append(kind)
    else:
        found = {"url": _CHARACTERISTIC, "valueCodeableConcept": kind}
        frame.place["extension"] = [*frame.place.get("extension", ()), found]


@parts_of({1: "daysOfWeek", 2: "daysOfWeek", 3: "availableStartTime", 4: "availableEndTime"})
def visiting(raw: str, scope: Scope) -> Resource | None:
    """Return the hours of a VH (days by HL7 table 0267)."""
    parts = scope.texts(raw)
    start, end = (part[:3].lower() for part in parts[:2])
    found: Resource = {}
    if start in _DAYS:
        begin, until = _DAYS.index(start), _DAYS.index(end) if end in _DAYS else _DAYS.index(start)
        found["daysOfWeek"] = [_DAYS[(begin + day) % 7] for day in range((until - begin) % 7 + 1)]
    for element, part in (("availableStartTime", parts[2]), ("availableEndTime", parts[3])):
        if part and (said := clock(part, scope)):
            found[element] = said
    return found or None


_NAMED = one("LDP-2", "HealthcareService.name", coded_text, DECIDED, placed=True)
_REACHED = many("LDP-11", "HealthcareService.telecom", contact_point(), DECIDED, placed=True)

DEPARTMENT = Table(
    "LDP",
    "HealthcareService",
    (
        _NAMED,
        many("LDP-2", "HealthcareService.identifier", coded_number, DECIDED),
        many("LDP-3", "HealthcareService.type", concept(bare_table("0069", "HospitalService")), DECIDED, reuse=True),
        many("LDP-4", "HealthcareService.specialty", concept(bare_table("0265", "")), DECIDED, reuse=True),
        one("LDP-6", "HealthcareService.active", boolean(_ACTIVE), DECIDED),
        many("LDP-10", "HealthcareService.availableTime", visiting, DECIDED),
        _REACHED,
    ),
    {1: _KEY, **dict.fromkeys((5, 7, 8, 9, 12), _NO_ELEMENT)},
)
_ACCOMMODATION = many("LCC-3", "HealthcareService.characteristic", concept(bare_table("0129", "")), _MORE, placed=True)
CHARGES = Table(
    "LCC",
    "HealthcareService",
    (_ACCOMMODATION,),
    {1: _KEY, 2: "the department is LDP-2", 4: "what a bed costs is no matter of a place"},
)


def department(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """LDP: the HealthcareService that a department offers at the place."""
    segment = node.segment
    if frame.place is None:
        return None
    key = (frame.place["id"], segment.text(2) or segment.text(2, 2))
    found: Resource = {
        "resourceType": "HealthcareService",
        "id": scope.child_id("HealthcareService", *key),
        "location": [{"reference": "urn:uuid:" + frame.place["id"]}],
    }
    fill(found, segment, DEPARTMENT, scope)
    name, ways = first(_NAMED, segment, scope, found), values(_REACHED, segment, scope, found)
    if name:
        found["name"] = name
    if ways:
        found["telecom"] = [away_from_home(way) for way in ways]
    scope.add(found)
    return frame.within(service=found)


def charges(node: Node, frame: Frame, scope: Scope) -> None:
    """LCC: the accommodations of the department."""
    if frame.service is not None:
        found = values(_ACCOMMODATION, node.segment, scope, frame.service)
        if found:
            frame.service.setdefault("characteristic", []).extend(found)


TABLES = (PLACE, RELATION, CHARACTERISTIC, DEPARTMENT, CHARGES)
HANDLERS: dict[str, Handler] = {
    "LOC": place,
    "LRL": relation,
    "LCH": characteristic,
    "LDP": department,
    "LCC": charges,
}
