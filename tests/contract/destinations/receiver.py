"""Small real servers that behave as receivers do: answer, hang, answer late, drop, talk nonsense."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

Behaviour = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """A server that reads whole messages and behaves as it is told, one behaviour for each message in turn.

    The last behaviour stays. `taken` holds every message that arrived whole.
    """

    def __init__(self, read: Callable[[asyncio.StreamReader], Awaitable[bytes]], *behaviours: Behaviour) -> None:
        self._read = read
        self._behaviours = list(behaviours)
        self._server: asyncio.Server | None = None
        self.taken: list[bytes] = []
        self.tls: ssl.SSLContext | None = None
        self.connections = 0
        self.open_now = 0
        self.most_at_once = 0
        self.port = 0

    async def up(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**20, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                message = await self._read(reader)
                self.taken.append(message)
                self.open_now += 1
                self.most_at_once = max(self.most_at_once, self.open_now)
                behave = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
                await behave(message, writer)
                self.open_now -= 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def say(answer: bytes) -> Behaviour:
    """Answer with these bytes."""

    async def behave(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return behave


def say_late(seconds: float, behaviour: Behaviour) -> Behaviour:
    """Behave after a while."""

    async def behave(message: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(seconds)
        await behaviour(message, writer)

    return behave


async def hang(_: bytes, writer: asyncio.StreamWriter) -> None:
    """Take the message and say nothing, for as long as the sender stays."""
    await writer.wait_closed()


async def drop(_: bytes, writer: asyncio.StreamWriter) -> None:
    """Take the message and cut the line."""
    writer.transport.abort()
