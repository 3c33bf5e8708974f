"""Send over a hybrid connection: HTTP requests, and WebSockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO

import aiohttp

from relay.address import HybridConnection
from relay.control import check_headers
from relay.limits import Limits
from relay.listener import error_of
from relay.opening import HandshakeRefused, open_socket
from relay.proxy import Proxy, failure_of, request_options
from relay.socket import RelaySocket
from relay.tokens import Tokens
from shared.message.errors.relay import NoRelayListener, RelayAnswerLate, RelayError, RelayRejected

STREAM_FROM_BYTES = 1024 * 1024  # aiohttp copies a larger body in one go, and the loop stands still
_CONNECTIONS = 64
_RELAYS_OWN = frozenset((401, 403, 404, 500, 502, 503, 504))  # of a handshake; the rest is said by listeners


class Sender:
    """Sends to whoever listens; keeps its connections until `close`."""

    def __init__(
        self,
        place: HybridConnection,
        tokens: Tokens,
        *,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        connections: int = _CONNECTIONS,
    ) -> None:
        self.place = place
        self.limits = limits or Limits()
        self._tokens = tokens
        self._tls = tls
        self._proxy = proxy if place.is_secure else None
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def request(
        self,
        method: str,
        target: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterator[bytes] | None = None,
        seconds: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Give the listener's answer; read its body inside the ``async with``.

        Args:
            target: Suffix and query: ``/deliveries/7?verbose=1``.
            body: Bytes, or parts that leave as they come.
            seconds: Until the answer begins; without it, a little more than the relay itself waits.
        Raises:
            RelayRefused, HybridConnectionUnknown: the relay does not let this request through.
            NoRelayListener: nobody listens: nobody can have taken it.
            RelayAnswerLate: the listener may have taken it.
            RelayUnreachable: the connection failed; the listener may have taken it.
            ProxyRefused: the proxy opens no tunnel: nobody can have taken it.
            RelayLimitExceeded: the headers are larger than the relay carries.
        """
        headers = dict(headers or {})
        check_headers(headers, self.limits)
        token = (await self._tokens.token()).text
        if token:
            headers["ServiceBusAuthorization"] = token
        response = await self._begin(method, target, headers, body, seconds or self.limits.answer_seconds + 10)
        try:
            if "Via" not in response.headers:
                raise _relay_error(response.status, response.reason or "")
            yield response
        except aiohttp.ClientError as error:
            raise failure_of(error) from None
        finally:
            response.release()

    async def connect(
        self, target: str = "", *, headers: Mapping[str, str] | None = None, subprotocols: Sequence[str] = ()
    ) -> RelaySocket:
        """Return a stream to a listener.

        Raises:
            RelayRejected: the listener did not want it.
            NoRelayListener, RelayRefused, HybridConnectionUnknown, RelayUnreachable: as in `request`.
        """
        headers = dict(headers or {})
        check_headers(headers, self.limits)
        token = (await self._tokens.token()).text
        if token:
            headers["ServiceBusAuthorization"] = token
        try:
            return await open_socket(
                self.place.connect_url(target), self.limits, headers=headers, subprotocols=subprotocols, tls=self._tls,
                proxy=self._proxy, seconds=self.limits.rendezvous_seconds + 10,
            )  # fmt: skip
        except HandshakeRefused as refused:
            if refused.is_from_listener or refused.status not in _RELAYS_OWN:
                raise _rejected(refused.status) from None
            raise _relay_error(refused.status, refused.reason) from None

    async def close(self) -> None:
        """Close every connection that is not a stream."""
        if self._session is not None:
            await self._session.close()
            self._session = None
        await self._tokens.close()

    async def _begin(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] | None,
        wait_seconds: float,
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=30),
                auto_decompress=False,
            )
        data = BytesIO(body) if isinstance(body, bytes) and len(body) >= STREAM_FROM_BYTES else body
        try:
            async with asyncio.timeout(wait_seconds):
                return await self._session.request(
                    method,
                    self.place.request_url(target),
                    headers=headers,
                    data=data,
                    allow_redirects=False,
                    **request_options(self._proxy),
                )
        except TimeoutError:
            raise RelayAnswerLate("no answer from the relay") from None
        except aiohttp.ClientError as error:
            raise failure_of(error) from None


def _rejected(status: int) -> RelayRejected:
    error = RelayRejected(f"HTTP {status}")
    error.status = status
    return error


def _relay_error(status: int, reason: str) -> RelayError:
    """Return what a status of the relay itself means; the protocol guide names both 502 and 503 for no listener."""
    if status in (502, 503):
        return NoRelayListener(f"HTTP {status}")
    return RelayAnswerLate(f"HTTP {status}") if status == 504 else error_of(status, reason)
