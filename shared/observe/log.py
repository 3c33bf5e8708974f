"""The hub's events, and the only fields they may have."""

from __future__ import annotations

from typing import Final

from shared.observe.event_log import EventLog

FIELDS: Final = frozenset(
    {
        "attempts", "code", "connector", "count", "destination", "due", "error", "interface", "message", "partition",
        "queue", "seconds", "session", "stage", "stream",
    }
)  # fmt: skip

_EVENTS: Final = EventLog("caduceus", FIELDS)
log = _EVENTS.log
log_failure = _EVENTS.log_failure
