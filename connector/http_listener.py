"""A plain HTTP listener, for systems that post HL7: one message or a batch; the answer is its acknowledgement."""

from __future__ import annotations

import asyncio

from aiohttp import web

from connector.config import ListenTable
from connector.door import Door
from connector.header import is_taken
from connector.log import log
from connector.mllp_listener import Answerer, listener_tls
from connector.senders import is_allowed

_LEAST_SECONDS = 0.01


class HttpListener:
    """Listens between `start` and `stop`.

    Attributes:
        table: What it allows.
        door: Where connections come in.
    """

    def __init__(self, table: ListenTable, answerer: Answerer) -> None:
        self.table = table
        self.answerer = answerer
        self.tls = listener_tls(table)
        self._server = web.Server(self._handle, access_log=None, keepalive_timeout=60)
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

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
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
