"""One line of JSON for each event. What may be in it is a short list: ids, codes, counts and times, never content."""

from __future__ import annotations

import logging
from typing import Final

import orjson

from shared.message.errors.base import IntegrationError

_LOGGER: Final = logging.getLogger("caduceus.connector")

FIELDS: Final = frozenset(
    {"code", "connections", "count", "days", "delivery", "destination", "error", "file", "listener", "n", "seconds",
     "stream", "tolerated", "version"}
)  # fmt: skip


def log(event: str, level: int = logging.INFO, **facts: str | int | float) -> None:
    """Write one event.

    Args:
        event: Lower snake case, stable: ``line_down``.
        facts: Fields of `FIELDS` only.

    Raises:
        ValueError: a field is not on the list.
    """
    if not FIELDS.issuperset(facts):
        raise ValueError(f"not a field of the log: {sorted(set(facts) - FIELDS)}")
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, "%s", orjson.dumps({"event": event, **facts}).decode())


def log_failure(event: str, error: BaseException, **facts: str | int | float) -> None:
    """Write that something failed: the type and the code of the error, never its text."""
    code = error.code if isinstance(error, IntegrationError) else "HUB-000"
    log(event, logging.ERROR, error=type(error).__name__, code=code, **facts)
