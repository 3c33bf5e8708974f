"""Everything that touches the world, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from shared.ports import (
    Archive,
    Audit,
    Barriers,
    Chain,
    Clock,
    FhirStore,
    Fleet,
    History,
    Holds,
    Identities,
    Intake,
    Lanes,
    Ledger,
    Publisher,
    Queue,
    Replays,
    SecretStore,
    Workers,
)

if TYPE_CHECKING:
    from shared.adapters.local.store_keeper import Submission, Taken

J = TypeVar("J")
R = TypeVar("R")


class Adapters(Protocol):
    """One adapter for each port, and the hub's key."""

    @property
    def clock(self) -> Clock: ...

    @property
    def archive(self) -> Archive: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def history(self) -> History: ...

    @property
    def audit(self) -> Audit: ...

    @property
    def chain(self) -> Chain: ...

    @property
    def replays(self) -> Replays: ...

    @property
    def queue(self) -> Queue: ...

    @property
    def intake(self) -> Intake | None:
        """Ledger and queue as one; None: they are two, and ingest asks one after the other."""
        ...

    @property
    def lanes(self) -> Lanes: ...

    @property
    def barriers(self) -> Barriers: ...

    @property
    def holds(self) -> Holds: ...

    @property
    def identities(self) -> Identities: ...

    @property
    def fleet(self) -> Fleet: ...

    @property
    def fhir_store(self) -> FhirStore: ...

    @property
    def store_keeper(self) -> Workers[Sequence[Submission], list[Taken]] | None:
        """The process that merges records into the store; None: the hub does it, by reading and writing."""
        ...

    @property
    def publisher(self) -> Publisher: ...

    @property
    def secrets(self) -> SecretStore: ...

    @property
    def hub_key(self) -> bytes: ...

    def workers(self, function: Callable[[J], R]) -> Workers[J, R]:
        """Return workers for a pure function that can be pickled; whoever asked closes them."""
        ...

    async def close(self) -> None:
        """Close all of them; what was acknowledged is durable already."""
        ...
