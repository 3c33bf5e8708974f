"""A broker in SQLite with the habits of Service Bus: sessions, peek-lock, schedules, dead letters, duplicate detection.

Messages are on the disk; locks are in memory, because one process has the file to itself: they end with it.
A session's dead letters are messages of another queue, `dead_letter_queue`, received like any others.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.adapters.instant import from_microseconds, to_microseconds
from shared.adapters.local.database import Database
from shared.adapters.local.queue_table import (
    BROWSE,
    DEPTHS,
    HAS_MESSAGES,
    NEXT_DUE,
    RECEIVE,
    SESSIONS,
    add_messages,
    bury,
    count_deliveries,
    move_due,
    remove,
)
from shared.adapters.received import Received
from shared.message.errors.storage import SessionLockLost
from shared.ports import Clock, Outgoing

TOO_MANY_DELIVERIES = "MaxDeliveryCountExceeded"


def dead_letter_queue(queue: str) -> str:
    """Return the queue that holds another's dead letters, named as Service Bus names it."""
    return f"{queue}/$DeadLetterQueue"


@dataclass(frozen=True, slots=True)
class QueueRules:
    """What every queue of the broker keeps to.

    Attributes:
        lock_seconds: A session is somebody else's after this long without renewal.
        max_deliveries: After so many unsettled deliveries a message is a dead letter: high, because the hub settles
            poison itself (rule R5).
        duplicate_window_seconds: A second message with the id of one sent within it is dropped.
    """

    lock_seconds: float = 300
    max_deliveries: int = 100
    duplicate_window_seconds: float = 600


@dataclass(slots=True, eq=False)
class SessionLock:
    """The right to receive from a session until it ends."""

    queue: str
    session: str
    until: datetime
    after: int = 0  # everything up to this number was received, and is held or settled
    held: dict[int, Received] = field(default_factory=dict)


class LocalQueue:
    """The broker: sending for the stages, receiving for the host of the triggers."""

    def __init__(self, database: Database, clock: Clock, rules: QueueRules | None = None) -> None:
        self._database = database
        self._clock = clock
        self._rules = rules or QueueRules()
        self._locks: dict[tuple[str, str], SessionLock] = {}
        self._last_session: dict[str, str] = {}
        # Which sessions may have messages: found once on the disk, and kept up by everything that adds one.
        self._sessions: defaultdict[str, set[str]] = defaultdict(set)
        for queue, session in database.read(SESSIONS):
            self._sessions[queue].add(session)
        self._arrivals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._next_due = self._read_next_due()

    async def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        await self._database.write(lambda connection: self.add(connection, queue, messages))
        self.announce_sent(queue, messages)

    async def depths(self) -> dict[str, int]:
        return dict(self._database.read(DEPTHS))

    def add(self, connection: sqlite3.Connection, queue: str, messages: Sequence[Outgoing]) -> None:
        """Add messages within somebody's transaction; `announce_sent` follows its commit."""
        now = to_microseconds(self._clock.now())
        forgotten = now - round(self._rules.duplicate_window_seconds * 1_000_000)
        add_messages(connection, queue, messages, now, forgotten)

    def announce_sent(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Say that messages were added."""
        if any(message.due is not None for message in messages):
            self._next_due = self._read_next_due()
        self._announce(queue, [message.session for message in messages])

    async def arrival(self, queue: str) -> None:
        """Return when the queue may have a session to accept: something was sent, freed or fell due."""
        event = self._arrivals[queue]
        due = [lock.until for lock in self._locks.values() if lock.queue == queue]
        if self._next_due is not None:
            due.append(self._next_due)
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(event.wait())]
        if due:
            seconds = (min(due) - self._clock.now()).total_seconds()
            waits.append(asyncio.ensure_future(_sleep(self._clock, seconds)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def accept_session(self, queue: str) -> SessionLock | None:
        """Return the lock of a session that has messages and no lock, each in its turn; None when there is none."""
        self._arrivals[queue].clear()
        await self._enqueue_due()
        now = self._clock.now()
        self._drop_expired(queue, now)
        session = self._next_session(queue)
        if session is None:
            return None
        lock = SessionLock(queue, session, now + timedelta(seconds=self._rules.lock_seconds))
        self._locks[queue, session] = lock
        self._last_session[queue] = session
        return lock

    async def receive(self, lock: SessionLock, limit: int) -> list[Received]:
        """Return the session's next messages in order, their deliveries counted; none when it has no more.

        Raises:
            SessionLockLost: the lock ran out.
        """
        await self._enqueue_due()
        self._check(lock)
        dead_letters = dead_letter_queue(lock.queue)

        def work(connection: sqlite3.Connection) -> tuple[list[Received], list[Received]]:
            found = _after(connection, lock, limit)
            received = [one for one in found if one.reason or one.deliveries <= self._rules.max_deliveries]
            count_deliveries(connection, _numbers(received))
            if len(received) < len(found):
                exhausted = sorted({*_numbers(found)}.difference(_numbers(received)))
                bury(connection, exhausted, dead_letters, TOO_MANY_DELIVERIES)
            return found, received

        found, received = await self._database.write(work)
        if not found:
            if not lock.held:
                self._sessions[lock.queue].discard(lock.session)
            return []
        lock.after = found[-1].number
        lock.held.update((message.number, message) for message in received)
        if len(received) < len(found):
            self._announce(dead_letters, [lock.session])
        return received

    async def complete(self, lock: SessionLock, messages: Sequence[Received]) -> None:
        """Forget messages that were dealt with.

        Raises:
            SessionLockLost: the lock ran out; they are received again.
        """

        def work(connection: sqlite3.Connection) -> None:
            self._check(lock)
            remove(connection, _numbers(messages))

        await self._database.write(work)
        self._let_go(lock, messages)

    async def abandon(self, lock: SessionLock, messages: Sequence[Received]) -> None:
        """Give messages back: the next ones received are these, unless they were delivered too often.

        Raises:
            SessionLockLost: the lock ran out; they are received again anyway.
        """
        self._check(lock)
        exhausted = [message for message in messages if message.deliveries >= self._rules.max_deliveries]
        if exhausted:
            await self.dead_letter(lock, exhausted, TOO_MANY_DELIVERIES)
        self._let_go(lock, messages)
        lock.after = min([lock.after, *(message.number - 1 for message in messages)])

    async def dead_letter(self, lock: SessionLock, messages: Sequence[Received], reason: str) -> None:
        """Move messages to the dead letters.

        Raises:
            SessionLockLost: the lock ran out.
        """
        dead_letters = dead_letter_queue(lock.queue)

        def work(connection: sqlite3.Connection) -> None:
            self._check(lock)
            bury(connection, _numbers(messages), dead_letters, reason)

        await self._database.write(work)
        self._let_go(lock, messages)
        self._announce(dead_letters, [lock.session])

    async def renew(self, lock: SessionLock) -> None:
        """Keep the session for another full term.

        Raises:
            SessionLockLost: the lock ran out.
        """
        self._check(lock)
        lock.until = self._clock.now() + timedelta(seconds=self._rules.lock_seconds)

    async def release(self, lock: SessionLock) -> None:
        """Let others have the session; what was received and not settled is received again."""
        key = lock.queue, lock.session
        if self._locks.get(key) is lock:
            del self._locks[key]
            self._arrivals[lock.queue].set()

    async def dead_letters(self, queue: str, limit: int = 50) -> list[Received]:
        """Return a queue's dead letters, oldest first, without receiving them."""
        rows = self._database.read(BROWSE, (dead_letter_queue(queue), limit))
        return [
            Received(number, session, message_id, from_microseconds(enqueued), times, body, reason)
            for number, session, message_id, enqueued, times, body, reason in rows
        ]

    def _check(self, lock: SessionLock) -> None:
        if self._locks.get((lock.queue, lock.session)) is not lock or lock.until <= self._clock.now():
            raise SessionLockLost(f"{lock.queue}, {lock.session}")

    def _let_go(self, lock: SessionLock, messages: Sequence[Received]) -> None:
        for message in messages:
            lock.held.pop(message.number, None)

    def _drop_expired(self, queue: str, now: datetime) -> None:
        for key, lock in list(self._locks.items()):
            if lock.queue == queue and lock.until <= now:
                del self._locks[key]

    def _announce(self, queue: str, sessions: Iterable[str]) -> None:
        """Say that these sessions may have messages now."""
        self._sessions[queue].update(sessions)
        self._arrivals[queue].set()

    def _next_session(self, queue: str) -> str | None:
        """Return the first free session after the one accepted last, in the order of their names, round and round."""
        last, sessions = self._last_session.get(queue, ""), self._sessions[queue]
        free = sorted(session for session in sessions if (queue, session) not in self._locks)
        for session in [*(one for one in free if one > last), *(one for one in free if one <= last)]:
            if self._database.read(HAS_MESSAGES, (queue, session)):
                return session
            sessions.discard(session)
        return None

    async def _enqueue_due(self) -> None:
        now = self._clock.now()
        if self._next_due is None or now < self._next_due:
            return
        moved = await self._database.write(lambda connection: move_due(connection, to_microseconds(now)))
        self._next_due = self._read_next_due()
        for queue, session in moved:
            self._announce(queue, [session])

    def _read_next_due(self) -> datetime | None:
        (due,) = self._database.read(NEXT_DUE)[0]
        return None if due is None else from_microseconds(due)


def _after(connection: sqlite3.Connection, lock: SessionLock, limit: int) -> list[Received]:
    """Return what is next in a session, with the delivery that this would be."""
    rows = connection.execute(RECEIVE, (lock.queue, lock.session, lock.after, limit + len(lock.held)))
    found = [
        Received(number, lock.session, message_id, from_microseconds(enqueued), times + 1, body, reason)
        for number, message_id, enqueued, body, times, reason in rows
        if number not in lock.held
    ]
    return found[:limit]


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep(max(seconds, 0))


def _numbers(messages: Sequence[Received]) -> list[int]:
    return [message.number for message in messages]
