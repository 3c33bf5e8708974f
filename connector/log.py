"""The connector's events, and the only fields they may have."""

from __future__ import annotations

from typing import Final

from shared.observe.event_log import EventLog

FIELDS: Final = frozenset(
    {"code", "connections", "count", "days", "delivery", "destination", "error", "file", "listener", "n", "seconds",
     "stream", "tolerated", "version"}
)  # fmt: skip

_EVENTS: Final = EventLog("caduceus.connector", FIELDS)
log = _EVENTS.log
log_failure = _EVENTS.log_failure
