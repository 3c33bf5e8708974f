"""An HTTP server on this machine only, with one handler for every request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from local.faults import report_fault

ADDRESS = "127.0.0.1"
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
BODY_LIMIT_BYTES = 32 * 1024 * 1024
FINISH_SECONDS = 5.0  # for requests under way when the server stops

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class HttpServer:
    """Listens between `start` and `stop`.

    Attributes:
        port: The one it listens on.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen; ``port`` 0 takes a free one."""
        server = web.Server(self._handler, request_factory=_request, access_log=None, logger=_logger())
        self._runner = web.ServerRunner(server, shutdown_timeout=FINISH_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, ADDRESS, port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, let requests under way finish, and close every connection."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


def _logger() -> logging.Logger:
    """Return a logger for aiohttp, which quotes what it cannot read: only type and place of an exception pass."""
    logger = logging.Logger("aiohttp.server")

    def report(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            report_fault("http", record.exc_info[1])
        return False

    logger.addFilter(report)
    return logger


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """Return what aiohttp would, with the body limit of this server; its own types for the parts are private."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=BODY_LIMIT_BYTES)
