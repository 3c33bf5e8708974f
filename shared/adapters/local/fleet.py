"""The connectors that the hub has heard of, in SQLite."""

from __future__ import annotations

from shared.adapters.local.database import Database
from shared.message.beat import Heard, decode_heard, encode_heard

SCHEMA = """
CREATE TABLE IF NOT EXISTS connector (name TEXT PRIMARY KEY, heard BLOB NOT NULL) WITHOUT ROWID;
"""


class LocalFleet:
    """One row for each connector."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def hear(self, heard: Heard) -> None:
        row = heard.beat.connector, encode_heard(heard)
        await self._database.write(lambda connection: connection.execute("REPLACE INTO connector VALUES (?, ?)", row))

    async def connectors(self) -> list[Heard]:
        return [decode_heard(kept) for (kept,) in self._database.read("SELECT heard FROM connector ORDER BY name")]

    async def forget(self, connector: str) -> bool:
        sql = "DELETE FROM connector WHERE name = ?"
        return await self._database.write(lambda connection: connection.execute(sql, (connector,)).rowcount == 1)
