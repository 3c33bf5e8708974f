"""A plain HTTP listener, for systems that post HL7: one message or a batch; the answer is its acknowledgement."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from aiohttp import web

from connector.config import ListenTable
from connector.door import Door
from connector.header import is_taken
from connector.log import log
from connector.mllp_listener import Answerer, listener_tls
from connector.senders import admit, is_allowed

_LEAST_SECONDS = 0.01


class HttpListener:
    """Listens between `start` and `stop`.

    Attributes:
        table: What it allows.
        door: Where connections come in.
        connections: Those that are open.
    """

    def __init__(self, table: ListenTable, answerer: Answerer) -> None:
        self.table = table
        self.answerer = answerer
        self.tls = listener_tls(table)
        self.connections: set[_Connection] = set()
        self._server = _Server(self._handle, access_log=None, keepalive_timeout=60)
        self._server.listener = self
        self.door = Door(self, self._server)

    @property
    def port(self) -> int:
        """The one it listens on."""
        return self.door.port

    async def start(self, port: int | None = None) -> None:
        """Listen.

        Args:
            port: Instead of the table's; 0 takes a free one.
        """
        await self.door.open(port)

    async def stop(self, seconds: float = 10.0) -> None:
        """Stop listening, answer what is at work, and close."""
        await self.door.close()
        await asyncio.sleep(0)  # who came in last begins to be answered
        self._server.pre_shutdown()
        # aiohttp waits so long for an answer, and as long again for one that it broke off; 0 would be without an end.
        await self._server.shutdown(max(seconds / 2, _LEAST_SECONDS))

    def let_in(self, new: _Connection) -> bool:
        """Count a connection if there is room for it; the sender's quietest may have to go: it answers, and closes."""
        own = [one for one in self.connections if one.sender == new.sender and not one.is_superseded]
        table = self.table
        reason, superseded = admit(own, len(self.connections), table.connections, table.connections_per_sender)
        if reason:
            log(reason, listener=table.name, connections=len(self.connections))
            return False
        if superseded is not None:
            log("connection_superseded", listener=table.name)
            superseded.give_way()
        self.connections.add(new)
        return True

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = cast(_Connection, request.protocol)
        connection.is_answering = True
        try:
            return await self._answer(request)
        finally:
            connection.is_answering = False

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if not is_allowed(request.remote or "", self.table.allow):
            log("not_allowed", listener=self.table.name)
            return web.Response(status=403)
        if request.method != "POST":
            return web.Response(status=405)
        try:
            async with asyncio.timeout(self.table.frame_seconds):
                body = await self._bounded(request)
        except TimeoutError:
            log("frame_late", listener=self.table.name)
            return web.Response(status=408, headers={"Connection": "close"})
        if body is None:
            return web.Response(status=413, headers={"Connection": "close"})
        said = await self.answerer.answer(body)
        if not said:
            return web.Response(status=400)
        status = 200 if is_taken(said) else 422
        return web.Response(status=status, body=said, content_type="application/hl7-v2")

    async def _bounded(self, request: web.BaseRequest) -> bytes | None:
        limit = self.table.frame_megabytes * 1024 * 1024
        parts: list[bytes] = []
        size = 0
        async for part in request.content.iter_chunked(65536):
            size += len(part)
            if size > limit:
                return None
            parts.append(part)
        return b"".join(parts)


class _Server(web.Server):
    """Makes connections that their listener counts."""

    listener: HttpListener

    def __call__(self) -> web.RequestHandler:
        return _Connection(self.listener, self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    """One sender.

    Attributes:
        sender: Its address.
        last_heard: Loop time of its last bytes.
        is_answering: A message of its is at work.
        is_superseded: Its sender has another one in its place.
    """

    __slots__ = ("_listener", "is_answering", "is_superseded", "last_heard", "sender")

    def __init__(self, listener: HttpListener, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._listener = listener
        self.sender = ""
        self.last_heard = self._loop.time()
        self.is_answering = self.is_superseded = False

    def give_way(self) -> None:
        """Close, as soon as what is at work is answered."""
        self.is_superseded = True
        if self.is_answering:
            self.close()
        else:
            self.force_close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        name = transport.get_extra_info("peername")
        self.sender = name[0] if isinstance(name, tuple) else ""
        if self._listener.let_in(self):
            super().connection_made(transport)
        else:
            cast(asyncio.Transport, transport).abort()

    def data_received(self, data: bytes) -> None:
        self.last_heard = self._loop.time()
        super().data_received(data)

    def connection_lost(self, error: BaseException | None) -> None:
        self._listener.connections.discard(self)
        super().connection_lost(error)
