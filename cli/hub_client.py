"""The hub's HTTP API, as the commands use it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlencode


class HubClient:
    """Asks one hub."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def get(self, path: str, query: Mapping[str, object] | None = None, accept: Collection[int] = ()) -> Any:
        """Return the JSON answer.

        Args:
            accept: Statuses of 400 and more that are answers too.
        Raises:
            CommandFailed: there is none.
        """
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        return self._ask(f"{path}?{urlencode(wanted)}" if wanted else path, None, accept)

    def post(self, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Return the JSON answer to an order.

        Raises:
            CommandFailed: there is none, or the hub refused.
        """
        return self._ask(path, json.dumps(body or {}).encode(), ())

    def _ask(self, path: str, body: bytes | None, accept: Collection[int]) -> Any:
        from cli.hub_exchange import ask  # urllib takes longer to import than `--help` may take

        return ask(self._url, path, body, accept)


def segment(text: str) -> str:
    """Return a part of a path: an id or MSH-10 may hold any character."""
    return quote(text, safe="")
