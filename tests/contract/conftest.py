"""The adapters that every contract is checked against."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.local.open import LocalAdapters, open_local
from shared.adapters.local.queue import QueueRules
from shared.ports import Clock
from shared.settings import read_settings
from tests.doubles.clock import SettableClock

Scenario = Callable[[Any], Awaitable[None]]
Run = Callable[[Scenario], None]

RULES = QueueRules(lock_seconds=30, max_deliveries=3, duplicate_window_seconds=600)


def local(home: Path, clock: Clock) -> LocalAdapters:
    environment = {"CADUCEUS_ADAPTERS": "local", "CADUCEUS_STAGE": "laptop", "CADUCEUS_HOME": str(home)}
    return open_local(read_settings(environment), clock, RULES)


# Every adapter passes every contract: a new one is one more line.
ADAPTERS = {"local": local}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture(params=ADAPTERS)
def run(request: pytest.FixtureRequest, tmp_path: Path, clock: SettableClock) -> Run:
    """Run a scenario with open adapters; a second one finds what the first left behind."""

    def run_scenario(scenario: Scenario) -> None:
        async def play() -> None:
            adapters = ADAPTERS[request.param](tmp_path / "home", clock)
            try:
                await scenario(adapters)
            finally:
                await adapters.close()

        asyncio.run(play())

    return run_scenario
