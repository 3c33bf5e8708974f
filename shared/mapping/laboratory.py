"""Who made a result and with what: the laboratory, its director, its device (OBX-15, OBX-18, OBX-23 to OBX-25)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.systems import code_system
from shared.mapping.codes.tables import V2
from shared.mapping.datatypes.coded import fixed
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.person import address
from shared.mapping.organization import organization
from shared.mapping.practitioner import practitioner, role_of
from shared.mapping.rows import KEPT, Resource, first, one, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DIRECTOR = fixed(V2 + "0912", "MDIR", "Medical Director")
_NO_TARGET = "the guide gives it no FHIR element"

# OBX-15 is the field of old for who produced a result: a null here leaves what that one says.
_PERFORMING = one(
    "OBX-23", "Observation.performer", organization, "OBX[Observation] 64, 65", reuse=True, placed=True, part=KEPT
)
_WHERE = one("OBX-24", "Organization.address", address, "OBX[Observation] 66, 67", reuse=True, placed=True, part=KEPT)
_HEAD = one(
    "OBX-25", "PractitionerRole.practitioner", practitioner, "OBX[Observation] 68 to 70", reuse=True, placed=True
)
PERFORMER_ROWS = (_PERFORMING, _WHERE, _HEAD)


@parts_of({1: "identifier.value", 2: "name", 3: "identifier.system"}, {4: _NO_TARGET, 5: _NO_TARGET, 6: _NO_TARGET})
def producer(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Organization of OBX-15 (guide: CWE[Organization])."""
    return scope.reuse("producer", raw, _producer)


def _producer(raw: str, scope: Scope) -> Resource | None:
    parts = scope.parts(raw)
    number, name = scope.text(parts[0]), scope.text(parts[1])
    if not number and not name:
        return None
    system = code_system(scope.text(parts[2]))
    resource: Resource = {
        "resourceType": "Organization",
        "id": scope.mint("Organization", "producer", system or scope.assigner, number, name),
    }
    if number:
        resource["identifier"] = [{**({"system": system} if system else {}), "value": number}]
    if name:
        resource["name"] = name
    return {"reference": scope.add(resource)}


@parts_of({1: "identifier.value", 2: "identifier.system", 3: "identifier.system", 4: "identifier.system"})
def equipment(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Device of OBX-18."""
    return scope.reuse("equipment", raw, _equipment)


def _equipment(raw: str, scope: Scope) -> Resource | None:
    identifier = ei()(raw, scope)
    if not identifier:
        return None
    key = (identifier.get("system", scope.assigner), identifier["value"])
    resource: Resource = {
        "resourceType": "Device",
        "id": scope.mint("Device", "equipment", *key),
        "identifier": [identifier],
    }
    return {"reference": scope.add(resource)}


def add_performer(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Add the performing organization, with its address; through its director's role where one is named."""
    performing = first(_PERFORMING, segment, scope, resource)
    where = first(_WHERE, segment, scope, resource)
    head = first(_HEAD, segment, scope, resource)
    if performing and where:
        organization_ = scope.edit(performing["reference"])
        known = organization_.get("address", [])
        if where not in known:
            organization_["address"] = [*known, where]
    if head:
        performing = role_of(head, scope, code=_DIRECTOR, organization=performing)
    if performing:
        resource.setdefault("performer", []).append(performing)
