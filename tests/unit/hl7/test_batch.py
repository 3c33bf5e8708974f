"""Batches and streams of messages."""

from __future__ import annotations

import pytest

from shared.hl7 import parse
from shared.hl7.batch import holds_several, split_batch
from tests.unit.hl7.samples import ADT

OTHER = ADT.replace(b"M1", b"M2")


@pytest.mark.parametrize("line_end", [b"\r", b"\n", b"\r\n"])
def test_a_batch_gives_its_messages_byte_for_byte(line_end: bytes) -> None:
    """FHS, BHS, messages, BTS, FTS (HL7 v2.5.1, 2.10.3)."""
    raw = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + ADT + OTHER + b"BTS|2\rFTS|1\r"

    batch = split_batch(raw.replace(b"\r", line_end))

    assert [message.strip() for message in batch.messages] == [
        message.replace(b"\r", line_end).strip() for message in (ADT, OTHER)
    ]
    assert [header[:3] for header in batch.headers] == [b"FHS", b"BHS"]
    assert [trailer[:3] for trailer in batch.trailers] == [b"BTS", b"FTS"]
    assert batch.findings == ()


def test_messages_may_follow_one_another_without_an_envelope() -> None:
    """Many exports are nothing else."""
    batch = split_batch(ADT + OTHER)

    assert batch.messages == (ADT, OTHER)


def test_frames_and_marks_in_a_file_are_passed_over() -> None:
    """Captured traffic keeps the marks of MLLP; Windows adds its own."""
    raw = b"\xef\xbb\xbf\x0b" + ADT + b"\x1c\r\x0b" + OTHER + b"\x1c\r"

    control_ids = [parse(message).control_id for message in split_batch(raw).messages]

    assert control_ids == ["M1", "M2"]
    assert split_batch(raw).findings == ()


def test_a_name_inside_a_field_begins_no_message() -> None:
    """Only the beginning of a line does, or the delimiters that no field may hold unescaped."""
    raw = ADT.replace(b"first", b"see MSH|1, MSH\\F\\\\S\\ and BTS|")

    assert split_batch(raw).messages == (raw,)


def test_wrong_counts_are_findings() -> None:
    """A file that was cut says more than it holds."""
    batch = split_batch(b"FHS|^~\\&\rBHS|^~\\&\r" + ADT + b"BTS|2\rBHS|^~\\&\r" + OTHER + b"BTS|1\rFTS|3\r")

    assert [(finding.code, finding.place, finding.detail) for finding in batch.findings] == [
        ("batch_count_differs", "BTS-1", "1 found"),
        ("batch_count_differs", "FTS-1", "2 found"),
    ]


def test_bytes_before_the_first_message_are_counted() -> None:
    """They reach nobody, so somebody has to know."""
    batch = split_batch(b"export of today\r" + ADT)

    assert [(finding.code, finding.detail) for finding in batch.findings] == [("bytes_before_batch", "15 bytes")]


@pytest.mark.parametrize("raw", [b"", b"hello", b"PID|1\r", b"\r" * 100_000, b"\x0b " * 500_000])
def test_what_holds_no_message_gives_none(raw: bytes) -> None:
    """The caller decides what that means."""
    assert split_batch(raw).messages == ()


@pytest.mark.parametrize("before", [b"", b"\x0b", b"\xef\xbb\xbf", b"\xef\xbb\xbf" + b"\r\n" * 20, b"\r\n" * 20])
def test_one_message_is_one_whatever_blank_stands_before_it(before: bytes) -> None:
    """Taken for a batch, it would lose what stands before it, and with that the finding that says so."""
    assert not holds_several(before + ADT)
    assert holds_several(before + ADT + ADT)
    assert holds_several(before + b"FHS|^~\\&\r" + ADT)


@pytest.mark.parametrize(
    "between",
    [
        b"\xef\xbb\xbf",
        b"\n\xef\xbb\xbf",
        b"\x0b",
        b"\x00",
        b" ",
        b"\x1a",
        b"\x1c\r\x0b",
        b"\x0c",
        b"\x04",
        b"\x02",
    ],
)
def test_what_stands_between_two_messages_joins_them_never(between: bytes) -> None:
    """Of files that Windows wrote, put together: the second patient's segments would belong to the first message."""
    raw = ADT + between + OTHER

    assert holds_several(raw)
    assert [parse(message).control_id for message in split_batch(raw).messages] == ["M1", "M2"]
    assert [message.rstrip(b"\x1c\r\n") for message in split_batch(raw).messages] == [
        message.rstrip(b"\r") for message in (ADT, OTHER)
    ]


@pytest.mark.parametrize("end", [b"", b"\x1c", b"\x1a", b" ", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("encoding", [b"^~\\&", b"^~\\&#"])
def test_a_last_line_without_its_end_joins_two_messages_never(end: bytes, encoding: bytes) -> None:
    """Files that end without a line end, put together: MSH stands in the last field of the first message."""
    second = OTHER.replace(b"^~\\&", encoding)
    raw = ADT.rstrip(b"\r") + end + second

    assert holds_several(raw)
    assert split_batch(raw).messages == (ADT.rstrip(b"\r") + end, second)
    assert split_batch(b"FHS|^~\\&\r" + raw + b"BTS|2\r").findings == ()
