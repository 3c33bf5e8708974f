"""What is known of every message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.message.identifiers import InterfaceId, MessageId, OrderingKey
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation
from shared.message.state import MessageState


class Ledger(Protocol):
    """One record for each message, moving forward only."""

    async def reserve(self, arrivals: Sequence[Arrival], window_seconds: float) -> list[Reservation]:
        """Number and record each arrival as ``reserved``, or return the message it duplicates; durable on return.

        A duplicate has the duplicate key and the raw digest of a message received within the window that was
        neither refused nor discarded. The numbers of one source rise in the order of the arrivals, without gaps.
        """
        ...

    async def follow(
        self, first: SourceSequence, arrivals: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        """Record consecutive messages of a connector's stream under the numbers it gave them (rule R1).

        A number that is taken answers with its message, whatever comes under it now. A new one takes the message as
        `reserve` does: the record's sequence is its place in the stream, and a duplicate by key fills the number too.
        What was recorded is durable on return, and is a beginning of the arrivals when this fails.

        Args:
            first: Stream, epoch and number of the first arrival.
            arrivals: None: the number stays empty.
        Returns:
            One for each arrival; None: its number is empty, and stays so.
        Raises:
            StreamOutOfStep: a number before them is missing; nothing was recorded.
        """
        ...

    async def progress(self, steps: Sequence[Progress]) -> None:
        """Move messages forward and add to their traces; a step backward changes only the trace.

        A step of a replay moves no message that was routed or filtered: it came through once.
        """
        ...

    async def note(self, hops: Sequence[Hop]) -> None:
        """Add to traces, nothing else."""
        ...

    async def reopen(self, message: MessageId, state: MessageState, hop: Hop) -> None:
        """Set a quarantined message back to ``state``, because a person resends it."""
        ...

    async def abandon(self, before: datetime, at: datetime, code: str) -> list[MessageRecord]:
        """Mark as ``abandoned`` what was received before a time and is ``reserved`` still; return it as it was.

        Any other step moves an abandoned message on. In Azure each call looks from where the last one ended.
        """
        ...

    async def count_attempt(self, messages: Sequence[MessageId], stage: str) -> list[int]:
        """Return how often a stage began each message and did not finish it, this time included (rule R5)."""
        ...

    async def finish_attempt(self, messages: Sequence[MessageId], stage: str) -> None:
        """Forget how often processing was begun: it has finished."""
        ...

    async def messages(self, ids: Sequence[MessageId]) -> list[MessageRecord | None]: ...

    async def by_control_id(self, control_id: str, limit: int = 50) -> list[MessageRecord]:
        """Return the messages with this MSH-10, newest first."""
        ...

    async def recent(
        self,
        limit: int = 50,
        state: MessageState | None = None,
        interface: InterfaceId | None = None,
        key: OrderingKey | None = None,
    ) -> list[MessageRecord]:
        """Return the newest messages first."""
        ...

    async def trace(self, message: MessageId) -> tuple[list[Hop], list[tuple[str, str, str]]]:
        """Return the hops in order, and the findings as (code, place, detail)."""
        ...

    async def unsettled(self) -> list[MessageRecord]:
        """Return all messages that are in quarantine, or were not routed yet."""
        ...

    async def counts(self) -> dict[str, int]:
        """Return the number of messages by state."""
        ...
