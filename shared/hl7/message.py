"""One HL7 v2 message: read by path, changed in place, written back byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.hl7.charset import codec_of
from shared.hl7.delimiters import Delimiters
from shared.hl7.escape import escape, unescape
from shared.hl7.layout import Layout
from shared.hl7.null import NULL, NULL_TEXT, Null
from shared.hl7.path import PATHS, Place, find_path
from shared.hl7.segment import Segment, join_fields
from shared.message.collector import collector_paused
from shared.message.errors.hl7 import PathInvalid, SegmentAbsent, TextNotEncodable
from shared.message.finding import Finding

_SEARCHED = 64  # segments: to look for a name among so few is quicker than to index them
_LONG = 10_000  # segments
_ABOUT_THE_BYTES = (1, 2, 18)  # fields of MSH that say how the bytes are to be read


class Message:
    """A parsed message. A segment is split when it is first read; only what was set is written anew.

    Attributes:
        raw: The bytes as they came.
        delimiters: What MSH-1 and MSH-2 declare.
        findings: What was tolerated; see docs/hl7.md for the codes.
    """

    __slots__ = (
        *("_changed", "_entries", "_index", "_layout", "_names", "_read", "_segments"),
        *("delimiters", "findings", "raw"),
    )

    def __init__(
        self,
        layout: Layout,
        delimiters: Delimiters,
        entries: list[Any],
        names: list[str],
        findings: list[Finding],
    ) -> None:
        self.raw = layout.raw
        self.delimiters = delimiters
        self.findings = findings
        self._layout = layout
        self._entries: list[str | list[str]] = (
            entries  # a line, until somebody reads it; then its fields, as MSH from the beginning
        )
        self._segments: list[Segment] | None = None
        self._names = names
        self._index: dict[str, list[int]] | None = None  # positions of each name, when somebody wants more than one
        self._read: dict[str, list[str]] = {"MSH": entries[0]}  # fields of what get has read, by ``Path.segment``
        self._changed: dict[str, list[str]] = {}  # fields of what was set, by ``Path.segment``

    @property
    def charset(self) -> str:
        """The Python codec of the message."""
        return self._layout.codec

    @property
    def text(self) -> str:
        """The whole message as text; undecodable bytes as replacement characters."""
        return self.to_bytes().decode(self.charset, "replace")

    @property
    def segments(self) -> list[Segment]:
        """Every segment in order; blank lines are none."""
        if self._segments is None:
            with collector_paused(when=len(self._names) > _LONG):
                self._segments = self._split()
        return self._segments

    def _split(self) -> list[Segment]:
        entries, delimiters, layout, separator = self._entries, self.delimiters, self._layout, self.delimiters.field
        segments: list[Segment] = []
        numbers: dict[str, int] = {}
        for position, (name, entry) in enumerate(zip(self._names, entries, strict=True)):
            fields = entries[position] = entry.split(separator) if isinstance(entry, str) else entry
            number = numbers[name] = numbers[name] + 1 if name in numbers else 1
            segments.append(Segment(name, fields, position, number, delimiters, layout))
        return segments

    @property
    def header(self) -> Segment:
        """MSH, which every message has."""
        return self._segment("MSH", 0, 1)

    def all(self, name: str) -> Sequence[Segment]:
        """Return the segments of one name, in order."""
        positions = self._positions().get(name, ())
        return [self._segment(name, position, number) for number, position in enumerate(positions, 1)]

    def count(self, name: str) -> int:
        """Return how many segments have this name."""
        index = self._index or self._positions()
        return len(index[name]) if name in index else 0

    def first(self, name: str) -> Segment | None:
        """Return the first segment of one name."""
        try:
            return self._segment(name, self._position(name), 1)
        except LookupError:
            return None

    def get(self, path: str) -> str | Null | None:
        """Return the text at ``path``; None when absent or empty, NULL for an HL7 null.

        A path names one subcomponent; numbers it leaves out are 1, so ``PID-5`` is the family name.

        Raises:
            PathInvalid: ``path`` is no path.
        """
        try:
            segment, field, repetition, component, subcomponent, is_first = PATHS[path]
        except KeyError:
            segment, field, repetition, component, subcomponent, is_first = find_path(path)
        try:
            value = self._read[segment][field]
        except LookupError:  # not read yet, or not there
            fields = self._read.get(segment) or self._find(segment)
            if field >= len(fields):
                return None
            value = fields[field]
        if value.isalnum():  # nothing to split, nothing to unescape
            return value if is_first else None
        if not value:
            return None
        delimiters = self.delimiters
        if repetition > 1 or delimiters.repetition in value:
            if segment == "MSH" and field == 2:
                return value
            parts = value.split(delimiters.repetition, repetition)
            value = parts[repetition - 1] if repetition <= len(parts) else ""
        if component == 1:
            value = value.partition(delimiters.component)[0]
        else:
            parts = value.split(delimiters.component, component)
            value = parts[component - 1] if component <= len(parts) else ""
        if value.isalnum():
            return value if subcomponent == 1 else None
        if subcomponent > 1 or delimiters.subcomponent in value:
            parts = value.split(delimiters.subcomponent, subcomponent)
            value = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        if delimiters.escape in value:
            return unescape(value, delimiters, self._codec(segment)) or None
        return NULL if value == NULL_TEXT else value or None

    def set(self, path: str, value: str | Null | None) -> None:
        """Write ``value`` at ``path``, escaped; None empties it. Fields and components in between are created.

        MSH-18 can only be given a name of the charset the message is in: its bytes stay as they are.

        Raises:
            PathInvalid: No path, or MSH-1, MSH-2, or a charset other than the message's.
            SegmentAbsent: The message has no such segment.
            TextNotEncodable: The charset of the message cannot hold the value.
        """
        place = find_path(path)
        segment, field, _, _, _, is_first = place
        fields = self._read.get(segment) or self._find(segment)
        if not fields:
            raise SegmentAbsent(path)
        text = "" if value is None else NULL_TEXT if value is NULL else value
        if not text.isalnum() and value is not NULL:
            text = escape(text, self.delimiters)
        if not text.isascii():
            _refuse_unencodable(path, text, self._codec(segment))
        if segment == "MSH" and field in _ABOUT_THE_BYTES and not self._is_true_of_bytes(field, text):
            raise PathInvalid(path)
        if field >= len(fields):
            _pad(fields, field + 1)
        is_whole = is_first and fields[field].isalnum()
        fields[field] = text if is_whole else _rewritten(fields[field], place, text, self.delimiters)
        self._changed[segment] = fields

    def to_bytes(self) -> bytes:
        """Return the message as bytes: what came, with the segments that were set written anew."""
        if not self._changed:
            return self.raw
        lines: dict[int, str] = {}
        for segment, fields in self._changed.items():
            lines[self._position(segment)] = join_fields(fields, self.delimiters.field)
        return self._layout.replace(lines)

    @property
    def type(self) -> str:
        """Message code and event: ``ADT^A01``; the code alone where there is no event."""
        return f"{self.code}^{self.event}" if self.event else self.code

    @property
    def code(self) -> str:
        """MSH-9.1."""
        return self._header("MSH-9.1")

    @property
    def event(self) -> str:
        """MSH-9.2."""
        return self._header("MSH-9.2")

    @property
    def structure(self) -> str:
        """MSH-9.3, ``ADT_A01``; "" where the sender leaves it out."""
        return self._header("MSH-9.3")

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self._header("MSH-10")

    @property
    def processing_id(self) -> str:
        """MSH-11.1: P, T or D."""
        return self._header("MSH-11")

    @property
    def version(self) -> str:
        """MSH-12.1: ``2.5.1``."""
        return self._header("MSH-12")

    def _header(self, path: str) -> str:
        value = self.get(path)
        return value if isinstance(value, str) else ""

    def _find(self, segment: str) -> list[str]:
        """Return the fields of what a path calls ``PID`` or ``OBX(3)``; none when absent."""
        try:
            fields = self._read[segment] = self._fields(self._position(segment))
        except LookupError:
            return []
        return fields

    def _position(self, segment: str) -> int:
        if len(segment) == 3 and len(self._names) <= _SEARCHED:
            try:
                return self._names.index(segment)
            except ValueError:
                raise LookupError from None
        positions = self._positions()[segment[:3]]
        return positions[0] if len(segment) == 3 else positions[int(segment[4:-1]) - 1]

    def _positions(self) -> dict[str, list[int]]:
        if self._index is None:
            self._index = {}
            for position, name in enumerate(self._names):
                self._index.setdefault(name, []).append(position)
        return self._index

    def _fields(self, position: int) -> list[str]:
        entry = self._entries[position]
        if isinstance(entry, list):
            return entry
        # The fields take the place of the line, so that a large value is kept once.
        fields = self._entries[position] = entry.split(self.delimiters.field)
        return fields

    def _segment(self, name: str, position: int, number: int) -> Segment:
        return Segment(name, self._fields(position), position, number, self.delimiters, self._layout)

    def _codec(self, segment: str) -> str:
        layout = self._layout
        return layout.codec if layout.odd_codecs is None else layout.codec_at(self._position(segment))

    def _is_true_of_bytes(self, field: int, text: str) -> bool:
        return field == 18 and codec_of(text, self.delimiters.repetition) == self.charset


def _refuse_unencodable(path: str, text: str, codec: str) -> None:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        raise TextNotEncodable(path) from None


def _rewritten(value: str, place: Place, text: str, delimiters: Delimiters) -> str:
    """Return a field with ``text`` in the one place of it."""
    _, _, repetition, component, subcomponent, _ = place
    repetitions = value.split(delimiters.repetition)
    _pad(repetitions, repetition)
    components = repetitions[repetition - 1].split(delimiters.component)
    _pad(components, component)
    subcomponents = components[component - 1].split(delimiters.subcomponent)
    _pad(subcomponents, subcomponent)
    subcomponents[subcomponent - 1] = text
    components[component - 1] = delimiters.subcomponent.join(subcomponents)
    repetitions[repetition - 1] = delimiters.component.join(components)
    return delimiters.repetition.join(repetitions)


def _pad(parts: list[str], length: int) -> None:
    parts.extend([""] * (length - len(parts)))
