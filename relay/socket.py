"""A WebSocket on a connection: reading pauses when nobody takes what came, writing waits until it has left."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast

from relay.websocket import NORMAL, Finished, Fragment, Half, Pong, WebSocket
from shared.message.errors.relay import RelayError, RelayUnreachable

_HIGH_BYTES = 256 * 1024  # unread; beyond it the sender has to wait
_FRAGMENT_BYTES = 64  # what keeping one costs, however small it is
_PART_BYTES = 64 * 1024  # of a long message, in one frame


class RelaySocket(asyncio.Protocol):
    """One end of a relayed stream, or of a control channel.

    Attributes:
        last_heard: Loop time at which anything came last; tells a dead connection from a quiet one.
        close_code: What the other end said when it finished; None: it did not, or broke off.
        close_reason: Its words.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._websocket: WebSocket | None = None
        self._unread: deque[Fragment] = deque()
        self._unread_bytes = 0
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._lost = asyncio.Event()
        self._failure: RelayError | None = None
        self._sending = asyncio.Lock()
        self.last_heard = self._loop.time()
        self.close_code: int | None = None
        self.close_reason = ""

    @property
    def subprotocol(self) -> str | None:
        return self._websocket.subprotocol if self._websocket else None

    @property
    def is_open(self) -> bool:
        """Whether it can be written to."""
        return not self._lost.is_set() and self._websocket is not None and self._can_send()

    # --- reading

    async def receive_fragment(self) -> Fragment | None:
        """Return the next piece of a message; None: the other end has finished.

        Raises:
            RelayUnreachable: the connection broke off.
        """
        while not self._unread:
            if self.close_code is not None:
                return None
            if self._lost.is_set():
                raise self._failure or RelayUnreachable("connection lost")
            self._reader = self._loop.create_future()
            await self._reader
        fragment = self._unread.popleft()
        self._unread_bytes -= len(fragment.data) + _FRAGMENT_BYTES
        if self._unread_bytes <= _HIGH_BYTES // 2 and self._transport is not None:
            self._transport.resume_reading()
        return fragment

    async def receive(self) -> bytes | str | None:
        """Return the next whole message; None: the other end has finished."""
        parts: list[bytes] = []
        while (fragment := await self.receive_fragment()) is not None:
            parts.append(fragment.data)
            if fragment.is_final:
                whole = b"".join(parts)
                return whole.decode() if fragment.is_text else whole
        return None

    async def __aiter__(self) -> AsyncIterator[bytes | str]:
        while (message := await self.receive()) is not None:
            yield message

    # --- writing

    async def send(self, message: bytes | str) -> None:
        """Send a message, and return once there is room for another."""
        if isinstance(message, str):
            await self.send_text(message.encode())
        else:
            async with self._sending:
                for begin in range(0, len(message) or 1, _PART_BYTES):
                    end = begin + _PART_BYTES
                    await self.send_fragment(message[begin:end], is_final=end >= len(message))

    async def send_text(self, text: bytes, body: bytes = b"") -> None:
        """Send a text message, and a binary one right behind it; nothing comes between them."""
        if self._sending.locked():
            async with self._sending:  # a long message is on its way
                pass
        websocket = self._ready()
        data = websocket.send(text, is_text=True, is_final=True)
        if body:
            data += websocket.send(body, is_text=False, is_final=True)
        await self._write(data)

    async def send_fragment(self, data: bytes, *, is_final: bool, is_text: bool = False) -> None:
        """Send a piece of a message; the caller sends one message at a time."""
        await self._write(self._ready().send(data, is_text=is_text, is_final=is_final))

    async def send_body(self, parts: AsyncIterator[bytes]) -> None:
        """Send one binary message as its parts come."""
        async with self._sending:
            async for part in parts:
                for begin in range(0, len(part), _PART_BYTES):
                    await self.send_fragment(part[begin : begin + _PART_BYTES], is_final=False)
            await self.send_fragment(b"", is_final=True)

    def ping(self) -> None:
        """Ask whether the other end lives; `last_heard` tells."""
        if self.is_open and self._transport is not None and self._websocket is not None:
            self._put(self._websocket.ping())

    # --- ending

    async def finish(self, code: int = NORMAL, reason: str = "") -> None:
        """Say that nothing more comes from here; what the other end still sends can be read."""
        if self._websocket is not None and not self._lost.is_set():
            await self._write(self._websocket.finish(code, reason))
            self._end_if_both_finished()

    async def close(self, code: int = NORMAL, reason: str = "", seconds: float = 5.0) -> None:
        """Finish, give the other end some seconds to finish too, and let go; unread messages are dropped."""
        with suppress(RelayError):
            await self.finish(code, reason)
        self._unread.clear()
        self._unread_bytes = -1 << 62  # nobody reads any more: never pause again
        if self._transport is not None and not self._lost.is_set():
            self._transport.resume_reading()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._lost.wait()
        finally:  # whoever is cancelled lets go as well; before 3.11.5 a timeout of theirs is told as that
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_lost(self) -> None:
        """Return once the connection is gone."""
        await self._lost.wait()

    # --- asyncio.Protocol

    def start(self, websocket: WebSocket, transport: asyncio.Transport) -> None:
        """Go on after the handshake."""
        self._websocket = websocket
        self._transport = transport
        self._writable.set()
        self._take(websocket.begin())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self.last_heard = self._loop.time()
        assert self._websocket is not None, "frames come after the handshake"
        try:
            self._take(self._websocket.receive(data))
        except RelayError as error:
            self._failure = error
            self.abort()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._lost.set()
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _take(self, events: list[Fragment | Finished | Pong]) -> None:
        assert self._transport is not None, "there is a connection"
        assert self._websocket is not None, "there was a handshake"
        for event in events:
            if isinstance(event, Fragment):
                self._unread.append(event)
                self._unread_bytes += len(event.data) + _FRAGMENT_BYTES
            elif isinstance(event, Finished):
                self.close_code, self.close_reason = event.code, event.reason
        answers = self._websocket.to_send()
        if answers:
            self._put(answers)
        if self._unread_bytes > _HIGH_BYTES:
            self._transport.pause_reading()
        self._end_if_both_finished()
        self._wake()

    def _end_if_both_finished(self) -> None:
        if self._websocket is not None and self._websocket.half is Half.NONE and self._transport is not None:
            self._flush()
            self._transport.close()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _can_send(self) -> bool:
        return self._websocket is not None and self._websocket.half in (Half.BOTH, Half.ONLY_OUT)

    def _ready(self) -> WebSocket:
        if self._lost.is_set() or self._websocket is None:
            raise self._failure or RelayUnreachable("connection lost")
        return self._websocket

    async def _write(self, data: bytes) -> None:
        if self._lost.is_set() or self._transport is None:
            raise self._failure or RelayUnreachable("connection lost")
        if data:
            self._put(data)
        if not self._writable.is_set():
            await self._writable.wait()

    def _put(self, data: bytes) -> None:
        """Write, together with whatever else this turn of the loop writes: one call of the system for many answers."""
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > _PART_BYTES:
            self._flush()
        elif len(self._unsent) == 1:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._unsent and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()
        self._unsent_bytes = 0
