"""Secrets in Key Vault; those that the environment gives come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from shared.adapters.azure.failures import named
from shared.message.errors.storage import SecretMissing

if TYPE_CHECKING:
    from azure.keyvault.secrets import SecretClient
    from azure.keyvault.secrets.aio import SecretClient as AsyncSecretClient


class AzureSecrets:
    """Secrets by name.

    Args:
        given: An app setting that refers to Key Vault is resolved by the platform, and found here.
        open_now: Opens the vault for the one secret that is needed before there is an event loop.
    """

    def __init__(
        self, client: AsyncSecretClient, open_now: Callable[[], SecretClient], given: Mapping[str, str]
    ) -> None:
        self._client = client
        self._open_now = open_now
        self._given = given

    async def get(self, name: str) -> str:
        from azure.core.exceptions import ResourceNotFoundError

        if name in self._given:
            return self._given[name]
        with named("key_vault"):
            try:
                return (await self._client.get_secret(name)).value or ""
            except ResourceNotFoundError:
                raise SecretMissing(name) from None

    def read(self, name: str) -> str:
        """Return a secret while the process waits: once, at its start.

        Raises:
            SecretMissing: the vault has none of this name.
        """
        from azure.core.exceptions import ResourceNotFoundError

        if name in self._given:
            return self._given[name]
        with named("key_vault"), self._open_now() as client:
            try:
                return client.get_secret(name).value or ""
            except ResourceNotFoundError:
                raise SecretMissing(name) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
