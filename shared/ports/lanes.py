"""Deliver sessions: who may write to them, what waits in them, and how their destination is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.message.delivery import Attempt, Delivery
from shared.message.identifiers import DestinationId, MessageId, SessionId
from shared.message.state import DeliveryState


@dataclass(frozen=True, slots=True)
class Ownership:
    """The right to write to a session, until somebody takes the next epoch."""

    session: SessionId
    epoch: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a worker may do now.

    Attributes:
        ready: Lane by lane, each lane in order from its head. A row's ``state`` is as it was found: ``PARKED``, or
            ``INTENT`` when a worker before us may have sent it. Rows beyond a lane that must wait are not listed.
        wake: When the last confirmed wake of the session is due; None: there is none.
    """

    ownership: Ownership
    ready: tuple[Delivery, ...]
    wake: datetime | None = None


@dataclass(frozen=True, slots=True)
class DestinationStatus:
    """How a destination is, shared by all its sessions.

    Attributes:
        paused: A person stopped it.
        failures: Transient failures in a row.
        open_until: The breaker keeps everybody from trying until then; or one alone tries, and its lease ends then.
    """

    destination: DestinationId
    paused: bool = False
    failures: int = 0
    open_until: datetime | None = None


class Lanes(Protocol):
    """The state of deliver sessions: owner, lanes and deliveries, one table partition each (rules R3, R6)."""

    async def take(
        self, session: SessionId, offered: Sequence[Delivery], now: datetime, send_deadline: datetime | None, limit: int
    ) -> Turn:
        """Become the owner, record what is offered, and return what is ready; all in one transaction.

        Offered deliveries known already are ignored (rule R4); new ones join the end of their lane as ``PARKED``.
        A lane is ready when its head is not held and due, and no send of a worker before us can still be under way.

        Args:
            send_deadline: Given: every ready row is recorded as an intent at once (idempotent destinations).
                None: rows stay parked, and the worker writes each intent just before its send.
            limit: Ready rows at most; whole lanes are cut at their tail.
        """
        ...

    async def write(self, ownership: Ownership, rows: Sequence[Delivery], attempts: Sequence[Attempt] = ()) -> None:
        """Write rows and attempts in one transaction.

        Raises:
            OwnershipLost: the epoch is no longer the newest.
        """
        ...

    async def next_due(self, session: SessionId) -> datetime | None:
        """Return when the first lane that is not held falls due; None when no lane waits.

        A head that may go at once is due since it was offered.
        """
        ...

    async def schedule_wake(self, ownership: Ownership, due: datetime | None) -> None:
        """Record when the session's confirmed wake is due (None: no wake), so that an overdue one is found."""
        ...

    async def overdue(self, now: datetime) -> list[tuple[SessionId, DestinationId]]:
        """Return sessions with lanes waiting whose wake should have come by now, or was never confirmed."""
        ...

    async def sessions(self, destination: DestinationId) -> list[SessionId]:
        """Return the sessions of a destination that have lanes waiting, held ones included."""
        ...

    async def deliveries(self, message: MessageId) -> list[Delivery]: ...

    async def attempts(self, message: MessageId) -> list[Attempt]:
        """Return every send of a message's deliveries, in order."""
        ...

    async def stopped(self, limit: int = 50) -> list[Delivery]:
        """Return deliveries in quarantine or review, newest first."""
        ...

    async def unsettled(self) -> list[Delivery]:
        """Return all deliveries that wait in a lane, or for a person."""
        ...

    async def last_failed(self, destination: DestinationId) -> Delivery | None:
        """Return a delivery that waits for its retry, of those of a destination the one that is due last."""
        ...

    async def reopen(self, delivery: Delivery, state: DeliveryState) -> None:
        """Set a stopped delivery back to ``PARKED``, or to ``DISCARDED``; its lane moves again."""
        ...

    async def hasten(self, delivery: Delivery) -> None:
        """Let a parked delivery go at once, whenever it was due; one that is not parked stays as it is."""
        ...

    async def hasten_all(self, session: SessionId) -> None:
        """Let all parked deliveries of a session go at once, each in its turn, whenever they were due."""
        ...

    async def waiting(self) -> dict[DestinationId, int]:
        """Return how many deliveries each destination has not settled."""
        ...

    async def status(self, destination: DestinationId) -> DestinationStatus: ...

    async def set_paused(self, destination: DestinationId, paused: bool) -> None:
        """Stop a destination, or let it go on; the breaker's part of the status stays as it is."""
        ...

    async def set_breaker(self, found: DestinationStatus, failures: int, open_until: datetime | None) -> bool:
        """Record how the last sends went, if nobody has since; whether the destination is paused stays as it is.

        Args:
            found: What the caller knows of the breaker.

        Returns:
            False: the breaker is not as found, and stays as it is.
        """
        ...
