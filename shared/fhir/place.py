"""Where in a resource something is: a chain that costs nothing to make and is written out only for a finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# (the place it is in, the name of the element, its index where it repeats); the first of a chain is
# (None, "Patient", None). `Any` stands for Place | None: a compiler of types knows no type that holds itself.
Place = tuple[Any, str, "int | None"]


def write_place(place: Place | None) -> str:
    """Return a place as a FHIRPath: ``Bundle.entry[3].resource.telecom[0]``."""
    parts: list[str] = []
    while place is not None:
        place, name, index = place
        parts.append(name if index is None else f"{name}[{index}]")
    return ".".join(reversed(parts))


def extend_place(place: Place, path: Sequence[str | int]) -> Place:
    """Return the place that a JSON path leads to from another place."""
    for step in path:
        if isinstance(step, int):
            parent, name, _ = place
            place = (parent, name, step)
        else:
            place = (place, step, None)
    return place
