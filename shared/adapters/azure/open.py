"""All adapters of a deployment in Azure, each connected on first use."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

from shared.adapters.azure.archive import AzureArchive
from shared.adapters.azure.audit import AzureAudit
from shared.adapters.azure.barriers import AzureBarriers
from shared.adapters.azure.chain import AzureChain
from shared.adapters.azure.clients import AzureClients
from shared.adapters.azure.fhir_store import HttpFhirStore
from shared.adapters.azure.fleet import AzureFleet
from shared.adapters.azure.history import AzureHistory
from shared.adapters.azure.holds import AzureHolds
from shared.adapters.azure.identities import AzureIdentities
from shared.adapters.azure.lanes import AzureLanes
from shared.adapters.azure.ledger import AzureLedger
from shared.adapters.azure.operations import Operations
from shared.adapters.azure.publisher import AzurePublisher
from shared.adapters.azure.queue import AzureQueue
from shared.adapters.azure.replays import AzureReplays
from shared.adapters.azure.secrets import AzureSecrets
from shared.adapters.azure.table import Table
from shared.adapters.inline_workers import InlineWorkers
from shared.adapters.local.clock import SystemClock
from shared.adapters.local.publisher import LocalPublisher
from shared.adapters.local.secrets import HUB_KEY, LocalSecrets
from shared.message.identifiers import OrderingKey
from shared.message.patient import key_digest
from shared.ports import Clock, Publisher, Workers
from shared.settings import Settings, read_secrets

CONTAINER = "archive"
TABLES = ("audit", "identities", "lanes", "ledger", "names", "replays")

J = TypeVar("J")
R = TypeVar("R")


class AzureAdapters:
    """The ports of one deployment.

    Args:
        prefix: Of the tables' and the container's names: deployments that share an emulator differ in it.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None, prefix: str = "") -> None:
        self.settings = settings
        self._prefix = prefix
        self.clients = AzureClients(settings)
        self.store_keeper = None  # the FHIR server keeps its own
        self.intake = None  # tables and Service Bus share no transaction
        self.clock: Clock = clock or SystemClock()
        self.operations = Operations()

    @property
    def table_names(self) -> list[str]:
        return [self._prefix + name for name in TABLES]

    @property
    def container_name(self) -> str:
        return self._prefix + CONTAINER

    @cached_property
    def archive(self) -> AzureArchive:
        """Blob Storage, and a table of names."""
        container = self.clients.blobs.get_container_client(self.container_name)
        return AzureArchive(container, self._table("names"), self.clock, self.operations)

    @cached_property
    def ledger(self) -> AzureLedger:
        """Table Storage."""
        return AzureLedger(self._table("ledger"), self.clock, self.key_digest)

    @cached_property
    def history(self) -> AzureHistory:
        """The ledger's table."""
        return AzureHistory(self._table("ledger"), self.key_digest)

    @cached_property
    def chain(self) -> AzureChain:
        """The tables of ledger and lanes."""
        return AzureChain(self._table("ledger"), self._table("lanes"))

    @cached_property
    def replays(self) -> AzureReplays:
        """Table Storage, and the lanes' table."""
        return AzureReplays(self._table("replays"), self._table("lanes"))

    @cached_property
    def audit(self) -> AzureAudit:
        """Table Storage."""
        return AzureAudit(self._table("audit"))

    @cached_property
    def lanes(self) -> AzureLanes:
        """Table Storage."""
        return AzureLanes(self._table("lanes"))

    @cached_property
    def barriers(self) -> AzureBarriers:
        """Table Storage, in the table of lanes."""
        return AzureBarriers(self._table("lanes"), self.clock)

    @cached_property
    def holds(self) -> AzureHolds:
        """Table Storage, in the table of lanes."""
        return AzureHolds(self._table("lanes"), self.barriers.expect)

    @cached_property
    def identities(self) -> AzureIdentities:
        """Table Storage."""
        return AzureIdentities(self._table("identities"))

    @cached_property
    def fleet(self) -> AzureFleet:
        """Table Storage, in the ledger's table."""
        return AzureFleet(self._table("ledger"))

    @cached_property
    def queue(self) -> AzureQueue:
        """Service Bus."""
        return AzureQueue(self.clients.open_service_bus, self.clock, self.operations)

    @cached_property
    def publisher(self) -> Publisher:
        """Event Grid; on a developer's machine without a topic nobody hears."""
        if not self.settings.event_topic:
            return LocalPublisher()
        return AzurePublisher(self.clients.event_grid, self.operations)

    @cached_property
    def fhir_store(self) -> HttpFhirStore:
        """The FHIR server."""
        token = self.clients.fhir_token if self.clients.fhir_needs_token else None
        return HttpFhirStore(self.settings.fhir, token, is_atomic=self.settings.fhir_writes == "transaction")

    @cached_property
    def secrets(self) -> AzureSecrets | LocalSecrets:
        """Key Vault; on a developer's machine without one, files."""
        if not self.settings.key_vault:
            return LocalSecrets(self.settings.home / "secrets", read_secrets())
        return AzureSecrets(self.clients.key_vault, self.clients.open_key_vault_now, read_secrets())

    @cached_property
    def hub_key(self) -> bytes:
        """What mints ids; read once."""
        return self.secrets.read(HUB_KEY).encode()

    def key_digest(self, key: OrderingKey) -> str:
        """Return what the ledger knows an ordering key by; only this reads the hub's key, when it is first needed."""
        return key_digest(key, self.hub_key)

    def workers(self, function: Callable[[J], R]) -> Workers[J, R]:
        """Return workers that are this process: Azure runs several of it."""
        return InlineWorkers(function)

    async def close(self) -> None:
        """Finish what is under way, and close what was opened."""
        for name in ("ledger", "archive", "queue", "publisher", "fhir_store", "secrets"):
            opened = self.__dict__.get(name)
            if opened is not None and hasattr(opened, "close"):
                await opened.close()
        await self.clients.close()

    def _table(self, name: str) -> Table:
        return Table(self.clients.tables.get_table_client(self._prefix + name), self.operations)


def open_azure(settings: Settings, clock: Clock | None = None, prefix: str = "") -> AzureAdapters:
    """Return the adapters of a deployment; nothing is connected yet."""
    return AzureAdapters(settings, clock, prefix)
