"""The process ends between two calls of its ports, with tables, blobs and a FHIR server that outlive it.

The same harness and the same promises as in `test_crash`, once for each kind of call that changes something. The broker
is the local one: Service Bus has its own contract, and a client that takes a second to open a session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.adapters import Adapters
from shared.adapters.azure.open import AzureAdapters
from shared.adapters.local import queue_table
from shared.adapters.local.database import Database
from shared.adapters.local.queue import LocalQueue, QueueRules
from tests.contract.azure_world import AzureWorld
from tests.doubles.azurite import azurite
from tests.doubles.packages import PackageMissing
from tests.pipeline.hub_in_process import HubInProcess, write_interfaces
from tests.pipeline.test_crash import READS, ROUTES, check, outcome, run

IN_AZURE = ("archive", "ledger", "lanes", "barriers", "identities", "fhir_store")


class HubOnAzure(HubInProcess):
    """The hub of the harness on the adapters of Azure."""

    def __init__(self, home: Path, interfaces: Path, storage: str) -> None:
        super().__init__(home, interfaces)
        self._home = home
        self._world = AzureWorld(storage, home / "azure", self.clock, QueueRules())
        self._world.__enter__()

    async def _open(self) -> Adapters:
        adapters = await self._world.open(self.clock)
        self._database = Database(self._home / "queue.db", [queue_table.SCHEMA])
        adapters.__dict__["queue"] = LocalQueue(self._database, self.clock, QueueRules())
        return adapters

    def _with_ports(self, counted: dict[str, Any]) -> Adapters:
        adapters = AzureAdapters(self._adapters.settings, self.clock)
        adapters.__dict__.update(self._adapters.__dict__)
        adapters.__dict__.update(counted)
        return adapters

    async def crash(self) -> None:
        await super().crash()
        await self._database.close()

    def leave(self) -> None:
        """Let go of what the hub talked to."""
        self._world.__exit__(None, None, None)


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(azurite())
        except PackageMissing as missing:
            pytest.skip(str(missing))


async def start(home: Path, storage: str, crash_after: str | None = None) -> HubOnAzure:
    interfaces = write_interfaces(home / "interfaces", ROUTES)
    hub = HubOnAzure(home / "home", interfaces, storage)
    hub.faults.crash_after = crash_after
    await hub.start()
    return hub


async def end(hub: HubOnAzure) -> None:
    await hub.crash()
    hub.leave()


@pytest.mark.slow
@pytest.mark.parametrize("port", IN_AZURE)
async def test_nothing_is_lost_and_nothing_recorded_is_sent_again_wherever_the_process_ends(home, storage, port):
    """What is in memory, of sessions, of persons, of states, is gone; the rows are the truth."""
    hub = await start(home / "whole", storage)
    await run(hub, [])
    made, expected = list(hub.faults.made), await outcome(hub)
    await end(hub)
    changing = sorted({name for name in made if name.startswith(f"{port}.") and name not in READS})
    assert changing

    for name in changing:
        hub = await start(home / name, storage, crash_after=name)
        crashes: list[str] = []
        await run(hub, crashes)
        assert crashes == [name]
        await check(hub, crashes, expected, f"after {name}")
        await end(hub)
