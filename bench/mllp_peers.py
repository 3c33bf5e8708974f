"""The systems at both ends of a measured hub: what they take of the processor, the hub does not have.

Both run on uvloop (`uvloop.run`) and do as little as they can for each message.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import cast

from bench.messages import admission

CONNECTIONS = 16
# Not the address of the laptop's own receivers: the hub must not serve this one itself.
RECEIVER_ADDRESS = "127.0.0.2"

START, END = b"\x0b", b"\x1c\r"


async def send(port: int, numbers: range, message_of: Callable[[int], bytes] = admission) -> list[float]:
    """Send over all connections, one message at a time on each; return the seconds each acknowledgement took."""
    loop = asyncio.get_running_loop()
    frames = iter([START + message_of(number) + END for number in numbers])
    senders = [_Sender(frames, loop.create_future()) for _ in range(CONNECTIONS)]
    for sender in senders:
        await loop.create_connection(lambda sender=sender: sender, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*(sender.ended for sender in senders))
    return [seconds for sender in senders for seconds in sender.waits]


class _Sender(asyncio.Protocol):
    """One connection; it takes its messages from what is left of all."""

    def __init__(self, frames: Iterator[bytes], ended: asyncio.Future[None]) -> None:
        self._frames = frames
        self._answer = b""
        self.ended = ended
        self.waits: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send_next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._answer.endswith(END):
            return
        self.waits.append(time.perf_counter() - self._began)
        if b"MSA|AA|" in self._answer:
            self._answer = b""
            self._send_next()
        else:
            self.ended.set_exception(RuntimeError("a message was not accepted"))

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(error or ConnectionResetError("the hub closed a connection"))

    def _send_next(self) -> None:
        frame = next(self._frames, None)
        if frame is None:
            self.ended.set_result(None)
            self._transport.close()
        else:
            self._began = time.perf_counter()
            self._transport.write(frame)


@asynccontextmanager
async def receiver(port: int = 0) -> AsyncIterator[int]:
    """Listen as a receiving system that acknowledges every message; yield the port."""
    server = await asyncio.get_running_loop().create_server(_Receiver, RECEIVER_ADDRESS, port)
    async with server:
        yield server.sockets[0].getsockname()[1]


class _Receiver(asyncio.Protocol):
    """One connection of the hub, which sends one message at a time."""

    def __init__(self) -> None:
        self._frame = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._frame += data
        if self._frame.endswith(END):
            control_id = self._frame.split(b"|", 10)[9]
            self._frame = b""
            self._transport.write(START + b"MSH|^~\\&|||||||ACK|1|T|2.3\rMSA|AA|" + control_id + b"\r" + END)
