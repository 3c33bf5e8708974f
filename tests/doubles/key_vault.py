"""Key Vault as the SDK speaks with it: a challenge first, then secrets by name.

Source: Microsoft's REST reference of Key Vault, "Get Secret", and its "Authentication, requests and responses".
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import AioHttpTransport, RequestsTransport

VAULT = "https://double.vault.azure.net"
_CHALLENGE = 'Bearer authorization="https://login.microsoftonline.com/tenant", resource="https://vault.azure.net"'


class KeyVault:
    """A vault with these secrets."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets = secrets

    def application(self) -> web.Application:
        """Return what to serve."""
        application = web.Application()
        application.router.add_get("/secrets/{name}/{version:.*}", self._get)
        return application

    async def _get(self, request: web.Request) -> web.Response:
        if "Authorization" not in request.headers:
            return web.json_response({}, status=401, headers={"WWW-Authenticate": _CHALLENGE})
        name = request.match_info["name"]
        if name not in self.secrets:
            return web.json_response({"error": {"code": "SecretNotFound", "message": "not found"}}, status=404)
        secret = {"value": self.secrets[name], "id": f"{VAULT}/secrets/{name}/1", "attributes": {"enabled": True}}
        return web.json_response(secret)


class Identity:
    """Signs in as nobody in particular."""

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes, options
        return AccessToken("a token", int(time.time()) + 3600)

    async def close(self) -> None:
        """Nothing was opened."""


class IdentityNow:
    """The same for a client that waits."""

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        del scopes, options
        return AccessToken("a token", int(time.time()) + 3600)


class ToDoubleNow(RequestsTransport):
    """`ToDouble` for a client that waits."""

    def __init__(self, url: str, official: str = VAULT) -> None:
        super().__init__()
        self._url, self._official = url, official

    def send(self, request: Any, **options: Any) -> Any:
        asked = request.url
        request.url = asked.replace(self._official, self._url, 1)
        try:
            return super().send(request, **options)
        finally:
            request.url = asked


class ToDouble(AioHttpTransport):
    """Brings what the SDK sends to the vault, by https as it insists, to a double on this machine."""

    def __init__(self, url: str, official: str = VAULT) -> None:
        super().__init__()
        self._url, self._official = url, official

    async def send(self, request: Any, **options: Any) -> Any:
        asked = request.url
        request.url = asked.replace(self._official, self._url, 1)
        try:
            return await super().send(request, **options)
        finally:
            request.url = asked
