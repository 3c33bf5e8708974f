"""How much there is of each kind: a row for each process, written in the transaction that changes it.

One row for all would have all processes write it, and fail on each other.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Literal

import orjson

from shared.adapters.azure.table import GROUP_LIMIT, Row, RowConflict, Step, Table, tag_of
from shared.message.errors.storage import AzureUnavailable

END = "~"  # above every character of a key
FOLD_FROM = 200  # rows of as many processes are added up into one
_TRIES = 5


class Counts:
    """The counters of one partition: that of this process, and the sum of all.

    Attributes:
        writer: The name of this process.
    """

    def __init__(self, table: Table, partition: str) -> None:
        self._table = table
        self._partition = partition
        self.writer = secrets.token_hex(4)
        self._counts: Counter[str] = Counter()
        self._tag: str | None = None

    async def write(self, steps: Sequence[Step], moved: Mapping[str, int]) -> list[str]:
        """Write rows together with what they do to the counts; one call at a time.

        Raises:
            RowConflict: one of the rows is not as thought.
        """
        if not any(moved.values()):
            return await self._table.transact(self._partition, steps)
        for _ in range(_TRIES):
            counts = Counter(self._counts)
            counts.update(moved)
            kind: Literal["create", "update"] = "create" if self._tag is None else "update"
            counted = Step(kind, f"c!{self.writer}", _columns(counts), self._tag)
            try:
                tags = await self._table.transact(self._partition, [*steps, counted])
            except RowConflict as conflict:
                if conflict.index < len(steps):
                    raise
                await self._read_own()
                continue
            self._counts, self._tag = counts, tags[-1]
            return tags
        raise AzureUnavailable("counts")

    async def total(self) -> dict[str, int]:
        """Return how much there is of each kind."""
        rows = await self._table.scan(self._partition, "c!", f"c!{END}")
        total = _sum(rows)
        if len(rows) >= FOLD_FROM:
            await self._fold(rows)
        return {kind: count for kind, count in sorted(total.items()) if count > 0}

    async def _read_own(self) -> None:
        """Begin with what the table says: the row was folded, or an answer was lost on its way."""
        row = await self._table.get(self._partition, f"c!{self.writer}")
        self._counts = Counter(_counts_of(row))
        self._tag = None if row is None else tag_of(row)

    async def _fold(self, rows: Sequence[Row]) -> None:
        """Add up counters into one row; a process that is still alive finds its own gone, and begins anew."""
        old = [row for row in rows if row["RowKey"] != f"c!{self.writer}"][: GROUP_LIMIT - 1]
        steps = [Step("delete", row["RowKey"], {}, tag_of(row)) for row in old]
        folded = Step("create", f"c!{secrets.token_hex(8)}", _columns(_sum(old)))
        with suppress(RowConflict):  # one of them has just been written: the next time
            await self._table.transact(self._partition, [*steps, folded])


def _sum(rows: Sequence[Row]) -> Counter[str]:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(_counts_of(row))
    return total


def _counts_of(row: Row | None) -> dict[str, int]:
    return dict(orjson.loads(row["counts"])) if row is not None else {}


def _columns(counts: Mapping[str, int]) -> Row:
    return {"counts": orjson.dumps(dict(counts)).decode()}
