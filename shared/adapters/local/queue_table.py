"""What the local broker keeps on the disk, and how it changes; each function is part of somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from shared.adapters.instant import to_microseconds
from shared.ports import Outgoing

SCHEMA = """
CREATE TABLE IF NOT EXISTS queued (
    number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, session TEXT NOT NULL, message_id TEXT NOT NULL,
    enqueued INTEGER NOT NULL, reason TEXT NOT NULL DEFAULT '', body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS queued_session ON queued (queue, session);
-- Apart from the message, so that counting a delivery does not write its body again.
CREATE TABLE IF NOT EXISTS queued_delivery (number INTEGER PRIMARY KEY, times INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS scheduled (
    number INTEGER PRIMARY KEY, due INTEGER NOT NULL, queue TEXT NOT NULL, session TEXT NOT NULL,
    message_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS scheduled_due ON scheduled (due);
CREATE TABLE IF NOT EXISTS sent (
    number INTEGER PRIMARY KEY, queue TEXT NOT NULL, message_id TEXT NOT NULL, at INTEGER NOT NULL,
    UNIQUE (queue, message_id));
"""

DUE_AT_ONCE = 500  # scheduled messages moved in one transaction

HAS_MESSAGES = "SELECT 1 FROM queued WHERE queue = ? AND session = ? LIMIT 1"
SESSIONS = "SELECT DISTINCT queue, session FROM queued"
DEPTHS = "SELECT queue, count(*) FROM queued GROUP BY queue"
NEXT_DUE = "SELECT min(due) FROM scheduled"
RECEIVE = """SELECT number, message_id, enqueued, body, coalesce(times, 0), reason
    FROM queued LEFT JOIN queued_delivery USING (number)
    WHERE queue = ? AND session = ? AND number > ? ORDER BY number LIMIT ?"""
BROWSE = """SELECT number, session, message_id, enqueued, coalesce(times, 0), body, reason
    FROM queued LEFT JOIN queued_delivery USING (number) WHERE queue = ? ORDER BY number LIMIT ?"""

_ENQUEUE = "INSERT INTO queued (queue, session, message_id, enqueued, body) VALUES (?, ?, ?, ?, ?)"
_SCHEDULE = "INSERT INTO scheduled (due, queue, session, message_id, body) VALUES (?, ?, ?, ?, ?)"
_DUE = "SELECT number, queue, session, message_id, body FROM scheduled WHERE due <= ? ORDER BY due, number LIMIT ?"
_REMEMBER = """INSERT INTO sent (queue, message_id, at) VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET at = excluded.at WHERE at <= ?"""
_FORGET = """DELETE FROM sent WHERE number IN (
    SELECT number FROM (SELECT number, at FROM sent ORDER BY number LIMIT ?) WHERE at <= ?)"""
_COUNT = "INSERT INTO queued_delivery VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1"
_BURY = """INSERT INTO queued (queue, session, message_id, enqueued, reason, body)
    SELECT ?, session, message_id, enqueued, ?, body FROM queued WHERE number = ?"""


def add_messages(
    connection: sqlite3.Connection, queue: str, messages: Sequence[Outgoing], now: int, forgotten: int
) -> None:
    """Add messages in order, except those whose id was sent after ``forgotten``."""
    connection.execute(_FORGET, (2 * len(messages), forgotten))
    for message in messages:
        if connection.execute(_REMEMBER, (queue, message.message_id, now, forgotten)).rowcount:
            _add(connection, queue, message, now)


def move_due(connection: sqlite3.Connection, now: int) -> set[tuple[str, str]]:
    """Enqueue scheduled messages that are due, and return their queues and sessions."""
    rows = connection.execute(_DUE, (now, DUE_AT_ONCE)).fetchall()
    connection.executemany(_ENQUEUE, [(queue, session, name, now, body) for _, queue, session, name, body in rows])
    connection.executemany("DELETE FROM scheduled WHERE number = ?", [(row[0],) for row in rows])
    return {(queue, session) for _, queue, session, _, _ in rows}


def count_deliveries(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    connection.executemany(_COUNT, [(number,) for number in numbers])


def remove(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    rows = [(number,) for number in numbers]
    connection.executemany("DELETE FROM queued WHERE number = ?", rows)
    connection.executemany("DELETE FROM queued_delivery WHERE number = ?", rows)


def bury(connection: sqlite3.Connection, numbers: Sequence[int], dead_letters: str, reason: str) -> None:
    """Move messages to the end of a queue of dead letters, where a worker that is there already finds them."""
    connection.executemany(_BURY, [(dead_letters, reason, number) for number in numbers])
    remove(connection, numbers)


def _add(connection: sqlite3.Connection, queue: str, message: Outgoing, now: int) -> None:
    due = now if message.due is None else to_microseconds(message.due)
    if due > now:
        connection.execute(_SCHEDULE, (due, queue, message.session, message.message_id, message.body))
    else:
        connection.execute(_ENQUEUE, (queue, message.session, message.message_id, now, message.body))
