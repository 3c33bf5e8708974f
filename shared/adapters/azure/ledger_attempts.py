"""Attempts of stages at a message that are under way or were not finished: after three it is quarantined (rule R5)."""

from __future__ import annotations

from contextlib import suppress

from shared.adapters.azure.ledger_rows import END, PARTITION, begun_key, begun_prefix
from shared.adapters.azure.ledger_writer import TRIES
from shared.adapters.azure.table import RowConflict, Step, Table, tag_of
from shared.message.errors.storage import AzureUnavailable
from shared.message.identifiers import MessageId


class LedgerAttempts:
    """Counts them, a row for each stage that has begun with a message."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def count(self, message: MessageId, stage: str) -> int:
        """Return how many there are with the one that begins now."""
        row = begun_key(message, stage)
        for _ in range(TRIES):
            found = await self._table.get(PARTITION, row)
            times = 1 if found is None else int(found["times"]) + 1
            tag = None if found is None else tag_of(found)
            step = Step("create" if tag is None else "update", row, {"times": times}, tag)
            try:
                await self._table.transact(PARTITION, [step])
            except RowConflict:
                continue
            return times
        raise AzureUnavailable("ledger, attempts")

    async def finish(self, message: MessageId, stage: str) -> None:
        """Count from the beginning next time."""
        with suppress(RowConflict):  # it was not counted
            await self._table.transact(PARTITION, [Step("delete", begun_key(message, stage), {})])

    async def steps_to_forget(self, message: MessageId) -> list[Step]:
        """Return what forgets those of all stages."""
        prefix = begun_prefix(message)
        rows = await self._table.scan(PARTITION, prefix, f"{prefix}{END}")
        return [Step("delete", row["RowKey"], {}) for row in rows]
