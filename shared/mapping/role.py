"""ROL and PRT: who takes part in what they follow (guide: ROL[...] and PRT[...], by the resource they join).

A primary care provider of a person is its general practitioner, any other role makes its CareTeam; below PV1 it is a
participant of the visit, below PR1 a performer of the procedure, below OBR and ORC a requester, performer or
interpreter, below OBX a performer, a device or a place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import concept, text
from shared.mapping.datatypes.identifier import ei, personnel_number
from shared.mapping.datatypes.person import EXTENSION, address, contact_point
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.device import participating_device
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.organization import organization
from shared.mapping.participation import JOINS, Said, first_said, takes_role
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PROVIDER_ROLE = concept(table("ProviderRole"))
_PARTICIPATION = concept(table("Participation"))
_UNIT = concept(bare_table("0406", "ParticipantOrganizationUnitType"))
_PREFERRED = EXTENSION + "iso21090-preferred"
_DELETED = frozenset({"D", "DE"})
# PRT-23 (HL7 table 0185): the element and value that the preferred way of PRT-15 has.
_WAYS = {
    "B": ("system", "pager"),
    "C": ("use", "mobile"),
    "E": ("system", "email"),
    "F": ("system", "fax"),
    "H": ("use", "home"),
    "O": ("use", "work"),
}
_NO_TARGET = "the guide gives it no FHIR element"
_NO_EXTENSION = "the guide's extension does not exist"
_ACTION = "the action: it says whether the role is taken or left"
_ROL = "ROL[Encounter-PractitionerRole]"
_PRT = "PRT[PractitionerRole]"


def _row(make: Callable[..., Row], source: str, target: str, build: Build, guide: str, **options: Any) -> Row:
    return make(source, target, build, guide, placed=True, part=KEPT, **options)


_ROLE_ROWS = {
    "identifier": _row(one, "ROL-1", "PractitionerRole.identifier", ei(), f"{_ROL} 4"),
    "role": _row(one, "ROL-3", "Encounter.participant.type", _PROVIDER_ROLE, f"{_ROL} 6", reuse=True),
    "person": _row(one, "ROL-4", "PractitionerRole.practitioner", practitioner, f"{_ROL} 7"),
    "start": _row(one, "ROL-5", "Encounter.participant.period.start", date_time, f"{_ROL} 8"),
    "end": _row(one, "ROL-6", "Encounter.participant.period.end", date_time, f"{_ROL} 9"),
    "reason": _row(one, "ROL-8", "CareTeam.reasonCode", concept(), "ROL[CareTeam] 12", reuse=True),
    "kind": _row(many, "ROL-9", "PractitionerRole.specialty", concept(), "ROL[CareTeam] 13", reuse=True),
    "unit": _row(one, "ROL-10", "Organization.type", _UNIT, "ROL[CareTeam] 14, 15", reuse=True),
    "address": _row(many, "ROL-11", "Practitioner.address", address, f"{_ROL} 14"),
    "telecom": _row(many, "ROL-12", "PractitionerRole.telecom", contact_point(), f"{_ROL} 15"),
    "place": _row(one, "ROL-13", "PractitionerRole.location", location, f"{_ROL} 16"),
    "organization": _row(one, "ROL-14", "PractitionerRole.organization", organization, f"{_ROL} 17"),
}
_PART_ROWS = {
    "role": _row(one, "PRT-4", "PractitionerRole.code", _PARTICIPATION, f"{_PRT} 7", reuse=True),
    "person": _row(one, "PRT-5", "PractitionerRole.practitioner", practitioner, f"{_PRT} 8"),
    "kind": _row(one, "PRT-6", "PractitionerRole.specialty", concept(), f"{_PRT} 9", reuse=True),
    "unit": _row(one, "PRT-7", "Organization.type", _UNIT, f"{_PRT} 10", reuse=True),
    "organization": _row(one, "PRT-8", "PractitionerRole.organization", organization, f"{_PRT} 11"),
    "place": _row(one, "PRT-9", "PractitionerRole.location", location, f"{_PRT} 12"),
    "start": _row(one, "PRT-11", "PractitionerRole.period.start", date_time, f"{_PRT} 14"),
    "end": _row(one, "PRT-12", "PractitionerRole.period.end", date_time, f"{_PRT} 15"),
    "address": _row(many, "PRT-14", "Practitioner.address", address, f"{_PRT} 17"),
    "telecom": _row(many, "PRT-15", "PractitionerRole.telecom", contact_point(), f"{_PRT} 18"),
    "identifier": _row(many, "PRT-24", "PractitionerRole.identifier", personnel_number, f"{_PRT} 44"),
}
_PREFERENCE = _row(one, "PRT-23", "PractitionerRole.telecom.extension", text, f"{_PRT} 32 to 43")

ROLE = Table("ROL", "PractitionerRole", tuple(_ROLE_ROWS.values()), {2: _ACTION, 7: _NO_EXTENSION})
PART = Table(
    "PRT",
    "PractitionerRole",
    (*_PART_ROWS.values(), _PREFERENCE),
    {**dict.fromkeys((1, 3), _NO_TARGET), 2: _ACTION, 13: _NO_EXTENSION},
)


def role(node: Node, frame: Frame, scope: Scope) -> None:
    """ROL, PRT: a part in the resource that the segment follows."""
    segment, holder = node.segment, frame.remarks
    rows = _ROLE_ROWS if segment.name == "ROL" else _PART_ROWS
    join = JOINS.get(holder["resourceType"]) if holder else None
    scope.segment, scope.number, scope.repetition = segment, 2, 1
    if holder is None or join is None:
        scope.find("role_without_place", holder["resourceType"] if holder else "")
        return
    if segment.code(2) in _DELETED:
        scope.find("role_left", "a role that ends is left out")
        return
    said: Said = {"role": values(rows["role"], segment, scope, holder)}
    if takes_role(holder, said):
        said.update({name: values(row, segment, scope, holder) for name, row in rows.items() if name != "role"})
        _prefer(said, segment, scope)
        period = ordered(first_said(said, "start"), first_said(said, "end"), scope)
        said["period"] = [period] if period else []
    joined = takes_role(holder, said) and join(holder, said, frame, scope)
    if not (_add_device(holder, segment, scope) or joined):
        scope.segment, scope.number, scope.repetition = segment, rows["role"].number, 1
        scope.find("role_without_place", holder["resourceType"])


def _prefer(said: Said, segment: Segment, scope: Scope) -> None:
    """Mark the telecom that PRT-23 prefers (guide: PRT[PractitionerRole] 18 to 24, 32 to 43)."""
    preferred = values(_PREFERENCE, segment, scope, {}) if segment.name == "PRT" else []
    if not preferred or preferred[0] not in _WAYS:
        return
    element, value = _WAYS[preferred[0]]
    mark = {"url": _PREFERRED, "valueBoolean": True}
    said["telecom"] = [
        {**way, "extension": [*way.get("extension", ()), mark]} if way.get(element) == value else way
        for way in said["telecom"]
    ]


def _add_device(holder: Resource, segment: Segment, scope: Scope) -> bool:
    """Add the device of PRT-10 to an Observation (guide: ORU_R01 67)."""
    found = participating_device(segment, scope) if segment.name == "PRT" else None
    if found and holder["resourceType"] == "Observation":
        holder.setdefault("device", found)
        return True
    return False


TABLES = (ROLE, PART)
HANDLERS: dict[str, Handler] = {"ROL": role, "PRT": role}
