"""Interfaces that a person stopped, and what waits for them, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence

from shared.adapters.local.database import Database
from shared.adapters.local.tally import Tally
from shared.message.envelope import Item, decode_reference, encode_reference
from shared.message.identifiers import InterfaceId, OrderingKey, partition_of
from shared.ports import Held

SCHEMA = """
CREATE TABLE IF NOT EXISTS paused_interface (interface TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    place INTEGER PRIMARY KEY AUTOINCREMENT, stage TEXT NOT NULL, partition INTEGER NOT NULL, message TEXT NOT NULL,
    run TEXT NOT NULL, key TEXT NOT NULL, because TEXT NOT NULL, item BLOB NOT NULL, UNIQUE (stage, message, run));
CREATE INDEX IF NOT EXISTS held_place ON held (stage, partition, place);
CREATE INDEX IF NOT EXISTS held_key ON held (stage, partition, key, place);
"""

_HOLD = """INSERT OR IGNORE INTO held (stage, partition, message, run, key, because, item)
    VALUES (?, ?, ?, ?, ?, ?, ?)"""
_FIRST = "SELECT because FROM held WHERE stage = ? AND partition = ? AND key = ? ORDER BY place LIMIT 1"
_PAGE = "SELECT place, item, because FROM held WHERE stage = ? AND partition = ? AND place > ? ORDER BY place LIMIT ?"
_COUNTS = "SELECT stage, partition, because, count(*) FROM held GROUP BY stage, partition, because"
_PAUSE = "INSERT OR IGNORE INTO paused_interface VALUES (?)"
_RESUME = "DELETE FROM paused_interface WHERE interface = ?"


class LocalHolds:
    """What a hub's paused interfaces hold up."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._paused = frozenset(InterfaceId(row[0]) for row in database.read("SELECT * FROM paused_interface"))
        self._tally = Tally[tuple[str, int, InterfaceId]](
            ((stage, partition, because), count) for stage, partition, because, count in database.read(_COUNTS)
        )

    async def paused(self, *, is_told: bool) -> frozenset[InterfaceId]:
        return self._paused

    async def set_paused(self, interface: InterfaceId, paused: bool) -> None:
        sql = _PAUSE if paused else _RESUME
        await self._database.write(lambda connection: connection.execute(sql, (interface,)))
        self._paused = self._paused | {interface} if paused else self._paused - {interface}

    async def hold(self, stage: str, items: Sequence[tuple[Item, InterfaceId]]) -> None:
        rows = [
            (stage, partition_of(item.message), item.message, item.run, item.key, because, encode_reference(item))
            for item, because in items
        ]

        def work(connection: sqlite3.Connection) -> list[int]:
            return [connection.execute(_HOLD, row).rowcount for row in rows]

        await self._tally.add([_place(stage, *one) for one in items], self._database.write(work))

    async def keys(
        self, stage: str, partition: int, keys: Collection[OrderingKey]
    ) -> Mapping[OrderingKey, InterfaceId]:
        if not self.waits(stage, partition):
            return {}
        found = {key: self._database.read(_FIRST, (stage, partition, key)) for key in keys}
        return {key: InterfaceId(rows[0][0]) for key, rows in found.items() if rows}

    async def counts(self, stage: str, partition: int) -> Mapping[InterfaceId, int]:
        waiting = self._tally.waiting.items()
        return {because: count for (at, of, because), count in waiting if (at, of) == (stage, partition)}

    async def held(self, stage: str, partition: int, after: str, limit: int) -> list[Held]:
        rows = self._database.read(_PAGE, (stage, partition, int(after or 0), limit))
        return [Held(str(place), decode_reference(item), InterfaceId(because)) for place, item, because in rows]

    async def release(self, stage: str, held: Sequence[Held]) -> None:
        def work(connection: sqlite3.Connection) -> list[int]:
            sql = "DELETE FROM held WHERE place = ?"
            return [connection.execute(sql, (int(one.place),)).rowcount for one in held]

        places = [_place(stage, one.item, one.because) for one in held]
        await self._tally.remove(places, self._database.write(work))

    def waits(self, stage: str, partition: int) -> bool:
        """Tell whether anything is held in a partition."""
        return (stage, partition) in self.lines()

    def lines(self) -> set[tuple[str, int]]:
        """Return the stages and partitions in which something is held."""
        return {(stage, partition) for stage, partition, _ in self._tally.waiting}


def _place(stage: str, item: Item, because: InterfaceId) -> tuple[str, int, InterfaceId]:
    return stage, partition_of(item.message), because
