"""One sample system: a server that can be switched down and up again, and an inbox."""

from __future__ import annotations

import hashlib
from typing import Protocol
from urllib.parse import SplitResult

import orjson
from aiohttp import web

from local.http_server import ADDRESS, HttpServer
from local.mllp_listener import MllpListener
from local.receivers.inbox import Inbox
from shared.hl7 import parse
from shared.hl7.ack import build_ack
from shared.message.errors.base import Acknowledgement
from shared.message.errors.hl7 import Hl7Error
from shared.ports import Clock

CLOUD_EVENT = "application/cloudevents+json"


class Server(Protocol):
    """What listens."""

    port: int

    async def start(self, port: int) -> None: ...

    async def stop(self) -> None: ...


class Receiver:
    """A system at the address where its destination says it is.

    Attributes:
        name: Of the destination it stands for.
        kind: Of the destination: ``mllp``, ``https``, ``event``.
        is_up: Whether it listens.
        port: Where it listens, once it was up; 0: it takes a free one.
    """

    def __init__(self, name: str, kind: str, place: SplitResult, inbox: Inbox, clock: Clock) -> None:
        self.name = name
        self.kind = kind
        self.inbox = inbox
        self.is_up = False
        self._place = place
        self.port = place.port or 0
        self._server: Server = _mllp_server(inbox, clock) if kind == "mllp" else _http_server(inbox)

    @property
    def address(self) -> str:
        """Where it listens, or did before it was switched down."""
        return self._place._replace(netloc=f"{ADDRESS}:{self.port}").geturl()

    async def switch_up(self) -> None:
        """Listen, on the same port as ever."""
        if not self.is_up:
            await self._server.start(self.port)
            self.port, self.is_up = self._server.port, True

    async def switch_down(self) -> None:
        """Close the listening socket and every connection."""
        if self.is_up:
            await self._server.stop()
            self.is_up = False


def _http_server(inbox: Inbox) -> HttpServer:
    async def take(request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"})
        body = await request.read()
        try:
            key = request.headers.get("Idempotency-Key") or _key_of(request.content_type, body)
        except (ValueError, LookupError, TypeError):
            return web.Response(status=400)
        is_new = inbox.take(key, request.content_type, body)
        return web.Response(status=202 if is_new else 200)

    return HttpServer(take)


def _key_of(media_type: str, body: bytes) -> str:
    """Return what makes a message without a key one message: an event's id, or its bytes."""
    if media_type == CLOUD_EVENT:
        return str(orjson.loads(body)["id"])
    return hashlib.sha256(body).hexdigest()


def _mllp_server(inbox: Inbox, clock: Clock) -> MllpListener:
    async def take(message: bytes) -> bytes:
        try:
            read = parse(message)
        except Hl7Error:
            return b""
        inbox.take(read.control_id, "application/hl7-v2", message)
        return build_ack(read, Acknowledgement.APPLICATION_ACCEPT, f"R{inbox.received}", clock.now())

    return MllpListener(take)
