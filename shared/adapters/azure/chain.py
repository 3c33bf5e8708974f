"""Checks the hash chains (rule R10): one for each process that took messages, one for each deliver session.

An entry of the ledger's log names messages, an entry of a session names deliveries that are settled for good; each was
written in the transaction of the rows that it names.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta

from shared.adapters.azure.lane_queries import LaneQueries
from shared.adapters.azure.lane_rows import deliveries_of, settled_of
from shared.adapters.azure.ledger_log import entry_of
from shared.adapters.azure.ledger_rows import END, PARTITION, log_key, message_key
from shared.adapters.azure.links import Check, Link
from shared.adapters.azure.neighbours import read_neighbours
from shared.adapters.azure.table import Row, Table
from shared.adapters.instant import to_microseconds
from shared.message.chain import ChainHead, ChainReport
from shared.message.identifiers import SessionId

_ENTRIES = 100  # that are read at a time
_FAULTS = 100  # are told
_STAMPS_BEHIND = timedelta(hours=1)  # the clocks of processes differ, and a row is written after it was stamped


class AzureChain:
    """The chains of a deployment."""

    def __init__(self, ledger: Table, lanes: Table) -> None:
        self._ledger = ledger
        self._lanes = lanes

    async def verify(self, heads: Sequence[ChainHead] = ()) -> ChainReport:
        check = Check(heads)
        messages = await self._check(check, self._messages(), self._ledger, PARTITION, "m!", _taken)
        deliveries = 0
        for session in await LaneQueries(self._lanes).sessions():
            links = self._deliveries(session)
            deliveries += await self._check(check, links, self._lanes, session, "d!", settled_of)
        ends = check.end()
        return ChainReport(check.entries, messages, deliveries, ends, tuple(check.faults[:_FAULTS]))

    async def heads(self, since: datetime) -> list[ChainHead]:
        found: dict[str, ChainHead] = {}
        first = log_key(to_microseconds(since - _STAMPS_BEHIND))
        async for page in self._ledger.pages(PARTITION, first, f"n!{END}"):
            for entry in map(entry_of, page):
                chain = f"messages {entry.writer}"
                found[chain] = ChainHead(chain, entry.place, entry.digest)
        owners = await LaneQueries(self._lanes).owners()
        settled = [
            ChainHead(f"deliveries {session}", owner.entries, owner.digest)
            for session, owner in owners
            if owner.entries
        ]
        return [*found.values(), *settled]

    async def _check(
        self,
        check: Check,
        links: AsyncIterator[Link],
        table: Table,
        partition: str,
        prefix: str,
        says: Callable[[Row], str | None],
    ) -> int:
        """Follow entries, and find the rows that should be named and are not; return how many are."""
        named = _Named()
        async for link in links:
            check.follow(link)
            named.add(link.said)
        named.sort()
        async for page in table.pages(partition, prefix, f"{prefix}{END}"):
            keys = [row["RowKey"] for row in page if says(row) is not None]
            check.faults += [f"row {key}: no entry names it" for key in keys if key not in named]
        return len(named)

    async def _messages(self) -> AsyncIterator[Link]:
        async for page in self._ledger.pages(PARTITION, "n!", f"n!{END}", size=_ENTRIES):
            entries = [entry_of(row) for row in page]
            keys = [[message_key(message) for message in entry.messages] for entry in entries]
            said = await _said(self._ledger, PARTITION, keys, _taken)
            for entry, own in zip(entries, said, strict=True):
                yield Link(f"messages {entry.writer}", entry.place, entry.stamp, entry.digest, own)

    async def _deliveries(self, session: SessionId) -> AsyncIterator[Link]:
        async for page in self._lanes.pages(session, "e!", f"e!{END}", size=_ENTRIES):
            said = await _said(self._lanes, session, [deliveries_of(row) for row in page], settled_of)
            for row, own in zip(page, said, strict=True):
                place = int(row["RowKey"].partition("!")[2])
                yield Link(f"deliveries {session}", place, place, row["digest"], own)


class _Named:
    """Keys of rows, as eight bytes each: there may be millions."""

    def __init__(self) -> None:
        self._sums = array("Q")

    def add(self, keys: Iterable[str]) -> None:
        self._sums.extend(map(_sum, keys))

    def sort(self) -> None:
        """Be ready to be asked."""
        self._sums = array("Q", sorted(self._sums))

    def __contains__(self, key: str) -> bool:
        wanted = _sum(key)
        place = bisect_left(self._sums, wanted)
        return place < len(self._sums) and self._sums[place] == wanted

    def __len__(self) -> int:
        return len(self._sums)


def _sum(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")


def _taken(row: Row) -> str | None:
    return str(row["taken"])


async def _said(
    table: Table, partition: str, keys: Sequence[Sequence[str]], says: Callable[[Row], str | None]
) -> list[dict[str, str | None]]:
    """Return what the rows of each entry say; None for one that is not there."""
    rows = await read_neighbours(table, partition, [key for own in keys for key in own])
    return [{key: says(rows[key]) if key in rows else None for key in own} for own in keys]
