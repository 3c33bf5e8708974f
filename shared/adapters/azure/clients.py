"""The SDKs' clients of one process: each opened on first use, all signed in as the hub's identity.

In Azure that is the managed identity, on a developer's machine whoever is signed in to the Azure CLI. A connection
string opens an emulator and nothing else: `read_settings` refuses one anywhere but on a laptop.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.settings import Settings

if TYPE_CHECKING:
    from azure.data.tables.aio import TableServiceClient
    from azure.eventgrid.aio import EventGridPublisherClient
    from azure.identity.aio import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient
    from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient
    from azure.servicebus.aio import ServiceBusClient
    from azure.storage.blob.aio import BlobServiceClient

BLOCK_BYTES = 1 << 20  # of a blob that goes out in one piece: a larger one would hold up the loop
_HEALTH_DATA_SERVICES = ".fhir.azurehealthcareapis.com"


class AzureClients:
    """What the adapters talk through."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # In Azure the root logger takes every line of INFO, and the SDKs write two for each request, with its address.
        logging.getLogger("azure").setLevel(logging.WARNING)

    @cached_property
    def credential(self) -> DefaultAzureCredential:
        """The hub's identity; it keeps its tokens until they run out."""
        from azure.identity.aio import DefaultAzureCredential

        return DefaultAzureCredential()

    @cached_property
    def tables(self) -> TableServiceClient:
        """Table Storage."""
        from azure.data.tables.aio import TableServiceClient

        if self._settings.storage_emulator:
            return TableServiceClient.from_connection_string(self._settings.storage_emulator)
        return TableServiceClient(endpoint=self._settings.tables, credential=self.credential)

    @cached_property
    def blobs(self) -> BlobServiceClient:
        """Blob Storage."""
        from azure.storage.blob.aio import BlobServiceClient

        sizes: dict[str, Any] = {"max_single_put_size": BLOCK_BYTES, "max_block_size": BLOCK_BYTES}
        if self._settings.storage_emulator:
            return BlobServiceClient.from_connection_string(self._settings.storage_emulator, **sizes)
        return BlobServiceClient(self._settings.blobs, credential=self.credential, **sizes)

    def open_service_bus(self, **options: Any) -> ServiceBusClient:
        """Return a client of Service Bus; the triggers are configured by the same two settings."""
        from azure.servicebus.aio import ServiceBusClient

        if self._settings.service_bus_emulator:
            return ServiceBusClient.from_connection_string(self._settings.service_bus_emulator, **options)
        return ServiceBusClient(self._settings.service_bus, self.credential, **options)

    @cached_property
    def event_grid(self) -> EventGridPublisherClient:
        """The topic of events."""
        from azure.eventgrid.aio import EventGridPublisherClient

        return EventGridPublisherClient(self._settings.event_topic, self.credential)

    @cached_property
    def key_vault(self) -> AsyncSecretClient:
        """Secrets."""
        from azure.keyvault.secrets.aio import SecretClient

        return SecretClient(self._settings.key_vault, self.credential)

    def open_key_vault_now(self) -> SecretClient:
        """Return a client that waits: for the one secret that is read before there is an event loop."""
        from azure.identity import DefaultAzureCredential
        from azure.keyvault.secrets import SecretClient

        return SecretClient(self._settings.key_vault, DefaultAzureCredential())

    @property
    def fhir_needs_token(self) -> bool:
        """Tell whether the FHIR server signs its clients in by Entra."""
        return self._settings.fhir.rstrip("/").endswith(_HEALTH_DATA_SERVICES)

    async def fhir_token(self) -> str:
        """Return a token for the FHIR server."""
        scope = f"{self._settings.fhir.rstrip('/')}/.default"
        return (await self.credential.get_token(scope)).token

    async def close(self) -> None:
        """Close what was opened and is nobody else's."""
        for name in ("tables", "blobs", "credential"):
            opened = self.__dict__.get(name)
            if opened is not None:
                await opened.close()
