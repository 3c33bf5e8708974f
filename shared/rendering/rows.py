"""Rows of the way back: which FHIR element goes to which HL7 field, and which row of the guide that inverts.

A write function takes out of its value what it carries. What is left of a resource when its segments are written is
what no field carried, and becomes a finding: nothing can be forgotten in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.hl7.delimiters import STANDARD
from shared.hl7.escape import escape

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

Resource = dict[str, Any]
# (value, draft, HL7 data type of the field) -> one repetition, escaped; empty where it carries nothing.
Write = Callable[[Any, "Draft", str], str]
Choice = Callable[[Any], bool]

DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ALTERNATE_CODES = "http://hl7.org/fhir/StructureDefinition/alternate-codes"


@dataclass(frozen=True, slots=True)
class Row:
    """One FHIR element and the field it goes to.

    Attributes:
        target: ``PID-5``.
        source: The element with its resource type, ``Patient.name``.
        write: Makes one repetition of one value.
        guide: The row of the guide, read backwards: ``PID[Patient] 7``.
        where: Which values of a list, or which extension; None: all.
    """

    target: str
    source: str
    write: Write
    guide: str
    where: Choice | None = None
    number: int = field(init=False)
    parents: tuple[str, ...] = field(init=False)
    leaf: str = field(init=False)

    def __post_init__(self) -> None:
        _, *parents, leaf = self.source.split(".")
        object.__setattr__(self, "number", int(self.target.rpartition("-")[2]))
        object.__setattr__(self, "parents", tuple(parents))
        object.__setattr__(self, "leaf", leaf)


@dataclass(frozen=True, slots=True)
class Implied:
    """An element that needs no field: what the message says anyway.

    Attributes:
        path: Below the resource: ``intent``.
        reason: Where the message says it.
        values: Only these need none; empty: whatever it is.
    """

    path: str
    reason: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Table:
    """The rows of one resource type for one segment.

    Attributes:
        segment: Segment name.
        resource: Resource type.
        rows: The rows, in the order in which they take from the resource.
        implied: Elements that need no field.
        not_back: Field of the forward mapping -> why the way back does not fill it.
    """

    segment: str
    resource: str
    rows: tuple[Row, ...]
    implied: tuple[Implied, ...] = ()
    not_back: Mapping[int, str] = field(default_factory=dict)


def fill(segment: SegmentDraft, resource: Resource, table: Table, draft: Draft) -> None:
    """Write the fields of a segment, and take from the resource what they carry."""
    for one in table.implied:
        _drop(resource, one.path.split("."), one.values)
    for row in table.rows:
        holder = _descend(resource, row.parents)
        if holder is not None:
            _write_row(segment, holder, row, draft)


def _write_row(segment: SegmentDraft, holder: Resource, row: Row, draft: Draft) -> None:
    kind = segment.type_of(row.number)
    if row.leaf not in holder and "_" + row.leaf not in holder:
        return
    for value in _values(holder, row):
        if not segment.has_room(row.number):
            break
        text = row.write(value, draft, kind)
        if text:
            segment.add(row.number, text)
            if not isinstance(value, dict):
                _remove(holder, row.leaf, value)
    for name in (row.leaf, "_" + row.leaf):
        if name in holder and prune(holder[name]):
            del holder[name]


def _values(holder: Resource, row: Row) -> Iterator[Any]:
    """Yield the values of an element; the original of a code that R4 has no code for, where that is all there is."""
    found = holder.get(row.leaf)
    if found is None or found == [None]:
        beside = holder.get("_" + row.leaf)
        for extension in (beside[0] if isinstance(beside, list) else beside or {}).get("extension", ()):
            if extension.get("url") == ALTERNATE_CODES and "valueCodeableConcept" in extension:
                extension.pop("url")
                yield extension["valueCodeableConcept"]
        return
    for value in [*found] if isinstance(found, list) else [found]:
        if value is not None and (row.where is None or row.where(value)):
            yield value


def taken_original(resource: Resource, element: str) -> str:
    """Return the code that stands beside an element because R4 has none of its own for it, escaped; take it."""
    for one in resource.get("_" + element, {}).get("extension", ()):
        codings = one.get("valueCodeableConcept", {}).get("coding", [])
        if one.get("url") == ALTERNATE_CODES and len(codings) == 1 and "code" in codings[0]:
            one.clear()
            return escape(codings[0]["code"], STANDARD)
    return ""


def _remove(holder: Resource, leaf: str, value: Any) -> None:
    found = holder[leaf]
    if isinstance(found, list):
        found.remove(value)
    else:
        del holder[leaf]


def _descend(resource: Resource, parents: tuple[str, ...]) -> Resource | None:
    for name in parents:
        inner = resource.get(name)
        if not isinstance(inner, dict):
            return None
        resource = inner
    return resource


def _drop(holder: Any, path: list[str], values: tuple[Any, ...]) -> None:
    if isinstance(holder, list):
        for inner in holder:
            _drop(inner, path, values)
    elif isinstance(holder, dict) and path[0] in holder:
        if path[1:]:
            _drop(holder[path[0]], path[1:], values)
        elif not values or holder[path[0]] in values:
            del holder[path[0]]


def prune(value: Any) -> bool:
    """Remove what is empty below a value; return whether the value itself is empty."""
    if isinstance(value, dict):
        for name in [name for name, inner in value.items() if prune(inner)]:
            del value[name]
        return not value
    if isinstance(value, list):
        value[:] = [inner for inner in value if not prune(inner)]
        return not value
    return value is None or value == ""


def leaves(value: Any, path: str, holder: int = 0) -> Iterator[tuple[str, str, int]]:
    """Yield path, text and holder of every value below a resource.

    The path is without indexes, an extension by the end of its url; the holder is the id of the dict that has it.
    """
    if isinstance(value, dict):
        url = value.get("url")
        if url == DATA_ABSENT:
            return  # that something is unknown is what an empty field says
        is_named = isinstance(url, str) and len(value) > 1
        name = f"{path}({url.rpartition('/')[2]})" if isinstance(url, str) and is_named else path
        for element, inner in value.items():
            if element != "url" or not is_named:
                yield from leaves(inner, f"{name}.{element}", id(value))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path, holder)
    elif value is not None:
        yield path, str(value), holder


def is_extension(url: str) -> Choice:
    """Return the choice of one extension by its url."""
    return lambda value: isinstance(value, dict) and value.get("url") == url


def extension(element: str, write: Write) -> Write:
    """Return the write function of an extension whose value is ``element``."""

    def written(value: Resource, draft: Draft, kind: str) -> str:
        inner = value.get(element)
        text = write(inner, draft, kind) if inner is not None else ""
        if text:
            value.pop("url")
            if not isinstance(inner, dict) or prune(inner):
                value.pop(element)
        return text

    return written
