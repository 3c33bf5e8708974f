"""What a listener or a sender shows the relay: a shared access signature, or a token of Microsoft Entra."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from relay.proxy import Proxy

if TYPE_CHECKING:
    from azure.identity.aio import DefaultAzureCredential

ENTRA_SCOPE = "https://relay.azure.net/.default"
_LIFE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token, as it goes into the header, and the Unix time at which it lapses; empty: none is needed."""

    text: str
    expires: float

    def renew_after(self, now: float) -> float:
        """Return the seconds until it should be renewed: four fifths of what is left of its life."""
        return max((self.expires - now) * 0.8, 0.0)


class Tokens(Protocol):
    """Gives a token that is fresh."""

    async def token(self) -> Token: ...

    async def close(self) -> None: ...


class SasTokens:
    """Signs tokens with a key of the namespace or of the hybrid connection.

    Args:
        resource: What they are for: `HybridConnection.resource`.
    """

    def __init__(self, resource: str, key_name: str, key: str, life_seconds: float = _LIFE_SECONDS) -> None:
        self._resource = resource
        self._key_name = key_name
        self._key = key
        self._life = life_seconds

    async def token(self) -> Token:
        expires = int(time.time() + self._life)
        return Token(sign(self._resource, self._key_name, self._key, expires), float(expires))

    async def close(self) -> None:
        """Nothing is open."""


class EntraTokens:
    """Asks Microsoft Entra: a managed identity, a service principal, or whoever is logged in.

    ``azure-identity`` is imported on first use; it caches what it got.

    Args:
        credential: One of ``azure.identity.aio``; without it, the default chain.
        proxy: Through which the default chain reaches Entra; a managed identity on this machine is asked straight.
    """

    def __init__(
        self, credential: Any = None, scope: str = ENTRA_SCOPE, proxy: Proxy | None = None
    ) -> None:  # any credential of the Azure SDK
        self._credential: DefaultAzureCredential | Any = credential
        self._scope = scope
        self._proxies = {"proxies": {"https": proxy.url_with_password}} if proxy else {}

    async def token(self) -> Token:
        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential

            self._credential = DefaultAzureCredential(**self._proxies)
        found = await self._credential.get_token(self._scope)
        return Token(f"Bearer {found.token}", float(found.expires_on))

    async def close(self) -> None:
        """Close the connections of the credential."""
        if self._credential is not None:
            await self._credential.close()


class NoTokens:
    """For a hybrid connection that lets anybody send."""

    async def token(self) -> Token:
        return Token("", float("inf"))

    async def close(self) -> None:
        """Nothing is open."""


def sign(resource: str, key_name: str, key: str, expires: int) -> str:
    """Return a shared access signature.

    Source:
        "Shared Access Signature token", Azure Service Bus documentation: HMAC-SHA256 over the encoded resource, a line
        feed and the expiry.
    """
    encoded = quote(resource, safe="")
    signature = quote(signature_of(encoded, str(expires), key), safe="")
    return f"SharedAccessSignature sr={encoded}&sig={signature}&se={expires}&skn={quote(key_name, safe='')}"


def signature_of(encoded_resource: str, expires: str, key: str) -> str:
    """Return the signature in base64."""
    signed = hmac.new(key.encode(), f"{encoded_resource}\n{expires}".encode(), hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()
