"""How a message is written, and where in it the work is: text of components, places of findings."""

from __future__ import annotations

from shared.hl7 import Message, Segment
from shared.hl7.structure import is_before
from shared.mapping.rows import NULL
from shared.message.finding import Finding

_PADDING = ("",) * 40


class Reading:
    """Reads the values of one message.

    Attributes:
        segment: The segment at work; ``number`` and ``repetition`` say where in it.
        findings: What was noticed, in the order of reading.
    """

    __slots__ = (
        "_unescape",
        "component",
        "escape",
        "findings",
        "message",
        "number",
        "repetition",
        "segment",
        "separator",
        "subcomponent",
    )

    def __init__(self, message: Message, header: Segment) -> None:
        written = message.delimiters
        self.message = message
        self.separator, self.component, self.subcomponent = written.repetition, written.component, written.subcomponent
        self.escape = written.escape
        self._unescape = header.unescape
        self.segment = header
        self.number = self.repetition = 0
        self.findings: list[Finding] = []

    def is_before(self, version: str) -> bool:
        """Tell whether the message is of a version before this: some fields have changed their data type."""
        return is_before(self.message.version, version)

    def parts(self, raw: str) -> list[str]:
        """Return the components of one repetition, still escaped, padded so that every component exists."""
        parts = raw.split(self.component)
        parts += _PADDING
        return ["" if part == NULL else part for part in parts] if NULL in raw else parts

    def texts(self, raw: str) -> list[str]:
        """Return the components of one repetition as text, padded so that every component exists."""
        parts = raw.split(self.component)
        if self.escape in raw or NULL in raw:
            parts = [self.text(part) for part in parts]
        elif raw.split(None, 1) != [raw]:  # it has blanks
            parts = [part.strip() for part in parts]
        parts += _PADDING
        return parts

    def head(self, raw: str) -> str:
        """Return the first subcomponent of one component as text."""
        return self.text(raw.split(self.subcomponent, 1)[0] if self.subcomponent in raw else raw)

    def subparts(self, raw: str) -> list[str]:
        """Return the subcomponents of one component as text, padded to six."""
        return [self.text(part) for part in raw.split(self.subcomponent)] + [""] * 5

    def text(self, raw: str) -> str:
        """Return one value as text: unescaped, outer blanks gone, HL7 null empty."""
        if not raw or raw.isalnum():
            return raw
        if self.escape in raw:
            raw = self._unescape(raw)
        return "" if raw == NULL else raw.strip()

    def lines(self, raw: str) -> str:
        """Return text that keeps its inner and leading blanks (TX, FT)."""
        return self._unescape(raw).rstrip() if self.escape in raw else raw.rstrip()

    @property
    def place(self) -> str:
        """Where the work is: ``PID-3[2]``, ``OBX(4)-5``."""
        segment = self.segment
        occurrence = f"({segment.number})" if segment.number > 1 else ""
        repetition = f"[{self.repetition}]" if self.repetition > 1 else ""
        return f"{segment.name}{occurrence}-{self.number}{repetition}"

    def find(self, code: str, detail: str = "") -> None:
        """Add a finding at the place of work; ``detail`` never holds content."""
        self.findings.append(Finding(code, self.place, detail))
