"""One connection to an MLLP receiver, with at most one message in flight."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from typing import cast

from shared.hl7.ack import ReceivedAcknowledgement, read_acknowledgement
from shared.message.errors.base import IntegrationError
from shared.message.silence import Silence
from shared.mllp.framing import FrameDecoder, frame_parts

ANSWER_LIMIT_BYTES = 256 * 1024
DEFAULT_PORT = 2575  # IANA "hl7"
_KEEPALIVE_SECONDS = 30  # a line cut in silence is found before the next message has to wait on it
_LINGER_NOT = struct.pack("ii", 1, 0)  # close drops what the system has not sent yet

Outcome = ReceivedAcknowledgement | Silence


class MllpLine(asyncio.Protocol):
    """Sends a message, waits for its answer; opened by `connect_line`.

    A line on which anything went wrong is cut, so that a late answer can never be read as the next one's.

    Args:
        is_tls: Encryption buffers on its own: whether the end of a message left can then not be told.
    """

    def __init__(self, is_tls: bool) -> None:
        self._is_tls = is_tls
        self._transport: asyncio.Transport | None = None
        self._decoder = FrameDecoder(ANSWER_LIMIT_BYTES)
        self._is_held = False  # the end of the message is still in this process
        self._sent: str | None = None  # MSH-10 of the message in flight, or of the last one
        self._before: str | None = None
        self._outcome: asyncio.Future[Outcome] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, message: bytes, control_id: str, until: float) -> Outcome:
        """Send a message and return its acknowledgement, or how the send ended without one.

        Args:
            control_id: MSH-10 of the message.
            until: In the loop's time; nothing of the message leaves after it.
        """
        assert self._transport is not None, "a line is used after it was opened"
        if not self.is_open:  # since it was chosen: nobody would say so any more
            return Silence.CLOSED_BEFORE_SENT
        loop = asyncio.get_running_loop()
        self._before, self._sent = self._sent, control_id
        self._outcome = loop.create_future()
        timer = loop.call_at(until, self._time_out)
        self._transport.writelines(frame_parts(message))  # not joined: the message may be large
        self._see_what_left(self._transport)
        try:
            return await self._outcome
        except asyncio.CancelledError:
            self.cut(Silence.TIMED_OUT)
            raise
        finally:
            timer.cancel()
            self._outcome = None

    def cut(self, silence: Silence) -> None:
        """Close at once; whatever has not left this machine never will."""
        self._settle(silence)
        if self._transport is not None and not self._transport.is_closing():
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._transport.abort()

    def close(self) -> None:
        """Close; nothing is in flight."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)
        if not self._is_tls:
            self._transport.set_write_buffer_limits(high=0)  # so that `pause_writing` means: not all of it has left

    def pause_writing(self) -> None:
        self._is_held = not self._is_tls

    def resume_writing(self) -> None:
        self._is_held = False

    def _see_what_left(self, transport: asyncio.Transport) -> None:
        """Be told by `pause_writing` what is still in this process, on every Python.

        Those before 3.12.9 and 3.13.2 forget it in `writelines` (CPython issue 127655); limits are compared when set.
        """
        if self._is_tls:
            return
        if self.is_open:
            transport.set_write_buffer_limits(high=0)
        else:  # the system took nothing of it
            self._is_held = True

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._read(frame)
        except IntegrationError:
            self.cut(Silence.UNREADABLE)

    def connection_lost(self, error: Exception | None) -> None:
        self._settle(Silence.CLOSED_BEFORE_SENT if self._is_held else Silence.CLOSED_AFTER_SENT)

    def _read(self, frame: bytes) -> None:
        answer = read_acknowledgement(frame)
        if self._outcome is not None and answer.control_id == self._sent:
            self._settle(answer)
        elif answer.control_id not in (self._sent, self._before):
            # Enhanced mode may answer twice: a word about the message before is late, not wrong.
            self.cut(Silence.MISMATCHED)

    def _settle(self, outcome: Outcome) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(outcome)

    def _time_out(self) -> None:
        self.cut(Silence.TIMED_OUT_BEFORE_SENT if self._is_held else Silence.TIMED_OUT)


async def connect_line(host: str, port: int | None, tls: ssl.SSLContext | None, until: float) -> MllpLine | Silence:
    """Return an open line, or why there is none: then nobody can have taken anything.

    Args:
        until: In the loop's time.
    """
    connecting = asyncio.get_running_loop().create_connection(
        lambda: MllpLine(tls is not None), host, port or DEFAULT_PORT, ssl=tls
    )
    try:
        async with asyncio.timeout_at(until):
            return (await connecting)[1]
    except TimeoutError:
        return Silence.CONNECT_TIMED_OUT
    except socket.gaierror:
        return Silence.NAME_UNKNOWN
    except ssl.SSLError:
        return Silence.TLS_FAILED
    except ConnectionRefusedError:
        return Silence.REFUSED
    except OSError:
        return Silence.UNREACHABLE
