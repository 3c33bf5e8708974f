"""Where the segments of a message lie in its bytes."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

LONGEST_NAME = 8
_SPLIT_UP_TO_BYTES = 65_536  # quicker than searching, but a second copy: not for what is large
_BLANK = b"\x00\x0b\x1a\x1c \t"  # between segments: left over from MLLP, DOS and editors
_TRAILING_BLANKS = re.compile(rb"[ \t]*")  # at the end of a segment: data
_LINE_END = re.compile(rb"[\r\n]")
_SPACE = 0x20

Span = tuple[int, int]  # begin and end of a segment, without its line end


class Layout:
    """The bytes of a message and where each segment lies in them, worked out when somebody asks.

    Attributes:
        codec: The Python codec of the message.
        line_end: The line end of a regular message, one that begins with MSH at byte 0 and whose every line is a
            segment; empty for any other.
        odd_codecs: By position, the codecs of segments that are no text in ``codec``.
    """

    __slots__ = ("_starts", "codec", "line_end", "odd_codecs", "raw", "separator", "start")

    def __init__(self, raw: bytes, start: int, separator: str, codec: str, line_end: str) -> None:
        self.raw = raw
        self.start = start
        self.separator = separator
        self.codec = codec
        self.line_end = line_end
        self.odd_codecs: dict[int, str] | None = None
        self._starts: array[int] | None = None

    def codec_at(self, position: int) -> str:
        """Return the codec of one segment."""
        return self.codec if self.odd_codecs is None else self.odd_codecs.get(position, self.codec)

    def read_as(self, position: int, codec: str) -> None:
        """Read one segment in a codec of its own."""
        if self.odd_codecs is None:
            self.odd_codecs = {}
        self.odd_codecs[position] = codec

    def starts(self) -> array[int]:
        """Return the byte offset of every segment, in order."""
        if self._starts is None:
            self._starts = array("Q", (begin for begin, _ in self.spans()))
        return self._starts

    def replace(self, lines: dict[int, str]) -> bytes:
        """Return the bytes with the segments at these positions exchanged for others."""
        last = max(lines) if len(lines) > 1 else next(iter(lines))
        if self.line_end and len(self.raw) <= _SPLIT_UP_TO_BYTES:
            line_end = self.line_end.encode()
            parts = self.raw.split(line_end, last + 1)
            for position, line in lines.items():
                parts[position] = line.encode(self.codec)
            return line_end.join(parts)
        pieces: list[bytes | memoryview] = []
        raw, copied = memoryview(self.raw), 0
        for position, (begin, end) in enumerate(islice(self.spans(), last + 1)):
            if position in lines:
                pieces += (raw[copied:begin], lines[position].encode(self.codec_at(position)))
                copied = end
        return b"".join((*pieces, raw[copied:]))

    def spans(self) -> Iterator[Span]:
        """Return begin and end of every segment.

        A line that does not begin like a segment belongs to the data of the segment before it: senders put raw line
        ends into notes and results; so does a bare name that such a line follows. Blank lines belong to none.
        """
        return self._lines() if self.line_end else self._irregular_spans()

    def _lines(self) -> Iterator[Span]:
        raw, line_end, begin = self.raw, self.line_end.encode(), 0
        while begin < len(raw):
            found = raw.find(line_end, begin)
            end = len(raw) if found < 0 else found
            yield begin, end
            begin = end + len(line_end)

    def _irregular_spans(self) -> Iterator[Span]:
        raw, begin = self.raw, self.start
        for found in _segment_starts(self.separator, self._ends_lines_with_cr()).finditer(raw, begin):
            following = found.start(found.lastindex or 0)
            yield begin, _end(raw, begin, following)
            begin = following
        yield begin, _end(raw, begin, len(raw))

    def _ends_lines_with_cr(self) -> bool:
        first = _LINE_END.search(self.raw, self.start)
        return first is not None and first[0] == b"\r"


@lru_cache(maxsize=64)
def _segment_starts(separator: str, ends_lines_with_cr: bool) -> re.Pattern[bytes]:
    """Return what finds the segments after the first: group 1 where a separator follows the name, else group 2."""
    blank = b"[%b]*" % _BLANK
    # PIDX is a broken PID, not text; three letters may be small, as in "Zab".
    with_fields = rb"(?:[A-Za-z0-9]{3}|[A-Z][A-Z0-9]{1,%d})(?=%b)" % (LONGEST_NAME - 1, re.escape(separator.encode()))
    bare = rb"[A-Z][A-Z0-9]{2}(?=[\r\n]|\Z)"
    # A report has words of three capitals on lines of their own: text before text, and text after another line end
    # than the message's own.
    own_line_end = rb"\r\n?" if ends_lines_with_cr else rb"[\r\n]"
    before_text = rb"(?![\r\n%b]*(?!%b|%b)[^\r\n%b])" % (_BLANK, with_fields, bare, _BLANK)
    return re.compile(
        rb"[\r\n](?![\r\n])%b(%b)|%b%b(%b%b)" % (blank, with_fields, own_line_end, blank, bare, before_text)
    )


def _end(raw: bytes, begin: int, following: int) -> int:
    """Return where a segment ends: before its line end, blank lines, and marks of frames and files."""
    if raw[following - 2] > _SPACE and raw[following - 1] in b"\r\n":
        return following - 1
    end = begin + len(raw[begin:following].rstrip(b"\r\n" + _BLANK))
    trailing = _TRAILING_BLANKS.match(raw, end, following)
    return trailing.end() if trailing is not None else end
