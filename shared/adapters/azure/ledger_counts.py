"""How many messages are in each state: a row for each process, written with what it counts.

One row for all would have all processes write it, and fail on each other.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal

from shared.adapters.azure.ledger_rows import END, PARTITION, counts_columns, counts_of
from shared.adapters.azure.table import GROUP_LIMIT, Row, RowConflict, Step, Table, tag_of
from shared.message.errors.storage import AzureUnavailable

FOLD_FROM = 200  # rows of as many processes are added up into one
_TRIES = 5


class LedgerCounts:
    """The counter of this process, and the sum of all.

    Attributes:
        writer: The name of this process.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.writer = secrets.token_hex(4)
        self._counts: Counter[str] = Counter()
        self._tag: str | None = None

    async def write(self, steps: Sequence[Step], moved: Mapping[str, int]) -> list[str]:
        """Write rows together with what they do to the counts; one call at a time.

        Raises:
            RowConflict: one of the rows is not as thought.
        """
        if not any(moved.values()):
            return await self._table.transact(PARTITION, steps)
        for _ in range(_TRIES):
            counts = Counter(self._counts)
            counts.update(moved)
            kind: Literal["create", "update"] = "create" if self._tag is None else "update"
            counted = Step(kind, f"c!{self.writer}", counts_columns(counts), self._tag)
            try:
                tags = await self._table.transact(PARTITION, [*steps, counted])
            except RowConflict as conflict:
                if conflict.index < len(steps):
                    raise
                await self._read_own()
                continue
            self._counts, self._tag = counts, tags[-1]
            return tags
        raise AzureUnavailable("ledger, counts")

    async def total(self) -> dict[str, int]:
        """Return the number of messages by state."""
        rows = await self._table.scan(PARTITION, "c!", f"c!{END}")
        total = _sum(rows)
        if len(rows) >= FOLD_FROM:
            await self._fold(rows)
        return {state: count for state, count in sorted(total.items()) if count > 0}

    async def _read_own(self) -> None:
        """Begin with what the table says: the row was folded, or an answer was lost on its way."""
        row = await self._table.get(PARTITION, f"c!{self.writer}")
        self._counts = Counter(counts_of(row))
        self._tag = None if row is None else tag_of(row)

    async def _fold(self, rows: Sequence[Row]) -> None:
        """Add up counters into one row; a process that is still alive finds its own gone, and begins anew."""
        old = [row for row in rows if row["RowKey"] != f"c!{self.writer}"][: GROUP_LIMIT - 1]
        steps = [Step("delete", row["RowKey"], {}, tag_of(row)) for row in old]
        folded = Step("create", f"c!{secrets.token_hex(8)}", counts_columns(_sum(old)))
        with suppress(RowConflict):  # one of them has just been written: the next time
            await self._table.transact(PARTITION, [*steps, folded])


def _sum(rows: Sequence[Row]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(counts_of(row))
    return total
