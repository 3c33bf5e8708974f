"""What the connector reads of a message, and its own acknowledgement: the short way says what the long way says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.header import _form, acknowledge, is_simple, read_header
from shared.hl7 import parse
from shared.hl7.ack import build_ack
from shared.message.errors.base import Acknowledgement, IntegrationError
from shared.message.errors.connector import HubUnreachable
from tests.connector.peers import admission, merge

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AA = Acknowledgement.APPLICATION_ACCEPT
PART = st.text(st.sampled_from("AZ09^~&\\ .-ä#%"), max_size=6)
VERSION = st.sampled_from(["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5.1", "2.8", "", "x", "2.5.1^USA"])
MODE = st.sampled_from(["", "AL", "NE", "SU", "ER"])
CHARSET = st.sampled_from(["", "8859/1", "UNICODE UTF-8"])


@given(st.lists(PART, min_size=9, max_size=9), VERSION, MODE, CHARSET, st.sampled_from(["\r", "\n", "\r\n"]))
def test_the_quick_acknowledgement_is_byte_for_byte_the_whole_one(parts, version, mode, charset, end):
    """Fast for the usual message, right for every other."""
    fields = ["MSH", "^~\\&", *parts, version, "", "", mode, "", "", charset]
    raw = ("|".join(fields) + end + "PID|1" + end).encode()
    assert acknowledge(read_header(raw), AA, "own", NOW) == build_ack(parse(raw, "8859/1"), AA, "own", NOW)


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_a_header_in_an_unnamed_way(raw):
    """A sender may send anything; an exception without a name would end its connection with a stack trace."""
    for candidate in (raw, b"MSH|^~\\&" + raw, b"MSH" + raw):
        try:
            header = read_header(candidate)
            acknowledge(header, Acknowledgement.APPLICATION_ERROR, "own", NOW, HubUnreachable("adt"))
            acknowledge(header, AA, "own", NOW)
        except IntegrationError:
            continue
        assert isinstance(header.control_id, str)


@pytest.mark.parametrize(
    ("raw", "is_one"),
    [
        (admission("M1"), True),
        (admission("M1").replace(b"\r", b"\n"), True),
        (admission("M1").rstrip(), False),
        (admission("M1") + admission("M2"), False),
        (admission("M1") + b"\xef\xbb\xbf" + admission("M2"), False),
        (admission("M1").rstrip() + admission("M2"), False),
        (b"FHS|^~\\&\r" + admission("M1"), False),
        (b"\r" + admission("M1"), False),
        (admission("M1", text="\rBTS|1"), False),
    ],
)
def test_only_what_the_hub_will_cut_at_the_same_place_travels_with_others(raw, is_one):
    """The hub cuts a request at each MSH; anything that could be cut elsewhere goes alone."""
    assert is_simple(raw) is is_one


def test_a_lane_is_the_patients_own():
    """The same record number, the same lane, whatever else differs; without one, the first."""
    lanes = {read_header(admission(f"M{n}", f"P{n}")).lane(8) for n in range(100)}
    assert len(lanes) == 8
    assert read_header(admission("A", "P7", "x")).lane(8) == read_header(admission("B", "P7")).lane(8)
    assert read_header(b"MSH|^~\\&|A|B|C|D|2026||ACK|1|P|2.5.1\r").lane(8) == 0
    assert read_header(admission("M1")).lane(1) == 0


def test_a_message_that_names_two_patients_is_a_barrier():
    """MRG, wherever it stands."""
    assert read_header(merge("M1", "P1", "P2")).is_barrier
    assert not read_header(admission("M1", text="MRG|")).is_barrier


def test_an_acknowledgement_is_the_same_the_second_time():
    """What is remembered of a sender's header holds neither the time nor what the message is about."""
    for control_id in ("M1", "M2%s", "M1"):
        raw = admission(control_id)
        assert acknowledge(read_header(raw), AA, f"own{control_id}", NOW) == build_ack(
            parse(raw, "8859/1"), AA, f"own{control_id}", NOW
        )


def test_a_header_longer_than_usual_is_answered_and_not_remembered():
    """A stranger with headers of megabytes must not fill the memory."""
    before = _form.cache_info().currsize
    raw = admission("M1").replace(b"|EHR|", b"|" + b"E" * 5000 + b"|")
    assert acknowledge(read_header(raw), AA, "own", NOW) == build_ack(parse(raw, "8859/1"), AA, "own", NOW)
    assert _form.cache_info().currsize == before


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        (b"PID|1||A\rPV1|1|I\r", False),
        (b"PID|1||A\rMRG|B\r", True),  # A40
        (b"MRG|B\r", True),
        (b"PID|1||A\rPV1|1|I\rPID|2||B\r", True),  # A24, A37: PID [PD1] [PV1] [DB1] PID, HL7 2.5.1, 3.3.24
        (b"PID|1||A\rOBX|1|TX|||PID\rNTE|1||x\r", False),
    ],
)
def test_a_message_that_names_two_patients_is_in_order_with_both(segments, expected):
    """A link has no MRG: in the lane of the first patient alone, the second one's messages would pass it."""
    assert read_header(b"MSH|^~\\&|E|N|H|C|20260301||ADT^A24|M1|P|2.5.1\rEVN|A24\r" + segments).is_barrier is expected
