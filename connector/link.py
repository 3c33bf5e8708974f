"""The way up: one request to the hub's ingest, straight over HTTPS or through a relay."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import aiohttp

from connector import VERSION
from connector.config import HubTable
from connector.keys import read_secret
from relay import EntraTokens, HybridConnection, NoTokens, SasTokens, Sender, Tokens
from relay.sender import STREAM_FROM_BYTES
from shared.message.errors.connector import HubUnreachable
from shared.message.errors.relay import RelayError

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

    def __init__(self, table: HubTable) -> None:
        assert table.url is not None, "checked with the file"
        self._url = table.url
        self._seconds = table.answer_seconds
        self._tls = hub_tls(table)
        self._proxy = table.proxy
        self._tokens: Tokens = NoTokens()
        if table.authentication == "entra":
            self._tokens = EntraTokens(scope=table.scope or "", proxy=table.proxy)
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
                    f"{self._url}{path}", data=data, headers=sent, allow_redirects=False, proxy=self._proxy
                )
                async with request as response:
                    return LinkAnswer(response.status, response.headers, await _bounded(response))
        except TimeoutError:
            raise HubUnreachable("no answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
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

    def __init__(self, table: HubTable) -> None:
        assert table.relay is not None, "checked with the file"
        place = HybridConnection.parse(table.relay)
        self._seconds = table.answer_seconds
        self._sender = Sender(place, relay_tokens(place, table.key_name, table.key), tls=hub_tls(table))

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> LinkAnswer:
        try:
            request = self._sender.request("POST", path, headers=headers, body=body, seconds=self._seconds)
            async with asyncio.timeout(self._seconds), request as response:
                return LinkAnswer(response.status, response.headers, await _bounded(response))
        except TimeoutError:
            raise HubUnreachable("no answer in time") from None
        except RelayError as error:
            raise HubUnreachable(f"{error.code} {error.where}") from None
        except Exception as error:  # noqa: BLE001  # a credential may fail in any way; what it says may hold a secret
            raise HubUnreachable(f"token: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close every connection."""
        await self._sender.close()


def open_link(table: HubTable) -> Link:
    """Return the way up that the configuration names."""
    return RelayLink(table) if table.transport == "relay" else HttpsLink(table)


def relay_tokens(place: HybridConnection, key_name: str | None, key: str | None) -> Tokens:
    """Return what is shown to a relay: a key where there is one, else Entra."""
    if key_name is not None and key is not None:
        return SasTokens(place.resource, key_name, read_secret(key))
    return EntraTokens()


def hub_tls(table: HubTable) -> ssl.SSLContext | None:
    """Return how the hub's certificate is checked, and ours shown; None: as the system trusts, and none."""
    if table.authority is None and table.certificate is None:
        return None
    context = ssl.create_default_context(cafile=str(table.authority) if table.authority else None)
    if table.certificate is not None:
        context.load_cert_chain(table.certificate, table.certificate_key)
    return context


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = await response.content.read(ANSWER_LIMIT_BYTES)
    parts = [body]
    size = len(body)
    while body and size < ANSWER_LIMIT_BYTES:
        body = await response.content.read(ANSWER_LIMIT_BYTES - size)
        parts.append(body)
        size += len(body)
    return b"".join(parts)
