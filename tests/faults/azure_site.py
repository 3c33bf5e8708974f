"""Azure: each worker is a process with adapters of its own, and a step is a call of a service.

So a fault strikes between two calls of one port, and what an adapter remembers may be what another process changed.
Tables, blobs and queues are in memory (tests/doubles/in_process); the FHIR server is the laptop's store.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

from azure.core.exceptions import HttpResponseError, ServiceResponseError
from azure.servicebus.exceptions import ServiceBusConnectionError

from shared.adapters.azure import holds
from shared.adapters.azure.packed import unpack_delivery
from shared.adapters.local import fhir_table
from shared.adapters.local.database import Database
from shared.adapters.local.fhir_store import LocalFhirStore
from shared.message.identifiers import DeliveryId
from shared.message.state import DeliveryState
from shared.settings import read_settings
from tests.doubles.in_process.open import Clients, Services, open_in_process
from tests.doubles.in_process.service_bus import unrenewed
from tests.doubles.service_bus.entities import EntityRules
from tests.faults.site import DUPLICATE_WINDOW_SECONDS, SETTINGS
from tests.faults.steps import LOCK_SECONDS, Caller, Steps
from tests.faults.virtual_time import START, VirtualClock, VirtualLoop

MAX_DELIVERIES = 100  # infra/components/messaging.py
_NOWHERE = {
    "CADUCEUS_STORAGE_EMULATOR": "UseDevelopmentStorage=true",
    "SERVICE_BUS": "UseDevelopmentEmulator=true",
    "CADUCEUS_FHIR": "http://127.0.0.1:1",
}


class AzureSite:
    """Tables, blobs and queues of Azure in memory; the FHIR server is the laptop's store."""

    stops_within_seconds = holds.FRESH_SECONDS  # of a destination: less

    def __init__(self, home: Path, clock: VirtualClock) -> None:
        found = {"CADUCEUS_ADAPTERS": "azure", "CADUCEUS_HOME": str(home), **SETTINGS, **_NOWHERE}
        self.settings = read_settings(found)
        self.adapters: Any = None
        self._clock = clock
        self._store = Database(home / "store.db", [fhir_table.SCHEMA])
        rules = EntityRules(
            lock_seconds=LOCK_SECONDS,
            max_deliveries=MAX_DELIVERIES,
            requires_session=True,
            duplicate_window_seconds=DUPLICATE_WINDOW_SECONDS,
        )
        self._services = Services(clock, rules)
        self._clients: dict[int, Clients] = {}

    def open(self) -> None:
        if self.adapters is None:
            self.adapters = self._connected(self._clock, Clients(self._services))

    async def restart(self) -> None:
        """Nothing: the services go on."""

    def adapters_of(self, worker: Caller, steps: Steps) -> Any:
        clients = Clients(self._services, partial(_reach, worker, steps))
        self._clients[id(worker)] = clients
        adapters = self._connected(worker.clock, clients)
        adapters.fhir_store = steps.wrap("fhir_store", adapters.fhir_store, worker)
        return adapters

    def end(self, worker: Caller, *, with_process: bool) -> None:
        self._clients[id(worker)].die(with_connection=with_process)

    async def give_away(self, lock: Any) -> None:
        self._services.broker.get(lock.queue).expire(lock.session)

    def accepted_in(self, name: str, arguments: tuple[Any, ...]) -> Iterator[DeliveryId]:
        if name == "lanes.transact":
            found = (unpack_delivery(row["delivery"]) for _, row, _ in arguments[0] if "delivery" in row)
            yield from (delivery.id for delivery in found if delivery.state is DeliveryState.ACCEPTED)

    def tick(self) -> None:
        """Let the broker's schedules and locks fall due."""
        self._services.broker.tick()

    async def close(self) -> None:
        await self._store.close()

    def _connected(self, clock: VirtualClock, clients: Clients) -> Any:
        adapters: Any = open_in_process(self.settings, clock, clients)
        adapters.fhir_store = LocalFhirStore(self._store, clock)
        return adapters


@contextmanager
def in_virtual_time(loop: VirtualLoop) -> Iterator[None]:
    """Let what the adapters remember grow old by the loop's time; a lock is not renewed, whoever holds it."""
    started = int(START.timestamp() * 1e9)

    def now_ns() -> int:
        return started + int(loop.time() * 1e9)

    with ExitStack() as stack:
        patch = stack.enter_context
        patch(mock.patch.object(time, "monotonic", loop.time))
        patch(mock.patch.object(time, "time_ns", now_ns))
        patch(unrenewed())
        yield


async def _reach(worker: Caller, steps: Steps, name: str, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    return await steps.call(worker, name, work, arguments, _bus_fails if name.startswith("queue.") else _storage_fails)


async def _storage_fails(took_effect: bool) -> NoReturn:
    if took_effect:
        raise ServiceResponseError("the connection broke")
    error = HttpResponseError("busy")
    error.status_code = 503
    raise error


async def _bus_fails(took_effect: bool) -> NoReturn:
    del took_effect
    raise ServiceBusConnectionError
