"""Where the hub's state is; it outlives every worker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from shared.message.identifiers import DeliveryId
from shared.settings import Settings
from tests.faults.steps import Caller, Steps

# Longer than anything takes: what relies on the broker to forget an id is stuck.
DUPLICATE_WINDOW_SECONDS = 24 * 3600.0
SETTINGS = {
    "CADUCEUS_STAGE": "laptop",
    "CADUCEUS_WORKERS": "0",
    "CADUCEUS_INLINE_LIMIT_BYTES": "260",  # some ride in the queue, some by reference
}


class Site(Protocol):
    """What a world is built on.

    Attributes:
        adapters: Those of the operator and the checks, at which nothing goes wrong.
        stops_within_seconds: How late a worker may read an order to stand still.
    """

    settings: Settings
    adapters: Any
    stops_within_seconds: float

    def open(self) -> None:
        """Begin, or go on after `restart`."""

    async def restart(self) -> None:
        """Do what the end of all processes does to what is kept."""

    def adapters_of(self, worker: Caller, steps: Steps) -> Any:
        """Return what a worker has, with every step on the way."""

    def end(self, worker: Caller, *, with_process: bool) -> None:
        """Let go of what the connections of a worker held."""

    async def give_away(self, lock: Any) -> None:
        """Let others have a session, whatever its worker believes."""

    def accepted_in(self, name: str, arguments: tuple[Any, ...]) -> Iterator[DeliveryId]:
        """Yield the deliveries whose acceptance a step recorded."""

    def tick(self) -> None:
        """Let fall due what the site itself keeps a clock for."""

    async def close(self) -> None:
        """Let go of everything."""
