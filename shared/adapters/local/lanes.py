"""Deliver sessions in SQLite: owners, lanes and deliveries (rules R3, R6).

A row of ``lane`` exists while its lane has something waiting, and says when the head may move: what is not due, held or
possibly still being sent is never looked at, however much of it there is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from shared.adapters.delivery_row import ATTEMPT_COLUMNS, COLUMNS, attempt_of, delivery_of, row_of
from shared.adapters.instant import optional_instant, optional_microseconds, to_microseconds
from shared.adapters.local.chain import add_deliveries
from shared.adapters.local.database import Database
from shared.message.delivery import Attempt, Delivery
from shared.message.envelope import Item
from shared.message.errors.storage import OwnershipLost
from shared.message.identifiers import LIVE, DeliveryId, DestinationId, MessageId, SessionId
from shared.message.state import FINAL, DeliveryState
from shared.ports import DestinationStatus, Ownership, Turn

SCHEMA = """
CREATE TABLE IF NOT EXISTS delivery (
    position INTEGER PRIMARY KEY AUTOINCREMENT, message TEXT NOT NULL, delivery TEXT NOT NULL, session TEXT NOT NULL,
    lane TEXT NOT NULL, destination TEXT NOT NULL, item BLOB NOT NULL, state TEXT NOT NULL, offered INTEGER NOT NULL,
    attempts INTEGER NOT NULL, due INTEGER, send_deadline INTEGER, holds INTEGER NOT NULL, code TEXT NOT NULL,
    output TEXT NOT NULL, settled INTEGER, waiting INTEGER NOT NULL, UNIQUE (message, delivery));
CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (session, lane) WHERE waiting;
CREATE INDEX IF NOT EXISTS delivery_intent ON delivery (session, lane) WHERE state = 'intent';
CREATE INDEX IF NOT EXISTS delivery_stopped ON delivery (position) WHERE state IN ('review', 'quarantined');
-- Of replays only: how far a run is, and what it brought where. `sent`: the destination may have taken it.
CREATE TABLE IF NOT EXISTS replay_delivery (
    destination TEXT NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL, run TEXT NOT NULL, message TEXT NOT NULL,
    source TEXT NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL, state TEXT NOT NULL, sent INTEGER NOT NULL,
    PRIMARY KEY (destination, key, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replay_count (
    run TEXT NOT NULL, destination TEXT NOT NULL, state TEXT NOT NULL, deliveries INTEGER NOT NULL,
    PRIMARY KEY (run, destination, state)) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS replay_delivery_added AFTER INSERT ON replay_delivery BEGIN
    INSERT OR IGNORE INTO replay_count VALUES (new.run, new.destination, new.state, 0);
    UPDATE replay_count SET deliveries = deliveries + 1
    WHERE run = new.run AND destination = new.destination AND state = new.state;
END;
CREATE TRIGGER IF NOT EXISTS replay_delivery_moved AFTER UPDATE OF state ON replay_delivery BEGIN
    INSERT OR IGNORE INTO replay_count VALUES (new.run, new.destination, new.state, 0);
    UPDATE replay_count SET deliveries = deliveries + (state = new.state) - (state = old.state)
    WHERE run = new.run AND destination = new.destination AND state IN (new.state, old.state);
END;
CREATE TABLE IF NOT EXISTS lane (
    session TEXT NOT NULL, lane TEXT NOT NULL, ready INTEGER, PRIMARY KEY (session, lane)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS lane_ready ON lane (session, ready) WHERE ready IS NOT NULL;
CREATE TABLE IF NOT EXISTS attempt (
    number INTEGER PRIMARY KEY, position INTEGER NOT NULL, ordinal INTEGER NOT NULL, began INTEGER NOT NULL,
    ended INTEGER NOT NULL, verdict TEXT NOT NULL, code TEXT NOT NULL);
-- A write whose answer was lost is written again.
CREATE UNIQUE INDEX IF NOT EXISTS attempt_position ON attempt (position, ordinal);
CREATE TABLE IF NOT EXISTS owner (
    session TEXT PRIMARY KEY, destination TEXT NOT NULL, epoch INTEGER NOT NULL, wake INTEGER) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owner_destination ON owner (destination);
CREATE TABLE IF NOT EXISTS destination (
    destination TEXT PRIMARY KEY, paused INTEGER NOT NULL DEFAULT FALSE, failures INTEGER NOT NULL DEFAULT 0,
    open_until INTEGER) WITHOUT ROWID;
"""

_TAKE = """INSERT INTO owner VALUES (?, ?, 1, NULL) ON CONFLICT DO UPDATE SET epoch = epoch + 1,
    destination = iif(excluded.destination = '', destination, excluded.destination) RETURNING epoch, wake"""
_OFFER = f"INSERT OR IGNORE INTO delivery ({COLUMNS}, waiting) VALUES ({', '.join('?' * 17)})"  # noqa: S608  # a constant
# What was known and is settled opens no lane.
_OPEN_LANE = """INSERT OR IGNORE INTO lane
    SELECT session, lane, ? FROM delivery WHERE message = ? AND delivery = ? AND waiting"""
_WRITE = """UPDATE delivery SET state = ?, attempts = ?, due = ?, send_deadline = ?, holds = ?, code = ?, output = ?,
    settled = ?, waiting = ? WHERE message = ? AND delivery = ?"""
_HASTEN = "UPDATE delivery SET due = NULL WHERE message = ? AND delivery = ? AND state = 'parked'"
_HASTEN_ALL = """UPDATE delivery SET due = NULL
    WHERE session = ? AND waiting AND state = 'parked' AND due IS NOT NULL RETURNING session, lane"""
_FAILED = """WHERE session IN (SELECT session FROM owner WHERE destination = ?) AND waiting
    AND state = 'parked' AND attempts AND due IS NOT NULL ORDER BY due DESC LIMIT 1"""
_READY = f"""SELECT {COLUMNS} FROM lane CROSS JOIN delivery USING (session, lane)
    WHERE session = ? AND ready <= ? AND waiting ORDER BY ready, lane, position LIMIT ?"""  # noqa: S608  # a constant
_DELIVERY = COLUMNS.split(", ").index("delivery")
# The head decides when a lane may move; NULL, held, is not a time. No send may be under way anywhere in the lane.
_LANE = """INSERT INTO lane SELECT ?1, ?2, iif(holds, NULL, max(coalesce(due, offered), coalesce((
        SELECT max(send_deadline) FROM delivery WHERE session = ?1 AND lane = ?2 AND state = 'intent'), 0)))
    FROM delivery WHERE session = ?1 AND lane = ?2 AND waiting ORDER BY position LIMIT 1
    ON CONFLICT DO UPDATE SET ready = excluded.ready"""
_LANE_GONE = """DELETE FROM lane WHERE session = ?1 AND lane = ?2 AND NOT EXISTS (
    SELECT 1 FROM delivery WHERE session = ?1 AND lane = ?2 AND waiting)"""

_REPLAY_OFFER = """INSERT OR IGNORE INTO replay_delivery
    SELECT destination, ?, position, ?, message, ?, ?, ?, state, FALSE FROM delivery
    WHERE message = ? AND delivery = ?"""
_REPLAY_WRITE = """UPDATE replay_delivery SET state = ?, sent = ? WHERE destination = ? AND key = ? AND position = ?"""

_PAUSED = """INSERT INTO destination (destination, paused) VALUES (?, ?)
    ON CONFLICT DO UPDATE SET paused = excluded.paused"""
_NEW_BREAKER = """INSERT OR IGNORE INTO destination (destination) SELECT ? WHERE ? = 0 AND ? IS NULL"""
_BREAKER = """UPDATE destination SET failures = ?, open_until = ?
    WHERE destination = ? AND failures = ? AND open_until IS ?"""


class LocalLanes:
    """The deliver sessions of every destination."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self, session: SessionId, offered: Sequence[Delivery], now: datetime, send_deadline: datetime | None, limit: int
    ) -> Turn:
        destination = offered[0].destination if offered else ""
        rows = [(*row_of(delivery, DeliveryState.PARKED), 1) for delivery in offered]
        lanes = [(_may_begin(delivery), delivery.item.message, delivery.id) for delivery in offered]
        replayed = [_replay_offer(delivery) for delivery in offered if delivery.item.run != LIVE]
        items = {delivery.id: delivery.item for delivery in offered}  # with their bodies, which the table does not keep

        def work(connection: sqlite3.Connection) -> Turn:
            epoch, wake = connection.execute(_TAKE, (session, destination)).fetchone()
            connection.executemany(_OFFER, rows)
            connection.executemany(_OPEN_LANE, lanes)
            connection.executemany(_REPLAY_OFFER, replayed)
            ready = _ready(connection, session, now, limit, items)
            if send_deadline is not None:
                _record_intents(connection, ready, to_microseconds(send_deadline))
            return Turn(Ownership(session, epoch), tuple(ready), optional_instant(wake))

        return await self._database.write(work)

    async def write(self, ownership: Ownership, rows: Sequence[Delivery], attempts: Sequence[Attempt] = ()) -> None:
        updates = [_update(delivery) for delivery in rows]
        lanes = {_lane_of(delivery) for delivery in rows}
        kept = {_lane_of(delivery) for delivery in {row.id: row for row in rows}.values() if _is_waiting(delivery)}
        final = [delivery for delivery in rows if delivery.state in FINAL]
        replayed = [_replay_update(delivery) for delivery in rows if delivery.item.run != LIVE]
        positions = {delivery.id: delivery.position for delivery in rows}
        tried = [
            (
                positions[attempt.delivery],
                attempt.number,
                to_microseconds(attempt.began),
                to_microseconds(attempt.ended),
                attempt.verdict,
                attempt.code,
            )
            for attempt in attempts
        ]

        def work(connection: sqlite3.Connection) -> None:
            _check(connection, ownership)
            connection.executemany(_WRITE, updates)
            connection.executemany(
                f"INSERT OR IGNORE INTO attempt ({ATTEMPT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608  # a constant
                tried,
            )
            connection.executemany(_REPLAY_WRITE, replayed)
            add_deliveries(connection, final)
            _review_lanes(connection, lanes, kept)

        await self._database.write(work)

    async def next_due(self, session: SessionId) -> datetime | None:
        rows = self._database.read("SELECT min(ready) FROM lane WHERE session = ? AND ready IS NOT NULL", (session,))
        return optional_instant(rows[0][0])

    async def schedule_wake(self, ownership: Ownership, due: datetime | None) -> None:
        wake = optional_microseconds(due)

        def work(connection: sqlite3.Connection) -> None:
            _check(connection, ownership)
            connection.execute("UPDATE owner SET wake = ? WHERE session = ?", (wake, ownership.session))

        await self._database.write(work)

    async def overdue(self, now: datetime) -> list[tuple[SessionId, DestinationId]]:
        rows = self._database.read(
            """SELECT session, destination FROM owner WHERE (wake IS NULL OR wake <= ?)
            AND EXISTS (SELECT 1 FROM lane WHERE lane.session = owner.session AND ready IS NOT NULL)""",
            (to_microseconds(now),),
        )
        return [(SessionId(session), DestinationId(destination)) for session, destination in rows]

    async def sessions(self, destination: DestinationId) -> list[SessionId]:
        rows = self._database.read(
            """SELECT session FROM owner WHERE destination = ?
            AND EXISTS (SELECT 1 FROM lane WHERE lane.session = owner.session)""",
            (destination,),
        )
        return [SessionId(session) for (session,) in rows]

    async def deliveries(self, message: MessageId) -> list[Delivery]:
        return self._deliveries("WHERE message = ? ORDER BY position", (message,))

    async def attempts(self, message: MessageId) -> list[Attempt]:
        rows = self._database.read(
            """SELECT delivery, ordinal, began, ended, verdict, attempt.code FROM delivery JOIN attempt USING (position)
            WHERE message = ? ORDER BY number""",
            (message,),
        )
        return [attempt_of(row) for row in rows]

    async def stopped(self, limit: int = 50) -> list[Delivery]:
        return self._deliveries("WHERE state IN ('review', 'quarantined') ORDER BY position DESC LIMIT ?", (limit,))

    async def unsettled(self) -> list[Delivery]:
        stopped = "WHERE state IN ('review', 'quarantined') AND NOT waiting"
        return self._deliveries("WHERE waiting", ()) + self._deliveries(stopped, ())

    async def last_failed(self, destination: DestinationId) -> Delivery | None:
        found = self._deliveries(_FAILED, (destination,))
        return found[0] if found else None

    async def reopen(self, delivery: Delivery, state: DeliveryState) -> None:
        reopened = delivery._replace(state=state, holds=False, due=None, send_deadline=None)
        where = "AND state IN ('review', 'quarantined')"

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute(f"{_WRITE} {where}", _update(reopened)).rowcount:
                add_deliveries(connection, [reopened] if state in FINAL else ())
                if delivery.item.run != LIVE:
                    connection.execute(_REPLAY_WRITE, _replay_update(reopened))
            _review_lanes(connection, [_lane_of(delivery)])

        await self._database.write(work)

    async def hasten(self, delivery: Delivery) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(_HASTEN, (delivery.item.message, delivery.id))
            _review_lanes(connection, [_lane_of(delivery)])

        await self._database.write(work)

    async def hasten_all(self, session: SessionId) -> None:
        def work(connection: sqlite3.Connection) -> None:
            _review_lanes(connection, set(connection.execute(_HASTEN_ALL, (session,)).fetchall()))

        await self._database.write(work)

    async def waiting(self) -> dict[DestinationId, int]:
        # Nearly all of it waits in lanes; what was passed over is listed apart.
        rows = self._database.read(
            """SELECT destination, sum(deliveries) FROM (
                SELECT owner.destination, count(*) AS deliveries FROM delivery JOIN owner USING (session)
                WHERE waiting GROUP BY session
            UNION ALL
                SELECT destination, count(*) FROM delivery
                WHERE state IN ('review', 'quarantined') AND NOT waiting GROUP BY destination)
            GROUP BY destination"""
        )
        return {DestinationId(destination): deliveries for destination, deliveries in rows}

    async def status(self, destination: DestinationId) -> DestinationStatus:
        rows = self._database.read(
            "SELECT paused, failures, open_until FROM destination WHERE destination = ?", (destination,)
        )
        if not rows:
            return DestinationStatus(destination)
        paused, failures, open_until = rows[0]
        return DestinationStatus(destination, bool(paused), failures, optional_instant(open_until))

    async def set_paused(self, destination: DestinationId, paused: bool) -> None:
        await self._database.write(lambda connection: connection.execute(_PAUSED, (destination, paused)))

    async def set_breaker(self, found: DestinationStatus, failures: int, open_until: datetime | None) -> bool:
        known = found.destination, found.failures, optional_microseconds(found.open_until)
        after = failures, optional_microseconds(open_until)

        def work(connection: sqlite3.Connection) -> bool:
            connection.execute(_NEW_BREAKER, known)
            return connection.execute(_BREAKER, (*after, *known)).rowcount > 0

        return await self._database.write(work)

    def _deliveries(self, clause: str, parameters: Sequence[object]) -> list[Delivery]:
        rows = self._database.read(f"SELECT {COLUMNS} FROM delivery {clause}", parameters)  # noqa: S608  # constants
        return [delivery_of(row) for row in rows]


def _check(connection: sqlite3.Connection, ownership: Ownership) -> None:
    row = connection.execute("SELECT epoch FROM owner WHERE session = ?", (ownership.session,)).fetchone()
    if row is None or row[0] != ownership.epoch:
        raise OwnershipLost(ownership.session)


def _ready(
    connection: sqlite3.Connection, session: SessionId, now: datetime, limit: int, items: Mapping[DeliveryId, Item]
) -> list[Delivery]:
    rows = connection.execute(_READY, (session, to_microseconds(now), limit))
    found = (delivery_of(row, items.get(row[_DELIVERY])) for row in rows)
    return [row for _, lane in groupby(found, key=lambda row: row.lane) for row in _up_to_a_wait(lane, now)]


def _up_to_a_wait(lane: Iterable[Delivery], now: datetime) -> Iterable[Delivery]:
    for row in lane:
        if row.holds or (row.due is not None and row.due > now):
            return
        yield row


def _record_intents(connection: sqlite3.Connection, ready: Sequence[Delivery], deadline: int) -> None:
    connection.executemany(
        "UPDATE delivery SET state = 'intent', send_deadline = ? WHERE position = ?",
        [(deadline, row.position) for row in ready],
    )
    connection.executemany(
        "UPDATE lane SET ready = max(ready, ?) WHERE session = ? AND lane = ?",
        [(deadline, session, lane) for session, lane in {(row.session, row.lane) for row in ready}],
    )


def _review_lanes(
    connection: sqlite3.Connection, lanes: Iterable[tuple[str, str]], kept: Collection[tuple[str, str]] = ()
) -> None:
    """Say anew when lanes may move, and forget those in which nothing waits; in those ``kept`` something does."""
    cursor = connection.cursor()
    for lane in lanes:
        if lane in kept or not cursor.execute(_LANE_GONE, lane).rowcount:
            cursor.execute(_LANE, lane)


def _lane_of(delivery: Delivery) -> tuple[str, str]:
    return delivery.session, delivery.lane


def _may_begin(delivery: Delivery) -> int:
    return to_microseconds(delivery.due or delivery.offered)


def _update(delivery: Delivery) -> tuple[object, ...]:
    return (
        delivery.state,
        delivery.attempts,
        optional_microseconds(delivery.due),
        optional_microseconds(delivery.send_deadline),
        delivery.holds,
        delivery.code,
        delivery.output,
        optional_microseconds(delivery.settled),
        _is_waiting(delivery),
        delivery.item.message,
        delivery.id,
    )


def _replay_offer(delivery: Delivery) -> tuple[object, ...]:
    item = delivery.item
    return item.key, item.run, *item.sequence, item.message, delivery.id


def _replay_update(delivery: Delivery) -> tuple[object, ...]:
    return delivery.state, delivery.may_have_arrived, delivery.destination, delivery.item.key, delivery.position


def _is_waiting(delivery: Delivery) -> bool:
    return delivery.holds or delivery.state in {DeliveryState.PARKED, DeliveryState.INTENT}
