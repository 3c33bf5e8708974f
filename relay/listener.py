"""Listen on a hybrid connection: control channels that come back by themselves, and whoever comes over them."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from relay.address import HybridConnection
from relay.backoff import Backoff
from relay.control import (
    Accept,
    BodyPart,
    Channel,
    Rendezvous,
    RequestHead,
    ResponseHead,
    Role,
    encode_renewal,
    encode_response,
    header_bytes,
)
from relay.limits import LISTENERS, Limits
from relay.offer import Offer
from relay.opening import HandshakeRefused, open_socket
from relay.proxy import Proxy
from relay.rendezvous import send_response, serve_requests
from relay.requests import Body, RelayedRequest, RelayedResponse, RequestHandler
from relay.socket import RelaySocket
from relay.tokens import Token, Tokens
from shared.message.errors.base import IntegrationError
from shared.message.errors.relay import (
    HybridConnectionUnknown,
    RelayAnswerLate,
    RelayError,
    RelayLimitExceeded,
    RelayRefused,
    RelayUnreachable,
    RendezvousMissed,
    TooManyRelayListeners,
)

OfferHandler = Callable[[Offer], Awaitable[None]]
ErrorHandler = Callable[[BaseException], None]

_RECONNECT_BASE_SECONDS, _RECONNECT_CAP_SECONDS = 1.0, 60.0
_RENEW_SECONDS = 0.5  # not more often, whatever a clock or a cache says of a token
_TRACKED = 60  # characters of the service's own words; Azure's support asks for the tracking id in them


class Listener:
    """Listens between `start` and `stop`, however often the line breaks.

    Args:
        on_request: Answers HTTP requests; without it they hear 501.
        on_offer: Takes or rejects WebSockets; without it they are rejected.
        on_error: Hears of what went wrong; the listener goes on by itself.
        proxy: Through which everything goes out; nothing else is reached then.
        channels: Control channels, each a listener of its own to the relay: 1 to 25.
        backoff: Makes the waits between attempts to connect.

    Attributes:
        last_error: Why there is no control channel; None while there is one.
    """

    def __init__(
        self,
        place: HybridConnection,
        tokens: Tokens,
        *,
        on_request: RequestHandler | None = None,
        on_offer: OfferHandler | None = None,
        on_error: ErrorHandler | None = None,
        limits: Limits | None = None,
        channels: int = 1,
        tls: ssl.SSLContext | None = None,
        proxy: Proxy | None = None,
        backoff: Callable[[], Backoff] = lambda: Backoff(_RECONNECT_BASE_SECONDS, _RECONNECT_CAP_SECONDS),
    ) -> None:
        if not 1 <= channels <= LISTENERS:
            raise TooManyRelayListeners(f"{channels} of {LISTENERS}")
        self.place = place
        self.limits = limits or Limits()
        self.last_error: IntegrationError | None = None
        self._tokens = tokens
        self._on_request = on_request
        self._on_offer = on_offer
        self._on_error = on_error or (lambda error: None)
        self._channels = channels
        self._tls = tls
        self._proxy = proxy
        self._backoff = backoff
        self._asked = 0  # requests at work or waiting
        self._turns = asyncio.Semaphore(self.limits.concurrent_requests)
        self._online: set[RelaySocket] = set()
        self._changed = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []
        self._work: set[asyncio.Task[None]] = set()

    @property
    def online(self) -> int:
        """Control channels that stand."""
        return len(self._online)

    async def start(self) -> None:
        """Begin to listen; returns at once."""
        self._keepers = [asyncio.create_task(self._keep_channel()) for _ in range(self._channels)]

    async def wait_online(self, seconds: float = 30.0) -> None:
        """Return once every control channel stands.

        Raises:
            RelayError: not in time; the last error says why.
        """
        try:
            async with asyncio.timeout(seconds):
                while self.online < self._channels:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise self.last_error or RelayUnreachable("no control channel in time") from None

    async def stop(self, seconds: float = 10.0) -> None:
        """Take nothing new, give what is at work some seconds, and close."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        if self._work:
            _, late = await asyncio.wait(self._work, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for control in list(self._online):
            await control.close(seconds=1.0)
        self._online.clear()
        await self._tokens.close()

    # --- the control channel

    async def _keep_channel(self) -> None:
        backoff = self._backoff()
        while True:
            try:
                await self._hold_channel(backoff)
            except IntegrationError as error:
                self.last_error = error
                self._on_error(error)
            except Exception as error:  # noqa: BLE001  # the boundary: a credential may fail in any way; it is asked again
                self.last_error = RelayRefused(type(error).__name__)
                self._on_error(error)
            await asyncio.sleep(backoff.next_seconds())

    async def _hold_channel(self, backoff: Backoff) -> None:
        token = await self._tokens.token()
        control = await self._open(token)
        backoff.reset()
        self.last_error = None
        self._online.add(control)
        self._changed.set()
        helpers = [asyncio.create_task(self._renew(control, token)), asyncio.create_task(self._ping(control))]
        is_stopping = False
        try:
            await self._read_channel(control)
            raise _closed(control)
        except asyncio.CancelledError:
            is_stopping = True
            raise
        finally:
            for helper in helpers:
                helper.cancel()
            if not is_stopping:  # `stop` lets what is at work answer first
                self._online.discard(control)
                control.abort()

    async def _open(self, token: Token) -> RelaySocket:
        headers = {"ServiceBusAuthorization": token.text} if token.text else {}
        url = self.place.listen_url(secrets.token_hex(16))
        try:
            return await open_socket(url, self.limits, headers=headers, tls=self._tls, proxy=self._proxy)
        except HandshakeRefused as refused:
            raise error_of(refused.status, refused.reason) from None

    async def _renew(self, control: RelaySocket, token: Token) -> None:
        """Replace the token before it lapses; a failure lets it lapse, and the channel is made anew."""
        while True:
            await asyncio.sleep(min(max(token.renew_after(time.time()), _RENEW_SECONDS), 86_400.0))
            try:
                token = await self._tokens.token()
                await control.send_text(encode_renewal(token.text))
            except Exception as error:  # noqa: BLE001  # a credential may fail in any way; asked again soon
                self._on_error(error)
                await asyncio.sleep(1.0)

    async def _ping(self, control: RelaySocket) -> None:
        """Drop the channel when the other end shows no life between two pings."""
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            control.ping()
            await asyncio.sleep(self.limits.ping_seconds)
            if control.last_heard < asked:
                control.abort()
                return

    async def _read_channel(self, control: RelaySocket) -> None:
        channel = Channel(Role.CONTROL, self.limits)
        head: RequestHead | None = None
        parts: list[bytes] = []
        while (fragment := await control.receive_fragment()) is not None:
            for event in channel.feed(fragment.data, is_text=fragment.is_text, is_final=fragment.is_final):
                match event:
                    case Accept():
                        self._begin(self._offer(event))
                    case Rendezvous():
                        self._begin(self._meet(event))
                    case RequestHead() if event.has_body:
                        head, parts = event, []
                    case RequestHead():
                        self._begin(self._answer(control, event, b""))
                    case BodyPart() if head is not None:
                        parts.append(event.data)
                        if event.is_last:
                            self._begin(self._answer(control, head, b"".join(parts)))

    # --- who comes

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  # the boundary: one sender's trouble is not the next one's
            self._on_error(error)

    async def _offer(self, message: Accept) -> None:
        offer = Offer(message, self.place, self.limits, self._tls, self._proxy)
        try:
            if self._on_offer is not None:
                await self._on_offer(offer)
        finally:
            if not offer.is_settled:
                await offer.reject(400, "not taken")

    async def _meet(self, call: Rendezvous) -> None:
        opened = await self._open_rendezvous(call.address)
        try:
            await serve_requests(opened, self._handle, self.limits)
        finally:
            await opened.close(seconds=1.0)

    async def _answer(self, control: RelaySocket, head: RequestHead, body: bytes) -> None:
        response = await self._handle(RelayedRequest(head, Body(body)))
        if header_bytes(response.headers) > self.limits.header_bytes:
            self._on_error(RelayLimitExceeded(f"headers over {self.limits.header_bytes} bytes"))
            response = RelayedResponse(500)
        said = response.head_for(head)
        if isinstance(response.body, bytes) and self._fits(said, len(response.body)):
            with suppress(RelayUnreachable):  # the channel is gone, and the relay has told the sender so
                await control.send_text(encode_response(said, self.limits), response.body)
            return
        opened = await self._open_rendezvous(head.address)
        try:
            await send_response(opened, head, response, self.limits)
            await serve_requests(opened, self._handle, self.limits)  # the same sender may go on here
        finally:
            await opened.close(seconds=1.0)

    def _fits(self, head: ResponseHead, body_bytes: int) -> bool:
        """Tell whether an answer goes over the control channel."""
        return body_bytes + header_bytes(head.headers) <= self.limits.control_bytes

    async def _handle(self, request: RelayedRequest) -> RelayedResponse:
        """Return the handler's answer; 500 where it failed, 503 where it took too long to begin with."""
        if self._on_request is None:
            return RelayedResponse(501)
        if self._asked >= self.limits.waiting_requests:
            return RelayedResponse(503)
        self._asked += 1
        try:
            async with asyncio.timeout(self.limits.answer_seconds), self._turns:
                return await self._on_request(request)
        except TimeoutError:
            self._on_error(RelayAnswerLate(request.method))
            return RelayedResponse(503)
        except RelayError as error:
            self._on_error(error)
            return RelayedResponse(400)
        except Exception as error:  # noqa: BLE001  # the boundary: the sender hears that it failed, and no more
            self._on_error(error)
            return RelayedResponse(500)
        finally:
            self._asked -= 1

    async def _open_rendezvous(self, address: str) -> RelaySocket:
        try:
            return await open_socket(address, self.limits, tls=self._tls, proxy=self._proxy)
        except HandshakeRefused as refused:
            raise RendezvousMissed(f"HTTP {refused.status}") from None


def error_of(status: int, reason: str) -> RelayError:
    """Return what an HTTP status of the service itself means."""
    where = f"HTTP {status} {reason[:_TRACKED]}".strip()
    if status in (401, 403):
        return RelayRefused(where)
    return HybridConnectionUnknown(where) if status == 404 else RelayUnreachable(where)


def _closed(control: RelaySocket) -> RelayError:
    """Return why the service closed a control channel: 1008 is a lapsed token, 1001 a deleted hybrid connection."""
    where = f"closed with {control.close_code} {control.close_reason[:_TRACKED]}".strip()
    if control.close_code == 1008:
        return RelayRefused(where)
    return HybridConnectionUnknown(where) if control.close_code == 1001 else RelayUnreachable(where)
