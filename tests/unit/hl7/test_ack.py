"""Acknowledgements: built for senders, read from destinations."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.hl7 import parse
from shared.hl7.ack import build_ack, read_acknowledgement
from shared.message.errors.base import Acknowledgement
from shared.message.errors.hl7 import AcknowledgementUnreadable, ContentUndecodable, PathInvalid
from shared.message.errors.pipeline import NotForThisStage, UnknownSender
from tests.unit.hl7.samples import with_charset, with_header

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
AA, AE, AR = (
    Acknowledgement.APPLICATION_ACCEPT,
    Acknowledgement.APPLICATION_ERROR,
    Acknowledgement.APPLICATION_REJECT,
)


def message(version: str = "2.5.1", tail: str = "", type_: str = "ADT^A08^ADT_A01") -> bytes:
    return with_header(f"EHR|WARD|HUB|SITE|20260301115900||{type_}|M7|T|{version}{tail}", "PID|1||7")


def test_an_acknowledgement_goes_back_the_way_the_message_came() -> None:
    """Sender and receiver change places; everything else is the sender's, so that it can read it (2.9.2.1)."""
    answer = build_ack(parse(message()), AA, "H1", NOW)

    assert answer == (b"MSH|^~\\&|HUB|SITE|EHR|WARD|20260301120005+0000||ACK^A08^ACK|H1|T|2.5.1\rMSA|AA|M7\r")


@pytest.mark.parametrize(
    ("version", "type_", "expected"),
    [
        ("2.2", "ADT^A08", b"|ACK|"),
        ("2.3", "ADT^A08", b"|ACK|"),
        ("2.3.1", "ADT^A08", b"|ACK^A08^ACK|"),
        ("2.8.2", "ADT^A08^ADT_A01", b"|ACK^A08^ACK|"),
        ("2.5.1", "ADT", b"|ACK|"),
        ("", "ADT^A08", b"|ACK^A08^ACK|"),
    ],
)
def test_the_type_follows_the_version(version: str, type_: str, expected: bytes) -> None:
    """A 2.3 receiver may refuse components it does not know."""
    assert expected in build_ack(parse(message(version, type_=type_)), AA, "H1", NOW)


@pytest.mark.parametrize(
    ("accept", "application", "outcome", "said"),
    [
        ("", "", AA, b"AA"),
        ("", "AL", AA, b"AA"),
        ("AL", "", AA, b"CA"),
        ("AL", "NE", AE, b"CE"),
        ("AL", "AL", AR, b"CR"),
        ("NE", "AL", AA, b"AA"),
        ("NE", "NE", AA, b"AA"),
        ("ER", "AL", AA, b"AA"),
        ("ER", "AL", AE, b"CE"),
        ("SU", "NE", AA, b"CA"),
        ("SU", "AL", AR, b"AR"),
    ],
)
def test_enhanced_mode_hears_of_the_commit(
    accept: str, application: str, outcome: Acknowledgement, said: bytes
) -> None:
    """MSH-15 says for which outcomes a commit acknowledgement is wanted (table 0155)."""
    raw = message(tail=f"|||{accept}|{application}")

    answer = build_ack(parse(raw), outcome, "H1", NOW)

    assert b"\rMSA|" + said + b"|M7\r" in answer


def test_where_nothing_can_be_answered_there_are_no_bytes() -> None:
    """The connection closes instead."""
    assert build_ack(parse(message()), Acknowledgement.NONE, "H1", NOW) == b""


def test_an_error_is_located_and_coded() -> None:
    """Version 2.5 and later: ERR-2 place, ERR-3 table 0357, ERR-4 severity, ERR-5 our code, ERR-7 and 8 words."""
    error = ContentUndecodable("OBX(3)-5[2].1", 143)

    answer = build_ack(parse(message()), AE, "H1", NOW, error)

    assert b"\rMSA|AE|M7|HL7-105: bytes that are no text in the charset of the message\r" in answer
    assert b"\rERR||OBX^3^5^2^1|102^Data type error^HL70357|E|HL7-105^" in answer
    assert b"|OBX(3)-5[2].1, byte 143|set the interface's charset" in answer


def test_several_places_are_several_locations() -> None:
    """ERR-2 repeats."""
    answer = build_ack(parse(message()), AR, "H1", NOW, UnknownSender("MSH-3, MSH-4, MSH-9"))

    assert b"|MSH^1^3^1~MSH^1^4^1~MSH^1^9^1|200^" in answer


def test_before_2_5_an_error_is_one_field() -> None:
    """ERR-1 of 2.3: segment, number, field, code."""
    answer = build_ack(parse(message("2.3")), AR, "H1", NOW, NotForThisStage("MSH-11"))

    assert answer.endswith(b"\rERR|MSH^1^11^202&Unsupported processing id&HL70357\r")


def test_a_place_that_is_no_path_is_still_an_error() -> None:
    """An interface's name is no location."""
    answer = build_ack(parse(message("2.3")), AR, "H1", NOW, PathInvalid("a path"))

    assert answer.endswith(b"\rERR|^^^207&Application internal error&HL70357\r")


def test_msa_3_is_withdrawn_from_2_7_on() -> None:
    """A strict receiver refuses it."""
    answer = build_ack(parse(message("2.7")), AR, "H1", NOW, NotForThisStage("MSH-11"))

    assert b"\rMSA|AR|M7\rERR|" in answer


def test_unusual_delimiters_and_charset_are_kept() -> None:
    """Control id and names of applications come back byte for byte."""
    raw = with_header(with_charset("8859/1").replace("LAB", "LÄB").replace("M2", "M\\T\\2"), encoding="latin-1")

    answer = build_ack(parse(raw.replace(b"|", b"$")), AA, "H|1", NOW)

    assert b"$HUB$HUB$L\xc4B$GENERAL$" in answer
    assert b"$8859/1\rMSA$AA$M\\T\\2\r" in answer
    assert parse(answer).get("MSH-10") == "H|1"
    assert parse(answer).get("MSH-18") == "8859/1"


def test_an_undecodable_header_is_answered_in_its_own_bytes() -> None:
    """The sender must recognise itself."""
    raw = with_header("LÄB|GENERAL|HUB|HUB|20260301||ORU^R01|M2|P|2.5.1", encoding="latin-1")

    assert b"|HUB|HUB|L\xc4B|GENERAL|" in build_ack(parse(raw), AA, "H1", NOW)


def test_a_short_header_is_answered() -> None:
    """A sender that leaves out what an acknowledgement needs must still hear."""
    assert build_ack(parse(b"MSH|^~\\&|EHR\r"), AR, "H1", NOW).endswith(b"||ACK|H1||\rMSA|AR|\r")


def test_an_acknowledgement_of_ours_can_be_read() -> None:
    """The laptop's receivers answer with the same builder."""
    answer = read_acknowledgement(build_ack(parse(message()), AE, "H1", NOW, ContentUndecodable("PID-5", 9)))

    assert (answer.code, answer.control_id, answer.conditions, answer.severities) == ("AE", "M7", ("102",), ("E",))


@pytest.mark.parametrize(
    ("segments", "conditions", "severities"),
    [
        (("MSA|AR|M7",), (), ()),
        (("MSA|AE|M7", "ERR|PID^1^5^101&Required field missing&HL70357"), ("101",), ("",)),
        (("MSA|AE|M7", "ERR||PID^1^5|101^x^HL70357|E", "ERR|||207|F"), ("101", "207"), ("E", "F")),
        (("MSA|AE|M7|Müller",), (), ()),
    ],
)
def test_errors_of_a_destination_are_read(
    segments: tuple[str, ...], conditions: tuple[str, ...], severities: tuple[str, ...]
) -> None:
    """Whether to wait or to give up depends on them; a text in a wrong charset must not make them unreadable."""
    raw = with_header("R|R|S|S|1||ACK|9|P|2.5||||||ASCII", *segments, encoding="latin-1")

    answer = read_acknowledgement(raw)

    assert answer.control_id == "M7"
    assert answer.conditions == conditions
    assert answer.severities == severities


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK", b"MSH|^~\\&|R\r", b"MSH|^~\\&|R\rMSA||M7\r"])
def test_an_answer_that_is_no_acknowledgement_is_told_apart(raw: bytes) -> None:
    """The destination may have taken the message: a person decides."""
    with pytest.raises(AcknowledgementUnreadable):
        read_acknowledgement(raw)
