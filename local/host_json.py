"""What the laptop keeps to of host.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """``extensions.serviceBus``: sessions of a function at a time, and messages of one invocation."""

    sessions: int
    batch: int


@dataclass(frozen=True, slots=True)
class HostJson:
    """``route_prefix``: of every HTTP function; empty as in host.json of this hub."""

    route_prefix: str
    queues: QueueLimits


def read_host_json(path: Path = REPOSITORY / "host.json") -> HostJson:
    """Return the settings; what is absent is as Azure's host has it."""
    extensions = json.loads(path.read_text(encoding="utf-8")).get("extensions", {})
    queues = extensions.get("serviceBus", {})
    return HostJson(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api"),
        queues=QueueLimits(
            sessions=queues.get("maxConcurrentSessions", 8), batch=queues.get("maxMessageBatchSize", 1000)
        ),
    )
