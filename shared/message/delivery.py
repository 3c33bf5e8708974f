"""One message's way to one destination."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shared.message.envelope import Item
from shared.message.errors.pipeline import RetryBudgetSpent
from shared.message.identifiers import DeliveryId, DestinationId, SessionId
from shared.message.state import DeliveryState

_NOT_TAKEN = (DeliveryState.SKIPPED, DeliveryState.QUARANTINED)  # whatever was tried


class Verdict(StrEnum):
    """What an answer, or its absence, means for the delivery."""

    ACCEPTED = "accepted"
    TRANSIENT = "transient"  # park and try again
    PERMANENT = "permanent"  # quarantine
    AMBIGUOUS = "ambiguous"  # sent, no answer: it may have been taken


class Answer(NamedTuple):
    """What a destination made of one attempt.

    Attributes:
        verdict: What follows from it.
        code: As the destination said it (``AA``, ``AE 207``, ``HTTP 503``) or a word of ours (``refused``,
            ``timed_out``); never content.
        retry_after_seconds: What the destination asked for; None when it did not.
    """

    verdict: Verdict
    code: str
    retry_after_seconds: float | None = None


class Delivery(NamedTuple):
    """A row of a deliver session: the item, and how far it is.

    Attributes:
        lane: What is serial within the session: the ordering key, or one word for a whole feed.
        position: Rises in the order of arrival at the session; a lane drains by it. 0 until the lane gave it one.
        attempts: Sends begun so far, answered or not.
        due: When the next attempt may begin; None: at once.
        send_deadline: Set with an intent: the send has ended by then, one way or the other (rule R3).
        holds: A row in review or quarantine keeps its place, and its lane waits (``hold_key``).
        code: The last answer's code, or the code of the error.
        output: Digest of the shaped bytes that were sent.
        settled: When it came to where it is, or was stopped; of one that a person sent again, when that was: its retry
            budget counts from then.
    """

    id: DeliveryId
    session: SessionId
    lane: str
    item: Item
    state: DeliveryState
    offered: datetime
    position: int = 0
    attempts: int = 0
    due: datetime | None = None
    send_deadline: datetime | None = None
    holds: bool = False
    code: str = ""
    output: str = ""
    settled: datetime | None = None

    @property
    def destination(self) -> DestinationId:
        assert self.item.destination is not None
        return self.item.destination

    @property
    def may_have_arrived(self) -> bool:
        """Whether the destination may have taken it: it was tried, and not refused for good."""
        was_tried = self.attempts > 0 and self.state not in _NOT_TAKEN
        return was_tried or self.code == RetryBudgetSpent.code


class Attempt(NamedTuple):
    """One send and what came of it, kept for the trace."""

    delivery: DeliveryId
    number: int
    began: datetime
    ended: datetime
    verdict: Verdict
    code: str


def accepted_at(rows: Iterable[Delivery], destination: DestinationId, output: str) -> int | None:
    """Return the position of the last delivery that the destination accepted, if it was this output; else None."""
    accepted = [row for row in rows if row.destination == destination and row.state is DeliveryState.ACCEPTED]
    last = max(accepted, key=lambda row: row.position, default=None)
    return last.position if last is not None and last.output == output else None
