"""Barriers and lines in SQLite (rule R7)."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from shared.adapters.instant import from_microseconds, to_microseconds
from shared.adapters.local.database import Database
from shared.adapters.local.holds import LocalHolds
from shared.adapters.local.tally import Tally
from shared.message.barrier import Barrier
from shared.message.envelope import Item, decode_reference, encode_reference
from shared.message.identifiers import MessageId, partition_of
from shared.ports import Clock, Line, Opened

SCHEMA = """
CREATE TABLE IF NOT EXISTS barrier (
    number INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL UNIQUE, item BLOB NOT NULL,
    opened INTEGER NOT NULL, stopped INTEGER NOT NULL DEFAULT FALSE);
CREATE INDEX IF NOT EXISTS barrier_opened ON barrier (number) WHERE NOT stopped;
-- A part that has arrived in a stage; no part: the barrier is through it.
CREATE TABLE IF NOT EXISTS barrier_step (
    message TEXT NOT NULL, stage TEXT NOT NULL, part TEXT NOT NULL, PRIMARY KEY (message, stage, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parked (
    position INTEGER PRIMARY KEY AUTOINCREMENT, stage TEXT NOT NULL, partition INTEGER NOT NULL, message TEXT NOT NULL,
    run TEXT NOT NULL, item BLOB NOT NULL, UNIQUE (stage, message, run));
CREATE INDEX IF NOT EXISTS parked_partition ON parked (stage, partition);
"""

_THROUGH = ""
_OPEN = "INSERT INTO barrier (message, item, opened) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
_ITEM = "SELECT item FROM barrier WHERE message = ?"
_OPENED = """SELECT number, item, opened, stage, part FROM barrier LEFT JOIN barrier_step USING (message)
    WHERE NOT stopped AND opened < ? ORDER BY number"""
_PARK = "INSERT OR IGNORE INTO parked (stage, partition, message, run, item) VALUES (?, ?, ?, ?, ?)"
_UNPARK = "DELETE FROM parked WHERE stage = ? AND message = ? AND run = ?"
_PARKED = "SELECT item FROM parked WHERE stage = ? AND partition = ? ORDER BY position"
_COUNTS = "SELECT stage, partition, count(*) FROM parked GROUP BY stage, partition"
_STEP = "INSERT OR IGNORE INTO barrier_step SELECT message, ?, ? FROM barrier WHERE message = ?"
_EVER = 2**62


class LocalBarriers:
    """The barriers of a hub, and what waits for them."""

    def __init__(self, database: Database, clock: Clock, holds: LocalHolds) -> None:
        self._database = database
        self._clock = clock
        self._holds = holds
        self._parked = Tally[tuple[str, int]](
            ((stage, partition), count) for stage, partition, count in database.read(_COUNTS)
        )

    async def open(self, items: Sequence[Item]) -> list[Item]:
        now = to_microseconds(self._clock.now())
        rows = [(item.message, encode_reference(item), now) for item in items]

        def work(connection: sqlite3.Connection) -> list[Any]:
            connection.executemany(_OPEN, rows)
            return [connection.execute(_ITEM, (item.message,)).fetchone()[0] for item in items]

        first = await self._database.write(work)
        return [item._replace(barrier=decode_reference(row).barrier) for item, row in zip(items, first, strict=True)]

    async def reopen(self, message: MessageId) -> Item | None:
        now = to_microseconds(self._clock.now())

        def work(connection: sqlite3.Connection) -> Any:
            row = connection.execute(f"{_ITEM} AND stopped", (message,)).fetchone()
            if row is not None:
                _forget(connection, message)
                connection.execute(_OPEN, (message, row[0], now))
            return row

        row = await self._database.write(work)
        return None if row is None else decode_reference(row[0])

    async def park(self, stage: str, items: Sequence[Item]) -> None:
        rows = [(stage, partition_of(item.message), item.message, item.run, encode_reference(item)) for item in items]

        def work(connection: sqlite3.Connection) -> list[int]:
            return [connection.execute(_PARK, row).rowcount for row in rows]

        await self._parked.add([_place(stage, item) for item in items], self._database.write(work))

    async def unpark(self, stage: str, items: Sequence[Item]) -> None:
        rows = [(stage, item.message, item.run) for item in items]

        def work(connection: sqlite3.Connection) -> list[int]:
            return [connection.execute(_UNPARK, row).rowcount for row in rows]

        await self._parked.remove([_place(stage, item) for item in items], self._database.write(work))

    async def waits(self, stage: str, partition: int, *, is_told: bool) -> bool:
        return (stage, partition) in self._parked.waiting or self._holds.waits(stage, partition)

    async def line(self, stage: str, partition: int) -> Line:
        parked = self._database.read(_PARKED, (stage, partition))
        if not parked:
            return Line((), ())
        return Line(tuple(decode_reference(row[0]) for row in parked), tuple(self._opened(_EVER)))

    async def arrive(self, stage: str, barrier: Barrier, part: MessageId) -> None:
        await self._database.write(lambda connection: connection.execute(_STEP, (stage, part, barrier.message)))

    async def finish(self, stage: str, barrier: Barrier, *, is_last: bool) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_STEP, (stage, _THROUGH, barrier.message))
            if is_last:
                _forget(connection, barrier.message)

        await self._database.write(work)

    async def stop(self, barriers: Sequence[Barrier]) -> None:
        rows = [(barrier.message,) for barrier in barriers]
        sql = "UPDATE barrier SET stopped = TRUE WHERE message = ?"
        await self._database.write(lambda connection: connection.executemany(sql, rows))

    async def lines(self) -> list[tuple[str, int]]:
        return sorted({*self._holds.lines(), *self._parked.waiting})

    async def opened(self, before: datetime) -> list[Opened]:
        return self._opened(to_microseconds(before))

    def _opened(self, before: int) -> list[Opened]:
        found: dict[int, Opened] = {}
        for number, item, opened, stage, part in self._database.read(_OPENED, (before,)):
            one = found.get(number) or Opened(number, decode_reference(item), from_microseconds(opened))
            if part == _THROUGH:
                one = one._replace(passed=one.passed | {stage})
            elif part is not None:
                one = one._replace(arrived=one.arrived | {(stage, MessageId(part))})
            found[number] = one
        return list(found.values())


def _place(stage: str, item: Item) -> tuple[str, int]:
    return stage, partition_of(item.message)


def _forget(connection: sqlite3.Connection, message: MessageId) -> None:
    connection.execute("DELETE FROM barrier WHERE message = ?", (message,))
    connection.execute("DELETE FROM barrier_step WHERE message = ?", (message,))
