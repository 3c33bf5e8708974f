"""A host of the sample function app on free ports, with the local broker in a temporary folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from local.functions import Function, load_functions
from local.host import Host
from local.host_json import HostJson, QueueLimits
from shared.adapters.local import queue_table
from shared.adapters.local.clock import SystemClock
from shared.adapters.local.database import Database
from shared.adapters.local.queue import LocalQueue, QueueRules
from tests.local import sample_app


@pytest.fixture(scope="session")
def functions() -> tuple[Function, ...]:
    """The sample app's functions; an app can be indexed once in a process."""
    return load_functions("tests.local.sample_app")


@pytest.fixture
def seen() -> list:
    """What the sample functions saw in this test."""
    sample_app.SEEN.clear()
    sample_app.FAIL_ON.clear()
    sample_app.GATE = asyncio.Event()
    return sample_app.SEEN


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[LocalQueue]:
    database = Database(tmp_path / "hub.db", [queue_table.SCHEMA])
    yield LocalQueue(database, SystemClock(), QueueRules(max_deliveries=3))
    await database.close()


@pytest.fixture
async def host(functions, seen, queue) -> AsyncIterator[Host]:
    """The host, without the timer: it would speak in between."""
    untimed = [function for function in functions if function.name != "tick"]
    host = Host(untimed, HostJson("", QueueLimits(sessions=4, batch=3)), queue)
    await host.start(0)
    yield host
    sample_app.GATE.set()
    await host.stop()


@pytest.fixture
def eventually() -> Callable:
    """Wait until something holds; fail when it does not within two seconds."""

    async def wait(holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(2):
            while not holds():  # noqa: ASYNC110  # what is waited for sets no event
                await asyncio.sleep(0.005)

    return wait
