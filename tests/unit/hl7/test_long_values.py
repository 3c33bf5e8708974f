"""Documents inside a message, set aside while it is worked on."""

from __future__ import annotations

import pytest

from shared.hl7 import parse
from shared.hl7.long_values import LONG_BYTES, put_back, set_aside

HEAD = b"MSH|^~\\&|LAB|H|HUB|HUB|20260301||ORU^R01|1|P|2.5.1\r"


def document(data: bytes, encoding: bytes = b"Base64") -> bytes:
    return HEAD + b"OBX|1|ED|18748-4^Study^LN||^application^pdf^" + encoding + b"^" + data + b"||||||F\r"


def test_a_document_is_set_aside_and_put_back_byte_for_byte() -> None:
    """What is worked on is short; what comes out is whole."""
    raw = document(b"JVBERi0x" * (LONG_BYTES // 8) + b"QQ==")

    short, values = set_aside(raw)

    assert len(short) < 400
    assert put_back(short, values) == raw


def test_other_documents_have_other_words() -> None:
    """An id that is made of what a field holds must not be the same for two documents."""
    one, other = (set_aside(document(data * LONG_BYTES)).short for data in (b"A", b"B"))

    assert one != other


def test_the_data_stays_base64() -> None:
    """Its length in whole groups of four and the padding at its end decide whether it is taken as base64."""
    data = b"A" * (LONG_BYTES + 2) + b"=="

    short, _ = set_aside(document(data))

    written = str(parse(short).get("OBX-5.5"))
    assert (len(written) - len(data)) % 4 == 0
    assert written.endswith("AA==")


@pytest.mark.parametrize(
    "raw",
    [
        document(b"A" * (LONG_BYTES - 1)),
        document(b"A" * LONG_BYTES, b"A"),  # the mapping encodes it: it has to see it
        document(b"A" * LONG_BYTES, b"Hex"),
        HEAD + b"OBX|1|TX|1^Text^L||" + b"long words " * LONG_BYTES + b"\r",
        document(b"CaduceusSetAside" + b"A" * LONG_BYTES),  # somebody who knows our words
    ],
    ids=["short", "text", "hexadecimal", "words", "ours"],
)
def test_everything_else_stays_as_it_is(raw: bytes) -> None:
    """Only what nobody looks into may be set aside."""
    assert set_aside(raw) == (raw, {})


def test_words_of_nobody_are_left_alone() -> None:
    """Text that looks like a word is text."""
    text = b"see CaduceusSetAside" + b"0" * 64

    assert put_back(text, {b"CaduceusSetAside" + b"1" * 64: memoryview(b"x")}) == text
