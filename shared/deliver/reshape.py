"""HL7 v2 to HL7 v2: another version, other names, fewer segments, another charset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.hl7 import Message, Segment, parse
from shared.hl7.charset import codec_of
from shared.hl7.path import read_path
from shared.hl7.segment import join_fields
from shared.hl7.version import in_version
from shared.message.errors.hl7 import TextNotEncodable
from shared.message.finding import Finding

if TYPE_CHECKING:
    from shared.registry import Route

_DRAFT_CHARSET = "UNICODE UTF-8"  # between reading and writing, every character has a place


@dataclass(frozen=True, slots=True)
class Reshaped:
    """The bytes of a re-shaped message, and what its version has no place for."""

    body: bytes
    findings: tuple[Finding, ...]


def hl7_to_hl7(message: Message, route: Route, control_id: str) -> Reshaped:
    """Return the message as the route wants it, its segments ended by carriage returns.

    MSH-7 stays the source's, so that the same message always gives the same bytes.

    Args:
        control_id: The new MSH-10; a resend has the same one.
    Raises:
        TextNotEncodable: the target charset cannot hold a character, or a segment is no text in the source's.
        SegmentAbsent: the route sets a field of a segment that is not there.
    """
    _refuse_undecodable(message, route.drop)
    findings: tuple[Finding, ...] = ()
    if route.version and route.version != message.version:
        draft, findings = in_version(message, route.version, route.drop)
    else:
        draft = _without(message, route.drop)
    edits = [("MSH-10", control_id), *((field.path, field.value) for field in route.set)]
    for path, value in edits:
        draft.set(path, value or None)
    edited = {(place.segment, place.field) for place in (read_path(path) for path, _ in edits)}
    codec = codec_of(route.charset) if route.charset else message.charset
    body = b"".join(_render(segment, edited, route.charset, codec) for segment in draft.segments)
    return Reshaped(body, findings)


def _refuse_undecodable(message: Message, dropped: tuple[str, ...]) -> None:
    for finding in message.findings:
        if finding.code == "charset_undecodable" and finding.place[:3] not in dropped:
            raise TextNotEncodable(finding.place)


def _without(message: Message, dropped: tuple[str, ...]) -> Message:
    kept = [segment for segment in message.segments if segment.name not in dropped]
    separator = message.delimiters.field
    return parse("".join(f"{join_fields(segment.fields, separator)}\r" for segment in kept).encode(), _DRAFT_CHARSET)


def _render(segment: Segment, edited: set[tuple[str, int]], charset: str | None, codec: str) -> bytes:
    fields = list(segment.fields)
    name = segment.name if segment.number == 1 else f"{segment.name}({segment.number})"
    for edited_segment, field in edited:
        if edited_segment == name:
            fields[field] = fields[field].rstrip(segment.delimiters.component)  # an emptied last component leaves it
    if segment.name == "MSH" and charset:
        fields += [""] * (19 - len(fields))
        fields[18] = charset
    try:
        return f"{join_fields(fields, segment.delimiters.field)}\r".encode(codec)
    except UnicodeEncodeError:
        raise TextNotEncodable(f"{segment.name}({segment.number})") from None
