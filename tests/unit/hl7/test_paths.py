"""Reading and writing by path."""

from __future__ import annotations

import pytest

from shared.hl7 import NULL, parse
from shared.message.errors.hl7 import PathInvalid, SegmentAbsent, TextNotEncodable
from tests.unit.hl7.samples import ADT, with_charset, with_header


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("PID-3", "70001"),
        ("PID-3.4", "GENERAL"),
        ("PID-3[1].5", "MR"),
        ("PID-3[2]", "999"),
        ("PID-3[2].4", "SSA"),
        ("PID-3[2].4.2", "1.2.3"),
        ("PID-3[3]", None),
        ("PID-3.4.2", None),
        ("PID-3.9", None),
        ("PID-8.2", None),
        ("PID-8[2]", None),
        ("PID-8.1.2", None),
        ("PID-99", None),
        ("PID-2", None),
        ("PID(2)-3", None),
        ("OBX(2)-5", "5.4"),
        ("OBX(1)-5", "first & last"),
        ("OBX(3)-5", None),
        ("ZZZ-1", None),
        ("MSH-1", "|"),
        ("MSH-2", "^~\\&"),
        ("MSH-9.2", "A01"),
        ("PV1-5", NULL),
    ],
)
def test_a_path_names_one_value(path: str, value: object) -> None:
    """Steps and mappings name places as the standard does; absent and delete are different answers."""
    assert parse(ADT).get(path) is value or parse(ADT).get(path) == value


@pytest.mark.parametrize("path", ["", "PID", "PID-", "PID-0", "PID.3", "pid-3", "PID-3[0]", "PID-3.1.1.1", "PID-3\n"])
def test_a_wrong_path_is_refused(path: str) -> None:
    """A path that silently reads nothing would look like a sender that sends nothing."""
    with pytest.raises(PathInvalid):
        parse(ADT).get(path)


def test_setting_changes_one_place_and_no_other_byte() -> None:
    """Reshaping for one destination must not rewrite what it did not mean to."""
    message = parse(ADT)

    message.set("PID-5.2", "BERTA")

    assert message.to_bytes() == ADT.replace(b"^ANNA^", b"^BERTA^")
    assert message.get("PID-5.2") == "BERTA"


def test_setting_escapes_what_would_part_fields() -> None:
    """A value with a separator would move every field after it."""
    message = parse(ADT)

    message.set("PID-5.1", "A|B^C&D~E\\F\nG")

    again = parse(message.to_bytes())
    assert again.get("PID-5.1") == "A|B^C&D~E\\F\nG"
    assert again.get("PID-7") == "19800101"
    assert len(again.segments) == 6


def test_setting_creates_what_lies_between() -> None:
    """Senders leave trailing fields out."""
    message = parse(ADT)

    message.set("EVN-5[2].1.3", "X")

    assert b"EVN|A01|20260301120000|||~&&X\r" in message.to_bytes()


def test_null_and_nothing_are_written_apart() -> None:
    """Null deletes at the receiver; empty says nothing."""
    message = parse(ADT)

    message.set("PID-7", NULL)
    message.set("PID-8", None)

    assert b'|""|\r' in message.to_bytes()
    assert message.get("PID-7") is NULL
    assert message.get("PID-8") is None


def test_every_view_of_a_segment_sees_what_was_set() -> None:
    """A step reads what the step before it wrote."""
    message = parse(ADT)
    before = message.all("OBX")[1]

    message.set("OBX(2)-5", "6.0")

    assert before.text(5) == "6.0"
    assert message.segments[4].text(5) == "6.0"


@pytest.mark.parametrize("line_end", [b"\r", b"\n", b"\r\n"])
def test_several_segments_are_set_in_any_layout(line_end: bytes) -> None:
    """Line ends of a message stay its own."""
    raw = b"\x0b" + ADT.replace(b"\r", line_end)
    message = parse(raw)

    message.set("OBX(2)-5", "6.0")
    message.set("PID-8", "M")
    message.set("MSH-3", "OTHER")

    expected = raw.replace(b"5.4", b"6.0").replace(b"|F", b"|M").replace(b"EHR", b"OTHER")
    assert message.to_bytes() == expected


@pytest.mark.parametrize("line_end", [b"\r", b"\n", b"\r\n"])
def test_a_large_message_is_written_like_a_small_one(line_end: bytes) -> None:
    """It is put together in another way, to save a copy; blanks and controls at the end of a field are data."""
    raw = (ADT + b"NTE|1||x\x0b \x00\rNTE|2||" + b"y" * 100_000 + b"\r").replace(b"\r", line_end)
    message = parse(raw)

    message.set("NTE-1", "7")
    message.set("PID-8", "M")

    assert message.to_bytes() == raw.replace(b"NTE|1", b"NTE|7").replace(b"|F", b"|M")


def test_a_segment_that_is_absent_cannot_be_set() -> None:
    """Where would it go? A step that adds segments says so."""
    with pytest.raises(SegmentAbsent):
        parse(ADT).set("PD1-4", "X")


@pytest.mark.parametrize(("path", "value"), [("MSH-1", "!"), ("MSH-2", "^~"), ("MSH-18", "8859/1")])
def test_what_says_how_bytes_are_read_cannot_be_set(path: str, value: str) -> None:
    """The bytes would no longer be what the header says."""
    with pytest.raises(PathInvalid):
        parse(ADT).set(path, value)


def test_the_true_charset_can_be_declared() -> None:
    """A sender that says nothing and sends UTF-8 is corrected this way."""
    message = parse(with_header("A|B|C|D|1||ADT^A01|1|P|2.5", "PID|1||||Ä"))

    message.set("MSH-18", "UNICODE UTF-8")

    assert parse(message.to_bytes()).get("MSH-18") == "UNICODE UTF-8"


def test_text_the_charset_cannot_hold_is_refused() -> None:
    """A question mark in a name is a different name."""
    message = parse(with_header(with_charset("8859/1"), "PID|1||||Müller", encoding="latin-1"))

    with pytest.raises(TextNotEncodable):
        message.set("PID-5", "Дмитрий")
    assert message.get("PID-5") == "Müller"
