"""No message is too much: time and memory grow with its bytes, whatever they are."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest

from shared.hl7 import parse
from shared.message.errors.base import IntegrationError
from tests.growth import PROPORTIONAL, growth

HEADER = b"MSH|^~\\&|A|B|C|D|1||ORU^R01|1|P|2.5\r"
TEN_MEGABYTES = 10_000_000


@pytest.mark.parametrize(
    ("before", "part", "after", "count"),
    [
        (HEADER, b"OBX|1\r", b"", 100_000),
        (HEADER, b"OBX\r", b"", 100_000),
        (HEADER, b"\r", b"", 1_000_000),
        (HEADER, b"\r\n \n", b"PID|1", 100_000),
        (HEADER + b"OBX|1|TX|||", b"line\n", b"", 100_000),
        (HEADER + b"PID|", b"|", b"", 1_000_000),
        (HEADER + b"PID|1||", b"~", b"^&" * 1_000, 500_000),
        (HEADER + b"PID|1||~", b"^&", b"", 500_000),
        (HEADER + b"PID|1||", b"\\", b"", 1_000_000),
        (HEADER, b"NTE|1||\xff\r", b"", 50_000),
        (b"MSH|^~\\&|", b"|", b"", 1_000_000),
        (b"", b" ", b"", 5_000_000),
        (b"", b"\x0b", HEADER, 5_000_000),
        (HEADER, b"\x1c", b"", 2_000_000),
        (b"", b"\x00", b"", 5_000_000),
    ],
    ids=repr,
)
def test_no_message_takes_more_than_its_size(before: bytes, part: bytes, after: bytes, count: int) -> None:
    """A backtracking or quadratic reader can be stopped with one message."""
    assert growth(_read_and_change, lambda count: before + part * count + after, count) < PROPORTIONAL


def _read_and_change(raw: bytes) -> None:
    with suppress(IntegrationError):
        message = parse(raw)
        for path in ("PID-3[2].1", "PID-3.2.2", "OBX(4000)-1", "NTE(2)-3", "MSH-18"):
            message.get(path)
        message.set("MSH-3", "X")
        message.to_bytes()


def test_a_document_of_ten_megabytes_is_not_copied_about() -> None:
    """Scanned reports come as base64 in OBX-5; a worker has 160 MB for everything."""
    raw = HEADER + b"PID|1||7\rOBX|1|ED|PDF||^application^pdf^Base64^" + b"QUJD" * (TEN_MEGABYTES // 4) + b"||||||F\r"

    tracemalloc.start()
    message = parse(raw)
    document = message.get("OBX-5.5")
    message.set("PID-8", "F")
    written = message.to_bytes()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(document, str)
    assert len(document) == TEN_MEGABYTES
    assert written == raw.replace(b"PID|1||7\r", b"PID|1||7|||||F\r")
    assert peak_bytes < 3.2 * len(raw)


def test_what_is_not_read_is_not_split() -> None:
    """Ingest reads the header of every message, and nothing else."""
    raw = HEADER + b"OBX|" + b"|" * 1_000_000

    tracemalloc.start()
    assert parse(raw).control_id == "1"
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 2.5 * len(raw)
