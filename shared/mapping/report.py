"""What became of every value of a message: mapped, ignored for a declared reason, or lost.

The report converts the message once more and notes which row carried which repetition, so that the conversion itself
pays nothing for it. It names places and rows, never values.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.hl7 import Message, Segment
from shared.mapping.context import MappingContext
from shared.mapping.convert import Conversion, convert
from shared.mapping.grouping import place_of
from shared.mapping.registry import HANDLERS, TABLES
from shared.mapping.rows import NULL, Row, parts_said
from shared.mapping.scope import Taken


class Outcome(StrEnum):
    """What became of one value."""

    MAPPED = "mapped"
    IGNORED = "ignored"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Fate:
    """One value of the message and what became of it.

    Attributes:
        place: ``PID-3[2].4.1``, ``OBX(4)-5``: components and subcomponents where there are several.
        outcome: Mapped, ignored or lost.
        target: The FHIR element, when mapped: ``Patient.identifier.system``.
        guide: The guide's row that says so.
        reason: Why not, otherwise.
    """

    place: str
    outcome: Outcome
    target: str = ""
    guide: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The fates of all values of a message, in message order, and the conversion they are of."""

    conversion: Conversion
    fates: tuple[Fate, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many values were mapped, ignored and lost."""
        counted = Counter(fate.outcome.value for fate in self.fates)
        return {outcome.value: counted[outcome.value] for outcome in Outcome}

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists, ready for JSON: ``report.json``."""
        return {
            "message": self.conversion.changes.message,
            "event": self.conversion.changes.event,
            "counts": self.counts,
            "values": [_said(fate) for fate in self.fates],
            "findings": [
                {"code": one.code, "place": one.place, "detail": one.detail} for one in self.conversion.findings
            ],
        }


def mapping_report(message: Message, context: MappingContext) -> Report:
    """Return what became of every value of a message."""
    trace: list[Taken] = []
    conversion = convert(message, context, trace=trace)
    taken: dict[tuple[int, int, int], list[Row]] = defaultdict(list)
    for one in trace:
        taken[one.segment, one.number, one.repetition].append(one.row)
    fates = tuple(
        _fate(leaf, taken.get((leaf.segment.index, leaf.number, leaf.repetition), []))
        for segment in message.segments
        for leaf in _leaves(segment)
    )
    return Report(conversion, fates)


@dataclass(frozen=True, slots=True)
class _Leaf:
    segment: Segment
    number: int
    repetition: int
    component: int
    place: str
    is_null: bool


def _leaves(segment: Segment) -> Iterator[_Leaf]:
    """Yield every value of a segment that is not empty, with its place."""
    name = place_of(segment)
    delimiters = segment.delimiters
    for number in range(1, len(segment.fields)):
        repetitions = segment.repeats(number)
        for repetition, raw in enumerate(repetitions, 1):
            field = f"{name}-{number}" + (f"[{repetition}]" if len(repetitions) > 1 else "")
            whole = segment.name == "MSH" and number <= 2
            components = [raw] if whole else raw.split(delimiters.component)
            for component, part in enumerate(components, 1):
                inner = [part] if whole else part.split(delimiters.subcomponent)
                for subcomponent, value in enumerate(inner, 1):
                    if value:
                        path = field + (f".{component}" if len(components) > 1 or len(inner) > 1 else "")
                        path += f".{subcomponent}" if len(inner) > 1 else ""
                        yield _Leaf(segment, number, repetition, component, path, raw == NULL or value == NULL)


_DECLARED: dict[tuple[str, int], list[Row]] = defaultdict(list)
_IGNORED: dict[tuple[str, int], str] = {}
for _table in TABLES:
    for _row in _table.rows:
        _DECLARED[_table.segment, _row.number].append(_row)
    for _number, _reason in _table.ignored.items():
        _IGNORED.setdefault((_table.segment, _number), _reason)


def _fate(leaf: _Leaf, rows: list[Row]) -> Fate:
    reason = ""
    for row in rows:
        parts = parts_said(row.build)
        # A row with no parts at all says why nothing is carried, of a null too.
        below = "" if parts is None or (leaf.is_null and parts.carried) else parts.carried.get(leaf.component)
        if below is not None:
            target = f"{row.target}.{below}" if below else row.target
            return Fate(leaf.place, Outcome.MAPPED, target, row.guide)
        if parts is not None:
            reason = reason or parts.ignored.get(leaf.component, "")
    if leaf.is_null and not rows:
        return Fate(leaf.place, Outcome.IGNORED, reason="an HL7 null that deletes nothing")
    if reason:
        return Fate(leaf.place, Outcome.IGNORED, reason=reason)
    if rows:
        return Fate(leaf.place, Outcome.LOST, reason="no row carries this component")
    return _untaken(leaf)


def _untaken(leaf: _Leaf) -> Fate:
    """Return the fate of a value that no row carried."""
    key = (leaf.segment.name, leaf.number)
    if key in _IGNORED:
        return Fate(leaf.place, Outcome.IGNORED, reason=_IGNORED[key])
    if leaf.segment.name not in HANDLERS and leaf.segment.name != "MSH":
        reason = "no family maps this segment"
    elif key not in _DECLARED:
        reason = "no row for this field"
    elif all(row.when is not None and not row.when(leaf.segment) for row in _DECLARED[key]):
        return Fate(leaf.place, Outcome.IGNORED, reason="the guide takes it on a condition that does not hold here")
    elif leaf.repetition > 1 and not any(row.many for row in _DECLARED[key]):
        reason = "the element holds the first repetition only"
    else:
        reason = "no value could be made of it here"
    return Fate(leaf.place, Outcome.LOST, reason=reason)


def _said(fate: Fate) -> dict[str, str]:
    pairs = (("target", fate.target), ("guide", fate.guide), ("reason", fate.reason))
    return {"place": fate.place, "outcome": fate.outcome.value, **{name: said for name, said in pairs if said}}
