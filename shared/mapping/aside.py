"""Values that were read and left out where they stand, for the report: why, and not that they were lost."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.rows import NULL, Row, one, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_COMPONENTS = range(1, 40)


@cache
def _row(segment: str, number: int, reason: str) -> Row:
    @parts_of({}, dict.fromkeys(_COMPONENTS, reason))
    def left_out(raw: str, scope: Scope) -> None:
        del raw, scope

    return one(f"{segment}-{number}", "", left_out, "", placed=True)


def leave_out(segment: Segment, numbers: Iterable[int], reason: str, scope: Scope) -> None:
    """Note that fields are left out of this message for a reason, though other messages carry them."""
    if scope.trace is None:
        return
    fields = segment.fields
    for number in numbers:
        for repetition, raw in enumerate(fields[number].split(scope.separator) if number < len(fields) else (), 1):
            if raw and raw != NULL:
                scope.segment, scope.number, scope.repetition = segment, number, repetition
                scope.take(_row(segment.name, number, reason))
