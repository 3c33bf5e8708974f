"""A TCP line between two ends that a test can cut, freeze and slow down."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class TcpLine:
    """Carries connections from its own port to another one.

    Attributes:
        port: Where to connect.
        delay_seconds: Each piece is held so long.
        carried: Connections that were let through.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.carried = 0
        self._target = target_port
        self._flows = asyncio.Event()
        self._flows.set()
        self._is_refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        """Carry nothing more; nobody is told."""
        self._flows.clear()

    def thaw(self) -> None:
        """Carry on; what was frozen is lost, as behind a firewall that has forgotten it."""
        self.cut()
        self._flows.set()

    def cut(self) -> None:
        """Reset every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    def refuse(self, is_refusing: bool = True) -> None:
        """Reset every connection, and every new one at once."""
        self._is_refusing = is_refusing
        if is_refusing:
            self.cut()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_refusing:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self.carried += 1
        pair = {writer, there_writer}
        self._writers |= pair
        both = [
            asyncio.create_task(self._pump(reader, there_writer)),
            asyncio.create_task(self._pump(there_reader, writer)),
        ]
        self._tasks |= set(both)
        try:
            await asyncio.gather(*both)
        finally:
            self._writers -= pair
            self._tasks -= set(both)
            for each in pair:
                each.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                await self._flows.wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                sink.write(data)
                await sink.drain()
            if sink.can_write_eof():
                sink.write_eof()
