"""The audit in SQLite: rows are added, and nothing here changes or removes one."""

from __future__ import annotations

from shared.adapters.instant import from_microseconds, to_microseconds
from shared.adapters.local.database import Database
from shared.message.audit import AuditEntry

SCHEMA = """
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL,
    what TEXT NOT NULL, reason TEXT NOT NULL, affected INTEGER NOT NULL);
CREATE TRIGGER IF NOT EXISTS audit_stays BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the audit stays'); END;
CREATE TRIGGER IF NOT EXISTS audit_is_final BEFORE UPDATE ON audit BEGIN SELECT raise(ABORT, 'the audit stays'); END;
"""


class LocalAudit:
    """What people did in this home."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entry: AuditEntry) -> None:
        row = to_microseconds(entry.at), *entry[1:]
        sql = "INSERT INTO audit (at, who, act, what, reason, affected) VALUES (?, ?, ?, ?, ?, ?)"
        await self._database.write(lambda connection: connection.execute(sql, row))

    async def recent(self, limit: int = 50) -> list[AuditEntry]:
        rows = self._database.read(
            "SELECT at, who, act, what, reason, affected FROM audit ORDER BY number DESC LIMIT ?", (limit,)
        )
        return [AuditEntry(from_microseconds(at), *rest) for at, *rest in rows]
