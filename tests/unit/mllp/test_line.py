"""What of a message has left this machine decides whether it may be sent again: the same on every loop and Python."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import closing

import pytest

from shared.message.silence import Silence
from shared.mllp.line import MllpLine, connect_line
from tests.doubles.waiting import until

MESSAGE = b"MSH|^~\\&|HUB|NORTH|LAB|NORTH|20260301120000||ADT^A08|M1|P|2.3\rPID|1||7\r"
LARGE = MESSAGE + b"NTE|1||" + bytes(16 * 1024 * 1024)  # more than both systems buffer
RESET = struct.pack("ii", 1, 0)


@pytest.fixture
async def line_and_peer():
    """A line, and the receiver's socket, which does nothing by itself."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        line = await connect_line("127.0.0.1", server.getsockname()[1], None, soon())
        assert isinstance(line, MllpLine)
        with closing(server.accept()[0]) as peer:
            yield line, peer
            line.cut(Silence.TIMED_OUT)
            await asyncio.sleep(0)


def soon(seconds: float = 20.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def reset(peer: socket.socket) -> None:
    """Close as a machine does that forgot the connection."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()


async def test_a_receiver_that_cuts_before_it_had_the_end_cannot_have_taken_it(line_and_peer):
    """Most of it is still here. Python 3.12.0 to 3.12.8 do not say so by themselves (CPython issue 127655)."""
    line, peer = line_and_peer
    sending = asyncio.ensure_future(line.exchange(LARGE, "M1", soon()))
    await asyncio.sleep(0.05)
    assert not sending.done()
    reset(peer)
    assert await sending is Silence.CLOSED_BEFORE_SENT


async def test_a_receiver_that_cuts_after_it_had_the_end_may_have_taken_it(line_and_peer):
    """All of it left this machine, though slowly: from here that is all that can be known."""
    line, peer = line_and_peer
    sending = asyncio.ensure_future(line.exchange(LARGE, "M1", soon()))
    got = await asyncio.to_thread(_read, peer, len(LARGE) + 3)
    assert got == len(LARGE) + 3
    reset(peer)
    assert await sending is Silence.CLOSED_AFTER_SENT


async def test_what_the_system_did_not_take_has_not_left(line_and_peer):
    """The line was reset and the loop has not looked yet: the first attempt to write finds out."""
    line, peer = line_and_peer
    reset(peer)
    assert await line.exchange(MESSAGE, "M1", soon()) is Silence.CLOSED_BEFORE_SENT


async def test_a_line_that_closed_since_it_was_chosen_sends_nothing(line_and_peer):
    """While the connector wrote down that it sends: nobody would answer, nor say that the line is lost."""
    line, peer = line_and_peer
    peer.close()
    await until(lambda: not line.is_open)
    await asyncio.sleep(0)
    assert await line.exchange(MESSAGE, "M1", soon()) is Silence.CLOSED_BEFORE_SENT


def _read(peer: socket.socket, wanted: int) -> int:
    got = 0
    while got < wanted and (data := peer.recv(1 << 20)):
        got += len(data)
    return got
