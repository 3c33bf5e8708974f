"""What all writes of this process to the ledger share: its counters, its stamps, and the states that it wrote last."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from shared.adapters.azure.counts import Counts
from shared.adapters.azure.ledger_moves import Known
from shared.adapters.azure.ledger_rows import PARTITION
from shared.adapters.azure.table import Step, Table
from shared.message.identifiers import MessageId

TRIES = 20  # of a transaction, while others write the same rows
PAUSE_SECONDS = 0.01
_REMEMBERED = 20_000  # messages whose state this process wrote last


class LedgerWriter:
    """Writes rows together with what they do to the counts.

    Attributes:
        turn: Held by whoever writes: counters and streams have one writer in this process.
        known: How far the messages are that this process read or wrote last.
    """

    def __init__(self, table: Table) -> None:
        self.turn = asyncio.Lock()
        self.known: dict[MessageId, Known] = {}
        self._counts = Counts(table, PARTITION)
        self._stamp = 0

    async def write(self, steps: Sequence[Step], moved: Mapping[str, int]) -> dict[str, str]:
        """Write rows; return the new version of each, by its key.

        Raises:
            RowConflict: one of the rows is not as thought.
        """
        tags = await self._counts.write(steps, moved)
        return {step.row: tag for step, tag in zip(steps, tags, strict=False)}  # the last tag is the counter's own

    async def total(self) -> dict[str, int]:
        """Return how many messages are in each state, whoever wrote them."""
        return await self._counts.total()

    def remember(self, message: MessageId, state: Known) -> None:
        """Know how far a message is; what was not touched for longest is forgotten."""
        self.known.pop(message, None)
        self.known[message] = state
        if len(self.known) > _REMEMBERED:
            del self.known[next(iter(self.known))]

    def forget(self, message: MessageId) -> None:
        """Read a message anew next time."""
        self.known.pop(message, None)

    def next_stamp(self) -> str:
        """Return what orders hops: rising here, and after what another process wrote before."""
        self._stamp = max(self._stamp + 1, time.time_ns())
        return f"{self._stamp:020}{self._counts.writer}"
