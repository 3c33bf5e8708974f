"""From bytes to a Message."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from shared.hl7.charset import DEFAULT_CODEC, MULTIBYTE_CODECS, codec_of
from shared.hl7.delimiters import STANDARD, Delimiters, read_delimiters
from shared.hl7.layout import LONGEST_NAME, Layout
from shared.hl7.message import Message
from shared.hl7.segment import place_of_line, split_header
from shared.message.errors.hl7 import ContentUndecodable, NotHl7, SeveralMessages
from shared.message.finding import Finding

_USUAL_BEGINNING = b"MSH|^~\\&|"
_FRAME_END, _LINE_FEED = 0x1C, 0x0A  # numbers: to look for one takes a third of what looking for bytes does
_LEFT_OVER_BEFORE = re.compile(rb"[\x00\x0b\x1c\r\n\t \xef\xbb\xbf]*")
_BATCH_HEADER = re.compile(rb"(?:FHS|BHS)[^A-Za-z0-9]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FALLBACK_CODEC = "latin-1"  # every byte is a character, and goes back to the same byte
_NEVER_GUESSED = frozenset({"PID", "OBX"})  # a wrong name or result is worse than a message that waits


class _Odd(NamedTuple):
    """A segment with a line end in it, or with a byte that is no text in the charset of the message."""

    position: int
    begin: int
    undecodable: int | None


def parse(raw: bytes, charset: str | None = None) -> Message:
    """Return the message in ``raw``.

    Args:
        raw: One message, as it came; marks of a frame, a byte order mark and blank lines around it are tolerated.
        charset: The interface's own charset, a name as in MSH-18; it beats MSH-18.
    Raises:
        NotHl7, HeaderTooShort, DelimitersInvalid: The header cannot be read.
        SeveralMessages: A batch, or a second MSH.
        CharsetUnsupported: The charset is not known.
        ContentUndecodable: PID or OBX holds bytes that are no text in the charset.
    """
    findings: list[Finding] = []
    if raw.startswith(_USUAL_BEGINNING):
        start, delimiters = 0, STANDARD
    else:
        start = _find_header(raw, findings)
        delimiters = read_delimiters(raw, start, findings)
    if not start and _FRAME_END not in raw:
        message = _read_regular(raw, delimiters, charset, findings)
        if message is not None:
            return message
    codec = codec_of(charset or _declared_charset(raw, start, delimiters.field), delimiters.repetition)
    return _read_irregular(Layout(raw, start, delimiters.field, codec, ""), delimiters, findings)


def _find_header(raw: bytes, findings: list[Finding]) -> int:
    if raw.startswith(b"MSH"):
        return 0
    match = _LEFT_OVER_BEFORE.match(raw)
    start = match.end() if match else 0
    if _BATCH_HEADER.match(raw, start):
        raise SeveralMessages("FHS or BHS", start)
    if not raw.startswith(b"MSH", start):
        raise NotHl7("MSH", start)
    if raw.startswith(_BYTE_ORDER_MARK):
        findings.append(Finding("byte_order_mark", "MSH"))
    if raw[:start] != _BYTE_ORDER_MARK:
        findings.append(Finding("blank_before_header", "MSH", f"{start} bytes"))
    return start


def _declared_charset(raw: bytes, start: int, separator: str) -> str:
    end = raw.find(b"\r", start)
    header = raw[start:] if end < 0 else raw[start:end]
    fields = header.partition(b"\n")[0].decode("latin-1").split(separator)
    return fields[17] if len(fields) > 17 else ""


def _line_end_with_lf(raw: bytes) -> str:
    """Return the line end of a message with line feeds; empty where several kinds are mixed."""
    if b"\r" not in raw:
        return "\n"
    pairs = raw.count(b"\r\n")
    return "\r\n" if pairs == raw.count(b"\r") == raw.count(b"\n") else ""


def _read_regular(raw: bytes, delimiters: Delimiters, charset: str | None, findings: list[Finding]) -> Message | None:
    """Read at the speed of str.split; None where a line is not plainly a segment, or not text."""
    separator = delimiters.field
    line_end = "\r" if _LINE_FEED not in raw else _line_end_with_lf(raw)
    declared = charset if charset or raw.isascii() else _declared_charset(raw, 0, separator)
    codec = codec_of(declared, delimiters.repetition) if declared else DEFAULT_CODEC
    if not line_end or codec in MULTIBYTE_CODECS:
        return None
    try:
        lines: list[Any] = raw.decode(codec).split(line_end)  # MSH becomes its fields, the others when they are read
    except UnicodeDecodeError:
        return None
    is_closed = not lines[-1]
    if is_closed:
        lines.pop()
    names = _names_of(lines, separator)
    if names is None:
        return None
    header = split_header(lines[0], separator)
    if not declared and len(header) > 18:
        codec = codec_of(header[18], delimiters.repetition)
        if codec in MULTIBYTE_CODECS:
            return None
    layout = Layout(raw, 0, separator, codec, line_end)
    if names.count("MSH") > 1:
        raise _second_header(names, layout)
    if not is_closed:
        findings.append(Finding("last_line_end_missing", "MSH"))
    if line_end != "\r":
        findings.append(Finding("line_end_not_cr", "MSH"))
    lines[0] = header
    return Message(layout, delimiters, lines, names, findings)


def _names_of(lines: list[str], separator: str) -> list[str] | None:
    """Return the names of lines that all are a name of three, a separator, and fields; else None.

    All at once: a line costs a third of what it does one by one.
    """
    heads = "".join([line[:4] for line in lines])
    names = heads.split(separator)
    count = len(lines)
    if len(heads) != 4 * count or heads[3::4] != separator * count or len(names) != count + 1:
        return None
    names.pop()  # what follows the last separator
    letters = heads.replace(separator, "")
    return names if letters.isalnum() and letters.isascii() else None


def _second_header(names: list[str], layout: Layout) -> SeveralMessages:
    return SeveralMessages("MSH(2)", layout.starts()[names.index("MSH", 1)])


def _read_irregular(layout: Layout, delimiters: Delimiters, findings: list[Finding]) -> Message:
    """Read segment by segment: mixed line ends, broken lines, many-byte charsets, undecodable bytes."""
    raw, separator = layout.raw, layout.separator
    lines: list[str | list[str]] = []
    names: list[str] = []
    odd: list[_Odd] = []
    end = layout.start
    for position, (begin, end) in enumerate(layout.spans()):
        try:
            line = raw[begin:end].decode(layout.codec)
        except UnicodeDecodeError as error:
            line = raw[begin:end].decode(_FALLBACK_CODEC)
            odd.append(_Odd(position, begin, begin + error.start))
        name, found, _ = line[: LONGEST_NAME + 1].partition(separator)
        name = name if found else line[:3]
        if "\r" in line or "\n" in line:
            odd.append(_Odd(position, begin, None))
        lines.append(line if position else split_header(line, separator))
        names.append(name)
    if odd:
        findings += _tolerated(odd, names, layout)
    if names.count("MSH") > 1:
        raise _second_header(names, layout)
    if end == len(raw):
        findings.append(Finding("last_line_end_missing", "MSH"))
    if b"\x1c" in raw[end : end + 2]:
        findings.append(Finding("frame_left_over", "MSH"))
    if b"\n" in raw:
        findings.append(Finding("line_end_not_cr", "MSH"))
    return Message(layout, delimiters, lines, names, findings)


def _tolerated(odd: list[_Odd], names: list[str], layout: Layout) -> list[Finding]:
    """Return what is odd about segments, in order; those that are no text are in a charset where all bytes are."""
    findings: list[Finding] = []
    numbers: dict[str, int] = {}
    counted = 0
    for position, begin, undecodable in odd:
        for name in names[counted : position + 1]:
            numbers[name] = numbers.get(name, 0) + 1
        counted, name = position + 1, names[position]
        place = place_of_line(name, position, numbers[name])
        if undecodable is None:
            findings.append(Finding("line_end_in_field", place))
            continue
        place = _field_at(place, layout.raw[begin:undecodable].decode(layout.codec, "replace"), layout.separator)
        if name in _NEVER_GUESSED:
            raise ContentUndecodable(place, undecodable)
        findings.append(Finding("charset_undecodable", place))
        layout.read_as(position, _FALLBACK_CODEC)
    return findings


def _field_at(segment: str, before: str, separator: str) -> str:
    """Return the place of a field by what of its segment stands before it."""
    number = before.count(separator) + (segment == "MSH")
    return f"{segment}-{number}" if number else segment
