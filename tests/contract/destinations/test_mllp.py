"""The MLLP destination against receivers that do what receivers do."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from shared.adapters.destinations.mllp import MllpDestination
from shared.message.delivery import Answer, Verdict
from tests.contract.destinations.receiver import Receiver, drop, hang, say, say_late

HL7 = "application/hl7-v2"


def message(control_id: str = "M1", extra: str = "") -> bytes:
    return f"MSH|^~\\&|HUB|NORTH|LAB|NORTH|20260301120000||ADT^A08|{control_id}|P|2.3\rPID|1||7{extra}\r".encode()


def acknowledgement(code: str = "AA", control_id: str = "M1", error: str = "") -> bytes:
    header = "MSH|^~\\&|LAB|NORTH|HUB|NORTH|20260301120000||ACK|A1|P|2.3"
    return f"\x0b{header}\rMSA|{code}|{control_id}\r{error}\x1c\r".encode()


async def acknowledge(frame: bytes, writer: asyncio.StreamWriter) -> None:
    """Say AA to whatever came, by its own MSH-10."""
    await say(acknowledgement("AA", frame.split(b"|")[9].decode()))(frame, writer)


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\x1c\r"))[1:-2]


@pytest.fixture
def lab(meet, clock):
    """Opens a receiver that behaves so, and the destination that sends to it."""

    async def start(*behaviours, connections=1):
        return await meet(
            Receiver(read_frame, *behaviours),
            lambda port: MllpDestination(f"mllp://127.0.0.1:{port}", connections, clock),
        )

    return start


@pytest.fixture
def send(clock, delivery):
    async def send(destination, body=None, seconds=2.0):
        deadline = clock.now() + timedelta(seconds=seconds)
        return await destination.send(delivery, message() if body is None else body, HL7, deadline)

    return send


async def test_accepted_message_arrives_once_and_as_it_was_shaped(lab, send):
    """What is sent is what was kept: not a byte more, and not twice."""
    receiver, destination = await lab(say(acknowledgement()))

    answer = await send(destination)

    assert answer == Answer(Verdict.ACCEPTED, "AA")
    assert receiver.taken == [message()]


async def test_messages_share_one_line(lab, send):
    """Old receivers count connections; opening one for each message also costs two round trips."""
    receiver, destination = await lab(acknowledge)

    for number in range(5):
        assert (await send(destination, message(f"M{number}"))).verdict is Verdict.ACCEPTED

    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("ERR|||207^Application internal error^HL70357|E\r", Answer(Verdict.TRANSIENT, "AE 207")),
        ("ERR|||101^Required field missing^HL70357|E\r", Answer(Verdict.PERMANENT, "AE 101")),
        ("", Answer(Verdict.PERMANENT, "AE")),
    ],
)
async def test_error_segment_tells_what_heals_from_what_does_not(lab, send, error, expected):
    """The tables are tested by themselves; this proves that ERR gets there from the wire."""
    _, destination = await lab(say(acknowledgement("AE", error=error)))

    assert await send(destination) == expected


async def test_refused_connection_is_transient(lab, send):
    """Nobody can have taken it."""
    receiver, destination = await lab(acknowledge)
    await receiver.down()

    assert await send(destination) == Answer(Verdict.TRANSIENT, "refused")


async def test_unknown_name_is_transient(clock, send):
    """A name that does not resolve today may resolve after a person corrected it; `.invalid` never does (RFC 2606)."""
    destination = MllpDestination("mllp://lab.invalid:2575", 1, clock)

    assert await send(destination) == Answer(Verdict.TRANSIENT, "name_unknown")


async def test_receiver_without_tls_is_transient_and_gets_no_byte_of_the_message(lab, clock, send):
    """A message must never leave in the clear because the other side does not speak TLS."""

    async def read_anything(reader):
        return await reader.readexactly(3)

    receiver = await Receiver(read_anything, drop).up()
    destination = MllpDestination(f"mllps://localhost:{receiver.port}", 1, clock)

    answer = await send(destination)
    await receiver.down()

    assert answer.verdict is Verdict.TRANSIENT
    assert b"MSH" not in b"".join(receiver.taken)


async def test_silent_receiver_is_ambiguous_at_the_deadline(lab, send):
    """It may be at work on it; a send that waits for ever holds the whole feed."""
    receiver, destination = await lab(hang)
    began = time.monotonic()

    answer = await send(destination, seconds=0.2)

    assert answer == Answer(Verdict.AMBIGUOUS, "timed_out")
    assert time.monotonic() - began > 0.15
    assert len(receiver.taken) == 1


async def test_late_answer_is_never_read_as_the_next_ones(lab, send):
    """The classic loss: message 2 is acknowledged by the late AA of message 1, and forgotten."""
    receiver, destination = await lab(say_late(0.3, acknowledge), hang)

    first = await send(destination, message("M1"), seconds=0.1)
    await asyncio.sleep(0.4)
    second = await send(destination, message("M2"), seconds=0.2)

    assert first.verdict is Verdict.AMBIGUOUS
    assert second == Answer(Verdict.AMBIGUOUS, "timed_out")
    assert receiver.connections == 2


async def test_answer_to_another_message_is_ambiguous_and_cuts_the_line(lab, send):
    """MSA-2 says what was acknowledged; on a line that is out of step nothing can be believed."""
    receiver, destination = await lab(say(acknowledgement("AA", "M0")), acknowledge)

    mismatched = await send(destination)
    next_one = await send(destination)

    assert mismatched == Answer(Verdict.AMBIGUOUS, "answer_mismatched")
    assert next_one.verdict is Verdict.ACCEPTED
    assert receiver.connections == 2


async def test_second_word_about_the_message_before_is_not_an_answer_to_this_one(lab, send):
    """Enhanced mode: CA at once and AA later on the same line must not break the line or the next message."""
    twice = say(acknowledgement("CA", "M1") + acknowledgement("AA", "M1"))
    receiver, destination = await lab(twice, acknowledge)

    assert await send(destination, message("M1")) == Answer(Verdict.ACCEPTED, "CA")
    await asyncio.sleep(0.05)
    assert await send(destination, message("M2")) == Answer(Verdict.ACCEPTED, "AA")
    assert receiver.connections == 1


@pytest.mark.parametrize("answer", [b"hello", b"", b"MSH|^~\\&|x\r", b"\x00\xff\x00"])
async def test_frame_that_is_not_an_acknowledgement_is_ambiguous_at_once(lab, send, answer):
    """It answered something: it may have taken the message before it lost its mind."""
    receiver, destination = await lab(say(b"\x0b" + answer + b"\x1c\r"), acknowledge)

    assert await send(destination) == Answer(Verdict.AMBIGUOUS, "answer_unreadable")
    assert (await send(destination)).verdict is Verdict.ACCEPTED
    assert receiver.connections == 2


async def test_words_outside_a_frame_are_no_answer(lab, send):
    """Some receivers greet, or end lines as they like; only a frame answers."""
    _, polite = await lab(say(b"ready\r\n" + acknowledgement() + b"\r\n"))
    _, web_server = await lab(say(b"HTTP/1.1 400 Bad Request\r\n\r\n"))

    assert await send(polite) == Answer(Verdict.ACCEPTED, "AA")
    assert await send(web_server, seconds=0.2) == Answer(Verdict.AMBIGUOUS, "timed_out")


async def test_answer_without_end_is_ambiguous_and_bounded(lab, send):
    """A receiver that streams for ever must not fill our memory."""
    _, destination = await lab(say(b"\x0bMSH|^~\\&|" + b"x" * 2**20))

    assert await send(destination) == Answer(Verdict.AMBIGUOUS, "answer_unreadable")


async def test_line_dropped_after_the_message_left_is_ambiguous(lab, send):
    """Only the answer may be lost."""
    receiver, destination = await lab(drop, acknowledge)

    dropped = await send(destination)
    next_one = await send(destination)

    assert dropped == Answer(Verdict.AMBIGUOUS, "closed_after_sent")
    assert next_one.verdict is Verdict.ACCEPTED
    assert receiver.connections == 2


async def test_line_dropped_in_the_middle_of_an_answer_is_ambiguous(lab, send):
    """Half an AA is not an AA."""

    async def half(frame, writer):
        await say(acknowledgement()[:-3])(frame, writer)
        writer.close()

    _, destination = await lab(half)

    assert await send(destination) == Answer(Verdict.AMBIGUOUS, "closed_after_sent")


async def test_message_that_never_left_whole_is_transient(clock, send):
    """A receiver that stops reading cannot have seen the end of the frame: no review for a person, only a retry."""
    stuck = asyncio.Event()

    async def never_read(_, writer):
        await stuck.wait()
        writer.close()

    server = await asyncio.start_server(never_read, "127.0.0.1", 0, limit=1024)
    destination = MllpDestination(f"mllp://127.0.0.1:{server.sockets[0].getsockname()[1]}", 1, clock)

    answer = await send(destination, message(extra="x" * 2**24), seconds=0.3)
    stuck.set()
    server.close()

    assert answer == Answer(Verdict.TRANSIENT, "timed_out_before_sent")


async def test_idle_line_that_the_receiver_closed_is_opened_again(lab, send):
    """Receivers close idle lines every night; the first message of the morning must not become ambiguous."""

    async def answer_and_close(frame, writer):
        await acknowledge(frame, writer)
        writer.close()

    receiver, destination = await lab(answer_and_close, acknowledge)

    await send(destination)
    await asyncio.sleep(0.05)

    assert await send(destination) == Answer(Verdict.ACCEPTED, "AA")
    assert receiver.connections == 2


async def test_receiver_that_comes_up_again_is_used_again(lab, send):
    """After a night's repair nobody restarts the hub."""
    receiver, destination = await lab(acknowledge)
    await receiver.down()
    assert (await send(destination)).code == "refused"

    await receiver.up()

    assert (await send(destination)).verdict is Verdict.ACCEPTED


async def test_as_many_messages_are_in_flight_as_there_are_connections(lab, send):
    """More would run into each other on a receiver's socket; fewer would waste what it offers."""
    receiver, destination = await lab(say_late(0.05, acknowledge), connections=3)

    answers = await asyncio.gather(*(send(destination, message(f"M{number}")) for number in range(9)))

    assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
    assert receiver.connections == receiver.most_at_once == 3


async def test_wait_for_a_free_connection_counts_against_the_deadline(lab, send):
    """A message that never got a line was not sent: it is tried again without asking anybody."""
    receiver, destination = await lab(hang)
    first = asyncio.create_task(send(destination, message("M1"), seconds=0.5))
    await asyncio.sleep(0.05)

    waiting = await send(destination, message("M2"), seconds=0.1)

    assert waiting == Answer(Verdict.TRANSIENT, "connect_timed_out")
    assert (await first).verdict is Verdict.AMBIGUOUS
    assert receiver.taken == [message("M1")]


async def test_nothing_is_sent_after_the_deadline(lab, send):
    """Rule R3: a successor may be at work by then."""
    receiver, destination = await lab(acknowledge)

    answer = await send(destination, seconds=-1)

    assert answer.verdict is Verdict.TRANSIENT
    await asyncio.sleep(0.05)
    assert receiver.taken == []


async def test_cancelled_send_cuts_its_line(lab, send):
    """When the host stops in the middle of a send, the answer of that send must not meet the next one."""
    receiver, destination = await lab(say_late(0.2, acknowledge), hang)
    sending = asyncio.create_task(send(destination, message("M1")))
    await asyncio.sleep(0.05)

    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    answer = await send(destination, message("M2"), seconds=0.4)

    assert answer == Answer(Verdict.AMBIGUOUS, "timed_out")
    assert receiver.connections == 2
