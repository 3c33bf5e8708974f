"""The local relay's port: the first request of a connection says whether it is a WebSocket or goes to aiohttp."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from relay.limits import Limits
from relay.opening import keep_alive
from relay.socket import RelaySocket
from relay.websocket import ServerHandshake
from shared.message.errors.relay import RelayError, RelayUnreachable

if TYPE_CHECKING:
    from aiohttp import web
    from websockets.http11 import Request

_HEAD_LIMIT_BYTES = 128 * 1024
_UPGRADE = re.compile(rb"\r\nupgrade:[ \t]*websocket\b", re.IGNORECASE)
VIA = "1.1 local-relay"


class Knock:
    """A request for a WebSocket that has not been answered yet."""

    def __init__(self, front: Front, handshake: ServerHandshake, request: Request) -> None:
        self.path, _, self.query = request.path.partition("?")
        self.headers = dict(request.headers.raw_items())
        self._front = front
        self._handshake = handshake
        self._request = request

    @property
    def subprotocols(self) -> list[str]:
        offered = next((v for k, v in self.headers.items() if k.lower() == "sec-websocket-protocol"), "")
        return [name.strip() for name in offered.split(",") if name.strip()]

    @property
    def is_gone(self) -> bool:
        return self._front.is_lost

    def accept(self, subprotocol: str | None = None) -> RelaySocket:
        """Return the WebSocket.

        Raises:
            RelayUnreachable: whoever asked has gone, or the request was none for a WebSocket.
        """
        if self._front.is_lost:
            raise RelayUnreachable("gone before it was accepted")
        websocket, answer = self._handshake.accept(self._request, subprotocol)
        self._front.transport.write(answer)
        if websocket is None:
            self._front.transport.close()
            raise RelayUnreachable("no WebSocket handshake")
        opened = RelaySocket()
        self._front.hand_over(opened)
        opened.start(websocket, self._front.transport)
        return opened

    def reject(self, status: int, reason: str, *, by_listener: bool = False) -> None:
        """Answer with a status."""
        if not self._front.is_lost:
            self._front.transport.write(self._handshake.reject(status, reason, {"Via": VIA} if by_listener else {}))
            self._front.transport.close()


class Front(asyncio.Protocol):
    """One connection to the relay; passes everything on once it knows to whom."""

    def __init__(
        self,
        limits: Limits,
        on_knock: Callable[[Knock], Awaitable[None]],
        http: Callable[[], web.RequestHandler],
        on_gone: Callable[[object], None],
    ) -> None:
        self.is_lost = False
        self._limits = limits
        self._on_knock = on_knock
        self._http = http
        self._on_gone = on_gone
        self._head = bytearray()
        self._inner: asyncio.Protocol | None = None
        self._knocking: asyncio.Task[None] | None = None

    def hand_over(self, inner: asyncio.Protocol) -> None:
        """Pass everything on to ``inner`` from now on."""
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        keep_alive(self.transport)

    def data_received(self, data: bytes) -> None:
        if self._inner is not None:
            self._inner.data_received(data)
            return
        self._head += data
        if b"\r\n\r\n" in self._head and self._knocking is None:
            self._decide(bytes(self._head))
        elif len(self._head) > _HEAD_LIMIT_BYTES:
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if self._inner is not None:
            self._inner.connection_lost(error)
            self._on_gone(self._inner)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received() if self._inner is not None else False

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def _decide(self, data: bytes) -> None:
        if not _UPGRADE.search(data, 0, data.find(b"\r\n\r\n")):
            self._inner = self._http()
            self._inner.connection_made(self.transport)
            self._inner.data_received(data)
            return
        handshake = ServerHandshake(self._limits)
        request = handshake.receive(data)
        if request is None:
            self.transport.close()
        else:
            self._knocking = asyncio.create_task(self._let_in(Knock(self, handshake, request)))

    async def _let_in(self, knock: Knock) -> None:
        with suppress(RelayError):  # the other end sees its connection close
            await self._on_knock(knock)
