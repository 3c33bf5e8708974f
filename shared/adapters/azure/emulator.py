"""What Pulumi makes in Azure, made in an emulator: tables and the container."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.adapters.azure.failures import named

if TYPE_CHECKING:
    from shared.adapters.azure.clients import AzureClients


async def make_storage(clients: AzureClients, tables: Iterable[str], container: str) -> None:
    """Make what is not there yet."""
    from azure.core.exceptions import ResourceExistsError

    with named("emulator"):
        for table in tables:
            await clients.tables.create_table_if_not_exists(table)
        with suppress(ResourceExistsError):
            await clients.blobs.create_container(container)
