"""A connector with everything around it: hub, relay, hospital systems; all on this machine, all on free ports."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from connector.config import Config
from connector.process import Connector
from tests.connector.hub import Hub
from tests.connector.peers import Source, System


def free_port() -> int:
    """Return a port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hospital:
    """Makes connectors and what they talk to; ends all of it with the test."""

    def __init__(self, folder: Path, stack: AsyncExitStack, hub: Hub) -> None:
        self.folder = folder
        self.hub = hub
        self._stack = stack

    def config(self, *listen: dict[str, Any], deliver: tuple[dict[str, Any], ...] = (), **tables: Any) -> Config:
        said: dict[str, Any] = {
            "connector": {"name": "north", "folder": str(self.folder)},
            "hub": {
                "url": f"http://127.0.0.1:{self.hub.port}", "authentication": "none", "retry_base_seconds": 0.05,
                "retry_cap_seconds": 0.2, "answer_seconds": 5, "linger_seconds": 0,
            },
            "listen": [{"name": "adt", "port": free_port(), **one} for one in (listen or ({},))],
            "deliver": list(deliver),
        }  # fmt: skip
        for name, table in tables.items():
            said[name] = {**said.get(name, {}), **table}
        return Config.model_validate(said)

    async def connector(self, *listen: dict[str, Any], **tables: Any) -> Connector:
        return await self.start(self.config(*listen, **tables))

    async def start(self, config: Config) -> Connector:
        connector = Connector(config)
        await connector.start()
        self._stack.push_async_callback(connector.stop)
        return connector

    async def source(self, connector: Connector, listener: str = "adt") -> Source:
        source = await Source.connect(connector.listeners[listener].port)
        self._stack.push_async_callback(source.close)
        return source

    async def system(self) -> System:
        system = System()
        await system.start()
        self._stack.push_async_callback(system.stop)
        return system

    def keep(self, callback: Any, *arguments: Any) -> None:
        """Call something at the end."""
        self._stack.push_async_callback(callback, *arguments)


@pytest.fixture
async def hospital(tmp_path) -> AsyncIterator[Hospital]:
    async with AsyncExitStack() as stack:
        hub = Hub()
        await hub.start()
        stack.push_async_callback(hub.stop)
        yield Hospital(tmp_path / "spool", stack, hub)
