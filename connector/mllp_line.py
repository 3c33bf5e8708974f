"""One connection to an MLLP receiver, with one message in flight.

A line on which anything went wrong is cut, so that a late answer can never be read as the next one's.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from connector.config import DeliverTable
from connector.states import DownEvent
from shared.hl7.ack import read_acknowledgement
from shared.message.errors.base import IntegrationError
from shared.mllp import FrameDecoder, encode_frame

ANSWER_LIMIT_BYTES = 256 * 1024
_DEFAULT_PORT = 2575  # IANA "hl7"
_KEEPALIVE_SECONDS = 30
_LINGER_NOT = struct.pack("ii", 1, 0)  # close drops what the system has not sent yet

_ACCEPTED = frozenset(("AA", "CA"))
_REJECTED = frozenset(("AE", "AR", "CR"))
_TRANSIENT_CONDITIONS = frozenset(("206", "207"))  # HL7 table 0357: record locked, internal error


@dataclass(frozen=True, slots=True)
class Sent:
    """How a send ended.

    Attributes:
        code: MSA-1, with its condition where it has one; or a word for the silence.
    """

    event: DownEvent
    code: str


class MllpLine(asyncio.Protocol):
    """Opened by `connect_line`."""

    def __init__(self, is_tls: bool) -> None:
        self._is_tls = is_tls
        self._transport: asyncio.Transport | None = None
        self._decoder = FrameDecoder(ANSWER_LIMIT_BYTES)
        self._is_held = False  # the end of the message is still in this process
        self._sent: str | None = None
        self._before: str | None = None
        self._outcome: asyncio.Future[Sent] | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, message: bytes, control_id: str, seconds: float) -> Sent:
        """Send a message and return how that ended."""
        assert self._transport is not None, "a line is used after it was opened"
        loop = asyncio.get_running_loop()
        self._before, self._sent = self._sent, control_id
        self._outcome = loop.create_future()
        timer = loop.call_later(seconds, self._time_out)
        self._transport.write(encode_frame(message))
        try:
            return await self._outcome
        except asyncio.CancelledError:
            self._cut(Sent(DownEvent.NO_ANSWER, "stopped"))
            raise
        finally:
            timer.cancel()
            self._outcome = None

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

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._decoder.feed(data):
                self._read(frame)
        except IntegrationError:
            self._cut(Sent(DownEvent.NO_ANSWER, "answer_unreadable"))

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_held:
            self._settle(Sent(DownEvent.NOT_TAKEN, "closed_before_sent"))
        else:
            self._settle(Sent(DownEvent.NO_ANSWER, "closed_after_sent"))

    def _read(self, frame: bytes) -> None:
        answer = read_acknowledgement(frame)
        if self._outcome is not None and answer.control_id == self._sent:
            self._settle(judge(answer.code, answer.conditions))
        elif answer.control_id not in (self._sent, self._before):
            # Enhanced mode may answer twice: a word about the message before is late, not wrong.
            self._cut(Sent(DownEvent.NO_ANSWER, "answer_mismatched"))

    def _settle(self, sent: Sent) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_result(sent)

    def _time_out(self) -> None:
        if self._is_held:
            self._cut(Sent(DownEvent.NOT_TAKEN, "timed_out_before_sent"))
        else:
            self._cut(Sent(DownEvent.NO_ANSWER, "timed_out"))

    def _cut(self, sent: Sent) -> None:
        """Close at once; whatever has not left this machine never will."""
        self._settle(sent)
        if self._transport is not None and not self._transport.is_closing():
            raw = self._transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            self._transport.abort()


def judge(code: str, conditions: tuple[str, ...]) -> Sent:
    """Return what an acknowledgement with the right MSA-2 means; a commit error and a lock heal by themselves."""
    if code in _ACCEPTED:
        return Sent(DownEvent.ACCEPTED, code)
    transient = next((each for each in conditions if each in _TRANSIENT_CONDITIONS), "")
    if code == "CE" or (transient and code in _REJECTED and set(conditions) <= _TRANSIENT_CONDITIONS):
        return Sent(DownEvent.NOT_TAKEN, f"{code} {transient}".strip())
    if code in _REJECTED:
        return Sent(DownEvent.REJECTED, " ".join([code, *conditions[:1]]))
    return Sent(DownEvent.NO_ANSWER, "answer_unreadable")


async def connect_line(table: DeliverTable, tls: ssl.SSLContext | None) -> MllpLine | Sent:
    """Return an open line, or why there is none: then nobody can have taken anything."""
    place = urlsplit(table.address)
    try:
        async with asyncio.timeout(table.answer_seconds):
            _, line = await asyncio.get_running_loop().create_connection(
                lambda: MllpLine(tls is not None), place.hostname or "", place.port or _DEFAULT_PORT, ssl=tls
            )
            return line
    except TimeoutError:
        code = "connect_timed_out"
    except socket.gaierror:
        code = "name_unknown"
    except ssl.SSLError:
        code = "tls_failed"
    except ConnectionRefusedError:
        code = "refused"
    except OSError:
        code = "unreachable"
    return Sent(DownEvent.NOT_TAKEN, code)


def destination_tls(table: DeliverTable) -> ssl.SSLContext | None:
    """Return how a destination's certificate is checked, and ours shown; None for plain MLLP."""
    if not table.address.startswith("mllps:"):
        return None
    authority = table.tls.authority if table.tls else None
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if table.tls is not None and table.tls.certificate is not None:
        context.load_cert_chain(table.tls.certificate, table.tls.key)
    return context
