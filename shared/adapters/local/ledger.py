"""The ledger in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import orjson

from shared.adapters.instant import from_microseconds, to_microseconds
from shared.adapters.local.database import Database
from shared.adapters.local.ledger_intake import follow, number
from shared.adapters.local.ledger_moves import add_hops, note_steps, recount
from shared.adapters.local.ledger_rows import SELECT, key_sum, record_of
from shared.message.identifiers import InterfaceId, MessageId, OrderingKey
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation, abandoned
from shared.message.state import UNSETTLED, MessageState

SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY, message TEXT NOT NULL UNIQUE, interface TEXT NOT NULL,
    source TEXT NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL, key TEXT NOT NULL, mapping TEXT NOT NULL,
    sha256 TEXT NOT NULL, size INTEGER NOT NULL, at TEXT NOT NULL, control_id TEXT NOT NULL, type TEXT NOT NULL,
    received INTEGER NOT NULL, state TEXT NOT NULL, code TEXT NOT NULL, duplicate_key TEXT NOT NULL,
    duplicate_sum INTEGER NOT NULL, key_sum INTEGER NOT NULL);
-- A checksum finds the few rows to look at: an index of whole digests, in no order, would soon outgrow the cache.
CREATE INDEX IF NOT EXISTS message_duplicate ON message (duplicate_sum);
CREATE INDEX IF NOT EXISTS message_key ON message (key_sum);
CREATE INDEX IF NOT EXISTS message_control_id ON message (control_id);
CREATE INDEX IF NOT EXISTS message_interface ON message (interface);
-- Most rows end as routed, and the newest of those are found from the end of the table.
CREATE INDEX IF NOT EXISTS message_unrouted ON message (state) WHERE state <> 'routed';
CREATE TABLE IF NOT EXISTS stream (source TEXT PRIMARY KEY, epoch INTEGER NOT NULL, n INTEGER NOT NULL) WITHOUT ROWID;
-- What a connector's number holds; no message: it stays empty.
CREATE TABLE IF NOT EXISTS place (
    source TEXT NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL, message TEXT,
    PRIMARY KEY (source, epoch, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS hop (
    message TEXT NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, stage TEXT NOT NULL, code TEXT NOT NULL,
    detail TEXT NOT NULL, findings BLOB, PRIMARY KEY (message, step)) WITHOUT ROWID;
-- What was noted about which message, to be found by its code; within a code it grows at its end.
CREATE TABLE IF NOT EXISTS noted (
    code TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (code, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS begun (
    message TEXT NOT NULL, stage TEXT NOT NULL, times INTEGER NOT NULL, PRIMARY KEY (message, stage)) WITHOUT ROWID;
-- Kept by the calls themselves: a trigger for each row costs more than the row.
CREATE TABLE IF NOT EXISTS message_count (state TEXT PRIMARY KEY, messages INTEGER NOT NULL) WITHOUT ROWID;
"""

_STATE = "SELECT state FROM message WHERE message = ?"
_REOPEN = "UPDATE message SET state = ?, code = '' WHERE message = ?"
_BEGUN = """INSERT INTO begun VALUES (?, ?, 1)
    ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"""


class LocalLedger:
    """The records and traces of messages."""

    def __init__(self, database: Database, digest: KeyDigest) -> None:
        self._database = database
        self._digest = digest

    async def reserve(self, arrivals: Sequence[Arrival], window_seconds: float) -> list[Reservation]:
        return await self._database.write(lambda connection: number(connection, arrivals, window_seconds, self._digest))

    async def follow(
        self, first: SourceSequence, arrivals: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        return await self._database.write(
            lambda connection: follow(connection, first, arrivals, window_seconds, self._digest)
        )

    async def progress(self, steps: Sequence[Progress]) -> None:
        await self._database.write(lambda connection: note_steps(connection, steps))

    async def note(self, hops: Sequence[Hop]) -> None:
        rows = [(hop, ()) for hop in hops]
        await self._database.write(lambda connection: add_hops(connection, rows))

    async def reopen(self, message: MessageId, state: MessageState, hop: Hop) -> None:
        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(_STATE, (message,)).fetchone() == (MessageState.QUARANTINED,):
                connection.execute(_REOPEN, (state, message))
                recount(connection, {MessageState.QUARANTINED: -1, state: 1})
            connection.execute("DELETE FROM begun WHERE message = ?", (message,))
            add_hops(connection, [(hop, ())])

        await self._database.write(work)

    async def abandon(self, before: datetime, at: datetime, code: str) -> list[MessageRecord]:
        # Said twice, so that SQLite sees that the index has all of them.
        where = "WHERE state <> 'routed' AND state = ? AND received < ?"
        found = self._records(where, (MessageState.RESERVED, to_microseconds(before)))
        await self.progress([abandoned(record, at, code) for record in found])
        return found

    async def count_attempt(self, messages: Sequence[MessageId], stage: str) -> list[int]:
        def work(connection: sqlite3.Connection) -> list[int]:
            return [connection.execute(_BEGUN, (message, stage)).fetchone()[0] for message in messages]

        return await self._database.write(work)

    async def finish_attempt(self, messages: Sequence[MessageId], stage: str) -> None:
        rows = [(message, stage) for message in messages]
        sql = "DELETE FROM begun WHERE message = ? AND stage = ?"
        await self._database.write(lambda connection: connection.executemany(sql, rows))

    async def messages(self, ids: Sequence[MessageId]) -> list[MessageRecord | None]:
        found = (self._database.read(f"{SELECT} WHERE message = ?", (message,)) for message in ids)
        return [record_of(rows[0]) if rows else None for rows in found]

    async def by_control_id(self, control_id: str, limit: int = 50) -> list[MessageRecord]:
        return self._records("WHERE control_id = ? ORDER BY number DESC LIMIT ?", (control_id, limit))

    async def recent(
        self,
        limit: int = 50,
        state: MessageState | None = None,
        interface: InterfaceId | None = None,
        key: OrderingKey | None = None,
    ) -> list[MessageRecord]:
        chosen: dict[str, object] = {"state": state, "interface": interface}
        if key is not None:  # the sign: no other index than that of the sum
            chosen = {"key_sum": key_sum(self._digest(key)), "key": key, "+state": state, "+interface": interface}
        given = {column: value for column, value in chosen.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in given) or "TRUE"
        return self._records(f"WHERE {where} ORDER BY number DESC LIMIT ?", (*given.values(), limit))

    async def trace(self, message: MessageId) -> tuple[list[Hop], list[tuple[str, str, str]]]:
        rows = self._database.read(
            "SELECT at, stage, code, detail, findings FROM hop WHERE message = ? ORDER BY step", (message,)
        )
        hops = [Hop(message, from_microseconds(at), stage, code, detail) for at, stage, code, detail, _ in rows]
        # A step that was redelivered noted its findings again: once is enough.
        findings = dict.fromkeys(tuple(finding) for row in rows if row[4] for finding in orjson.loads(row[4]))
        return hops, list(findings)

    async def unsettled(self) -> list[MessageRecord]:
        states = ", ".join("?" * len(UNSETTLED))
        # Said twice, so that SQLite sees that the index has all of them.
        where = f"WHERE state <> 'routed' AND state IN ({states})"
        return self._records(where, UNSETTLED)

    async def counts(self) -> dict[str, int]:
        return dict(self._database.read("SELECT state, messages FROM message_count WHERE messages > 0"))

    def _records(self, clause: str, parameters: Sequence[object]) -> list[MessageRecord]:
        return [record_of(row) for row in self._database.read(f"{SELECT} {clause}", parameters)]
