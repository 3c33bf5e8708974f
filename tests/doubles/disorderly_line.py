"""A TCP line that gives whole connections to the other end twice, late, and after those that were opened later."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class DisorderlyLine:
    """Carries connections from its own port to another one.

    Attributes:
        port: Where to connect.
        late: Pieces that reached the other end after their sender may have given up.
        repeated: Connections that were opened again later, with the same bytes.
        is_orderly: From now on it carries everything as it comes.
    """

    def __init__(self, target_port: int, generator: random.Random, hold_seconds: float) -> None:
        self.port = 0
        self.late = 0
        self.repeated = 0
        self.is_orderly = False
        self._target = target_port
        self._random = generator
        self._hold = hold_seconds
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: asyncio.Task[None]) -> None:
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, sink = await asyncio.open_connection("127.0.0.1", self._target)
        self._begin(asyncio.create_task(self._carry(reader, sink, writer)))
        self._begin(asyncio.create_task(_pour(there, writer)))

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        """Carry a connection to its end, whether or not its sender still waits; perhaps once more afterwards."""
        carried = b""
        with _aborted_in_the_end(sink):
            with suppress(OSError):
                while data := await source.read(1 << 20):
                    carried += data
                    if not self.is_orderly and self._random.random() < 0.2:
                        self.late += 1
                        writer.transport.abort()  # the sender tries another connection, and this piece comes after it
                        await asyncio.sleep(self._random.uniform(0, self._hold))
                    sink.write(data)
                    await sink.drain()
            if not self.is_orderly and self._random.random() < 0.5:
                self.repeated += 1
                await asyncio.sleep(self._random.uniform(0, self._hold))
                await self._repeat(carried)
            await asyncio.sleep(0.05)  # what is under way is answered, to nobody

    async def _repeat(self, carried: bytes) -> None:
        with suppress(OSError):
            source, sink = await asyncio.open_connection("127.0.0.1", self._target)
            with _aborted_in_the_end(sink):
                sink.write(carried)
                await sink.drain()
                sink.write_eof()
                await source.read()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with _aborted_in_the_end(sink), suppress(OSError):
        while data := await source.read(1 << 20):
            sink.write(data)
            await sink.drain()


@contextmanager
def _aborted_in_the_end(sink: asyncio.StreamWriter) -> Iterator[None]:
    try:
        yield
    finally:
        sink.transport.abort()
