"""Rows made ready to run: what can be decided once for a row is not decided again for every message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from shared.hl7.null import NULL_TEXT

if TYPE_CHECKING:
    from shared.mapping.rows import Build, Row
    from shared.mapping.scope import Scope

# The row's key where equal text always gives what is kept, else 0; the element where it stands at the top of the
# resource, else empty; whether it is a list; the row.
Step = tuple[int, str, bool, "Row"]


def steps_by_field(rows: Iterable[Row]) -> tuple[tuple[Step, ...], ...]:
    """Return for each field, from 0, what is to be done with it, in the order of the rows; nothing for most."""
    running = [row for row in rows if not row.placed]
    last = max((row.number for row in running), default=-1)
    return tuple(tuple(_step(row) for row in running if row.number == number) for number in range(last + 1))


def _step(row: Row) -> Step:
    return row.key if row.reuse and row.when is None else 0, "" if row.parents else row.leaf, row.many, row


def reader(row: Row) -> Build:
    """Return what makes of a whole field what a row makes of it: a list if it takes every repetition, None if nothing."""
    return _reader_of_each(row) if row.many else _reader_of_first(row)


def _reader_of_first(row: Row) -> Build:
    build = row.build

    def read(raw: str, scope: Scope) -> Any:
        if scope.separator in raw:
            raw = raw.split(scope.separator, 1)[0]
        scope.repetition = 1
        built = build(raw, scope)
        if built is not None and scope.trace is not None:
            scope.take(row)
        return built

    return read


def _reader_of_each(row: Row) -> Build:
    build = row.build

    def read(raw: str, scope: Scope) -> Any:
        if scope.separator in raw:
            return read_each(raw, scope)
        scope.repetition = 1
        built = build(raw, scope)
        if built is None:
            return None
        if scope.trace is not None:
            scope.take(row)
        return built if built.__class__ is list else [built]

    def read_each(raw: str, scope: Scope) -> list[Any] | None:
        found: list[Any] = []
        for repetition, part in enumerate(raw.split(scope.separator), 1):
            scope.repetition = repetition
            built = build(part, scope) if part and part != NULL_TEXT else None
            if built is not None:
                if scope.trace is not None:
                    scope.take(row)
                found += built if built.__class__ is list else [built]
        return found or None

    return read
