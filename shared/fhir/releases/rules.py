"""Rules that bring an element of another release to its place in R4; each changes a resource in place.

A path goes below the resource and through lists: ``participant.individual`` is that of every participant. What a rule
cannot bring stays where it is, and the judge of R4 then finds it without a home.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Rule = Callable[[Json], None]


def holders(resource: Json, parents: list[str]) -> Iterator[Json]:
    """Yield every object that a path of parents leads to."""
    if not parents:
        yield resource
        return
    inner = resource.get(parents[0])
    for each in inner if isinstance(inner, list) else [inner]:
        if isinstance(each, dict):
            yield from holders(each, parents[1:])


def _at(path: str, change: Callable[[Json, str], None]) -> Rule:
    """Return a rule that changes the last element of a path in each object that holds it."""
    *parents, leaf = path.split(".")

    def rule(resource: Json) -> None:
        for holder in holders(resource, parents):
            if leaf in holder or f"_{leaf}" in holder:
                change(holder, leaf)

    return rule


def rename(path: str, new: str) -> Rule:
    """Give an element another name; what stands under that name already stays."""

    def change(holder: Json, leaf: str) -> None:
        for old, name in ((leaf, new), (f"_{leaf}", f"_{new}")):
            if old in holder and name not in holder:
                holder[name] = holder.pop(old)

    return _at(path, change)


def move(path: str, into: str) -> Rule:
    """Move an element into an object beside it, which is made where it is missing."""

    def change(holder: Json, leaf: str) -> None:
        if leaf in holder:
            holder.setdefault(into, {}).setdefault(leaf, holder.pop(leaf))

    return _at(path, change)


def as_list(path: str) -> Rule:
    """Make an element of one value a list."""

    def change(holder: Json, leaf: str) -> None:
        if leaf in holder and not isinstance(holder[leaf], list):
            holder[leaf] = [holder[leaf]]

    return _at(path, change)


def only(path: str) -> Rule:
    """Make a list of one value that value; a longer one stays."""

    def change(holder: Json, leaf: str) -> None:
        found = holder.get(leaf)
        if isinstance(found, list) and len(found) == 1:
            holder[leaf] = found[0]

    return _at(path, change)


def codes(path: str, known: Mapping[str, str]) -> Rule:
    """Replace codes by those that R4 has for them."""

    def change(holder: Json, leaf: str) -> None:
        if isinstance(holder.get(leaf), str):
            holder[leaf] = known.get(holder[leaf], holder[leaf])

    return _at(path, change)


def as_concept(path: str, system: str) -> Rule:
    """Make a code a CodeableConcept."""

    def change(holder: Json, leaf: str) -> None:
        if isinstance(holder.get(leaf), str):
            holder[leaf] = {"coding": [{"system": system, "code": holder[leaf]}]}

    return _at(path, change)


def as_code(path: str) -> Rule:
    """Make a CodeableConcept of one coding its code."""

    def change(holder: Json, leaf: str) -> None:
        codings = holder[leaf].get("coding", []) if isinstance(holder.get(leaf), dict) else []
        if len(codings) == 1 and "code" in codings[0]:
            holder[leaf] = codings[0]["code"]

    return _at(path, change)


def as_coding(path: str) -> Rule:
    """Make a CodeableConcept, or a list of one, its only coding."""

    def change(holder: Json, leaf: str) -> None:
        found = holder.get(leaf)
        concept = found[0] if isinstance(found, list) and len(found) == 1 else found
        codings = concept.get("coding", []) if isinstance(concept, dict) else []
        if len(codings) == 1:
            holder[leaf] = codings[0]

    return _at(path, change)


def coded(path: str) -> Rule:
    """Make a Coding, or each of a list, a CodeableConcept."""

    def change(holder: Json, leaf: str) -> None:
        found = holder.get(leaf)
        if isinstance(found, list):
            holder[leaf] = [{"coding": [one]} for one in found]
        elif isinstance(found, dict):
            holder[leaf] = {"coding": [found]}

    return _at(path, change)


def split(path: str, concept: str = "", reference: str = "") -> Rule:
    """Part CodeableReferences into concepts and references, under their own names; ``""``: R4 has no such element."""

    def take(holder: Json, parts: list[Any], kind: str, name: str) -> None:
        taken = [part.pop(kind) for part in parts if isinstance(part, dict) and kind in part]
        if taken:
            holder[name] = [*_listed(holder.get(name)), *taken]

    return _part(path, {"concept": concept, "reference": reference}, take)


def split_one(path: str, concept: str = "", reference: str = "") -> Rule:
    """Part the first CodeableReference into the one concept and reference that R4 has."""

    def take(holder: Json, parts: list[Any], kind: str, name: str) -> None:
        first = parts[0] if parts and isinstance(parts[0], dict) else {}
        if kind in first:
            holder[name] = first.pop(kind)

    return _part(path, {"concept": concept, "reference": reference}, take)


def _part(path: str, names: Mapping[str, str], take: Callable[[Json, list[Any], str, str], None]) -> Rule:
    """Return a rule that takes each kind out of CodeableReferences to its name; what is left of them stays."""

    def change(holder: Json, leaf: str) -> None:
        if leaf not in holder:  # its extensions alone: R4 has no such element, and that is told
            return
        found = holder.pop(leaf)
        parts = found if isinstance(found, list) else [found]
        for kind, name in names.items():
            if name:
                take(holder, parts, kind, name)
        left = [part for part in parts if part]
        if left:
            holder.setdefault(f"{leaf}Left" if leaf in names.values() else leaf, left)

    return _at(path, change)


def extend(path: str, url: str, element: str) -> Rule:
    """Keep an element in the extension that the standard defines for it."""

    def change(holder: Json, leaf: str) -> None:
        found = holder.pop(leaf, None)
        for one in _listed(found):
            holder.setdefault("extension", []).append({"url": url, element: one})

    return _at(path, change)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
