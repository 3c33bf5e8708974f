"""HTTP POST as the hub needs it: a bounded answer, or how the send ended without one.

`aiohttp` is imported on first use; cold starts do not pay for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from shared.message.silence import Silence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ssl import SSLContext

    import aiohttp

ANSWER_LIMIT_BYTES = 64 * 1024  # of the body; a status and a reason need less
_STREAM_FROM_BYTES = 1024 * 1024  # aiohttp copies a larger body in one go, and the loop stands still


@dataclass(frozen=True, slots=True)
class Response:
    """What came back; ``body`` is cut at the limit, and empty when it broke off."""

    status: int
    retry_after: str | None
    body: bytes


@dataclass(slots=True)
class _Progress:
    """How far a request came; decides what a failure means."""

    connected: bool = False
    left: bool = False


class HttpClient:
    """One session of connections for the life of the process, opened by the first request.

    Args:
        connections: Open at a time, at most.
        trusted: How certificates are checked; None: by the authorities of the system.
    """

    def __init__(self, connections: int, trusted: SSLContext | None = None) -> None:
        self._connections = connections
        self._trusted = trusted
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Response | Silence:
        """Return the response, or how the request ended without one; never raises for what a receiver does.

        Redirects are not followed: content goes to the address that was configured, and nowhere else.

        Args:
            seconds: For everything: waiting for a free connection, connecting, sending, reading.
        """
        progress = _Progress()
        try:
            async with asyncio.timeout(seconds):
                return await self._post(url, body, headers, progress)
        except TimeoutError:
            return _timed_out(progress)
        except Exception as error:
            silence = _silence(error, progress)
            if silence is None:
                raise
            return silence

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], progress: _Progress) -> Response:
        if self._session is None:
            self._session = _open_session(self._connections, self._trusted)
        data = body if len(body) < _STREAM_FROM_BYTES else BytesIO(body)
        request = self._session.post(url, data=data, headers=headers, allow_redirects=False, trace_request_ctx=progress)
        async with request as response:
            return Response(response.status, response.headers.get("Retry-After"), await _read_bounded(response))


def _open_session(connections: int, trusted: SSLContext | None) -> aiohttp.ClientSession:
    import aiohttp

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(_note_connected)
    trace.on_connection_reuseconn.append(_note_connected)
    trace.on_request_headers_sent.append(_note_left)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, ssl=trusted or True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),  # `post` holds the one clock
        trace_configs=[trace],
    )


async def _note_connected(_session: Any, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.connected = True


async def _note_left(_session: Any, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.left = True


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """Return the body up to the limit; the status has been read, so a body that breaks off changes nothing."""
    import aiohttp

    parts: list[bytes] = []
    room = ANSWER_LIMIT_BYTES
    try:
        while room and (part := await response.content.read(room)):
            parts.append(part)
            room -= len(part)
    except aiohttp.ClientError:
        return b""
    if not room:
        response.close()  # what is left unread must not be read as the next answer
    return b"".join(parts)


def _timed_out(progress: _Progress) -> Silence:
    if progress.left:
        return Silence.TIMED_OUT
    return Silence.TIMED_OUT_BEFORE_SENT if progress.connected else Silence.CONNECT_TIMED_OUT


def _silence(error: Exception, progress: _Progress) -> Silence | None:
    """Return how the request ended; None when the error is not about the receiver."""
    import aiohttp

    match error:
        case aiohttp.ClientConnectorDNSError():
            return Silence.NAME_UNKNOWN
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch():
            return Silence.TLS_FAILED
        case aiohttp.ClientConnectorError():
            return Silence.REFUSED if isinstance(error.os_error, ConnectionRefusedError) else Silence.UNREACHABLE
        case aiohttp.InvalidURL():
            return Silence.UNREACHABLE
        case aiohttp.ClientConnectionError() | ConnectionError():
            return Silence.CLOSED_AFTER_SENT if progress.left else Silence.CLOSED_BEFORE_SENT
        case aiohttp.ClientError():
            return Silence.UNREADABLE
    return None
