"""Numbering messages and sending them on in one step, where one place keeps both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from shared.message.record import Arrival, Progress, Reservation
from shared.ports.queue import Outgoing


class Parcel(NamedTuple):
    """What follows from the numbers that messages were given.

    Attributes:
        outgoing: What to send, in order.
        steps: What the ledger notes of it.
    """

    outgoing: Sequence[Outgoing]
    steps: Sequence[Progress]


class Intake(Protocol):
    """Ledger and queue as one: whoever waits for both waits for the disk once (rule R1)."""

    async def take(
        self,
        arrivals: Sequence[Arrival],
        window_seconds: float,
        queue: str,
        parcel_of: Callable[[Sequence[Reservation]], Parcel],
    ) -> None:
        """Reserve, send and note as `Ledger.reserve`, `Queue.send` and `Ledger.progress` do; durable on return, whole.

        Args:
            parcel_of: What to send and to note, given one reservation for each arrival. It may be asked a second time,
                and then what it said first has not happened.
        """
        ...
