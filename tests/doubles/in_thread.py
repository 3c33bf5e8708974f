"""What serves in a thread of its own, and so outlives the event loops of a test: a web server, or anything else."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Self

from aiohttp import web


class InThread(ABC):
    """An event loop in a thread of its own; use it in a ``with``: it serves from the first line to the last."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._is_ready = threading.Event()
        self._is_over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    @abstractmethod
    def serving(self) -> AbstractAsyncContextManager[None]:
        """Serve on the loop until the block is left."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        async with self.serving():
            self._is_ready.set()
            await self._is_over.wait()


class ServerInThread(InThread):
    """Serves an application on a port of this machine."""

    def __init__(self, application: web.Application) -> None:
        super().__init__()
        self._application = application
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        runner = web.AppRunner(self._application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        yield
        await runner.cleanup()
