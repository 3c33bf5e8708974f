"""The ledger's table, asked for what messages have in common: scans of its log, or of the rows of one ordering key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from shared.adapters.azure.ledger_log import NUMBERS_EACH, entry_of
from shared.adapters.azure.ledger_rows import (
    END,
    PARTITION,
    key_prefix,
    log_key,
    message_key,
    noted_of,
    number_key,
    patient_range,
    record_of,
)
from shared.adapters.azure.neighbours import read_neighbours
from shared.adapters.azure.table import Row, Table
from shared.adapters.instant import to_microseconds
from shared.message.identifiers import MessageId, OrderingKey
from shared.message.patient import KeyDigest, PatientHash
from shared.message.replay import Numbered, Selection

_LATE = timedelta(seconds=30)  # a stamp is older than its transaction by the time that takes, and by the clocks' skew
_ENTRIES = 100  # of the log that are read at a time


class AzureHistory:
    """What the ledger holds, by ordering key, interface, finding and time."""

    slack = _LATE // timedelta(microseconds=1) * NUMBERS_EACH

    def __init__(self, table: Table, key_digest: KeyDigest) -> None:
        self._table = table
        self._key_digest = key_digest

    async def select(self, wanted: Selection, after: int = 0, limit: int = 500) -> list[Numbered]:
        found: list[Numbered] = []
        async for numbered in self._candidates(wanted, after):
            fitting = [(number, row) for number, row in numbered if number > after and _fits(row, wanted)]
            found += [Numbered(number, record_of(row)) for number, row in fitting]
            if len(found) >= limit:
                break
        return found[:limit]

    async def of_key(self, key: OrderingKey, after: int = 0, limit: int = 500) -> list[Numbered]:
        prefix = key_prefix(self._key_digest(key))
        rows = await self._table.scan(PARTITION, f"{prefix}{number_key(after + 1)}", f"{prefix}{END}", limit)
        return [Numbered(number, record_of(row)) for number, row in await self._read(_places(rows))]

    async def key_of(self, patient: PatientHash) -> OrderingKey | None:
        rows = await self._table.scan(PARTITION, *patient_range(patient), 1)
        return next((record_of(row).key for _, row in await self._read(_places(rows))), None)

    async def _candidates(self, wanted: Selection, after: int) -> AsyncIterator[list[tuple[int, Row]]]:
        """Yield messages with their numbers, in order, of the part of the log where those that are wanted must be."""
        if wanted.message is not None:
            row = await self._table.get(PARTITION, message_key(wanted.message))
            yield [] if row is None else [(int(row["number"]), row)]
            return
        if wanted.key is not None:
            prefix = key_prefix(self._key_digest(wanted.key))
            async for page in self._table.pages(PARTITION, f"{prefix}{number_key(after + 1)}", f"{prefix}{END}"):
                yield await self._read(_places(page))
            return
        first = after // NUMBERS_EACH
        if wanted.since is not None:
            first = max(first, to_microseconds(wanted.since))
        last = log_key(to_microseconds(wanted.until + _LATE)) if wanted.until is not None else f"n!{END}"
        async for page in self._table.pages(PARTITION, log_key(first), last, size=_ENTRIES):
            yield await self._read([one for entry in map(entry_of, page) for one in entry.numbered])

    async def _read(self, places: Sequence[tuple[int, MessageId]]) -> list[tuple[int, Row]]:
        rows = await read_neighbours(self._table, PARTITION, [message_key(message) for _, message in places])
        return [(number, rows[message_key(message)]) for number, message in places if message_key(message) in rows]


def _places(rows: Sequence[Row]) -> list[tuple[int, MessageId]]:
    """Return the numbers and messages of rows of an ordering key."""
    return [(int(row["RowKey"].rpartition("!")[2]), MessageId(row["message"])) for row in rows]


def _fits(row: Row, wanted: Selection) -> bool:
    record = record_of(row)
    given = [
        (wanted.message, record.message),
        (wanted.key, record.key),
        (wanted.interface, record.interface),
        (wanted.mapping, record.mapping),
    ]
    return (
        all(value in (None, found) for value, found in given)
        and (wanted.finding is None or wanted.finding in noted_of(row))
        and (wanted.since is None or wanted.since <= record.received)
        and (wanted.until is None or record.received < wanted.until)
    )
