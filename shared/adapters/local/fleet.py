"""The connectors that the hub has heard of, in SQLite."""

from __future__ import annotations

import sqlite3

from shared.adapters.local.database import Database
from shared.message.beat import Heard, decode_heard, encode_heard

SCHEMA = """
CREATE TABLE IF NOT EXISTS connector (name TEXT PRIMARY KEY, heard BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS connector_owner (name TEXT PRIMARY KEY, caller TEXT NOT NULL) WITHOUT ROWID;
"""

_FORGET = ("DELETE FROM connector WHERE name = ?", "DELETE FROM connector_owner WHERE name = ?")
_OWNER = "SELECT caller FROM connector_owner WHERE name = ?"


class LocalFleet:
    """One row for each connector."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, connector: str, caller: str) -> str:
        def work(connection: sqlite3.Connection) -> str:
            connection.execute("INSERT OR IGNORE INTO connector_owner VALUES (?, ?)", (connector, caller))
            (owner,) = connection.execute(_OWNER, (connector,)).fetchone()
            return str(owner)

        known = self._database.read(_OWNER, (connector,))
        return str(known[0][0]) if known else await self._database.write(work)

    async def hear(self, heard: Heard) -> None:
        row = heard.beat.connector, encode_heard(heard)
        await self._database.write(lambda connection: connection.execute("REPLACE INTO connector VALUES (?, ?)", row))

    async def connectors(self) -> list[Heard]:
        return [decode_heard(kept) for (kept,) in self._database.read("SELECT heard FROM connector ORDER BY name")]

    async def forget(self, connector: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            gone = [connection.execute(sql, (connector,)).rowcount for sql in _FORGET]
            return any(gone)

        return await self._database.write(work)
