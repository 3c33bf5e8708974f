"""One segment and its fields."""

from __future__ import annotations

import re

from shared.hl7.delimiters import Delimiters
from shared.hl7.escape import unescape
from shared.hl7.layout import Layout
from shared.hl7.null import NULL_TEXT

_NAME = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)


class Segment:
    """One segment of a message: its name, its place, and its fields as the sender wrote them.

    Attributes:
        name: ``PID``.
        index: Position in the message, from 0.
        number: Occurrence among the segments of this name, from 1.
        fields: Still escaped; ``fields[n]`` is field n, ``fields[0]`` the name. To change one, use Message.set.
    """

    __slots__ = ("_layout", "delimiters", "fields", "index", "name", "number")

    def __init__(
        self, name: str, fields: list[str], index: int, number: int, delimiters: Delimiters, layout: Layout
    ) -> None:
        self.name = name
        self.fields = fields
        self.index = index
        self.number = number
        self.delimiters = delimiters
        self._layout = layout

    @property
    def offset(self) -> int:
        """The byte of the message at which the segment begins."""
        return self._layout.starts()[self.index]

    @property
    def codec(self) -> str:
        """The Python codec of its bytes: the message's, unless they are no text in that."""
        return self._layout.codec_at(self.index)

    def raw(self, field: int, repetition: int = 1, component: int = 1, subcomponent: int = 1) -> str:
        """Return one subcomponent, still escaped; "" when absent."""
        fields = self.fields
        value = fields[field] if field < len(fields) else ""
        if not value or self._declares_delimiters(field):
            return value
        return pick(value, self.delimiters, repetition, component, subcomponent)

    def text(self, field: int, component: int = 1, repetition: int = 1, subcomponent: int = 1) -> str:
        """Return one subcomponent as text; "" when absent. An HL7 null comes back as ``""``: see is_null."""
        fields = self.fields
        value = fields[field] if field < len(fields) else ""
        if not value or value.isalnum():  # nothing to split, nothing to unescape
            return value if component == repetition == subcomponent == 1 else ""
        if field <= 2 and self.name == "MSH":
            return value
        written = self.delimiters
        if component == repetition == subcomponent == 1:
            picked = value.partition(written.repetition)[0].partition(written.component)[0]
            picked = picked.partition(written.subcomponent)[0]
        else:
            picked = pick(value, written, repetition, component, subcomponent)
        return picked if written.escape not in picked else self.unescape(picked)

    def code(self, field: int) -> str:
        """Return a code of an HL7 table: fields of fixed width bring blanks, some senders small letters."""
        return self.text(field).strip().upper()

    def is_null(self, field: int) -> bool:
        """Return whether the whole field is the HL7 null."""
        fields = self.fields
        return field < len(fields) and fields[field] == NULL_TEXT

    def repeats(self, field: int) -> list[str]:
        """Return the repetitions of a field, still escaped; none when it is absent or empty."""
        fields = self.fields
        value = fields[field] if field < len(fields) else ""
        if self._declares_delimiters(field):
            return [value]
        return value.split(self.delimiters.repetition) if value else []

    def components(self, raw: str) -> list[str]:
        """Return the components of one repetition, still escaped; component k is at k - 1."""
        return raw.split(self.delimiters.component)

    def subcomponents(self, raw: str) -> list[str]:
        """Return the subcomponents of one component, still escaped."""
        return raw.split(self.delimiters.subcomponent)

    def unescape(self, raw: str) -> str:
        """Return the text ``raw`` stands for, see shared.hl7.escape."""
        return unescape(raw, self.delimiters, self.codec) if self.delimiters.escape in raw else raw

    def _declares_delimiters(self, field: int) -> bool:
        return field <= 2 and self.name == "MSH"


def place_of_line(name: str, index: int, number: int) -> str:
    """Return where a segment is: ``OBX``, ``OBX(2)``; a line that names none may begin with content: its number."""
    if _NAME.fullmatch(name) is None:
        return f"line {index + 1}"
    return f"{name}({number})" if number > 1 else name


def split_header(line: str, separator: str) -> list[str]:
    """Return the fields of MSH, so that field n is at n: MSH-1 is the separator itself."""
    fields = line.split(separator)
    fields.insert(1, separator)
    return fields


def join_fields(fields: list[str], separator: str) -> str:
    """Return the line that split_header had taken apart."""
    if fields[0] == "MSH":
        return f"MSH{separator}{separator.join(fields[2:])}"
    return separator.join(fields)


def pick(value: str, delimiters: Delimiters, repetition: int, component: int, subcomponent: int) -> str:
    """Return one subcomponent of a field, still escaped; "" when absent."""
    separator = delimiters.repetition
    if repetition > 1 or separator in value:
        parts = value.split(separator, repetition)
        if repetition > len(parts):
            return ""
        value = parts[repetition - 1]
    separator = delimiters.component
    if component > 1 or separator in value:
        parts = value.split(separator, component)
        if component > len(parts):
            return ""
        value = parts[component - 1]
    separator = delimiters.subcomponent
    if subcomponent > 1 or separator in value:
        parts = value.split(separator, subcomponent)
        if subcomponent > len(parts):
            return ""
        return parts[subcomponent - 1]
    return value
