"""The adapters that every contract is checked against."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.local.open import LocalAdapters, open_local
from shared.adapters.local.queue import QueueRules
from shared.ports import Clock
from shared.settings import read_settings
from tests.contract.azure_world import AzureWorld
from tests.doubles.azurite import azurite
from tests.doubles.clock import SettableClock
from tests.doubles.packages import PackageMissing

Scenario = Callable[[Any], Awaitable[None]]
Run = Callable[[Scenario], None]
Open = Callable[[], Awaitable[Any]]

RULES = QueueRules(lock_seconds=30, max_deliveries=3, duplicate_window_seconds=600)


def local(home: Path, clock: Clock) -> LocalAdapters:
    environment = {"CADUCEUS_ADAPTERS": "local", "CADUCEUS_STAGE": "laptop", "CADUCEUS_HOME": str(home)}
    return open_local(read_settings(environment), clock, RULES)


# Every adapter passes every contract: a new one is one more word, and how it is opened.
ADAPTERS = ["local", "azure"]


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

    def run_scenario(scenario: Scenario) -> None:
        async def play() -> None:
            adapters = local(tmp_path / "home", clock) if world is None else await world.open()
            try:
                await scenario(adapters)
            finally:
                await adapters.close()

        asyncio.run(play())

    return run_scenario
