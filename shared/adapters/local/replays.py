"""Replays in SQLite: what was ordered, which messages belong to it, and how far they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from shared.adapters.instant import from_microseconds, to_microseconds
from shared.adapters.local.database import Database
from shared.adapters.local.replay_row import pack_order, replay_of
from shared.message.delivery import Delivery
from shared.message.identifiers import DestinationId, MessageId, OrderingKey, RunId
from shared.message.replay import OpenKey, Passed, Replay, ReplayCounts, ReplayState
from shared.message.state import DeliveryState

SCHEMA = """
CREATE TABLE IF NOT EXISTS replay (
    number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, created INTEGER NOT NULL, state TEXT NOT NULL,
    reached INTEGER NOT NULL, given BLOB NOT NULL, messages INTEGER NOT NULL DEFAULT 0,
    sent INTEGER NOT NULL DEFAULT 0, passed INTEGER NOT NULL DEFAULT 0, stopped INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS replay_unfinished ON replay (given) WHERE state <> 'done';
CREATE TABLE IF NOT EXISTS replay_key (
    run TEXT NOT NULL, key TEXT NOT NULL, reached INTEGER NOT NULL, opened INTEGER NOT NULL, open INTEGER NOT NULL,
    PRIMARY KEY (run, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS replay_key_open ON replay_key (run) WHERE open;
CREATE TABLE IF NOT EXISTS replay_message (
    place INTEGER PRIMARY KEY, run TEXT NOT NULL, message TEXT NOT NULL, sent INTEGER NOT NULL, passed INTEGER NOT NULL,
    deliveries INTEGER NOT NULL, code TEXT NOT NULL, UNIQUE (run, message));
CREATE INDEX IF NOT EXISTS replay_message_unsent ON replay_message (run) WHERE NOT sent;
-- How far a replay is, is asked all the time: it must not cost more the larger the replay is.
CREATE TRIGGER IF NOT EXISTS replay_message_added AFTER INSERT ON replay_message BEGIN
    UPDATE replay SET messages = messages + 1 WHERE run = new.run;
END;
CREATE TRIGGER IF NOT EXISTS replay_message_moved AFTER UPDATE ON replay_message BEGIN
    UPDATE replay SET sent = sent + new.sent - old.sent, passed = passed + new.passed - old.passed,
        stopped = stopped + (new.code <> '') - (old.code <> ''),
        deliveries = deliveries + new.deliveries - old.deliveries
    WHERE run = new.run;
END;
"""

_SELECT = "SELECT run, created, state, reached, given FROM replay"
_ADD = """INSERT OR IGNORE INTO replay_message (run, message, sent, passed, deliveries, code)
    VALUES (?, ?, FALSE, FALSE, 0, '')"""
# An open key keeps the lowest number while messages are selected, and moves on while they are added.
_OPEN = """INSERT INTO replay_key VALUES (?1, ?2, ?3, ?3, TRUE)
    ON CONFLICT DO UPDATE SET reached = max(reached, excluded.reached) WHERE ?4"""
_COUNTS = "SELECT messages, sent, passed, stopped, deliveries FROM replay WHERE run = ?"
_PASSED = "UPDATE replay_message SET passed = TRUE, deliveries = ?, code = ? WHERE run = ? AND message = ?"
_OVERTAKEN = """SELECT 1 FROM replay_delivery WHERE destination = ? AND key = ? AND position > ? AND sent
    AND iif(source = ?, (epoch, n) < (?, ?), message < ?) LIMIT 1"""
_MILLISECONDS = 12  # hexadecimal digits of the time in a message id
_AFTER_ANY_DIGIT = "g"


class LocalReplays:
    """The replays of one home."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, replay: Replay) -> Replay:
        row = replay.run, to_microseconds(replay.created), replay.state, replay.reached, pack_order(replay)

        def work(connection: sqlite3.Connection) -> Replay:
            same = connection.execute(f"{_SELECT} WHERE given = ? AND state <> 'done'", (row[-1],)).fetchone()
            if same is not None:
                return _replay(same)
            connection.execute("INSERT INTO replay (run, created, state, reached, given) VALUES (?, ?, ?, ?, ?)", row)
            return replay

        return await self._database.write(work)

    async def get(self, run: RunId) -> Replay | None:
        rows = self._database.read(f"{_SELECT} WHERE run = ?", (run,))
        return _replay(rows[0]) if rows else None

    async def recent(self, limit: int = 20) -> list[Replay]:
        rows = self._database.read(f"{_SELECT} ORDER BY number DESC LIMIT ?", (limit,))
        return [_replay(row) for row in rows]

    async def unfinished(self) -> list[Replay]:
        return [_replay(row) for row in self._database.read(f"{_SELECT} WHERE state <> 'done' ORDER BY number")]

    async def add(
        self, run: RunId, messages: Sequence[MessageId], keys: Sequence[OpenKey], reached: int | None = None
    ) -> int:
        rows = [(run, message) for message in messages]
        opened = [(run, key.key, key.reached, reached is None) for key in keys]

        def work(connection: sqlite3.Connection) -> int:
            added = connection.executemany(_ADD, rows).rowcount
            connection.executemany(_OPEN, opened)
            if reached is not None:
                connection.execute("UPDATE replay SET reached = ? WHERE run = ?", (reached, run))
            return max(0, added)  # without any rows SQLite says -1

        return await self._database.write(work)

    async def move(self, run: RunId, state: ReplayState) -> None:
        sql = "UPDATE replay SET state = ? WHERE run = ?"
        await self._database.write(lambda connection: connection.execute(sql, (state, run)))

    async def open_keys(self, run: RunId, limit: int) -> list[OpenKey]:
        rows = self._database.read(
            "SELECT key, reached, opened FROM replay_key WHERE run = ? AND open LIMIT ?", (run, limit)
        )
        return [OpenKey(OrderingKey(key), reached, opened) for key, reached, opened in rows]

    async def close_keys(self, run: RunId, keys: Sequence[OrderingKey]) -> None:
        rows = [(run, key) for key in keys]
        sql = "UPDATE replay_key SET open = FALSE WHERE run = ? AND key = ?"
        await self._database.write(lambda connection: connection.executemany(sql, rows))

    async def unsent(self, run: RunId, limit: int) -> list[MessageId]:
        rows = self._database.read(
            "SELECT message FROM replay_message WHERE run = ? AND NOT sent ORDER BY place LIMIT ?", (run, limit)
        )
        return [MessageId(message) for (message,) in rows]

    async def mark_sent(self, run: RunId, messages: Sequence[MessageId]) -> None:
        rows = [(run, message) for message in messages]
        sql = "UPDATE replay_message SET sent = TRUE WHERE run = ? AND message = ?"
        await self._database.write(lambda connection: connection.executemany(sql, rows))

    async def mark_passed(self, passed: Sequence[Passed]) -> None:
        rows = [(one.deliveries, one.code, one.run, one.message) for one in passed]
        await self._database.write(lambda connection: connection.executemany(_PASSED, rows))

    async def counts(self, run: RunId) -> ReplayCounts:
        rows = self._database.read(_COUNTS, (run,))
        return ReplayCounts(*rows[0]) if rows else ReplayCounts()

    async def deliveries(self, run: RunId) -> dict[DestinationId, dict[DeliveryState, int]]:
        rows = self._database.read(
            "SELECT destination, state, deliveries FROM replay_count WHERE run = ? AND deliveries > 0", (run,)
        )
        found: dict[DestinationId, dict[DeliveryState, int]] = {}
        for destination, state, count in rows:
            found.setdefault(DestinationId(destination), {})[DeliveryState(state)] = count
        return found

    async def overtaken(self, delivery: Delivery, position: int) -> bool:
        item = delivery.item
        # Ids sort by the millisecond of receipt; of one millisecond and two sources, either may be the older one.
        moment = item.message[: item.message.index("-") + 1 + _MILLISECONDS] + _AFTER_ANY_DIGIT
        source, epoch, n = item.sequence
        place = delivery.destination, item.key, position, source, epoch, n, moment
        return bool(self._database.read(_OVERTAKEN, place))


def _replay(row: tuple[Any, ...]) -> Replay:
    run, created, state, reached, order = row
    return replay_of(order, run, from_microseconds(created), state, reached)
