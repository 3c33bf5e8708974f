"""What must hold for any bytes: nothing is lost, nothing crashes, nothing but a named error is raised."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.hl7 import Delimiters, Message, parse
from shared.hl7.ack import build_ack, read_acknowledgement
from shared.hl7.batch import split_batch
from shared.hl7.escape import escape, unescape
from shared.hl7.structure import check_structure
from shared.message.errors.base import Acknowledgement
from shared.message.errors.hl7 import Hl7Error
from tests.unit.hl7.samples import ADT
from tests.unit.hl7.test_ack import NOW

BOUNDED = settings(max_examples=200, deadline=None)

PLAIN = re.compile("[A-Z][A-Z0-9]{2}")
ONE_WAY_TO_WRITE = ("ascii", "utf-8", "latin-1")  # other charsets have several byte forms of one text

_PIECES = [b"\r", b"\n", b"\r\n", b"|", b"^", b"~", b"&", b"\\", b"\x0b", b"\x1c", b'""', b"\xff", b"\xc3\xa9", b" "]
_PIECES += [b"MSH|^~\\&|", b"PID|", b"OBX|1|TX", b"NTE", b"\\X0D\\", b"\\.br\\", b"A1", b"\x00", b"\x1b$B", b"PIDX|"]
pieces = st.lists(st.sampled_from(_PIECES) | st.binary(max_size=4), max_size=60).map(b"".join)
charsets = st.sampled_from(["", "UNICODE UTF-8", "8859/1", "ASCII", "SHIFT_JIS", "~ISO IR87", "GB 18030-2000", "BIG-5"])
HEADER = b"MSH|^~\\&|A|B|C|D|1||ADT^A01|1|P|2.5||||||%b\r%b"
messages = st.builds(lambda charset, body: HEADER % (charset.encode(), body), charsets, pieces)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text('|^~\\&#\r\n".XHFE0a', max_size=20)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A good message with some bytes exchanged, removed or added."""
    raw = bytearray(ADT)
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(raw) - 1))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.sampled_from(_PIECES) | st.binary(max_size=2))
    return bytes(raw)


def parsed(raw: bytes) -> Message | None:
    try:
        return parse(raw)
    except Hl7Error as error:
        if error.offset is not None and error.offset > len(raw):
            raise AssertionError("the place of an error is outside the message") from error
        return None


@given(st.binary(max_size=200) | pieces | messages | mutations())
@BOUNDED
def test_any_bytes_end_in_a_message_or_a_named_error(raw: bytes) -> None:
    """Whatever a sender does, the hub goes on; and what is read can be read whole."""
    message = parsed(raw)
    if message is None:
        return

    for segment in message.segments:
        assert raw[segment.offset :].startswith(segment.name.encode())
        for number in range(len(segment.fields)):
            segment.text(number)
            segment.repeats(number)
    check_structure(message)
    build_ack(message, Acknowledgement.APPLICATION_ACCEPT, "1", NOW)
    assert message.to_bytes() == raw


@given(pieces | messages | mutations())
@BOUNDED
def test_writing_what_was_read_changes_no_byte(raw: bytes) -> None:
    """A segment that is written anew from its fields is still the same, byte for byte."""
    message = parsed(raw)
    if message is None:
        return

    for segment in message.segments:
        path = f"{segment.name}({segment.number})-1"
        if message.charset not in ONE_WAY_TO_WRITE or not PLAIN.fullmatch(segment.name) or segment.name == "MSH":
            continue
        if len(segment.fields) > 1 and segment.fields[1].isalnum():
            message.set(path, segment.fields[1])

    assert message.to_bytes() == raw


@given(messages | mutations(), text, st.sampled_from(["PID-5", "PID-3[2].4.2", "OBX(2)-5", "MSH-3", "NTE-3"]))
@BOUNDED
def test_what_is_set_is_what_is_read_back(raw: bytes, value: str, path: str) -> None:
    """Whatever the text, it fills one place; every other value of the message stays."""
    message = parsed(raw)
    if message is None:
        return
    before = [list(segment.fields) for segment in message.segments]
    try:
        message.set(path, value)
    except Hl7Error:
        return

    assert message.get(path) == (value or None) or value == '""'
    after = [list(segment.fields) for segment in message.segments]
    changed = [position for position, fields in enumerate(after) if fields != before[position]]
    assert len(changed) <= 1
    again = parsed(message.to_bytes())
    assert again is not None
    assert again.get(path) == message.get(path)
    assert len(again.segments) == len(before)


@given(text, st.sampled_from([Delimiters(), Delimiters(truncation="#"), Delimiters("$", "%", "*", "!", "@")]))
@BOUNDED
def test_unescaping_gives_back_what_was_escaped(value: str, marks: Delimiters) -> None:
    """And what was escaped parts nothing."""
    escaped = escape(value, marks)

    assert unescape(escaped, marks, "utf-8") == value
    assert not set(escaped) & {marks.field, marks.component, marks.repetition, marks.subcomponent, "\r", "\n"}


@given(st.lists(pieces | mutations(), max_size=4).map(b"".join))
@BOUNDED
def test_a_batch_of_anything_is_split(raw: bytes) -> None:
    """Nothing is given twice, nothing is invented."""
    batch = split_batch(raw)

    parts = (*batch.headers, *batch.messages, *batch.trailers)
    assert sum(map(len, parts)) <= len(raw)
    assert all(part in raw for part in parts)


@given(st.binary(max_size=200) | pieces | messages)
@BOUNDED
def test_any_answer_is_read_or_named(raw: bytes) -> None:
    """A destination may answer anything."""
    try:
        answer = read_acknowledgement(raw)
    except Hl7Error:
        return
    assert answer.code
