"""Location: one for each level of a PL, from bed to facility, each part of the next (guide: PL[Location], DLD, HD)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.mapping.organization import assigner, universal_identifier
from shared.mapping.rows import Build, Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PHYSICAL = "http://terminology.hl7.org/CodeSystem/location-physical-type"

# Component of PL, physical type, from the widest to the narrowest. The guide has building and floor part of the point
# of care in one row and of each other in the next; wider contains narrower here. Its code for a point of care is a
# placeholder: a ward is what PL.1 mostly names.
LEVELS = (
    (3, "si", "Site"),
    (6, "bu", "Building"),
    (7, "lvl", "Level"),
    (0, "wa", "Ward"),
    (1, "ro", "Room"),
    (2, "bd", "Bed"),
)
LOCATION_PARTS = dict.fromkeys((1, 2, 3, 4, 7, 8, 10), "identifier") | {9: "description", 11: "identifier.assigner"}
_IGNORED = {5: "the guide gives it no FHIR element", 6: "the guide gives it no FHIR element"}


@parts_of(LOCATION_PARTS, _IGNORED)
def location(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the narrowest Location of a PL."""
    return scope.reuse("PL", raw, _chain)


def _chain(raw: str, scope: Scope) -> Resource | None:
    parts = scope.parts(raw)
    above: Resource | None = None
    path: list[str] = []
    narrowest: Resource | None = None
    for part, code, display in LEVELS:
        if not parts[part]:
            continue
        said = [text for text in scope.subparts(parts[part])[:2] if text]
        if not said:
            continue
        path.append(f"{code} {' '.join(said)}")
        resource_id = scope.mint("Location", scope.assigner, *path)
        narrowest = _level(resource_id, said, code, display, above)
        above = {"reference": scope.add(narrowest)}
    if narrowest is None:
        return _described(scope.text(parts[8]), scope)
    _describe(narrowest, parts, scope)
    return above


def _level(resource_id: str, said: list[str], code: str, display: str, above: Resource | None) -> Resource:
    found: Resource = {
        "resourceType": "Location",
        "id": resource_id,
        "identifier": [{"value": value} for value in said],
        "name": said[0],
        "mode": "instance",
        "physicalType": {"coding": [{"system": _PHYSICAL, "code": code, "display": display}]},
    }
    if above:
        found["partOf"] = above
    return found


def _describe(resource: Resource, parts: list[str], scope: Scope) -> None:
    description = scope.text(parts[8])
    if description:
        resource.setdefault("description", description)
    number = scope.subparts(parts[9])[0] if parts[9] else ""
    if number and {"value": number} not in resource["identifier"]:
        resource["identifier"].append({"value": number})
    if parts[10]:
        owner = assigner(parts[10], scope)
        for identifier in resource["identifier"]:
            identifier["assigner"] = owner


def _described(description: str, scope: Scope) -> Resource | None:
    return named(description, scope) if description else None


def named(name: str, scope: Scope) -> Resource:
    """Return a reference to the Location of a bare name."""
    resource_id = scope.mint("Location", "name", scope.assigner, name)
    return {"reference": scope.add({"resourceType": "Location", "id": resource_id, "name": name, "mode": "instance"})}


def addressed(name: str | None, where: Resource | None, scope: Scope) -> Resource:
    """Return a reference to the Location of a bare name, an address or both."""
    key = (name or "", repr(where) if where else "")
    found: Resource = {"resourceType": "Location", "id": scope.mint("Location", "address", scope.assigner, *key)}
    if name:
        found["name"] = name
    if where:
        found["address"] = where
    return {"reference": scope.add(found)}


@parts_of({1: "name", 2: "identifier.value", 3: "identifier.type"})
def site(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Location of an HD (guide: HD[Location])."""
    return scope.reuse("HD location", raw, _site)


def _site(raw: str, scope: Scope) -> Resource | None:
    name, universal_id, kind = (scope.text(part) for part in scope.parts(raw)[:3])
    if not name and not universal_id:
        return None
    key = ("universal", universal_id) if universal_id else ("site", scope.assigner, name)
    found: Resource = {"resourceType": "Location", "id": scope.mint("Location", *key)}
    if universal_id:
        found["identifier"] = [universal_identifier(universal_id, kind)]
    if name:
        found["name"] = name
    found["physicalType"] = {"coding": [{"system": _PHYSICAL, "code": "si", "display": "Site"}]}
    return {"reference": scope.add(found)}


@cache
def place(status: str) -> Build:
    """Return the build function of Encounter.location, with the status the guide assigns."""

    @parts_of({part: f"location({target})" for part, target in LOCATION_PARTS.items()}, _IGNORED)
    def encounter_location(raw: str, scope: Scope) -> Resource | None:
        found = location(raw, scope)
        return {"location": found, "status": status} if found else None

    return encounter_location
