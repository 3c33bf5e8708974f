"""A Service Bus namespace on a port of this machine, in a thread of its own: the real SDK talks to it.

It is a double, not a product: no TLS, tokens are counted and not checked, nothing outlives it. Compared with what the
SDK and the documentation say, never with a live namespace.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.adapters.local.clock import SystemClock
from shared.ports import Clock
from tests.doubles.in_thread import InThread
from tests.doubles.service_bus.broker import Broker
from tests.doubles.service_bus.connection import Connection
from tests.doubles.service_bus.entities import EntityRules

TICK_SECONDS = 0.01


class ServiceBusEndpoint(InThread):
    """A namespace; use it in a ``with``.

    Args:
        clock: The broker's; a test may move it.
        defaults: Of a queue that nobody declared; None: such a queue is not found.
    """

    def __init__(self, clock: Clock | None = None, defaults: EntityRules | None = None) -> None:
        super().__init__()
        self._clock = clock or SystemClock()
        self.broker = Broker(self._clock, defaults)
        self.claims: Counter[str] = Counter()
        self.port = 0
        self._connections: list[Connection] = []

    @property
    def connection_string(self) -> str:
        """What the SDK is opened with; the key is the one of Microsoft's emulator, and is no secret."""
        key = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"
        return f"Endpoint=sb://127.0.0.1:{self.port};{key};UseDevelopmentEmulator=true;"

    def operations(self) -> Counter[str]:
        """Return how many messages were sent and received, and how many other requests were made."""
        total: Counter[str] = Counter()
        for entity in self.broker.entities():
            total += entity.operations
        return total

    def drop_connections(self) -> None:
        """Break every connection, as a network does."""
        done = threading.Event()

        def drop() -> None:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            done.set()

        self._loop.call_soon_threadsafe(drop)
        done.wait(5)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        server = await self._loop.create_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ticking = self._loop.create_task(self._tick())
        yield
        ticking.cancel()
        for connection in self._connections:
            connection.close()
        server.close()
        await asyncio.gather(ticking, return_exceptions=True)
        await asyncio.sleep(0)

    def _connect(self) -> Connection:
        connection = Connection(self.broker, self._clock, self.claims)
        self._connections.append(connection)
        return connection

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.broker.tick()
