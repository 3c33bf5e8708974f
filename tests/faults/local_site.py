"""A laptop: two workers share a process and its adapters, and a step is a call of a port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.adapters.local.open import open_local
from shared.adapters.local.queue import QueueRules
from shared.message.identifiers import DeliveryId
from shared.message.state import DeliveryState
from shared.settings import read_settings
from tests.faults.site import DUPLICATE_WINDOW_SECONDS, SETTINGS
from tests.faults.steps import LOCK_SECONDS, Caller, Steps
from tests.faults.virtual_time import VirtualClock

PORTS = (
    *("archive", "ledger", "history", "chain", "audit", "replays", "queue", "lanes", "barriers", "holds"),
    *("identities", "intake", "fleet", "fhir_store"),
)


class LocalSite:
    """A home folder."""

    stops_within_seconds = 0.0

    def __init__(self, home: Path, clock: VirtualClock) -> None:
        self.settings = read_settings({"CADUCEUS_ADAPTERS": "local", "CADUCEUS_HOME": str(home), **SETTINGS})
        self.adapters: Any = None
        self._clock = clock
        self._workers = 0

    def open(self) -> None:
        rules = QueueRules(lock_seconds=LOCK_SECONDS, duplicate_window_seconds=DUPLICATE_WINDOW_SECONDS)
        self.adapters = open_local(self.settings, self._clock, rules)

    async def restart(self) -> None:
        await self.adapters.close()

    def adapters_of(self, worker: Caller, steps: Steps) -> Any:
        ports = {name: steps.wrap(name, getattr(self.adapters, name), worker) for name in PORTS}
        # Every other worker numbers and sends in two steps, as in Azure: what stands between them has to be looked at.
        self._workers += 1
        if self._workers % 2:
            ports["intake"] = None
        return replace(self.adapters, clock=worker.clock, **ports)

    def end(self, worker: Caller, *, with_process: bool) -> None:
        """Nothing: the locks of one that ended alone run out, and a process takes its broker along."""

    async def give_away(self, lock: Any) -> None:
        await self.adapters.queue.release(lock)

    def accepted_in(self, name: str, arguments: tuple[Any, ...]) -> Iterator[DeliveryId]:
        if name == "lanes.write":
            yield from (row.id for row in arguments[1] if row.state is DeliveryState.ACCEPTED)

    def tick(self) -> None:
        """Nothing: the queue asks the clock whenever it is asked."""

    async def close(self) -> None:
        await self.adapters.close()
