"""The services of one deployment in this process, and adapters that are connected to them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from shared.adapters.azure.open import AzureAdapters
from shared.ports import Clock
from shared.settings import Settings
from tests.doubles.in_process.blobs import BlobStore, ContainerDouble
from tests.doubles.in_process.reach import Reach, at_once
from tests.doubles.in_process.service_bus import BusDouble
from tests.doubles.in_process.tables import TableDouble, TableStore
from tests.doubles.service_bus.broker import Broker
from tests.doubles.service_bus.entities import EntityRules


class Services:
    """Table Storage, Blob Storage and Service Bus; they outlive every process that uses them."""

    def __init__(self, clock: Clock, rules: EntityRules) -> None:
        self.blobs = BlobStore()
        self.broker = Broker(clock, rules)
        self._tables: dict[str, TableStore] = {}

    def table(self, name: str) -> TableStore:
        return self._tables.setdefault(name, TableStore())


class Clients:
    """The clients of one process."""

    def __init__(self, services: Services, reach: Reach = at_once) -> None:
        self._services, self._reach = services, reach
        self.tables = SimpleNamespace(get_table_client=self._table)
        self.blobs = SimpleNamespace(get_container_client=self._container)
        self._buses: list[BusDouble] = []

    def open_service_bus(self, **options: Any) -> BusDouble:
        del options
        self._buses.append(BusDouble(self._services.broker, self._reach))
        return self._buses[-1]

    def die(self, *, with_connection: bool) -> None:
        """Wait for nothing any more."""
        for bus in self._buses:
            bus.die(with_connection=with_connection)

    async def close(self) -> None:
        """Nothing is open."""

    def _table(self, name: str) -> TableDouble:
        return TableDouble(name, self._services.table(name), self._reach)

    def _container(self, name: str) -> ContainerDouble:
        del name
        return ContainerDouble(self._services.blobs, self._reach)


def open_in_process(settings: Settings, clock: Clock, clients: Clients) -> AzureAdapters:
    """Return the real adapters over these clients."""
    adapters = AzureAdapters(settings, clock)
    adapters.clients = clients  # type: ignore[assignment]
    return adapters
