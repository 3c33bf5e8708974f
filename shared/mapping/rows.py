"""Rows: which source field goes to which FHIR element, by which row of HL7's guide.

The same rows run the mapping, write its documentation and explain what became of every field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from shared.hl7 import Segment
from shared.mapping.compiled import Beginning, Steps, by_length, put, reader, steps_of
from shared.mapping.compiled import Unmapped as Unmapped  # the families read it here, with the rows
from shared.mapping.nulls import outlasts_null

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

Build = Callable[[str, "Scope"], Any]
Condition = Callable[[Segment], bool]
Resource = dict[str, Any]

NULL = '""'
_NOT_VALUED = frozenset({"", NULL})
_KEYS = count(1)
KEPT = ""
ALL = "*"


@dataclass(frozen=True, slots=True)
class Row:
    """One source field and one FHIR element.

    Attributes:
        source: The field, ``PID-5``.
        target: The element with its resource type, ``Patient.name``.
        build: Makes the FHIR value of one repetition; None when there is nothing to carry.
        guide: The guide's map and row, ``PID[Patient] 7``.
        many: Every repetition is carried, as one list.
        when: The guide's condition.
        reuse: Equal text always gives an equal value that may be shared.
        placed: The module's own code puts the value where it belongs, by ``values``.
        part: Which part of a list that several fields feed this field owns (``work`` of ``telecom``); a field that is
            ``""`` deletes that part. None: it alone feeds the element. ``ALL``: others add to what it owns. ``KEPT``:
            it deletes nothing.
        ends: What a field that is ``""`` deletes, where that is more than the target (``reaction``).
    """

    source: str
    target: str
    build: Build
    guide: str
    many: bool = False
    when: Condition | None = None
    reuse: bool = False
    placed: bool = False
    part: str | None = None
    ends: str = ""
    key: int = field(init=False, compare=False, repr=False)
    number: int = field(init=False)
    parents: tuple[str, ...] = field(init=False)
    leaf: str = field(init=False)
    read: Build = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _, *parents, leaf = [*self.target.split("."), ""][: max(2, self.target.count(".") + 1)]
        object.__setattr__(self, "key", next(_KEYS))
        object.__setattr__(self, "number", int(self.source.rpartition("-")[2]))
        object.__setattr__(self, "parents", tuple(parents))
        object.__setattr__(self, "leaf", leaf)
        object.__setattr__(self, "read", reader(self))

    @property
    def path(self) -> str:
        """The element's path below the resource: ``hospitalization.admitSource``."""
        return ".".join((*self.parents, self.leaf))

    @property
    def deletes(self) -> str:
        """What an HL7 null in the field deletes: a path, a part of a list, or nothing."""
        if self.part is not None and self.part != ALL:
            return f"{self.path}[{self.part}]" if self.part else ""
        if self.ends:
            return self.ends
        return "" if outlasts_null(self.target) else self.path


def one(source: str, target: str, build: Build, guide: str, **options: Any) -> Row:
    """Return a row for an element that holds one value."""
    return Row(source, target, build, guide, **options)


def many(source: str, target: str, build: Build, guide: str, **options: Any) -> Row:
    """Return a row for an element that takes every repetition."""
    return Row(source, target, build, guide, many=True, **options)


def extension(source: str, target: str, url: str, value: str, build: Build, guide: str, **options: Any) -> Row:
    """Return a row for an extension: ``value`` is the FHIR name of its value element."""

    def wrapped(raw: str, scope: Scope) -> Any:
        built = build(raw, scope)
        return None if built is None else {"url": url, value: built}

    same_parts(build)(wrapped)
    return Row(source, target, wrapped, guide, many=True, part=url, **options)


@dataclass(frozen=True)
class Table:
    """The rows of one segment for one resource.

    Attributes:
        segment: Segment name.
        resource: Resource type.
        rows: The rows; those of one field run in this order.
        ignored: Field number -> why it is not carried.
        together: The last of the first fields that mostly say together what they said before: an analyte has one
            name and range. What the rows make of them is kept as one, where each row keeps a value of its own.
    """

    segment: str
    resource: str
    rows: tuple[Row, ...]
    ignored: Mapping[int, str] = field(default_factory=dict)
    together: int = 0
    steps: tuple[Steps, ...] = field(init=False, repr=False, compare=False)
    beginning: Beginning | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        steps = steps_of(self.rows)
        beginning = Beginning(self.segment, steps, self.together) if self.together else None
        object.__setattr__(self, "steps", by_length(steps))
        object.__setattr__(self, "beginning", beginning)


def fill(resource: Resource, segment: Segment, table: Table, scope: Scope) -> None:
    """Run a table: set the elements of ``resource`` from the fields of ``segment``.

    A bad value becomes a finding and the rest goes on. A field that is ``""`` is noted as deleted.
    """
    fields, reused, all_steps = segment.fields, scope.reused, table.steps
    scope.segment = segment
    beginning = table.beginning if len(fields) > table.together else None
    if beginning is not None and beginning.set_kept(resource, fields, reused):
        all_steps, beginning = beginning.rest, None
    for number, key, leaf, is_list, row in all_steps[len(fields)] if len(fields) < len(all_steps) else all_steps[-1]:
        raw = fields[number]
        if not raw:
            continue
        kept = reused.get((key, raw)) if key else None
        if kept is not None:
            built, entries = kept
            if entries:
                scope.number, scope.repetition = number, 1
                scope.include(entries)
        elif key or row.when is not None or raw == NULL:
            built = _built(raw, row, segment, scope, resource)
        else:
            scope.number = number
            built = row.read(raw, scope)
        if leaf and built and leaf not in resource and type(built) is not Unmapped:
            resource[leaf] = [*built] if is_list else built
        elif built is not None:
            put(resource, row, built)
    if beginning is not None:
        beginning.keep(fields, reused)


def values(row: Row, segment: Segment, scope: Scope, resource: Resource) -> list[Any]:
    """Return what a row makes of its field, for the module's own code to place."""
    fields, number = segment.fields, row.number
    if number >= len(fields) or not (raw := fields[number]):
        return []
    scope.segment = segment
    built = _built(raw, row, segment, scope, resource)
    return [] if built is None else built if type(built) is list else [built]


def first(row: Row, segment: Segment, scope: Scope, resource: Resource) -> Any:
    """Return the first value a row makes of its field, or None."""
    fields, number = segment.fields, row.number
    if number >= len(fields) or not (raw := fields[number]):
        return None
    scope.segment = segment
    built = _built(raw, row, segment, scope, resource)
    if type(built) is list:
        return built[0] if built else None
    return built


def _built(raw: str, row: Row, segment: Segment, scope: Scope, resource: Resource) -> Any:
    """Return what a row makes of a field that is there: a list if it takes every repetition.

    None where that is nothing, the guide's condition does not hold, or the field deletes; it deletes on any condition,
    unless the row is placed.
    """
    if row.when is not None and (row.placed or raw != NULL) and not row.when(segment):
        return None
    scope.number = row.number
    if raw == NULL:
        scope.delete(resource, row)
        return None
    if row.reuse and scope.trace is None:
        scope.repetition = 1
        return scope.reuse(row.key, raw, row.read)
    return row.read(raw, scope)


def absent(number: int) -> Condition:
    """Return the guide's condition IF field NOT VALUED: an HL7 null is no value."""
    return lambda segment: number >= len(segment.fields) or segment.fields[number] in _NOT_VALUED


def valued(number: int) -> Condition:
    """Return the guide's condition IF field VALUED."""
    return lambda segment: number < len(segment.fields) and segment.fields[number] not in _NOT_VALUED


class Parts(NamedTuple):
    """What a build function says of the components it reads.

    Attributes:
        carried: The element below its own that a component goes to; empty for its own.
        ignored: Why a component is not carried.
    """

    carried: Mapping[int, str]
    ignored: Mapping[int, str]


_PARTS: dict[Build, Parts] = {}


def parts_of(carried: Mapping[int, str], ignored: Mapping[int, str] | None = None) -> Callable[[Build], Build]:
    """Say which component a build function carries to which element below its own, and why it drops others."""

    def declare(build: Build) -> Build:
        _PARTS[build] = Parts(carried, ignored or {})
        return build

    return declare


def same_parts(other: Build) -> Callable[[Build], Build]:
    """Say that a build function carries the components that another one does, to the same elements."""

    def declare(build: Build) -> Build:
        if other in _PARTS:
            _PARTS[build] = _PARTS[other]
        return build

    return declare


def parts_below(element: str, other: Build) -> Callable[[Build], Build]:
    """Say that a build function carries what another one does, to an element below its own."""
    carried, ignored = _PARTS.get(other, Parts({1: ""}, {}))
    return parts_of({part: f"{element}.{path}".rstrip(".") for part, path in carried.items()}, ignored)


def parts_said(build: Build) -> Parts | None:
    """Return what a build function said of its components, or None."""
    return _PARTS.get(build)
