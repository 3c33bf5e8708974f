"""What must hold for any bytes on an MLLP connection."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.message.errors.hl7 import FrameTooLarge
from shared.mllp import FrameDecoder, encode_frame

BOUNDED = settings(max_examples=200, deadline=None)
LIMIT_BYTES = 10_000

_PIECES = [
    b"\x0b",
    b"\x1c",
    b"\r",
    b"\x1c\r",
    b"\n",
    b" ",
    b"\x0bMSH|^~\\&|A\r\x1c\r",
    b"MSH|",
    b"\x0bMSH",
    b"x",
    b"FHS|",
]
streams = st.lists(st.sampled_from(_PIECES) | st.binary(max_size=5), max_size=60).map(b"".join)
# MLLP leaves no room in a message for its own marks.
bodies = st.binary(min_size=1, max_size=200).map(lambda raw: raw.translate(None, b"\x0b\x1c")).filter(bool)


@given(streams, st.lists(st.integers(0, 300), max_size=20))
@BOUNDED
def test_the_pieces_in_which_bytes_arrive_change_nothing(data: bytes, cuts: list[int]) -> None:
    """The network cuts where it likes."""
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    whole, pieces, single = (FrameDecoder(LIMIT_BYTES) for _ in range(3))

    at_once = whole.feed(data)
    in_pieces = [frame for begin, end in pairwise(edges) for frame in pieces.feed(data[begin:end])]
    one_by_one = [frame for byte in data for frame in single.feed(bytes([byte]))]

    assert at_once == in_pieces == one_by_one


@given(st.lists(bodies, max_size=10))
@BOUNDED
def test_what_is_framed_comes_out_again(messages: list[bytes]) -> None:
    """In order, each once, byte for byte."""
    decoder = FrameDecoder(LIMIT_BYTES)

    assert decoder.feed(b"".join(map(encode_frame, messages))) == messages
    assert decoder.tolerated == set()


@given(st.lists(st.binary(max_size=80), max_size=20))
@BOUNDED
def test_any_bytes_give_frames_or_the_one_error(chunks: list[bytes]) -> None:
    """And no more is held than the limit allows."""
    decoder = FrameDecoder(100)

    try:
        frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    except FrameTooLarge:
        return
    assert all(len(frame) <= 100 for frame in frames)
