"""Rows made ready to run: what can be decided once for a row is not decided again for every message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from shared.hl7.null import NULL_TEXT

if TYPE_CHECKING:
    from shared.mapping.reuse import Reused
    from shared.mapping.rows import Build, Resource, Row
    from shared.mapping.scope import Scope

# The field; the row's key where equal text always gives what is kept, else 0; the element where it stands at the top of
# the resource, else empty; whether it is a list; the row.
Step = tuple[int, int, str, bool, "Row"]
Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A code that no table maps: its original is kept in an extension beside the element, not in it."""

    extension: Resource


def steps_of(rows: Iterable[Row]) -> Steps:
    """Return what is to be done for the rows that `fill` runs, in the order of their fields."""
    running = sorted((row for row in rows if not row.placed), key=lambda row: row.number)
    return tuple(
        (row.number, row.key if row.reuse and row.when is None else 0, "" if row.parents else row.leaf, row.many, row)
        for row in running
    )


def by_length(steps: Steps) -> tuple[Steps, ...]:
    """Return for each length of a segment, from 0, the steps of the fields it can have; the last has them all."""
    last = max((number for number, *_ in steps), default=-1)
    return tuple(tuple(step for step in steps if step[0] < length) for length in range(last + 2))


class Beginning:
    """The first fields of a segment, kept as one: see ``Table.together``.

    Attributes:
        rest: What is to be done with the fields after these, by the length of a segment.
    """

    __slots__ = ("_kind", "_said", "_steps", "rest")

    def __init__(self, segment: str, steps: Steps, last: int) -> None:
        self._steps = [step for step in steps if step[0] <= last]
        self._kind = f"{segment} to {last}"
        self._said = itemgetter(*dict.fromkeys(number for number, *_ in self._steps))
        self.rest = by_length(tuple(step for step in steps if step[0] > last))

    def set_kept(self, resource: Resource, fields: list[str], reused: Reused) -> bool:
        """Set what these fields say in a resource that is new, where they said the same before; tell whether they did.

        Its lists are shared with other resources and must not be changed, but for the one of its extensions.
        """
        kept = reused.get((self._kind, self._said(fields)))
        if kept is None:
            return False
        resource.update(kept[0])
        if "extension" in resource:
            resource["extension"] = [*resource["extension"]]
        return True

    def keep(self, fields: list[str], reused: Reused) -> None:
        """Keep what the rows made of these fields, if each of them kept a value of its own."""
        elements: Resource = {}
        for number, key, _, _, row in self._steps:
            raw = fields[number]
            kept = reused.get((key, raw)) if raw else (None, ())
            if kept is None or kept[1]:
                return
            if kept[0] is not None:
                put(elements, row, kept[0])
        reused[self._kind, self._said(fields)] = elements, ()


def put(resource: Resource, row: Row, built: Any) -> None:
    """Set or add to the element of a row."""
    holder = _holder(resource, row.parents) if row.parents else resource
    leaf = row.leaf
    if row.many:
        if built:
            holder[leaf] = [*holder[leaf], *built] if leaf in holder else [*built]
    elif type(built) is Unmapped:
        holder["_" + leaf] = built.extension
    elif leaf in holder and type(built) is dict:
        holder[leaf] = {**holder[leaf], **built}
    else:
        holder[leaf] = built


def _holder(resource: Resource, parents: tuple[str, ...]) -> Resource:
    for name in parents:
        resource = resource.setdefault(name, {})
    return resource


def reader(row: Row) -> Build:
    """Return the function that reads a whole field for a row: a list if it takes every repetition, None if nothing."""
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
        return built if type(built) is list else [built]

    def read_each(raw: str, scope: Scope) -> list[Any] | None:
        found: list[Any] = []
        for repetition, part in enumerate(raw.split(scope.separator), 1):
            scope.repetition = repetition
            built = build(part, scope) if part and part != NULL_TEXT else None
            if built is not None:
                if scope.trace is not None:
                    scope.take(row)
                found += built if type(built) is list else [built]
        return found or None

    return read
