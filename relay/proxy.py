"""The proxy that a hospital's firewall leaves as the only way out: a tunnel through it, on which TLS stays ours.

Source:
    RFC 9110, 9.3.6 (CONNECT); RFC 7617 (Basic).
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

import aiohttp

from shared.message.errors.relay import ProxyRefused, RelayError, RelayUnreachable

_HEAD_LIMIT_BYTES = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)\b")
_OFFER = re.compile(r"\nproxy-authenticate:(.*)", re.IGNORECASE)
_SCHEME = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_-]{0,20})")
_SCHEMES_TOLD = 4


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where it is, and who we are to it; without a user it lets anybody through, or knows this machine."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        """Without user and password."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def url_with_password(self) -> str:
        """For the Azure SDK, which takes it in no other form; it belongs in no log."""
        # aiohttp sends what it finds in a URL as Latin-1: it finds what then is the UTF-8 of `headers`.
        user, password = (quote(each.encode().decode("latin-1"), safe="") for each in (self.user, self.password))
        return self.url.replace("//", f"//{user}:{password}@", 1) if self.user else self.url

    @property
    def headers(self) -> dict[str, str]:
        """What says who we are."""
        who = b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Proxy-Authorization": f"Basic {who}"} if self.user else {}

    def request(self, host: str, port: int) -> bytes:
        """Return what asks for a tunnel."""
        place = f"{_bracketed(host)}:{port}"
        headers = {"Host": place, **self.headers}
        lines = [f"CONNECT {place} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


async def open_tunnel(proxy: Proxy, host: str, port: int) -> asyncio.Transport:
    """Return a connection on which the next byte is for ``host``; the caller limits the time.

    Raises:
        ProxyRefused: the proxy answered, and opened none.
        RelayUnreachable: the proxy was not reached, or went away.
    """
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[None] = loop.create_future()
    request = proxy.request(host, port)
    try:
        transport, _ = await loop.create_connection(lambda: _Tunnel(request, opened), proxy.host, proxy.port)
    except OSError as error:
        raise RelayUnreachable(f"proxy: {type(error).__name__}") from None
    try:
        await opened
    except BaseException:
        transport.abort()
        raise
    return transport


async def ask_for_tunnel(proxy: Proxy, host: str, port: int, seconds: float) -> RelayError | None:
    """Return why the proxy opens no tunnel; None: it did, and it was closed again."""
    try:
        async with asyncio.timeout(seconds):
            (await open_tunnel(proxy, host, port)).abort()
    except TimeoutError:
        return RelayUnreachable("proxy: no answer in time")
    except RelayError as error:
        return error
    return None


def request_options(proxy: Proxy | None) -> dict[str, Any]:
    """Return how a request of aiohttp goes through a proxy: its keyword arguments."""
    if proxy is None:
        return {}
    return {"proxy": proxy.url, "proxy_headers": proxy.headers}


def failure_of(error: aiohttp.ClientError) -> RelayError:
    """Return what went wrong in aiohttp: at the proxy, or behind it."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return _refusal(error.status, error.headers.getall("Proxy-Authenticate", ()) if error.headers else ())
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return RelayUnreachable(f"proxy: {type(error.os_error).__name__}")
    if isinstance(error, aiohttp.ClientConnectorCertificateError):  # has no error of the system, though its base does
        return RelayUnreachable(type(error).__name__)
    if isinstance(error, aiohttp.ClientConnectorError):
        return RelayUnreachable(type(error.os_error).__name__)  # the name, or the port: it says which
    return RelayUnreachable(type(error).__name__)


def _refusal(status: int, offers: Iterable[str]) -> ProxyRefused:
    """Return what a status of a proxy means; of what it wants to be shown, the names of the schemes are told."""
    schemes = [found[1] for each in offers if (found := _SCHEME.match(each))]
    return ProxyRefused(f"HTTP {status}{', wants ' if schemes else ''}{' or '.join(schemes[:_SCHEMES_TOLD])}")


class _Tunnel(asyncio.Protocol):
    """Reads the proxy's answer; what comes after it is for whoever takes the connection over."""

    def __init__(self, request: bytes, opened: asyncio.Future[None]) -> None:
        self._request = request
        self._opened = opened
        self._head = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end >= 0 or len(self._head) > _HEAD_LIMIT_BYTES:
            self._settle(bytes(self._head), is_more=end + 4 != len(self._head))

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(RelayUnreachable("proxy: closed before it answered"))

    def _settle(self, head: bytes, *, is_more: bool) -> None:
        found = _STATUS.match(head)
        if found is None:
            self._fail(ProxyRefused("no HTTP answer"))
        elif not 200 <= int(found[1]) <= 299:
            self._fail(_refusal(int(found[1]), _OFFER.findall(head.decode("latin-1"))))
        elif is_more:  # nobody at the other end speaks before we do
            self._fail(ProxyRefused("it said more than that the tunnel is open"))
        elif not self._opened.done():
            self._opened.set_result(None)

    def _fail(self, error: RelayError) -> None:
        with suppress(asyncio.InvalidStateError):
            self._opened.set_exception(error)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
