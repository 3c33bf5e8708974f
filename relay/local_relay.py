"""A relay on this machine that speaks the service's protocol: for laptops and tests.

    python -m relay.local_relay --port 9443 --path hospital --key root=c2VjcmV0

It keeps nothing: no queue, no history. It listens on 127.0.0.1 alone, from the command line without TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, quote, unquote, urlencode

from aiohttp import web

from relay.address import without_reserved
from relay.control import Accept, BodyPart, Channel, RenewToken, ResponseHead, Role, encode_accept
from relay.limits import LISTENERS, Limits
from relay.local_access import LISTEN, SEND, Access, Key, token_of
from relay.local_exchange import Exchange, Sent, answer_by, answer_over, head_of
from relay.local_front import Front, Knock
from relay.socket import RelaySocket
from relay.websocket import GOING_AWAY
from shared.message.errors.base import IntegrationError
from shared.message.errors.relay import RelayError, RelayUnreachable

_LAPSED, _DELETED = 1008, 1001


class _Registered:
    """A listener's control channel."""

    def __init__(self, control: RelaySocket, host: str, expires: float) -> None:
        self.control = control
        self.host = host  # as this listener reaches the relay
        self.expires = expires
        self.is_renewed = asyncio.Event()


class LocalRelay:
    """Serves between `start` and `stop`.

    Args:
        paths: The hybrid connections, and whether a sender needs a token.

    Attributes:
        port: The one it listens on.
    """

    def __init__(self, paths: Mapping[str, bool], access: Access, limits: Limits | None = None) -> None:
        self.port = 0
        self._scheme = "ws"
        self.limits = limits or Limits()
        self._paths = {name.lower(): needs for name, needs in paths.items()}
        self._access = access
        self._listeners: dict[str, list[_Registered]] = {}
        self._offers: dict[str, asyncio.Future[Knock]] = {}
        self._exchanges: dict[str, Exchange] = {}
        self._kept: dict[object, RelaySocket] = {}  # a sender's connection, and the rendezvous that serves it
        self._server: asyncio.Server | None = None
        self._http: web.Server | None = None
        self._open: set[RelaySocket] = set()

    async def start(self, port: int = 0, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        """Serve; port 0 takes a free one. With ``tls`` as the service does, for ``https`` and ``wss``."""
        self._scheme = "wss" if tls else "ws"
        loop = asyncio.get_running_loop()
        http = self._http = web.Server(self._request, access_log=None)
        self._server = await loop.create_server(
            lambda: Front(self.limits, self._knock, http, self._sender_gone), host, port, backlog=1024, ssl=tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop everybody."""
        if self._server is not None:
            self._server.close()
        for opened in list(self._open):
            opened.abort()
        if self._http is not None:
            await self._http.shutdown(1.0)

    async def delete(self, path: str) -> None:
        """Take a hybrid connection away, as an administrator would."""
        self._paths.pop(path.lower(), None)
        for registered in list(self._listeners.get(path.lower(), ())):
            await registered.control.finish(_DELETED, "deleted")

    def listeners(self, path: str) -> int:
        """Return how many listen on a hybrid connection."""
        return len(self._listeners.get(path.lower(), ()))

    # --- WebSockets

    async def _knock(self, knock: Knock) -> None:
        query = dict(parse_qsl(knock.query, keep_blank_values=True))
        path = self._find(unquote(knock.path).removeprefix("/$hc/"))
        action = query.get("sb-hc-action")
        if action in ("accept", "request"):
            await self._meet(knock, query)
        elif path is None:
            knock.reject(404, "no such hybrid connection")
        elif action == "listen":
            await self._listen(knock, path)
        elif action == "connect":
            await self._connect(knock, path, query)
        else:
            knock.reject(400, "unknown sb-hc-action")

    async def _listen(self, knock: Knock, path: str) -> None:
        grant = self._access.check(token_of(knock.headers, knock.query)[0], path, LISTEN)
        group = self._listeners.setdefault(path, [])
        if grant.status or len(group) >= LISTENERS:
            knock.reject(grant.status or 403, "token not accepted" if grant.status else "25 listeners are connected")
            return
        control = self._track(knock.accept())
        registered = _Registered(control, _host(knock.headers), grant.expires)
        group.append(registered)
        watch = asyncio.create_task(_watch_token(registered))
        try:
            await self._serve_listener(registered, path)
        finally:
            watch.cancel()
            group.remove(registered)
            control.abort()

    async def _serve_listener(self, registered: _Registered, path: str) -> None:
        channel = Channel(Role.SERVICE, self.limits)
        head: ResponseHead | None = None
        parts: list[bytes] = []
        while (fragment := await registered.control.receive_fragment()) is not None:
            for event in channel.feed(fragment.data, is_text=fragment.is_text, is_final=fragment.is_final):
                match event:
                    case RenewToken():
                        await self._renew(registered, event.token, path)
                    case ResponseHead() if event.has_body:
                        head, parts = event, []
                    case ResponseHead():
                        self._answered(event, b"")
                    case BodyPart() if head is not None:
                        parts.append(event.data)
                        if event.is_last:
                            self._answered(head, b"".join(parts))
        await registered.control.finish()

    async def _renew(self, registered: _Registered, token: str, path: str) -> None:
        grant = self._access.check(token, path, LISTEN)
        if grant.status:
            await registered.control.finish(_LAPSED, "the token was not accepted")
        registered.expires = grant.expires
        registered.is_renewed.set()

    def _answered(self, head: ResponseHead, body: bytes) -> None:
        exchange = self._exchanges.get(head.request)
        if exchange is not None and not exchange.outcome.done():
            exchange.outcome.set_result((head, body))

    async def _connect(self, knock: Knock, path: str, query: Mapping[str, str]) -> None:
        grant = self._access.check(token_of(knock.headers, knock.query)[0], path, SEND)
        if grant.status and self._paths[path]:
            knock.reject(grant.status, "token not accepted")
            return
        chosen = self._choose(path)
        if chosen is None:
            knock.reject(404, "no listener is connected")
            return
        key = secrets.token_hex(16)
        offer = self._offers[key] = asyncio.get_running_loop().create_future()
        try:
            await chosen.control.send_text(encode_accept(self._accept_of(knock, chosen.host, key, query)))
            async with asyncio.timeout(self.limits.rendezvous_seconds):
                taker = await offer
        except TimeoutError:
            knock.reject(504, "no listener accepted in time")
            return
        except RelayError:
            knock.reject(502, "the listener went away")
            return
        finally:
            self._offers.pop(key, None)
        await self._join(knock, taker)

    def _accept_of(self, knock: Knock, host: str, key: str, query: Mapping[str, str]) -> Accept:
        kept = [*without_reserved(parse_qsl(knock.query, keep_blank_values=True))]
        kept += [("sb-hc-action", "accept"), ("sb-hc-id", key)]
        headers = {name: value for name, value in knock.headers.items() if name.lower() != "servicebusauthorization"}
        return Accept(f"{self._scheme}://{host}{knock.path}?{urlencode(kept)}", query.get("sb-hc-id") or key, headers)

    async def _join(self, knock: Knock, taker: Knock) -> None:
        said = dict(parse_qsl(taker.query))
        # The official Node listener writes the two without their prefix.
        status = said.get("sb-hc-statusCode") or said.get("statusCode")
        if status is not None:
            reason = said.get("sb-hc-statusDescription") or said.get("statusDescription") or "rejected"
            is_status = status.isdecimal() and 400 <= int(status) <= 599
            knock.reject(int(status) if is_status else 400, reason, by_listener=True)
            taker.reject(410, "rejected, as asked")
            return
        common = next((name for name in taker.subprotocols if name in knock.subprotocols), None)
        sender, listener = self._track(knock.accept(common)), self._track(taker.accept(common))
        await asyncio.gather(_pump(sender, listener), _pump(listener, sender))

    async def _meet(self, knock: Knock, query: Mapping[str, str]) -> None:
        """A listener comes to a rendezvous: once, and in time."""
        key = query.get("sb-hc-id", "")
        offer, exchange = self._offers.get(key), self._exchanges.get(key)
        if offer is not None and not offer.done():
            offer.set_result(knock)
        elif exchange is not None and not exchange.outcome.done():
            opened = self._track(knock.accept())
            exchange.outcome.set_result(opened)
            await opened.wait_lost()
        else:
            knock.reject(403, "the address is not valid any more")

    # --- HTTP

    async def _request(self, request: web.BaseRequest) -> web.StreamResponse:
        path = self._find(unquote(request.rel_url.raw_path))
        if path is None:
            return web.Response(status=404, reason="no such hybrid connection")
        token, is_own = token_of(request.headers, request.query_string)
        needs_token = self._paths[path]
        grant = self._access.check(token, path, SEND)
        if needs_token and grant.status:
            return web.Response(status=grant.status)
        drop = {"servicebusauthorization"} | ({"authorization"} if needs_token and not is_own else set())
        try:
            return await self._exchange(request, path, drop)
        except TimeoutError:
            return web.Response(status=504, reason="the listener did not answer in time")
        except (IntegrationError, ConnectionError):
            return web.Response(status=502, reason="the listener went away")

    async def _exchange(self, request: web.BaseRequest, path: str, drop: set[str]) -> web.StreamResponse:
        kept = self._kept.get(request.protocol)
        if kept is not None and kept.is_open:
            sent = Sent(head_of(request, "", secrets.token_hex(16), drop), request, self.limits)
            return await answer_over(kept, sent, with_request=True)
        chosen = self._choose(path)
        if chosen is None:
            return web.Response(status=502, reason="no listener is connected")
        key = secrets.token_hex(16)
        address = f"{self._scheme}://{chosen.host}/$hc/{quote(path)}?sb-hc-action=request&sb-hc-id={key}"
        sent = Sent(head_of(request, address, key, drop), request, self.limits)
        exchange = self._exchanges[key] = Exchange()
        try:
            await sent.call(chosen.control)
            async with asyncio.timeout(self.limits.answer_seconds):
                outcome = await exchange.outcome
        finally:
            self._exchanges.pop(key, None)
        if isinstance(outcome, RelaySocket):
            self._kept[request.protocol] = outcome
            return await answer_over(outcome, sent, with_request=sent.is_large)
        return answer_by(*outcome)

    def _sender_gone(self, connection: object) -> None:
        opened = self._kept.pop(connection, None)
        if opened is not None:
            asyncio.get_running_loop().create_task(opened.close(GOING_AWAY, "the sender has gone", 1.0))

    def _find(self, path: str) -> str | None:
        """Return the hybrid connection that a path begins with."""
        parts = path.strip("/").lower().split("/")
        candidates = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
        return next((name for name in candidates if name in self._paths), None)

    def _choose(self, path: str) -> _Registered | None:
        group = [one for one in self._listeners.get(path, ()) if one.control.is_open]
        return random.choice(group) if group else None  # noqa: S311  # as the service: in random order

    def _track(self, opened: RelaySocket) -> RelaySocket:
        self._open = {one for one in self._open if one.is_open}
        self._open.add(opened)
        return opened


async def _watch_token(registered: _Registered) -> None:
    """Close the control channel when its token lapses."""
    while (left := registered.expires - time.time()) > 0:
        registered.is_renewed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, 3600.0)):
                await registered.is_renewed.wait()
    await registered.control.finish(_LAPSED, "the token has lapsed")


async def _pump(source: RelaySocket, sink: RelaySocket) -> None:
    """Bring one direction across, and its end."""
    try:
        while (fragment := await source.receive_fragment()) is not None:
            await sink.send_fragment(fragment.data, is_final=fragment.is_final, is_text=fragment.is_text)
        await sink.finish(source.close_code or GOING_AWAY, source.close_reason)
    except RelayUnreachable:
        with suppress(RelayError):
            await sink.finish(GOING_AWAY, "the other end broke off")
        source.abort()


def _host(headers: Mapping[str, str]) -> str:
    return next(value for name, value in headers.items() if name.lower() == "host")


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m relay.local_relay", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="without TLS: any other for tests alone")
    parser.add_argument("--port", type=int, default=9443)
    parser.add_argument("--path", action="append", required=True, help="a hybrid connection; may be repeated")
    parser.add_argument("--key", action="append", required=True, help="NAME=KEY, with every right; may be repeated")
    given = parser.parse_args()
    keys = {name: Key(secret) for name, _, secret in (one.partition("=") for one in given.key)}
    relay = LocalRelay(dict.fromkeys(given.path, True), Access(keys))
    await relay.start(given.port, given.host)
    print(f"relay on {given.host}:{relay.port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_main())
