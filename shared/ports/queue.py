"""The broker between the stages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Outgoing(NamedTuple):
    """One message for a queue.

    Attributes:
        message_id: Stable for the same content; the broker may drop a second one.
        session: Messages of one session are received in order, by one worker at a time.
        due: Delivered not before; None: at once.
    """

    body: bytes
    session: str
    message_id: str
    due: datetime | None = None


class Queue(Protocol):
    """Sending side of the broker. Receiving is the trigger's."""

    async def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Return once the broker holds all of them durably, in this order."""
        ...

    async def depths(self) -> dict[str, int]:
        """Return how many messages each queue that has some holds now, those under way included, scheduled ones not.

        Empty where the broker tells it to its owner alone, which the hub in Azure is not (decision 0081).
        """
        ...
