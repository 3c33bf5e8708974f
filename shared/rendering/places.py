"""Location, with those it is part of, as PL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.mapping.location import LEVELS
from shared.rendering.draft import composed
from shared.rendering.identifiers import taken_authority
from shared.rendering.rows import Choice, Resource, prune

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

# The component of each physical type of the mapping, and of the wider kinds that other systems use.
_COMPONENT = {code: component for component, code, _ in LEVELS} | {"area": 0, "wi": 0, "co": 1}
_HDS = frozenset({0, 1, 2, 3})  # a namespace with a universal id: PL.4 as HD, and what senders put into the others
_DEEPEST = 12


def pl(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to a Location as a PL: its own level, then every level it is part of."""
    del kind
    return composed(taken_levels(value, draft))


def taken_levels(value: Resource, draft: Draft) -> list[Any]:
    """Return the components of a PL from a reference, and take it."""
    parts: list[Any] = [""] * 11
    _take_level(value, parts, draft, 0)
    return parts


def _take_level(reference: Resource, parts: list[Any], draft: Draft, depth: int) -> None:
    if draft.look(reference)[1].get("resourceType") != "Location" or depth > _DEEPEST:
        return
    with draft.follow(reference) as place:
        place.pop("mode", None)
        if place.get("status") == "active":
            place.pop("status")
        component = _level(place)
        if component is None:
            parts[8] = parts[8] or place.pop("description", "") or place.pop("name", "")
        elif not parts[component]:
            _take_names(place, component, parts, draft)
        wider = place.get("partOf")
        if wider:
            _take_level(wider, parts, draft, depth + 1)


def _level(place: Resource) -> int | None:
    for one in place.get("physicalType", {}).get("coding", ()):
        if one.get("code") in _COMPONENT:
            return _COMPONENT[one["code"]]
    return None


def _take_names(place: Resource, component: int, parts: list[Any], draft: Draft) -> None:
    place.pop("physicalType")
    identifiers = place.get("identifier", [])
    name, values = place.pop("name", ""), [one.pop("value", "") for one in identifiers]
    owners = [taken_authority(one, draft) for one in identifiers]
    said = values[:2] if component in _HDS else values[:1]
    parts[component] = said if values else [name]
    if values and name not in values:
        place["name"] = name
    for further in values[len(said) :]:
        parts[9] = parts[9] or further
    owner = next((one for one in owners if any(one)), [])
    parts[10] = parts[10] or owner
    parts[8] = parts[8] or place.pop("description", "")
    prune(place)


def status_is(*statuses: str) -> Choice:
    """Return the choice of Encounter.location by its status, ``""`` for none; a classified one has its own field."""
    return lambda value: value.get("status", "") in statuses and "extension" not in value


def placed(value: Resource, draft: Draft, kind: str) -> str:
    """Write one Encounter.location as a PL; the field says its status."""
    found = pl(value.get("location", {}), draft, kind)
    if found:
        value.pop("status", None)
        value.pop("extension", None)
    return found
