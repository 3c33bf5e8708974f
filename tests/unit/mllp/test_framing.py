"""MLLP frames: VT, message, FS, CR; and what senders make of them."""

from __future__ import annotations

import tracemalloc

import pytest

from shared.message.errors.hl7 import FrameTooLarge
from shared.mllp import FrameDecoder, encode_frame
from tests.growth import PROPORTIONAL, growth

LIMIT_BYTES = 1_000
A, B = b"MSH|^~\\&|A\rPID|1\r", b"MSH|^~\\&|B\r"


def decoder() -> FrameDecoder:
    return FrameDecoder(LIMIT_BYTES)


def test_a_frame_gives_its_message() -> None:
    """The bytes of the message are untouched."""
    reader = decoder()

    assert encode_frame(A) == b"\x0b" + A + b"\x1c\r"
    assert reader.feed(encode_frame(A)) == [A]
    assert reader.tolerated == set()


def test_several_frames_come_in_one_chunk() -> None:
    """TCP knows no messages."""
    assert decoder().feed(encode_frame(A) + encode_frame(B) + b"\x0bMSH|") == [A, B]


def test_a_frame_comes_in_pieces() -> None:
    """One byte at a time is the worst a network does."""
    reader = decoder()

    frames = [frame for byte in encode_frame(A) + encode_frame(B) for frame in reader.feed(bytes([byte]))]

    assert frames == [A, B]
    assert reader.tolerated == set()


def test_fs_is_enough_to_answer() -> None:
    """A sender without the last CR waits for its answer; waiting for the CR would be a deadlock."""
    reader = decoder()

    assert reader.feed(b"\x0b" + A + b"\x1c") == [A]
    assert reader.feed(b"\x0b" + B + b"\x1c") == [B]
    assert reader.tolerated == {"frame_end_cr_missing"}


def test_a_late_carriage_return_belongs_to_the_frame_before() -> None:
    """It came in its own packet."""
    reader = decoder()

    assert reader.feed(b"\x0b" + A + b"\x1c") == [A]
    assert reader.feed(b"") == []
    assert reader.feed(b"\r\x0b" + B + b"\x1c\r") == [B]
    assert reader.tolerated == set()


@pytest.mark.parametrize(
    ("between", "tolerated"),
    [
        (b"\n", {"blank_between_frames"}),
        (b"\r\r\n \x00", {"blank_between_frames"}),
        (b"hello", {"junk_between_frames"}),
        (b"\x1c\r", {"junk_between_frames"}),
        (b"\x0bMSH|half", {"frame_cut_short"}),
    ],
)
def test_what_stands_between_frames_is_passed_over_and_noted(between: bytes, tolerated: set[str]) -> None:
    """The next message must not suffer for it, and nothing that was not whole is given on."""
    reader = decoder()

    assert reader.feed(encode_frame(A) + between + encode_frame(B)) == [A, B]
    assert reader.tolerated == tolerated


def test_an_empty_frame_is_an_empty_message() -> None:
    """From a destination it is an answer, if an unreadable one: waiting on would only lose time."""
    reader = decoder()

    assert reader.feed(encode_frame(b"") + encode_frame(A)) == [b"", A]
    assert reader.tolerated == {"frame_empty"}


def test_a_message_without_its_vt_is_taken() -> None:
    """It begins like one."""
    reader = decoder()

    assert reader.feed(A + b"\x1c\r" + encode_frame(B)) == [A, B]
    assert reader.tolerated == {"frame_start_missing"}


def test_a_vertical_tab_in_a_note_is_text() -> None:
    """Word processors end lines with it; only before MSH does it begin a frame."""
    note = A + b"NTE|1||one\x0btwo\r"

    assert decoder().feed(encode_frame(note)) == [note]


def test_keeping_a_line_alive_costs_nothing() -> None:
    """Some senders send a blank every second, for days."""
    reader = decoder()

    for _ in range(LIMIT_BYTES * 3):
        assert reader.feed(b"\r\n") == []

    assert reader.feed(encode_frame(A)) == [A]


@pytest.mark.parametrize(
    "data", [b"\x0b" + b"x" * (LIMIT_BYTES + 1), encode_frame(b"x" * (LIMIT_BYTES + 1)), b"x" * (LIMIT_BYTES + 2)]
)
def test_more_than_the_limit_ends_the_connection(data: bytes) -> None:
    """Nobody may fill the memory, with a message or with noise."""
    with pytest.raises(FrameTooLarge):
        decoder().feed(data)


def test_a_message_of_the_limit_is_taken() -> None:
    """The limit is the largest message that is taken."""
    message = b"x" * LIMIT_BYTES
    reader = decoder()

    assert reader.feed(b"\x0b" + message) == []
    assert reader.feed(b"\x1c\r") == [message]


@pytest.mark.parametrize("chunk_bytes", [100, 65_536, 20_000_000])
def test_a_large_frame_takes_time_in_proportion_to_its_bytes(chunk_bytes: int) -> None:
    """Looking at what was already searched, or copying it with every chunk, would be quadratic."""

    def read(frame: bytes) -> None:
        reader = FrameDecoder(20_000_000)
        chunks = (frame[at : at + chunk_bytes] for at in range(0, len(frame), chunk_bytes))
        assert [whole for chunk in chunks for whole in reader.feed(chunk)] == [frame[1:-2]]

    assert growth(read, lambda size: encode_frame(b"MSH|" + b"x" * size), 10_000_000) < PROPORTIONAL


def test_a_large_frame_is_held_twice_at_most() -> None:
    """What arrived, and what is given on."""
    chunk = b"x" * 65_536
    reader = FrameDecoder(20_000_000)
    tracemalloc.start()

    reader.feed(b"\x0b")
    for _ in range(150):
        reader.feed(chunk)
    frames = reader.feed(b"\x1c\r")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(frames[0]) == 150 * 65_536
    assert peak_bytes < 2.3 * len(frames[0])


def test_many_small_frames_in_one_chunk_take_time_in_proportion() -> None:
    """A batch over MLLP."""
    assert len(decoder().feed(encode_frame(B) * 100_000)) == 100_000
    assert growth(lambda data: decoder().feed(data), lambda count: encode_frame(B) * count, 100_000) < PROPORTIONAL
