"""The adapters that every contract is checked against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.azure.open import AzureAdapters
from shared.adapters.azure.queue import AzureQueue
from shared.adapters.local import fhir_table
from shared.adapters.local.database import Database
from shared.adapters.local.fhir_store import LocalFhirStore
from shared.adapters.local.open import LocalAdapters, open_local
from shared.adapters.local.queue import QueueRules
from shared.ports import Clock
from shared.settings import read_settings
from tests.contract.azure_world import AzureWorld
from tests.doubles.azurite import azurite
from tests.doubles.clock import SettableClock
from tests.doubles.in_process.open import Clients, Services, open_in_process
from tests.doubles.in_process.service_bus import unrenewed
from tests.doubles.packages import PackageMissing
from tests.doubles.service_bus.entities import EntityRules

Scenario = Callable[[Any], Awaitable[None]]
Run = Callable[[Scenario], None]
Open = Callable[[], Awaitable[Any]]

RULES = QueueRules(lock_seconds=30, max_deliveries=3, duplicate_window_seconds=600)
ENTITY = EntityRules(lock_seconds=30, max_deliveries=3, duplicate_window_seconds=600, requires_session=True)
ACCEPT_SECONDS = 0.05
TICK_SECONDS = 0.005
NOWHERE = {
    "CADUCEUS_ADAPTERS": "azure",
    "CADUCEUS_STAGE": "laptop",
    "CADUCEUS_STORAGE_EMULATOR": "UseDevelopmentStorage=true",
    "SERVICE_BUS": "UseDevelopmentEmulator=true",
    "CADUCEUS_FHIR": "http://127.0.0.1:1",
}


def local(home: Path, clock: Clock) -> LocalAdapters:
    environment = {"CADUCEUS_ADAPTERS": "local", "CADUCEUS_STAGE": "laptop", "CADUCEUS_HOME": str(home)}
    return open_local(read_settings(environment), clock, RULES)


@asynccontextmanager
async def in_process(home: Path, clock: Clock, services: Services) -> AsyncIterator[AzureAdapters]:
    """Azure's adapters over services in memory; the FHIR server is the laptop's store."""
    adapters = open_in_process(read_settings({**NOWHERE, "CADUCEUS_HOME": str(home)}), clock, Clients(services))
    adapters.queue = AzureQueue(adapters.clients.open_service_bus, clock, adapters.operations, ACCEPT_SECONDS)
    store = Database(home / "store.db", [fhir_table.SCHEMA])
    adapters.fhir_store = LocalFhirStore(store, clock)  # type: ignore[assignment]
    ticking = asyncio.create_task(_tick(services))
    try:
        with unrenewed():
            yield adapters
    finally:
        ticking.cancel()
        await adapters.queue.close()
        await store.close()


async def _tick(services: Services) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        services.broker.tick()


# Every adapter passes every contract: a new one is one more word, and how it is opened. The last are Azure's over
# services in memory, which have to be as Azurite and the AMQP endpoint are: the fault harness builds on them.
ADAPTERS = ["local", "azure", "in_process"]


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
    """The connection string of Azurite."""
    with ExitStack() as stack:
        try:
            yield stack.enter_context(azurite())
        except PackageMissing as missing:
            pytest.skip(str(missing))


@pytest.fixture
def azure_world(storage: str, tmp_path: Path, clock: SettableClock) -> Iterator[AzureWorld]:
    """Everything that the adapters of Azure talk to."""
    with AzureWorld(storage, tmp_path / "azure", clock, RULES) as world:
        yield world


@pytest.fixture(params=ADAPTERS)
def run(request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock) -> Run:
    """Run a scenario with open adapters; a second one finds what the first left behind."""
    world = request.getfixturevalue("azure_world") if request.param == "azure" else None
    services = Services(clock, ENTITY)

    def run_scenario(scenario: Scenario) -> None:
        async def play() -> None:
            if request.param == "in_process":
                async with in_process(tmp_path, clock, services) as adapters:
                    return await scenario(adapters)
            adapters = local(tmp_path / "home", clock) if world is None else await world.open()
            try:
                await scenario(adapters)
            finally:
                await adapters.close()

        asyncio.run(play())

    return run_scenario
