"""From bytes to segments: what is read, what is tolerated, what is refused."""

from __future__ import annotations

import pytest

from shared.hl7 import Message, parse
from shared.message.errors.base import IntegrationError
from shared.message.errors.hl7 import DelimitersInvalid, HeaderTooShort, Hl7Error, NotHl7, SeveralMessages
from tests.unit.hl7.samples import ADT, with_header


def codes(message: Message) -> list[str]:
    return [finding.code for finding in message.findings]


def test_a_message_in_order_has_no_findings() -> None:
    """A finding is something a person may look at; a clean message must not make any."""
    message = parse(ADT)

    assert message.findings == []
    assert [segment.name for segment in message.segments] == ["MSH", "EVN", "PID", "OBX", "OBX", "PV1"]
    assert [segment.number for segment in message.all("OBX")] == [1, 2]
    assert message.to_bytes() == ADT


def test_the_header_is_told_apart() -> None:
    """Routing, duplicates and the acknowledgement read these of every message."""
    message = parse(ADT)

    assert (message.type, message.code, message.event, message.structure) == ("ADT^A01", "ADT", "A01", "ADT_A01")
    assert (message.control_id, message.processing_id, message.version) == ("M1", "P", "2.5.1")


def test_fields_are_where_the_standard_counts_them() -> None:
    """MSH-1 is the separator itself: a parser that forgets it is one off in every header."""
    header, patient = parse(ADT).header, parse(ADT).first("PID")

    assert header.fields[1:4] == ["|", "^~\\&", "EHR"]
    assert patient is not None
    assert patient.fields[0] == "PID"
    assert patient.fields[8] == "F"


@pytest.mark.parametrize(
    ("line_end", "expected"),
    [(b"\r", []), (b"\n", ["line_end_not_cr"]), (b"\r\n", ["line_end_not_cr"])],
)
def test_any_line_end_parts_segments(line_end: bytes, expected: list[str]) -> None:
    """Files and editors turn CR into LF or CRLF; the message is the same."""
    raw = ADT.replace(b"\r", line_end)

    message = parse(raw)

    assert len(message.segments) == 6
    assert codes(message) == expected
    assert message.to_bytes() == raw


def test_mixed_line_ends_part_segments() -> None:
    """One engine adds its own segment with its own line end."""
    raw = ADT.replace(b"\rPID", b"\nPID").replace(b"\rPV1", b"\r\nPV1")

    message = parse(raw)

    assert [segment.name for segment in message.segments] == ["MSH", "EVN", "PID", "OBX", "OBX", "PV1"]
    assert message.to_bytes() == raw


def test_a_line_feed_in_a_note_stays_in_the_note() -> None:
    """Typed reports hold raw line feeds; cut there, half a result would be lost as an unknown segment."""
    raw = with_header("A|B|C|D|1||ORU^R01|1|P|2.5", "OBX|1|TX|1||line one\nMRI\nline three|", "NTE|1||after")

    message = parse(raw)

    assert [segment.name for segment in message.segments] == ["MSH", "OBX", "NTE"]
    assert message.get("OBX-5") == "line one\nMRI\nline three"
    assert "line_end_in_field" in codes(message)


def test_what_is_odd_about_a_segment_names_which_one_it_is() -> None:
    """Of forty results, the one with a line end in it; no segment is named by what may be a patient's name."""
    lines = ("OBX|1|TX|1||whole", "OBX|2|TX|1||line one\ntwo", "NTE|1||first\nSMITHSON|ANNA\nof", "OBX|3|TX|1||a\nb")
    raw = with_header("A|B|C|D|1||ORU^R01|1|P|2.5", *lines)

    found = [one.place for one in parse(raw).findings if one.code == "line_end_in_field"]

    assert found == ["OBX(2)", "line 5", "OBX(3)"]


def test_a_segment_without_fields_is_a_segment() -> None:
    """Some systems send a bare name for an empty segment."""
    message = parse(b"MSH|^~\\&|A|B\rPV2\rPV1|1\r")

    assert [segment.name for segment in message.segments] == ["MSH", "PV2", "PV1"]


def test_a_word_of_three_capitals_before_more_text_is_text() -> None:
    """A report names its method on a line of its own; as a segment, it would cut the report in two."""
    message = parse(b"MSH|^~\\&|A|B\rNTE|1||by\rMRI\rof the head\rPV2\rPV1|1\r")

    assert [segment.name for segment in message.segments] == ["MSH", "NTE", "PV2", "PV1"]
    assert message.get("NTE-3") == "by\rMRI\rof the head"


def test_a_misspelt_segment_is_its_own() -> None:
    """PIDX appended to EVN would hide it; as a segment of its own, a check can name it."""
    message = parse(b"MSH|^~\\&|A|B\rEVN|A01\rPIDX|1||12\rPV|1\r")

    assert [segment.name for segment in message.segments] == ["MSH", "EVN", "PIDX", "PV"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (b"\xef\xbb\xbf", b"", ["byte_order_mark"]),
        (b"\x0b", b"\x1c\r", ["blank_before_header", "frame_left_over"]),
        (b"\r\n \n", b"\r\n\n", ["blank_before_header", "line_end_not_cr"]),
        (b"", b"\x1c", ["frame_left_over"]),
        (b"", b"\x1a", []),
    ],
)
def test_what_surrounds_a_message_is_no_part_of_it(before: bytes, after: bytes, expected: list[str]) -> None:
    """Files keep marks of editors and of frames; none of them may end up in a name or a result."""
    raw = before + ADT + after

    message = parse(raw)

    assert [segment.name for segment in message.segments] == ["MSH", "EVN", "PID", "OBX", "OBX", "PV1"]
    assert message.get("MSH-18") == "UNICODE UTF-8"
    assert message.segments[-1].fields[5] == '""'
    assert codes(message) == expected
    assert message.to_bytes() == raw


def test_an_end_of_frame_glued_to_the_last_field_is_no_part_of_it() -> None:
    """A message without its last CR ends with FS; the field must not keep it."""
    message = parse(ADT.removesuffix(b"\r") + b"\x1c\r")

    assert message.segments[-1].is_null(5)


def test_a_missing_last_line_end_is_noted() -> None:
    """It may mean that the message was cut."""
    message = parse(ADT.removesuffix(b"\r"))

    assert codes(message) == ["last_line_end_missing"]
    assert message.segments[-1].is_null(5)


def test_five_encoding_characters_declare_truncation() -> None:
    """From version 2.7 on, # marks a cut value; it must not be read as data of MSH-3."""
    message = parse(b"MSH|^~\\&#|EHR|GENERAL\r")

    assert message.delimiters.truncation == "#"
    assert message.get("MSH-3") == "EHR"


def test_a_doubled_escape_character_counts_once() -> None:
    """Text copied out of a program's source doubles it; read literally, & would be the truncation mark."""
    message = parse(b"MSH|^~\\\\&|EHR|GENERAL\rPID|1||7^^^A&1.2&ISO\r")

    assert message.delimiters.subcomponent == "&"
    assert message.get("PID-3.4.2") == "1.2"
    assert codes(message) == ["encoding_characters_doubled"]


@pytest.mark.parametrize("declared", [b"^~\\", b"^~", b"^"])
def test_missing_encoding_characters_are_the_standards(declared: bytes) -> None:
    """A system without subcomponents may leave & out."""
    message = parse(b"MSH|%b|EHR\rPID|1||7^^^A&1.2\r" % declared)

    assert message.get("PID-3.4.2") == "1.2"
    assert codes(message) == ["encoding_characters_missing"]


def test_unusual_delimiters_are_taken_as_declared() -> None:
    """The standard only recommends |^~\\&."""
    raw = b"MSH$%*!@$EHR$GENERAL\rPID$1$$7%%%A@1.2*8\r"

    message = parse(raw)

    assert message.get("PID-3[2]") == "8"
    assert message.get("PID-3.4.2") == "1.2"
    assert message.to_bytes() == raw


@pytest.mark.parametrize(
    ("raw", "error", "offset"),
    [
        (b"", NotHl7, 0),
        (b"  \r\n", NotHl7, 4),
        (b"PID|1\r", NotHl7, 0),
        (b"\x0bhello", NotHl7, 1),
        (b"MSH", HeaderTooShort, 3),
        (b"MSH\r", HeaderTooShort, 3),
        (b"MSH|", HeaderTooShort, 4),
        (b"MSH||EHR", DelimitersInvalid, 4),
        (b"MSHA^~\\&A", DelimitersInvalid, 3),
        (b"MSH|^^\\&|", DelimitersInvalid, 4),
        (b"MSH|ab~&|", DelimitersInvalid, 4),
        (b"MSH|^~\\&#!%$|", DelimitersInvalid, 4),
        (b"FHS|^~\\&|A\rMSH|^~\\&|A\r", SeveralMessages, 0),
        (ADT + ADT, SeveralMessages, len(ADT)),
        (ADT + b"\n" + ADT, SeveralMessages, len(ADT) + 1),
    ],
)
def test_what_is_no_message_says_where(raw: bytes, error: type[Hl7Error], offset: int) -> None:
    """The operator sees the byte at which reading ended, and nothing of the content."""
    with pytest.raises(error) as caught:
        parse(raw)

    assert caught.value.offset == offset


def test_an_error_never_shows_content() -> None:
    """Errors are logged; a name in one would be a leak."""
    with pytest.raises(IntegrationError) as caught:
        parse(b"EXAMPLE^ANNA 19800101")

    assert "EXAMPLE" not in str(caught.value)


@pytest.mark.parametrize("line_end", [b"\r", b"\r\n", b"\n"])
def test_an_offset_is_the_byte_at_which_a_segment_begins(line_end: bytes) -> None:
    """Byte and not character: what an operator looks up is the archived file."""
    raw = with_header("A|B|C|D|1||ADT^A01|1|P|2.5", "PID|1||||ÄÖÜ", "PV1|1").replace(b"\r", line_end)

    visit = parse(raw).first("PV1")

    assert visit is not None
    assert raw[visit.offset :].startswith(b"PV1|1")
