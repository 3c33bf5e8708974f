"""Escape sequences (HL7 v2.5.1 chapter 2, section 2.7)."""

from __future__ import annotations

import pytest

from shared.hl7 import Delimiters
from shared.hl7.escape import escape, unescape
from tests.growth import PROPORTIONAL, growth

STANDARD = Delimiters()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (r"a\F\b\S\c\T\d\R\e\E\f", r"a|b^c&d~e\f"),
        (r"\H\Important\N\ text", "Important text"),
        (r"one\.br\two", "one\ntwo"),
        (r"one\.sp2\two\.sk3\three", "one\n\ntwo   three"),
        (r"\.in+4\\.ti-2\indented\.nf\\.fi\ \.ce\centred", "indented \ncentred"),
        (r"\X48\\X4c37\ \Xc3a4\ \x0D0a\|", "HL7 ä \r\n|"),
        (r"S\T\R", "S&R"),
        (r"\\T\\ and \\.br\\", "& and \n"),
        (r"\T\\S\\T\\S\&", "&^&^&"),
        (r"\E\\E\T\E\\E\ ", r"\\T\\ "),
    ],
)
def test_a_sequence_becomes_what_it_stands_for(raw: str, text: str) -> None:
    """Expected values are the standard's own, and doubled escape characters as seen in the wild."""
    assert unescape(raw, STANDARD, "utf-8") == text


@pytest.mark.parametrize(
    "raw",
    [
        "C:\\temp\\file",
        "\\\\server\\share",
        "\\",
        "\\\\",
        "50\\",
        "\\Cxxyy\\",
        "\\Mxxyyzz\\",
        "\\Zlocal\\",
        "\\X4\\",
        "\\Xff\\",
        "\\P\\",
        "\\.sp999\\",
    ],
)
def test_what_is_no_sequence_stays(raw: str) -> None:
    """Dropping half a path, or a character set switch, would lose text without a trace."""
    assert unescape(raw, STANDARD, "utf-8") == raw


def test_truncation_is_a_sequence_where_it_is_declared() -> None:
    """Version 2.7 and later."""
    assert unescape("\\P\\1", Delimiters(truncation="#"), "utf-8") == "#1"


def test_hexadecimal_data_is_in_the_charset_of_the_message() -> None:
    """FC is a letter in Latin-1 and nothing in UTF-8."""
    assert unescape("M\\XFC\\ller", STANDARD, "latin-1") == "Müller"


def test_unusual_delimiters_escape_themselves() -> None:
    """The letters are fixed, the characters are the message's."""
    marks = Delimiters("$", "%", "*", "!", "@")

    assert unescape("!F!!S!!T!!R!!E!", marks, "utf-8") == "$%@*!"
    assert unescape(escape("$%@*! |^~\\&", marks), marks, "utf-8") == "$%@*! |^~\\&"


@pytest.mark.parametrize("part", [b"\\", b"\\X", b"\\X0A", b"0A\\X", b"\\.sp"])
def test_no_text_takes_long_to_unescape(part: bytes) -> None:
    """A sender must not be able to stop the hub with one field."""

    def read(raw: bytes) -> str:
        return unescape(raw.decode(), STANDARD, "utf-8")

    assert growth(read, lambda count: part * count, 200_000) < PROPORTIONAL


def test_one_long_escape_takes_time_in_proportion() -> None:
    """Bytes in hexadecimal, without an end."""

    def read(raw: bytes) -> str:
        return unescape(raw.decode(), STANDARD, "utf-8")

    assert growth(read, lambda count: b"\\X" + b"0A" * count, 100_000) < PROPORTIONAL
