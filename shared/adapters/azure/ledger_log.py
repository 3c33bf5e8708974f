"""The ledger's log: one row for each transaction that took messages; read from its beginning it is the ledger in order.

The numbers of messages come from its stamps, which rise within a source and follow the clock across sources. Each
process chains its own rows: a digest covers what the row's messages are and the digest before it (rule R10).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from shared.adapters.azure.ledger_rows import PARTITION, log_key, taken
from shared.adapters.azure.links import digest_of
from shared.adapters.azure.table import Row, Step, Table
from shared.adapters.instant import to_microseconds
from shared.message.identifiers import MessageId
from shared.message.record import MessageRecord

NUMBERS_EACH = 128  # more than a transaction has rows


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log.

    Attributes:
        stamp: Microseconds since 1970, or a little later: no two rows have the same.
        place: In the chain of its writer; 1 and up.
    """

    stamp: int
    writer: str
    place: int
    messages: tuple[MessageId, ...]
    digest: str

    @property
    def numbered(self) -> list[tuple[int, MessageId]]:
        """The messages in order, each with its number."""
        return [(self.stamp * NUMBERS_EACH + place, message) for place, message in enumerate(self.messages)]

    def step(self) -> Step:
        """Return the row, on condition that no other has its stamp."""
        columns = {
            "writer": self.writer,
            "place": str(self.place),
            "messages": orjson.dumps(self.messages).decode(),
            "digest": self.digest,
        }
        return Step("create", log_key(self.stamp), columns)


class Log:
    """What this process adds to the log; one call at a time."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._writer = secrets.token_hex(8)
        self._stamp = 0
        self._place = 0
        self._digest = ""
        self._written: Entry | None = None  # and nobody knows yet whether it is there

    async def next(self, records: Sequence[MessageRecord], after: int) -> Entry:
        """Return the entry of messages that are about to be written.

        Args:
            after: The highest stamp that any of their sources had.
        """
        if self._written is not None:
            row = await self._table.get(PARTITION, log_key(self._written.stamp))
            if row is not None and row["writer"] == self._writer:
                self._keep(self._written)
        newest = max(to_microseconds(record.received) for record in records)
        self._stamp = max(self._stamp + 1, after + 1, newest)
        digest = digest_of(self._digest, self._stamp, map(taken, records))
        messages = tuple(record.message for record in records)
        self._written = Entry(self._stamp, self._writer, self._place + 1, messages, digest)
        return self._written

    def confirm(self, entry: Entry) -> None:
        """Know that the entry is there."""
        self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        self._place, self._digest, self._written = entry.place, entry.digest, None


def entry_of(row: Row) -> Entry:
    messages = tuple(MessageId(one) for one in orjson.loads(row["messages"]))
    return Entry(int(row["RowKey"].partition("!")[2]), row["writer"], int(row["place"]), messages, row["digest"])
