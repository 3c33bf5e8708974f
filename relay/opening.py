"""Open a WebSocket: connect, straight or through a proxy, and make the handshake; `socket.py` has it from there on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast
from urllib.parse import urlsplit

from relay.limits import Limits
from relay.proxy import Proxy, open_tunnel
from relay.socket import RelaySocket
from relay.websocket import ClientHandshake, WebSocket
from shared.message.errors.relay import RelayError, RelayUnreachable


class HandshakeRefused(Exception):
    """The answer to the handshake was an HTTP status.

    Attributes:
        is_from_listener: The other client of the relay said so, not the relay.
    """

    def __init__(self, status: int, reason: str, is_from_listener: bool) -> None:
        self.status = status
        self.reason = reason
        self.is_from_listener = is_from_listener
        super().__init__(f"HTTP {status}")


class _Opening(asyncio.Protocol):
    """Makes the handshake, then hands the connection over to its socket."""

    def __init__(self, handshake: ClientHandshake, outcome: asyncio.Future[RelaySocket]) -> None:
        self._handshake = handshake
        self._outcome = outcome

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        keep_alive(self._transport)
        self._transport.write(self._handshake.request())

    def data_received(self, data: bytes) -> None:
        try:
            self._settle(self._handshake.receive(data))
        except RelayError as error:
            self._fail(error)

    def eof_received(self) -> bool:
        with suppress(RelayError):
            self._settle(self._handshake.receive_end())
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(RelayUnreachable("closed during the handshake"))

    def _settle(self, found: WebSocket | tuple[int, str, bool] | None) -> None:
        if found is None or self._outcome.done():
            return
        if isinstance(found, tuple):
            self._fail(HandshakeRefused(*found))
            return
        opened = RelaySocket()
        self._transport.set_protocol(opened)
        opened.start(found, self._transport)
        self._outcome.set_result(opened)

    def _fail(self, error: Exception) -> None:
        if not self._outcome.done():
            self._outcome.set_exception(error)
            self._transport.close()


async def open_socket(
    url: str,
    limits: Limits,
    *,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    proxy: Proxy | None = None,
    seconds: float | None = None,
) -> RelaySocket:
    """Return a WebSocket.

    Args:
        tls: For ``wss``; without it, what the system trusts.
        proxy: Through which ``wss`` goes; a relay without TLS is on this machine, and is reached straight.
        seconds: For connecting and the handshake; without it, the wait for a rendezvous.
    Raises:
        HandshakeRefused: the answer was an HTTP status.
        RelayUnreachable: there was no answer.
        ProxyRefused: the proxy lets nobody through to there.
    """
    place = urlsplit(url)
    context = (tls or ssl.create_default_context()) if place.scheme == "wss" else None
    outcome: asyncio.Future[RelaySocket] = asyncio.get_running_loop().create_future()
    opening = _Opening(ClientHandshake(url, headers or {}, subprotocols, limits), outcome)
    transport: asyncio.BaseTransport | None = None
    try:
        async with asyncio.timeout(limits.rendezvous_seconds if seconds is None else seconds):
            port = place.port or (443 if context else 80)
            transport = await _connect(opening, place.hostname or "", port, context, proxy)
            return await outcome
    except TimeoutError:
        raise RelayUnreachable("no answer in time") from None
    except OSError as error:
        raise RelayUnreachable(type(error).__name__) from None
    finally:
        if transport is not None and (not outcome.done() or outcome.cancelled()):
            cast(asyncio.Transport, transport).abort()


async def _connect(
    opening: _Opening, host: str, port: int, tls: ssl.SSLContext | None, proxy: Proxy | None
) -> asyncio.BaseTransport:
    loop = asyncio.get_running_loop()
    if proxy is None or tls is None:
        transport, _ = await loop.create_connection(lambda: opening, host, port, ssl=tls)
        return transport
    tunnel = await open_tunnel(proxy, host, port)
    try:
        encrypted = await loop.start_tls(tunnel, opening, tls, server_hostname=host)
    except BaseException:
        tunnel.abort()
        raise
    assert encrypted is not None, "None is for a connection that was closed before; then an error was raised"
    opening.connection_made(encrypted)  # `start_tls` does not say so
    return encrypted


def keep_alive(transport: asyncio.Transport) -> None:
    """Let the system find out about a line that was cut in silence."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
