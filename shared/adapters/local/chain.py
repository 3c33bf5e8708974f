"""The hash chain over what the ledger and the deliveries have settled: one for each partition (rule R10).

An entry names the rows that one call settled, in the transaction that settled them; its digest covers the entry before
it and what those rows say. A changed row changes its digest, a missing one is named and not found, a row that no entry
names was put in from outside. Cutting off the end leaves a whole chain: whoever keeps a head elsewhere sees it, as
the archive does every night.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime

from shared.adapters.instant import optional_microseconds, to_microseconds
from shared.adapters.local.database import Database
from shared.message.chain import ChainHead, ChainReport, kept_digests
from shared.message.delivery import Delivery
from shared.message.identifiers import partition_of
from shared.message.state import FINAL

SCHEMA = """
CREATE TABLE IF NOT EXISTS chain (
    partition INTEGER NOT NULL, number INTEGER NOT NULL, named TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (partition, number)) WITHOUT ROWID;
"""

MESSAGE, DELIVERY = "m", "d"
_FINAL = ", ".join(f"'{state}'" for state in FINAL)
_ROWS = {
    MESSAGE: """SELECT number, message, interface, source, epoch, n, key, mapping, sha256, size, control_id, type,
        received FROM message WHERE number = ?""",
    DELIVERY: """SELECT position, message, delivery, destination, state, attempts, code, output, offered, settled
        FROM delivery WHERE position = ?""",
}
_ALL = {
    MESSAGE: "SELECT number FROM message WHERE number > ? ORDER BY number LIMIT ?",
    DELIVERY: f"SELECT position FROM delivery WHERE position > ? AND state IN ({_FINAL}) ORDER BY position LIMIT ?",  # noqa: S608
}
_HEAD = "SELECT number, digest FROM chain WHERE partition = ? ORDER BY number DESC LIMIT 1"
_HEADS = """SELECT partition, number, digest FROM chain JOIN
    (SELECT partition AS own, MAX(number) AS newest FROM chain GROUP BY partition)
    ON partition = own AND number = newest ORDER BY partition"""
_PAGE = 500
_FAULTS = 100  # are told

Row = Sequence[object]


def add_messages(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Chain messages that were numbered: number, then what `_ROWS` reads of one."""
    by_partition: dict[int, list[Row]] = {}
    for row in rows:
        by_partition.setdefault(partition_of(row[1]), []).append(row)  # type: ignore[arg-type]  # a message id
    for partition, own in by_partition.items():
        _add(connection, partition, MESSAGE, own)


def add_deliveries(connection: sqlite3.Connection, deliveries: Iterable[Delivery]) -> None:
    """Chain deliveries that are settled for good."""
    by_partition: dict[int, list[Row]] = {}
    for one in deliveries:
        row = (
            one.position, one.item.message, one.id, one.destination, one.state, one.attempts, one.code, one.output,
            to_microseconds(one.offered), optional_microseconds(one.settled),
        )  # fmt: skip
        by_partition.setdefault(partition_of(one.item.message), []).append(row)
    for partition, own in by_partition.items():
        _add(connection, partition, DELIVERY, own)


def _add(connection: sqlite3.Connection, partition: int, kind: str, rows: Sequence[Row]) -> None:
    number, digest = connection.execute(_HEAD, (partition,)).fetchone() or (0, b"")
    named = kind + ",".join([str(row[0]) for row in rows])
    link = number + 1, named, _digest(digest, named, rows)
    connection.execute("INSERT INTO chain VALUES (?, ?, ?, ?)", (partition, *link))


def _digest(before: bytes, named: str, rows: Iterable[Row]) -> bytes:
    said = "\x1e".join([named, *("\x1f".join(map(str, row)) for row in rows)])
    return hashlib.sha256(before + said.encode()).digest()


class LocalChain:
    """Checks the chains of one home."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def verify(self, heads: Sequence[ChainHead] = ()) -> ChainReport:
        check = _Check(self._database)
        kept = kept_digests(heads)
        for (partition,) in self._database.read("SELECT DISTINCT partition FROM chain"):
            await check.chain(partition, kept.pop(str(partition), {}))
        check.faults += [f"partition {chain}: no chain" for chain in kept]
        for kind in _ROWS:
            await check.unnamed(kind)
        named = {kind: sum(flags) for kind, flags in check.named.items()}
        return ChainReport(
            check.entries, named[MESSAGE], named[DELIVERY], tuple(check.heads), tuple(check.faults[:_FAULTS])
        )

    async def heads(self, since: datetime) -> list[ChainHead]:
        del since  # there are as many as partitions
        rows = self._database.read(_HEADS)
        return [ChainHead(str(partition), number, digest.hex()) for partition, number, digest in rows]


class _Check:
    """What one verification has found so far."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.entries = 0
        self.heads: list[ChainHead] = []
        self.faults: list[str] = []
        self.named = {kind: bytearray() for kind in _ROWS}  # a flag for each row, by its number

    async def chain(self, partition: int, expected: Mapping[int, Set[str]]) -> None:
        """Follow a chain from its first entry; ``expected`` are digests that somebody kept."""
        number, digest, is_rewritten = 0, b"", False
        while page := self._database.read(
            "SELECT number, named, digest FROM chain WHERE partition = ? AND number > ? ORDER BY number LIMIT ?",
            (partition, number, _PAGE),
        ):
            for found, named, kept in page:
                if found != number + 1:
                    self.faults.append(f"partition {partition}: entries {number + 1} to {found - 1} are missing")
                elif kept != _digest(digest, named, self._rows(named)):
                    self.faults.append(f"partition {partition}, entry {found}: {self._where(named)}")
                if not is_rewritten and expected.get(found, set()) - {kept.hex()}:
                    is_rewritten = True  # and what follows need not be told
                    self.faults.append(f"partition {partition}, entry {found}: not the head that was kept")
                number, digest = found, kept
                self.entries += 1
            await asyncio.sleep(0)  # others want to go on
        if expected and max(expected) > number:
            self.faults.append(f"partition {partition}: ends at {number}, and a head of {max(expected)} was kept")
        self.heads.append(ChainHead(str(partition), number, digest.hex()))

    async def unnamed(self, kind: str) -> None:
        """Find rows that no entry names."""
        number = 0
        flags = self.named[kind]
        while page := self._database.read(_ALL[kind], (number, _PAGE)):
            for (number,) in page:
                if number >= len(flags) or not flags[number]:
                    self.faults.append(f"{_WORDS[kind]} {number}: no entry names it")
            await asyncio.sleep(0)

    def _rows(self, named: str) -> Iterable[Row]:
        kind, flags = named[0], self.named[named[0]]
        for text in named[1:].split(","):
            number = int(text)
            if number >= len(flags):
                flags.extend(bytes(number + 1024 - len(flags)))
            flags[number] = 1
            yield from self._database.read(_ROWS[kind], (number,))

    def _where(self, named: str) -> str:
        numbers = [int(text) for text in named[1:].split(",")]
        missing = [number for number in numbers if not self._database.read(_ROWS[named[0]], (number,))]
        word = _WORDS[named[0]]
        if missing:
            return f"{word} {', '.join(map(str, missing))} missing"
        return f"the entry or {word} {', '.join(map(str, numbers))} was changed"


_WORDS = {MESSAGE: "message row", DELIVERY: "delivery row"}
