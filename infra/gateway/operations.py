"""The operations of each API. A route of the hub that is not listed here is not reachable through the gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path of the hub; ``{name}`` is a parameter."""

    id: str
    method: Literal["GET", "POST"]
    path: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))


INGEST = Operation("ingest", "POST", "/")

CONNECTOR = (Operation("ingest-any", "POST", "/ingest"), Operation("ingest", "POST", "/ingest/{interface}"))

FHIR = (
    Operation("search", "GET", "/{type}"),
    Operation("read", "GET", "/{type}/{id}"),
)

HUB = (
    Operation("summary", "GET", "/hub/summary"),
    Operation("messages", "GET", "/hub/messages"),
    Operation("message", "GET", "/hub/messages/{name}"),
    Operation("message-raw", "GET", "/hub/messages/{name}/raw"),
    Operation("message-canonical", "GET", "/hub/messages/{name}/canonical"),
    Operation("message-report", "GET", "/hub/messages/{name}/report"),
    Operation("message-resend", "POST", "/hub/messages/{name}/resend"),
    Operation("message-discard", "POST", "/hub/messages/{name}/discard"),
    Operation("message-correct", "POST", "/hub/messages/{name}/correct"),
    Operation("quarantine", "GET", "/hub/quarantine"),
    Operation("replays", "GET", "/hub/replays"),
    Operation("replay-start", "POST", "/hub/replays"),
    Operation("replay-plan", "POST", "/hub/replays/plan"),
    Operation("replay", "GET", "/hub/replays/{run}"),
    Operation("affected", "GET", "/hub/affected"),
    Operation("affected-reveal", "POST", "/hub/affected/reveal"),
    Operation("audit", "GET", "/hub/audit"),
    Operation("verify", "POST", "/hub/verify"),
    Operation("purge-plan", "GET", "/hub/purge"),
    Operation("purge", "POST", "/hub/purge"),
    Operation("destinations", "GET", "/hub/destinations"),
    Operation("destination-order", "POST", "/hub/destinations/{destination}/{order}"),
    Operation("interface-order", "POST", "/hub/interfaces/{interface}/{order}"),
    Operation("interfaces", "GET", "/hub/interfaces"),
    Operation("connectors", "GET", "/hub/connectors"),
    Operation("connector-forget", "POST", "/hub/connectors/{name}/forget"),
    Operation("health", "GET", "/health"),
)

# Answers that say how the hub is set up, and hold nothing of a patient: the only ones the gateway keeps for a while.
CACHEABLE = frozenset({"interfaces"})

# The other answers, and why a kept one would do harm (docs/deploy.md says it at length).
ABOUT_PATIENTS = frozenset(
    {
        "search", "read", "messages", "message", "message-raw", "message-canonical", "message-report", "quarantine",
        "affected", "audit",
    }
)  # fmt: skip
OF_THIS_MOMENT = frozenset({"summary", "replays", "replay", "destinations", "connectors", "purge-plan", "health"})
