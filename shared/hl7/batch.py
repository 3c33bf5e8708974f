"""Batches: FHS, BHS, messages, BTS, FTS; or messages one after the other."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.message.finding import Finding

# Before a segment at the start of a line: blanks, marks of frames, of pages and of DOS, the byte order mark of a joined
# file.
INDENT = rb"[\x00\x02-\x04\x0b\x0c\x1a\x1c \t\xef\xbb\xbf]*"
_SEPARATED = rb"(?=[^A-Za-z0-9\s])"
# The usual delimiters behind MSH are a header wherever they stand: joined files, the last line of the first without an
# end. No field holds them, for they would be escaped.
_USUAL = rb"(?=\|\^~\\&[|#])"
# A segment of the envelope, or the beginning of a message, at the start of a line.
_STARTS = re.compile(
    rb"(?:\A[\x00\x0b\x1c\s\xef\xbb\xbf]*|[\r\n]%b)(FHS|BHS|BTS|FTS|MSH)%b|(MSH)%b" % (INDENT, _SEPARATED, _USUAL)
)
_NEXT_HEADER = re.compile(rb"[\r\n]%bMSH%b|MSH%b" % (INDENT, _SEPARATED, _USUAL))
_BLANK = re.compile(rb"[\x00\x0b\x1c\s\xef\xbb\xbf]*")  # before a message: it makes it no second one
_HEADER_BYTES = 8  # MSH|^~\&: no message is shorter
_COUNT = re.compile(rb"...[^A-Za-z0-9](\d+)")


@dataclass(frozen=True, slots=True)
class Batch:
    """A file or stream of messages, in order.

    Attributes:
        headers: FHS and BHS lines.
        messages: Each message as it stands, byte for byte.
        trailers: BTS and FTS lines.
        findings: ``batch_count_differs`` where BTS-1 or FTS-1 says another number, ``bytes_before_batch``.
    """

    headers: tuple[bytes, ...]
    messages: tuple[bytes, ...]
    trailers: tuple[bytes, ...]
    findings: tuple[Finding, ...] = ()


def holds_several(raw: bytes) -> bool:
    """Tell whether bytes hold several messages, or a batch of one, with the header of a batch or without it."""
    if raw.startswith((b"FHS", b"BHS")):
        return True
    blank = None if raw.startswith(b"MSH") else _BLANK.match(raw)
    begin = _HEADER_BYTES if blank is None else blank.end() + _HEADER_BYTES
    if raw.rfind(b"MSH", begin + 1) < 0:  # looked for once, and faster from the end: nearly no message has it
        return False
    return _NEXT_HEADER.search(raw, begin) is not None


def split_batch(raw: bytes) -> Batch:
    """Return the messages of a batch; without an MSH there are none."""
    starts = list(_STARTS.finditer(raw))
    # Each with its line end, where it has one, and without what indents the next.
    ends = [*(found.start() + (found[1] is not None) for found in starts), len(raw)][1:]
    begins = [found.start(found.lastindex or 0) for found in starts]
    parts = [(raw[begin : begin + 3], raw[begin:end]) for begin, end in zip(begins, ends, strict=True)]
    return Batch(
        tuple(part for kind, part in parts if kind in (b"FHS", b"BHS")),
        tuple(part for kind, part in parts if kind == b"MSH"),
        tuple(part for kind, part in parts if kind in (b"BTS", b"FTS")),
        (*_bytes_before(raw[: begins[0]] if begins else b""), *_wrong_counts(parts)),
    )


def _bytes_before(before: bytes) -> list[Finding]:
    before = before.strip(b"\x00\x0b\x1c\r\n\t \xef\xbb\xbf")
    return [Finding("bytes_before_batch", "FHS", f"{len(before)} bytes")] if before else []


def _wrong_counts(parts: list[tuple[bytes, bytes]]) -> list[Finding]:
    """Compare BTS-1, the messages of a batch, and FTS-1, the batches of a file, with what is there."""
    findings = []
    messages = batches = 0
    for kind, part in parts:
        if kind == b"MSH":
            messages += 1
        elif kind == b"BHS":
            messages = 0
            batches += 1
        elif kind in (b"BTS", b"FTS"):
            said, found = _COUNT.match(part), messages if kind == b"BTS" else batches
            if said is not None and int(said[1][:9]) != found:
                findings.append(Finding("batch_count_differs", f"{kind.decode()}-1", f"{found} found"))
    return findings
