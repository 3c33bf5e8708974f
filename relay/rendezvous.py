"""Requests and answers that have a WebSocket of their own: any size, streamed, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from relay.control import BodyPart, Channel, Event, RequestHead, Role, encode_response
from relay.limits import Limits
from relay.requests import Body, RelayedRequest, RelayedResponse, RequestHandler
from relay.socket import RelaySocket
from shared.message.errors.relay import RelayAnswerLate, RelayProtocolBroken, RelayUnreachable


async def serve_requests(opened: RelaySocket, handle: RequestHandler, limits: Limits) -> None:
    """Answer every request of one sender, until it goes away."""
    reader = _Reader(opened, limits)
    while (event := await reader.next_event()) is not None:
        if not isinstance(event, RequestHead):
            raise RelayProtocolBroken(f"{type(event).__name__} where a request was expected")
        body = Body(reader.parts() if event.has_body else b"")
        response = await handle(RelayedRequest(event, body))
        await send_response(opened, event, response, limits)
        await body.drop()


async def send_response(opened: RelaySocket, request: RequestHead, response: RelayedResponse, limits: Limits) -> None:
    """Send an answer over a rendezvous; its body leaves as it comes.

    Raises:
        RelayAnswerLate: the body paused for longer than the relay waits.
    """
    await opened.send_text(encode_response(response.head_for(request), limits))
    if not isinstance(response.body, bytes):
        await opened.send_body(_timely(response.body, limits.answer_seconds))
    elif response.body:
        await opened.send(response.body)


class _Reader:
    """Takes events from a socket, one at a time, so that what nobody reads stays with the sender."""

    def __init__(self, opened: RelaySocket, limits: Limits) -> None:
        self._opened = opened
        self._limits = limits
        self._channel = Channel(Role.RENDEZVOUS, limits)

    async def next_event(self) -> Event | None:
        """Return what comes next; None: the sender has gone."""
        while (fragment := await self._opened.receive_fragment()) is not None:
            events = self._channel.feed(fragment.data, is_text=fragment.is_text, is_final=fragment.is_final)
            if events:
                return events[0]  # one kind of message is taken here, and a frame holds one at most
        return None

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield a body."""
        is_last = False
        while not is_last:
            try:
                async with asyncio.timeout(self._limits.answer_seconds):
                    event = await self.next_event()
            except TimeoutError:
                raise RelayAnswerLate("request body") from None
            if not isinstance(event, BodyPart):
                raise RelayUnreachable("the body broke off")
            is_last = event.is_last
            if event.data:
                yield event.data


async def _timely(parts: AsyncIterator[bytes], seconds: float) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(seconds):
                part = await anext(parts)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise RelayAnswerLate("response body") from None
        yield part
