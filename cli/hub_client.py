"""The hub's HTTP API, as the commands use it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from cli.failure import UNREACHABLE, CommandFailed

USUAL_SECONDS = 30.0
LONG_SECONDS = 230.0  # for what looks at every message that is meant; Azure's front end waits no longer


class HubClient:
    """Asks one hub.

    Args:
        headers: Sent with every request: what a gateway before the hub asks for.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._url = url.rstrip("/")
        self._headers = dict(headers or {})

    def get(
        self,
        path: str,
        query: Mapping[str, object] | None = None,
        accept: Collection[int] = (),
        seconds: float = USUAL_SECONDS,
    ) -> Any:
        """Return the JSON answer.

        Args:
            accept: Statuses of 400 and more that are answers too.
            seconds: How long to wait for it.
        Raises:
            CommandFailed: there is none.
        """
        wanted = {name: value for name, value in (query or {}).items() if value is not None}
        return self._ask(f"{path}?{urlencode(wanted)}" if wanted else path, None, accept, seconds)

    def post(self, path: str, body: Mapping[str, object] | None = None, seconds: float = USUAL_SECONDS) -> Any:
        """Return the JSON answer to an order.

        Args:
            seconds: How long to wait for it.
        Raises:
            CommandFailed: there is none, or the hub refused.
        """
        return self._ask(path, json.dumps(body or {}).encode(), (), seconds)

    def ingest(self, interface: str, message: bytes) -> bytes:
        """Return the acknowledgement of an HL7 v2 message; empty when there is none.

        Raises:
            CommandFailed: the hub is not there, or refused the call itself.
        """
        from cli.hub_exchange import exchange

        headers = {"Content-Type": "application/hl7-v2", **self._headers}
        return exchange(self._url, f"/ingest/{segment(interface)}", message, (400, 422), headers)

    def _ask(self, path: str, body: bytes | None, accept: Collection[int], seconds: float) -> Any:
        from cli.hub_exchange import ask  # urllib takes longer to import than `--help` may take

        return ask(self._url, path, body, accept, self._headers, seconds)


def segment(text: str) -> str:
    """Return a part of a path: an id or MSH-10 may hold any character.

    Raises:
        CommandFailed: there is none, or the path would lead elsewhere.
    """
    if text in ("", ".", ".."):
        raise CommandFailed(f'"{text}" is no id; `caduceus messages` lists the newest', UNREACHABLE)
    return quote(text, safe="")
