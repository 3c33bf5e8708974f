"""What one batch of a turn has come to, and its way into the lanes: what nobody wrote down did not happen (rule R3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from shared.deliver.breaker import FAILURES
from shared.deliver.outputs import Output
from shared.deliver.pace import Pace
from shared.message.delivery import Attempt, Delivery, Verdict
from shared.message.errors.base import IntegrationError
from shared.ports import Destination, Lanes, Ownership

if TYPE_CHECKING:
    from shared.registry import DestinationConfig


@dataclass(slots=True)
class Round:
    """What one batch of a turn has come to, until it is written.

    Attributes:
        sends_at_once: Lanes that are drained side by side.
        until: No send begins later.
        outputs: By delivery; an error where a message has no output for the destination.
        stopped: Lanes of the turn that go no further, the rounds before this one included.
        is_broken: A lane failed: what is under way ends, and nothing more begins.
        rows: Deliveries as they stand, not written yet; and so ``attempts``.
        verdicts: Of all attempts, in order.
        barriers: Deliveries that other lanes wait for.
        intents: What is to be on record before it is sent, and no write has taken along yet.
    """

    lanes: Lanes
    ownership: Ownership
    config: DestinationConfig
    destination: Destination
    sends_at_once: int
    until: datetime
    pace: Pace | None
    outputs: dict[str, Output | IntegrationError]
    stopped: set[str]
    is_broken: bool = False
    rows: list[Delivery] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    barriers: list[Delivery] = field(default_factory=list)
    intents: list[Delivery] = field(default_factory=list)
    last_write: asyncio.Task[None] | None = None
    next_write: asyncio.Task[None] | None = None

    def add(self, row: Delivery, attempt: Attempt | None) -> None:
        """Note a delivery as it stands, and the attempt if one was made."""
        self.rows.append(row)
        if row.item.barrier is not None:
            self.barriers.append(row)
        if attempt is not None:
            self.attempts.append(attempt)
            self.verdicts.append(attempt.verdict)

    def give_back(self, row: Delivery) -> None:
        """Leave a delivery and what is behind it for another turn."""
        self.stopped.add(row.lane)
        if self.config.idempotent:  # its intent was recorded when the turn began, and it was not sent
            self.add(row._replace(send_deadline=None), None)

    def is_over(self, row: Delivery, now: datetime) -> bool:
        """Tell whether a delivery's turn will not come: a lane is stopped or broke, nobody answers, or time is up."""
        return row.lane in self.stopped or self.is_broken or self.is_silent or now >= self.until

    @property
    def is_silent(self) -> bool:
        """Tell whether nobody answered the last sends: each costs a time-out, and perhaps a person's time."""
        last = self.verdicts[-FAILURES:]
        return len(last) == FAILURES and all(verdict is Verdict.AMBIGUOUS for verdict in last)

    async def write(self, intents: Sequence[Delivery] = ()) -> None:
        """Write what is not written yet, and these.

        Raises:
            OwnershipLost: somebody else has taken the session.
        """
        rows, attempts = self.rows, self.attempts
        self.rows, self.attempts = [], []
        try:
            await self.lanes.write(self.ownership, [*rows, *intents], attempts)
        except Exception:  # an answer that was heard is written by whoever writes next: lost, it would go again
            self.rows, self.attempts = [*rows, *self.rows], [*attempts, *self.attempts]
            raise

    async def intend(self, intent: Delivery) -> None:
        """Return once it is on record; those that other lanes have ready while one is written share the next write."""
        self.intents.append(intent)
        if self.next_write is None:
            self.next_write = asyncio.create_task(self._write_intents(self.last_write))
        await self.next_write

    async def _write_intents(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        intents, self.intents = self.intents, []
        self.last_write, self.next_write = self.next_write, None
        await self.write(intents)
