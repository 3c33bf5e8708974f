"""One request to a hub, and whatever goes wrong as one sentence."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from cli.failure import REFUSED, UNREACHABLE, CommandFailed

_USUAL_SECONDS = 30.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def ask(
    hub: str,
    path: str,
    body: bytes | None,
    accept: Collection[int],
    headers: Mapping[str, str] | None = None,
    seconds: float = _USUAL_SECONDS,
) -> Any:
    """Return the JSON answer of a hub to GET, or to POST if there is a body.

    Raises:
        CommandFailed: it is not there, it is no hub, or it refused.
    """
    sent = {**({"Content-Type": "application/json"} if body else {}), **(headers or {})}
    try:
        return json.loads(exchange(hub, path, body, accept, sent, seconds))
    except ValueError:
        raise CommandFailed(f"{hub} answers, but not as a hub does; check --hub", UNREACHABLE) from None


def exchange(
    hub: str,
    path: str,
    body: bytes | None,
    accept: Collection[int],
    headers: Mapping[str, str],
    seconds: float = _USUAL_SECONDS,
) -> bytes:
    """Return the bytes a hub answers.

    Raises:
        CommandFailed: it is not there, or it refused.
    """
    parts = urlsplit(hub)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandFailed(f"--hub {hub}: that is no URL of a hub; it looks like http://127.0.0.1:7071", UNREACHABLE)
    request = Request(hub + path, data=body, headers=dict(headers))  # noqa: S310
    try:
        return _read(request, parts.hostname in _LOOPBACK, accept, seconds)
    except (OSError, HTTPException) as error:
        reason = _in_words(error.reason if isinstance(error, URLError) else error, seconds)
        advice = "start one with `caduceus up`, or name it with --hub"
        raise CommandFailed(f"no hub answers at {hub} ({reason}); {advice}", UNREACHABLE) from None


def _read(request: Request, is_loopback: bool, accept: Collection[int], seconds: float) -> bytes:
    # A proxy of the environment cannot reach this machine's own ports.
    opener = build_opener(ProxyHandler({})) if is_loopback else build_opener()
    try:
        with opener.open(request, timeout=seconds) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        if error.code in accept:
            return error.read()
        raise CommandFailed(f"the hub refused: {_said(error)}", REFUSED) from None


def _said(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["text"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code} {error.reason}"


def _in_words(reason: object, seconds: float) -> str:
    if isinstance(reason, ConnectionRefusedError):
        return "connection refused"
    if isinstance(reason, TimeoutError):
        return f"no answer within {seconds:.0f} s"
    return str(reason) or type(reason).__name__
