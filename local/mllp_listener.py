"""MLLP in: each message is answered before the next of its connection is begun.

What a sender pipelines waits, and while anything waits nothing more is read. So memory is bounded by one read for each
connection, and a full hub pushes back through TCP to the sender.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import azure.functions as func

from local.faults import report_fault
from local.http_server import ADDRESS, FINISH_SECONDS
from shared.message.errors.base import IntegrationError
from shared.mllp import FrameDecoder, encode_frame

# Returns the acknowledgement of a message; empty bytes: nothing can be answered, and the connection closes;
# None: there is no room now, ask again.
Answerer = Callable[[bytes], Awaitable[bytes | None]]


def answer_by(ingest: Callable[[bytes], Awaitable[func.HttpResponse]]) -> Answerer:
    """Return an answerer that hands each message to the ``ingest`` function.

    While the hub is full (503) the sender hears nothing: many engines take AE as failed and go on with the next.
    """

    async def answer(message: bytes) -> bytes | None:
        reply = await ingest(message)
        if reply.status_code == 503:
            return None
        return reply.get_body() if reply.status_code < 500 else b""

    return answer


@dataclass(frozen=True, slots=True)
class ListenerLimits:
    """What the listener lets in.

    Attributes:
        stall_seconds: Between two offers of a message for which there was no room.
    """

    frame_bytes: int = 16 * 1024 * 1024
    connections: int = 256
    stall_seconds: float = 0.5


class MllpListener:
    """Listens between `start` and `stop`.

    Attributes:
        port: The one it listens on.
    """

    def __init__(self, answer: Answerer, limits: ListenerLimits | None = None) -> None:
        self.answer = answer
        self.limits = limits or ListenerLimits()
        self.connections: set[_Connection] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen; ``port`` 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), ADDRESS, port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, answer what is at work, and close."""
        if self._server is not None:
            self._server.close()
            self._server = None
        working = [work for connection in set(self.connections) if (work := connection.finish()) is not None]
        if working:
            await asyncio.wait(working, timeout=FINISH_SECONDS)
        for connection in set(self.connections):
            connection.close()


class _Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, listener: MllpListener) -> None:
        self._listener = listener
        self._decoder = FrameDecoder(listener.limits.frame_bytes)
        self._waiting: deque[bytes] = deque()
        self._work: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._is_ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._writable.set()
        if len(self._listener.connections) >= self._listener.limits.connections:
            self._transport.abort()
        else:
            self._listener.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.connections.discard(self)
        self._is_ending = True
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._waiting.extend(self._decoder.feed(data))
        except IntegrationError as error:
            report_fault("mllp", error)
            self.close()
            return
        if self._work is not None:
            self._transport.pause_reading()
        elif self._waiting:
            self._work = asyncio.create_task(self._answer_all())

    def finish(self) -> asyncio.Task[None] | None:
        """Take nothing more; return what is still at work."""
        self._is_ending = True
        self._transport.pause_reading()
        return self._work

    def close(self) -> None:
        """Send what was answered, then close; what waits was not acknowledged, so the sender still has it."""
        self._is_ending = True
        self._waiting.clear()
        self._transport.close()

    async def _answer_all(self) -> None:
        """Answer what waits, one after the other, then read on."""
        while self._waiting and not self._is_ending:
            answer = await self._answer(self._waiting.popleft())
            if not answer:
                self.close()
                break
            self._transport.write(encode_frame(answer))
            await self._writable.wait()
        self._work = None
        if not self._is_ending:
            self._transport.resume_reading()

    async def _answer(self, message: bytes) -> bytes:
        """Return the acknowledgement, however long there is no room; empty when the connection has to close."""
        try:
            while (answer := await self._listener.answer(message)) is None:
                if self._is_ending:
                    return b""
                await asyncio.sleep(self._listener.limits.stall_seconds)
        except Exception as error:  # noqa: BLE001  # the boundary: the sender still has it, and may connect again
            report_fault("mllp", error)
            return b""
        return answer
