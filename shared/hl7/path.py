"""Paths that name a place in a message: ``PID-3[2].1``, ``OBX(3)-5``."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from shared.message.errors import PathInvalid

_PATH = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\((?P<number>[1-9]\d{0,5})\))?"
    r"-(?P<field>[1-9]\d{0,2})(?:\[(?P<repetition>[1-9]\d{0,3})\])?"
    r"(?:\.(?P<component>[1-9]\d{0,2})(?:\.(?P<subcomponent>[1-9]\d{0,2}))?)?"
)


class Path(NamedTuple):
    """A place in a message, every number counted from 1. What a path leaves out is 1.

    Attributes:
        segment: ``OBX(3)``; the name alone for the first of its name.
    """

    segment: str
    field: int
    repetition: int
    component: int
    subcomponent: int


def read_path(path: str) -> Path:
    """Return the place that ``path`` names.

    Raises:
        PathInvalid: Not of the form ``SEG(number)-field[repetition].component.subcomponent``.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise PathInvalid("a path of this interface")
    name, number, *numbers = match.groups()
    segment = name if number in (None, "1") else f"{name}({number})"
    return Path(segment, *(int(number or 1) for number in numbers))


class _Paths(dict[str, Path]):
    """Paths by their text, read once: interfaces use the same few again and again."""

    def __missing__(self, path: str) -> Path:
        place = read_path(path)
        if len(self) < _MOST_REMEMBERED:
            self[path] = place
        return place


_MOST_REMEMBERED = 4096
PATHS: Final = _Paths()
