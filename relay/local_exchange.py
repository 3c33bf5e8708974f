"""One HTTP request through the local relay: over a control channel or a rendezvous, and its answer back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from multidict import CIMultiDict

from relay.address import without_reserved
from relay.control import (
    BodyPart,
    Channel,
    Event,
    Rendezvous,
    RequestHead,
    ResponseHead,
    Role,
    check_headers,
    encode_rendezvous,
    encode_request,
    header_bytes,
)
from relay.limits import Limits
from relay.local_front import VIA
from relay.requests import HOP_BY_HOP
from relay.socket import RelaySocket
from shared.message.errors.relay import RelayError, RelayUnreachable

_PART_BYTES = 64 * 1024


class Exchange:
    """Waits for a listener: its answer on the control channel, or its rendezvous."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[tuple[ResponseHead, bytes] | RelaySocket]
        self.outcome = asyncio.get_running_loop().create_future()


class Sent:
    """A request on its way to a listener.

    Attributes:
        is_large: It goes over a rendezvous: too large for the control channel, or of a size that nobody knows.
    """

    def __init__(self, head: RequestHead, request: web.BaseRequest, limits: Limits) -> None:
        self.head = head
        self.limits = limits
        self.request = request
        size = request.content_length
        self.is_large = head.has_body and (size is None or size + header_bytes(head.headers) > limits.control_bytes)

    async def call(self, control: RelaySocket) -> None:
        """Bring it to the listener, or call the listener to the rendezvous."""
        if self.is_large:
            await control.send_text(encode_rendezvous(Rendezvous(self.head.address, self.head.id)))
        else:
            await control.send_text(encode_request(self.head), await self.request.read())

    async def bring(self, opened: RelaySocket) -> None:
        """Bring it over the rendezvous, its body as it comes."""
        await opened.send_text(encode_request(self.head))
        if self.head.has_body:
            await opened.send_body(self.request.content.iter_chunked(_PART_BYTES))


def head_of(request: web.BaseRequest, address: str, key: str, drop: set[str]) -> RequestHead:
    """Return the head of a request as the listener gets it.

    Raises:
        RelayLimitExceeded: its headers are larger than the relay carries.
    """
    headers: dict[str, str] = {}
    for own_name, value in request.headers.items():
        name = str(own_name)  # aiohttp's names are no plain text to orjson
        if name.lower() not in drop | HOP_BY_HOP:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    headers["Via"] = f"{headers['Via']}, {VIA}" if "Via" in headers else VIA
    check_headers(headers, Limits())
    query = urlencode(without_reserved(parse_qsl(request.query_string, keep_blank_values=True)))
    target = f"{request.rel_url.raw_path}?{query}" if query else request.rel_url.raw_path
    return RequestHead(address, key, request.method, target, headers, request.body_exists)


def answer_by(head: ResponseHead, body: bytes) -> web.Response:
    """Return an answer that came over the control channel."""
    return web.Response(status=head.status, reason=head.reason or None, headers=_headers(head), body=body)


async def answer_over(opened: RelaySocket, sent: Sent, *, with_request: bool) -> web.StreamResponse:
    """Return an answer that comes over a rendezvous, sent on as it comes; request and answer may overlap."""
    bringing = asyncio.create_task(sent.bring(opened)) if with_request else None
    try:
        return await _pass_on(opened, sent)
    finally:
        if bringing is not None:
            if not bringing.done():
                bringing.cancel()
            await asyncio.gather(bringing, return_exceptions=True)


async def _pass_on(opened: RelaySocket, sent: Sent) -> web.StreamResponse:
    channel = Channel(Role.SERVICE, sent.limits)
    async with asyncio.timeout(sent.limits.answer_seconds):
        head = await _next(opened, channel)
    if not isinstance(head, ResponseHead):
        raise RelayUnreachable("no answer on the rendezvous")
    response = web.StreamResponse(status=head.status, reason=head.reason or None, headers=_headers(head))
    await response.prepare(sent.request)
    try:
        async for part in _parts(opened, channel, head, sent.limits):
            await response.write(part)
        await response.write_eof()
    except (RelayError, TimeoutError):
        _break_off(sent.request)
    return response


def _break_off(request: web.BaseRequest) -> None:
    """Let the sender see that an answer has no end: its status has left already."""
    if request.transport is not None:
        request.transport.abort()


async def _parts(opened: RelaySocket, channel: Channel, head: ResponseHead, limits: Limits) -> AsyncIterator[bytes]:
    is_last = not head.has_body
    while not is_last:
        async with asyncio.timeout(limits.answer_seconds):
            part = await _next(opened, channel)
        if not isinstance(part, BodyPart):
            raise RelayUnreachable("the answer broke off")
        is_last = part.is_last
        yield part.data


async def _next(opened: RelaySocket, channel: Channel) -> Event | None:
    while (fragment := await opened.receive_fragment()) is not None:
        events = channel.feed(fragment.data, is_text=fragment.is_text, is_final=fragment.is_final)
        if events:
            return events[0]
    return None


def _headers(head: ResponseHead) -> CIMultiDict[str]:
    kept = CIMultiDict((name, value) for name, value in head.headers.items() if name.lower() not in HOP_BY_HOP)
    kept["Via"] = VIA
    return kept
