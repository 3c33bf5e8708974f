"""The way up: one request to the hub's ingest, straight over HTTPS or through a relay; and the door of the way down."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp

from connector import VERSION
from connector.config import HubTable, ProxyTable, RelayTable
from connector.keys import read_secret
from relay import EntraTokens, HybridConnection, Listener, NoTokens, Proxy, SasTokens, Sender, Tokens
from relay.proxy import failure_of, request_options
from relay.sender import STREAM_FROM_BYTES
from shared.message.errors.connector import HubUnreachable
from shared.message.errors.relay import RelayError, RelayUnreachable
from shared.trust import trust

SIGN_IN = "https://login.microsoftonline.com"
ANSWER_LIMIT_BYTES = 4 * 1024 * 1024  # acknowledgements of a whole batch


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Link(Protocol):
    """Brings requests to the hub."""

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> LinkAnswer:
        """Return the hub's answer.

        Raises:
            HubUnreachable: there is none; the hub may have taken it.
        """
        ...

    async def close(self) -> None: ...


class HttpsLink:
    """Straight to API Management, or to a hub on this machine."""

    def __init__(self, table: HubTable, proxy: ProxyTable | None = None) -> None:
        assert table.url is not None, "checked with the file"
        self._url = table.url
        self._seconds = table.answer_seconds
        self._tls = hub_tls(table)
        self._through = request_options(proxy_to(self._url, proxy))
        self._tokens: Tokens = NoTokens()
        if table.authentication == "entra":
            self._tokens = EntraTokens(scope=table.scope or "", proxy=proxy_to(SIGN_IN, proxy))
        self._session: aiohttp.ClientSession | None = None

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> LinkAnswer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls or True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                headers={"User-Agent": f"caduceus-connector/{VERSION}"},
            )
        try:
            async with asyncio.timeout(self._seconds):
                token = (await self._tokens.token()).text
                sent = {**headers, "Authorization": token} if token else headers
                data = body if len(body) < STREAM_FROM_BYTES else BytesIO(body)
                request = self._session.post(
                    f"{self._url}{path}", data=data, headers=sent, allow_redirects=False, **self._through
                )
                async with request as response:
                    return LinkAnswer(response.status, response.headers, await _bounded(response))
        except TimeoutError:
            raise HubUnreachable("no answer in time") from None
        except aiohttp.ClientError as error:
            failure = failure_of(error)
            # No relay is on this way: only what the proxy refuses has a code of its own.
            where = failure.where if isinstance(failure, RelayUnreachable) else _where(failure)
            raise HubUnreachable(where) from None
        except OSError as error:
            raise HubUnreachable(type(error).__name__) from None
        except Exception as error:  # noqa: BLE001  # a credential may fail in any way; what it says may hold a secret
            raise HubUnreachable(f"token: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
        await self._tokens.close()


class RelayLink:
    """Through a hybrid connection, on which `relay.bridge` listens beside the hub."""

    def __init__(self, table: HubTable, proxy: ProxyTable | None = None) -> None:
        assert table.relay is not None, "checked with the file"
        place = HybridConnection.parse(table.relay)
        self._seconds = table.answer_seconds
        tokens = relay_tokens(place, table.key_name, table.key, proxy)
        self._sender = Sender(place, tokens, tls=hub_tls(table), proxy=proxy_to(table.relay, proxy))

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> LinkAnswer:
        try:
            request = self._sender.request("POST", path, headers=headers, body=body, seconds=self._seconds)
            async with asyncio.timeout(self._seconds), request as response:
                return LinkAnswer(response.status, response.headers, await _bounded(response))
        except TimeoutError:
            raise HubUnreachable("no answer in time") from None
        except RelayError as error:
            raise HubUnreachable(_where(error)) from None
        except Exception as error:  # noqa: BLE001  # a credential may fail in any way; what it says may hold a secret
            raise HubUnreachable(f"token: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._sender.close()


class ReplaceableLink:
    """A link that another one may take the place of: what is under way ends on the one on which it began."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._under_way: Counter[Link] = Counter()

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> LinkAnswer:
        link = self._link
        self._under_way[link] += 1
        try:
            return await link.post(path, headers, body)
        finally:
            self._under_way[link] -= 1
            if link is not self._link:
                await self._let_go(link)

    async def replace(self, link: Link) -> None:
        """Send everything that begins from now on over another link."""
        before, self._link = self._link, link
        await self._let_go(before)

    async def close(self) -> None:
        """Close every connection."""
        for link in {self._link, *self._under_way}:
            await link.close()

    async def _let_go(self, link: Link) -> None:
        if not self._under_way[link]:
            del self._under_way[link]
            await link.close()


def open_link(table: HubTable, proxy: ProxyTable | None = None) -> Link:
    """Return the way up that the configuration names."""
    return RelayLink(table, proxy) if table.transport == "relay" else HttpsLink(table, proxy)


def open_listener(table: RelayTable, proxy: ProxyTable | None, **options: Any) -> Listener:
    """Return who listens for the hub's deliveries; it has not started.

    Args:
        options: What it does with them: see `Listener`.
    """
    place = HybridConnection.parse(table.url)
    tokens = relay_tokens(place, table.key_name, table.key, proxy)
    return Listener(place, tokens, tls=trust(table.authority), proxy=proxy_to(table.url, proxy), **options)


def proxy_to(url: str, table: ProxyTable | None) -> Proxy | None:
    """Return the proxy on the way to ``url``; None: it is reached straight, as is everything without TLS (a laptop's).

    Raises:
        SecretMissing: its password is not where it should be.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    if table is None or parts.scheme in ("http", "ws") or any(_covers(one.lower(), host) for one in table.straight):
        return None
    at = urlsplit(table.url)
    assert at.hostname is not None, "checked with the file"
    assert at.port is not None, "checked with the file"
    password = read_secret(table.password) if table.password else ""
    return Proxy(at.hostname, at.port, table.user or "", password)


def _covers(name: str, host: str) -> bool:
    return host.endswith(name) if name.startswith(".") else host == name


def relay_tokens(
    place: HybridConnection, key_name: str | None, key: str | None, proxy: ProxyTable | None = None
) -> Tokens:
    """Return what is shown to a relay: a key where there is one, else Entra, asked through the proxy."""
    if key_name is not None and key is not None:
        return SasTokens(place.resource, key_name, read_secret(key))
    return EntraTokens(proxy=proxy_to(SIGN_IN, proxy))


def hub_tls(table: HubTable) -> ssl.SSLContext | None:
    """Return how the hub's certificate is checked, and ours shown; None: as the system trusts, and none."""
    if table.certificate is None:
        return trust(table.authority)
    context = trust(table.authority) or ssl.create_default_context()
    context.load_cert_chain(table.certificate, table.certificate_key)
    return context


def _where(error: RelayError) -> str:
    return f"{error.code} {error.where}"


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = await response.content.read(ANSWER_LIMIT_BYTES)
    parts = [body]
    size = len(body)
    while body and size < ANSWER_LIMIT_BYTES:
        body = await response.content.read(ANSWER_LIMIT_BYTES - size)
        parts.append(body)
        size += len(body)
    return b"".join(parts)
