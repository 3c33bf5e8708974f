"""Paths that name a place in a message: ``PID-3[2].1``, ``OBX(3)-5``."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from shared.message.errors.hl7 import PathInvalid

_PATH = re.compile(
    r"(?P<segment>[A-Z][A-Z0-9]{2})(?:\((?P<number>[1-9]\d{0,5})\))?"
    r"-(?P<field>[1-9]\d{0,2})(?:\[(?P<repetition>[1-9]\d{0,3})\])?"
    r"(?:\.(?P<component>[1-9]\d{0,2})(?:\.(?P<subcomponent>[1-9]\d{0,2}))?)?"
)


Place = tuple[str, int, int, int, int, bool]  # a Path, as a plain tuple


class Path(NamedTuple):
    """A place in a message, every number counted from 1. What a path leaves out is 1.

    Attributes:
        segment: ``OBX(3)``; the name alone for the first of its name.
        is_first: Whether repetition, component and subcomponent are all 1: so for most that are asked for.
    """

    segment: str
    field: int
    repetition: int
    component: int
    subcomponent: int
    is_first: bool


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
    field, repetition, component, subcomponent = (int(number or 1) for number in numbers)
    return Path(segment, field, repetition, component, subcomponent, repetition == component == subcomponent == 1)


def find_path(path: str) -> Place:
    """Return the place that ``path`` names, remembered in ``PATHS``: interfaces use the same few again and again.

    Raises:
        PathInvalid: Not of the form of a path.
    """
    if path in PATHS:
        return PATHS[path]
    segment, field, repetition, component, subcomponent, is_first = read_path(path)
    place = (segment, field, repetition, component, subcomponent, is_first)
    if len(PATHS) < _MOST_REMEMBERED:
        PATHS[path] = place
    return place


_MOST_REMEMBERED = 4096
# A plain dict of plain tuples: Python looks them up, and takes them apart, in half the time of their subclasses.
PATHS: Final[dict[str, Place]] = {}
