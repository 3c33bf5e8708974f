"""Whether the way stands, for whoever restarts a container: 200 while a control channel is open, 503 while none is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from relay.listener import Listener


@asynccontextmanager
async def serve_health(listener: Listener, port: int) -> AsyncIterator[int]:
    """Answer every GET while the context lasts; the value is the port. The answer holds nothing but its status.

    Args:
        port: On every address, for a probe comes from outside the container; 0 takes a free one.
    """

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=200 if listener.online else 503)

    http = web.Server(answer, access_log=None)
    server = await asyncio.get_running_loop().create_server(http, "0.0.0.0", port)  # noqa: S104
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await http.shutdown(1.0)
