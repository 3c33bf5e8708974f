"""The ledger in SQLite."""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from shared.adapters.instant import from_microseconds, to_microseconds
from shared.adapters.local import chain
from shared.adapters.local.database import Database
from shared.message.envelope import ArchiveRef
from shared.message.errors.connector import StreamOutOfStep
from shared.message.finding import Finding
from shared.message.identifiers import LIVE, InterfaceId, MessageId, OrderingKey
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation, abandoned
from shared.message.state import FORGOTTEN, RANK, UNSETTLED, MessageState

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

RECORD_COLUMNS = (
    "message, interface, source, epoch, n, key, mapping, sha256, size, at, control_id, type, received, state, code"
)
_SELECT = f"SELECT {RECORD_COLUMNS} FROM message"  # noqa: S608  # a constant
_SEEN = f"{_SELECT} WHERE duplicate_sum = ? AND duplicate_key = ? AND received >= ? ORDER BY number DESC"
_ALL_COLUMNS = f"{RECORD_COLUMNS}, duplicate_sum, duplicate_key, key_sum"
_INSERT = f"INSERT INTO message ({_ALL_COLUMNS}) VALUES ({', '.join('?' * 18)})"  # noqa: S608

_NUMBERED = "INSERT INTO stream VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = excluded.n"
_LAST_PLACE = """SELECT (SELECT max(epoch) FROM place WHERE source = ?1),
    coalesce((SELECT max(n) FROM place WHERE source = ?1 AND epoch = ?2), 0)"""
_PLACED = "INSERT INTO place VALUES (?, ?, ?, ?)"
_AT_PLACE = f"""SELECT {RECORD_COLUMNS} FROM message
    WHERE message = (SELECT message FROM place WHERE source = ? AND epoch = ? AND n = ?)"""  # noqa: S608
_STATE = "SELECT state FROM message WHERE message = ?"
_PLACES = "SELECT message, number, state FROM message WHERE message IN"
_MOVE = "UPDATE message SET state = ?, code = ? WHERE message = ?"
_RECOUNT = "INSERT INTO message_count VALUES (?, ?) ON CONFLICT DO UPDATE SET messages = messages + excluded.messages"
_HOP = """INSERT INTO hop (message, step, at, stage, code, detail, findings)
    VALUES (?1, (SELECT coalesce(max(step), 0) + 1 FROM hop WHERE message = ?1), ?2, ?3, ?4, ?5, ?6)"""
_NOTED = "INSERT OR IGNORE INTO noted VALUES (?, ?)"
_BEGUN = """INSERT INTO begun VALUES (?, ?, 1)
    ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times"""


_AT_ONCE = 400  # SQLite takes 999 parameters in its oldest builds
_SUM_DIGITS = 8  # 32 bits: the few keys that share them are told apart by their rows


class LocalLedger:
    """The records and traces of messages."""

    def __init__(self, database: Database, digest: KeyDigest) -> None:
        self._database = database
        self._digest = digest

    async def reserve(self, arrivals: Sequence[Arrival], window_seconds: float) -> list[Reservation]:
        return await self._database.write(lambda connection: self.number(connection, arrivals, window_seconds))

    def number(
        self,
        connection: sqlite3.Connection,
        arrivals: Sequence[Arrival],
        window_seconds: float,
        state: MessageState = MessageState.RESERVED,
    ) -> list[Reservation]:
        """Do what `reserve` says, within somebody's transaction.

        Args:
            state: What the rows of new messages say, where the transaction goes on to bring them there.
        """
        window = _microseconds(window_seconds)
        streams = _Streams(connection)
        added: list[chain.Row] = []
        reserved = [
            _reserve(connection, partial(streams.next, arrival.source), arrival, window, added, self._digest, state)
            for arrival in arrivals
        ]
        streams.save()
        chain.add_messages(connection, added)
        _recount(connection, {state: sum(each.is_new for each in reserved)})
        return reserved

    async def follow(
        self, first: SourceSequence, arrivals: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        window = _microseconds(window_seconds)

        def work(connection: sqlite3.Connection) -> list[Reservation | None]:
            places = _Places(connection, first, self._digest)
            reserved = [places.take(first._replace(n=first.n + at), each, window) for at, each in enumerate(arrivals)]
            chain.add_messages(connection, places.added)
            _recount(connection, {MessageState.RESERVED: sum(bool(each and each.is_new) for each in reserved)})
            return reserved

        return await self._database.write(work)

    async def progress(self, steps: Sequence[Progress]) -> None:
        await self._database.write(lambda connection: note_steps(connection, steps))

    async def note(self, hops: Sequence[Hop]) -> None:
        rows = [_hop_row(hop) for hop in hops]
        await self._database.write(lambda connection: connection.executemany(_HOP, rows))

    async def reopen(self, message: MessageId, state: MessageState, hop: Hop) -> None:
        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(_STATE, (message,)).fetchone() == (MessageState.QUARANTINED,):
                connection.execute(_MOVE, (state, "", message))
                _recount(connection, {MessageState.QUARANTINED: -1, state: 1})
            connection.execute("DELETE FROM begun WHERE message = ?", (message,))
            connection.execute(_HOP, _hop_row(hop))

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
        found = (self._database.read(f"{_SELECT} WHERE message = ?", (message,)) for message in ids)
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
        return [record_of(row) for row in self._database.read(f"{_SELECT} {clause}", parameters)]


class _Streams:
    """The numbering of sources within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._last: dict[str, tuple[int, int]] = {}  # source -> epoch, n

    def next(self, source: str) -> SourceSequence:
        if source not in self._last:
            row = self._connection.execute("SELECT epoch, n FROM stream WHERE source = ?", (source,)).fetchone()
            self._last[source] = row or (1, 0)
        epoch, n = self._last[source]
        self._last[source] = epoch, n + 1
        return SourceSequence(source, epoch, n + 1)

    def save(self) -> None:
        self._connection.executemany(_NUMBERED, [(source, *last) for source, last in self._last.items()])


class _Places:
    """The numbers of one connector's stream within one transaction.

    Attributes:
        added: What was recorded, for the hash chain.
    Raises:
        StreamOutOfStep: a number before the first is missing.
    """

    def __init__(self, connection: sqlite3.Connection, first: SourceSequence, digest: KeyDigest) -> None:
        self._connection = connection
        self._digest = digest
        newest, self._last = connection.execute(_LAST_PLACE, first[:2]).fetchone()
        self._is_late = newest is not None and first.epoch < newest
        self.added: list[chain.Row] = []
        if first.n > self._last + 1:
            raise StreamOutOfStep(f"{first.source}, epoch {first.epoch}, after {self._last}")

    def take(self, place: SourceSequence, arrival: Arrival | None, window: int) -> Reservation | None:
        """Return what the number holds, after this arrival was put there if it was new."""
        if place.n <= self._last:
            seen = self._connection.execute(_AT_PLACE, place).fetchone()
            return Reservation(record_of(seen), is_new=False, is_late=self._is_late) if seen else None
        self._last = place.n
        reserved = None
        if arrival is not None:
            reserved = _reserve(self._connection, lambda: place, arrival, window, self.added, self._digest)
            reserved = reserved._replace(is_late=self._is_late)
        self._connection.execute(_PLACED, (*place, reserved.record.message if reserved else None))
        return reserved


def note_steps(connection: sqlite3.Connection, steps: Sequence[Progress]) -> None:
    """Do what `Ledger.progress` says, within somebody's transaction."""
    places = _places(connection, [step.message for step in steps])
    recounted: Counter[MessageState] = Counter()
    moves: list[tuple[str, str, str]] = []
    noted: list[tuple[str, int]] = []
    for step in steps:
        number, state = places.get(step.message, (0, step.state))
        if RANK[state] < RANK[step.state] and not _is_done(step, state):
            places[step.message] = number, step.state
            moves.append((step.state, step.code, step.message))
            recounted[state] -= 1
            recounted[step.state] += 1
        noted += [(code, number) for code in _codes(step)]
    connection.executemany(_MOVE, moves)
    _recount(connection, recounted)
    connection.executemany(_HOP, [_hop_row(step.hop, step.findings) for step in steps])
    connection.executemany(_NOTED, noted)


def _reserve(
    connection: sqlite3.Connection,
    place: Callable[[], SourceSequence],
    arrival: Arrival,
    window: int,
    added: list[chain.Row],
    digest: KeyDigest,
    state: MessageState = MessageState.RESERVED,
) -> Reservation:
    duplicate = zlib.crc32(arrival.duplicate_key.encode()), arrival.duplicate_key
    reuses_key = False
    for row in connection.execute(_SEEN, (*duplicate, to_microseconds(arrival.received) - window)):
        seen = record_of(row)
        if seen.raw.sha256 != arrival.raw.sha256:
            reuses_key = True
        elif seen.state not in FORGOTTEN:
            return Reservation(seen, is_new=False)
    record = MessageRecord(
        message=arrival.message,
        interface=arrival.interface,
        sequence=place(),
        key=arrival.key,
        mapping=arrival.mapping,
        raw=arrival.raw,
        control_id=arrival.control_id,
        type=arrival.type,
        received=arrival.received,
        state=MessageState.RESERVED,
    )
    row = _record_row(record, state)
    number = connection.execute(_INSERT, (*row, *duplicate, key_sum(digest(record.key)))).lastrowid
    added.append((number, *row[:9], *row[10:13]))  # what never changes; where the archive has it, is its own affair
    return Reservation(record, is_new=True, reuses_key=reuses_key)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _places(connection: sqlite3.Connection, messages: Sequence[MessageId]) -> dict[MessageId, tuple[int, MessageState]]:
    """Return number and state of each message that there is."""
    found: dict[MessageId, tuple[int, MessageState]] = {}
    for start in range(0, len(messages), _AT_ONCE):
        part = messages[start : start + _AT_ONCE]
        rows = connection.execute(f"{_PLACES} ({','.join('?' * len(part))})", part)
        found.update((message, (number, MessageState(state))) for message, number, state in rows)
    return found


def _is_done(step: Progress, state: str) -> bool:
    """Tell whether the message came through once: a replay that fails does not undo that."""
    return step.run != LIVE and state in (MessageState.ROUTED, MessageState.FILTERED)


def _codes(step: Progress) -> set[str]:
    codes = {finding.code for finding in step.findings}
    return codes | {step.code} if step.code else codes


def key_sum(digest: str) -> int:
    """Return the number under which the messages of an ordering key are found, by its digest or its patient hash."""
    return int(digest[:_SUM_DIGITS], 16)


def _recount(connection: sqlite3.Connection, moved: Mapping[MessageState, int]) -> None:
    connection.executemany(_RECOUNT, [(state, change) for state, change in moved.items() if change])


def _record_row(record: MessageRecord, state: MessageState) -> tuple[object, ...]:
    sequence, raw = record.sequence, record.raw
    return (
        record.message,
        record.interface,
        sequence.source,
        sequence.epoch,
        sequence.n,
        record.key,
        record.mapping,
        raw.sha256,
        raw.size,
        raw.at,
        record.control_id,
        record.type,
        to_microseconds(record.received),
        state,
        record.code,
    )


def record_of(row: tuple[Any, ...]) -> MessageRecord:
    """Return the message of a row of `RECORD_COLUMNS`."""
    message, interface, source, epoch, n, key, mapping, sha256, size, at, control_id, kind, received, state, code = row
    return MessageRecord(
        message=MessageId(message),
        interface=InterfaceId(interface),
        sequence=SourceSequence(source, epoch, n),
        key=OrderingKey(key),
        mapping=mapping,
        raw=ArchiveRef(sha256, size, at),
        control_id=control_id,
        type=kind,
        received=from_microseconds(received),
        state=MessageState(state),
        code=code,
    )


def _hop_row(hop: Hop, findings: Iterable[Finding] = ()) -> tuple[object, ...]:
    noted = [(finding.code, finding.place, finding.detail) for finding in findings]
    return hop.message, to_microseconds(hop.at), hop.stage, hop.code, hop.detail, orjson.dumps(noted) if noted else None
