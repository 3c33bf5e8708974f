"""Something real for each adapter of Azure: Azurite, an AMQP endpoint, a FHIR server, a vault."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from azure.keyvault.secrets import SecretClient
from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient

from shared.adapters.azure.emulator import make_storage
from shared.adapters.azure.open import AzureAdapters
from shared.adapters.azure.queue import AzureQueue
from shared.adapters.azure.secrets import AzureSecrets
from shared.adapters.local.queue import QueueRules
from shared.ports import Clock
from shared.settings import read_settings
from tests.doubles.fhir_server import FhirServer
from tests.doubles.in_thread import ServerInThread
from tests.doubles.key_vault import VAULT, Identity, IdentityNow, KeyVault, ToDouble, ToDoubleNow
from tests.doubles.service_bus.endpoint import ServiceBusEndpoint
from tests.doubles.service_bus.entities import EntityRules

ACCEPT_SECONDS = 0.3


class AzureWorld:
    """What one test's adapters talk to; it outlives them, as Azure outlives a process.

    Args:
        storage: Connection string of Azurite.
    """

    def __init__(self, storage: str, home: Path, clock: Clock, rules: QueueRules) -> None:
        self._storage, self._home, self._clock = storage, home, clock
        self._stack = ExitStack()
        self.fhir = FhirServer(home / "fhir.db", clock)
        self._vault = KeyVault({"hub-key": hashlib.sha256(b"a key of tests").hexdigest()})
        entity = EntityRules(
            lock_seconds=rules.lock_seconds,
            max_deliveries=rules.max_deliveries,
            requires_session=True,
            duplicate_window_seconds=rules.duplicate_window_seconds,
        )
        self.service_bus = ServiceBusEndpoint(clock, entity)

    def __enter__(self) -> AzureWorld:
        self._fhir_url = self._stack.enter_context(ServerInThread(self.fhir.application())).url
        self._vault_url = self._stack.enter_context(ServerInThread(self._vault.application())).url
        self._stack.enter_context(self.service_bus)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def environment(self) -> dict[str, str]:
        """Return the settings of a hub in this world."""
        return {
            "CADUCEUS_ADAPTERS": "azure",
            "CADUCEUS_STAGE": "laptop",
            "CADUCEUS_HOME": str(self._home),
            "CADUCEUS_STORAGE_EMULATOR": self._storage,
            "SERVICE_BUS": self.service_bus.connection_string,
            "CADUCEUS_FHIR": self._fhir_url,
        }

    async def open(self, clock: Clock | None = None, **more: str) -> AzureAdapters:
        """Return adapters of this world; a second time they find what the first left behind."""
        settings = read_settings({**self.environment(), **more})
        prefix = "t" + hashlib.sha256(str(self._home).encode()).hexdigest()[:16]
        adapters = AzureAdapters(settings, clock or self._clock, prefix)
        await make_storage(adapters.clients, adapters.table_names, adapters.container_name)
        parts: dict[str, Any] = adapters.__dict__
        queue = AzureQueue(adapters.clients.open_service_bus, adapters.clock, adapters.operations, ACCEPT_SECONDS)
        vault = AsyncSecretClient(VAULT, Identity(), transport=ToDouble(self._vault_url))
        parts.update(queue=queue, secrets=AzureSecrets(vault, self._open_vault_now, {}))
        return adapters

    def _open_vault_now(self) -> SecretClient:
        return SecretClient(VAULT, IdentityNow(), transport=ToDoubleNow(self._vault_url))
