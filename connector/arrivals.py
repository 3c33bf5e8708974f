"""Messages on their way into the spool: whatever waits for a commit goes in with one statement, in the order it came.

Ids rise over all streams of the spool, so that barriers between the lanes of a listener can be told by them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from connector.spool import Spool
    from connector.up_queue import UpQueue

_TOGETHER = 256  # messages of one statement: the loop is lent to them for some milliseconds
_ADD = """INSERT INTO up (id, stream, epoch, n, state, received, is_promised, is_barrier, control_id, body)
          VALUES (?, ?, ?, ?, 'spooled', ?, ?, ?, ?, ?)"""

# Told the id of a message once it is durable, or why it is not kept.
Kept = Callable[[int, Exception | None], None]


class Arrival(NamedTuple):
    """A message that is about to be kept.

    Attributes:
        is_promised: Its sender hears AA by this commit alone.
        is_barrier: It names two patients: nothing of its listener passes it.
        on_id: Told the id before anybody can see the message.
    """

    queue: UpQueue
    body: bytes
    control_id: str
    received: float
    is_promised: bool
    is_barrier: bool
    on_id: Callable[[int], None] | None
    kept: Kept


class Arrivals:
    """What comes into all streams of one spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._waiting: list[Arrival] = []
        self._group: list[Arrival] = []  # those of the commit that is under way
        self._is_under_way = False
        found = spool.read("SELECT seq FROM sqlite_sequence WHERE name = 'up'")
        self._last_id: int = found[0][0] if found else 0

    def put(self, arrival: Arrival) -> None:
        """Keep a message with the next commit."""
        self._waiting.append(arrival)
        if not self._is_under_way:
            self._submit()

    def _submit(self) -> None:
        self._is_under_way = True
        self._spool.submit(self._write, self._tell)

    def _write(self, connection: sqlite3.Connection) -> int:
        """Return the id before the first of the group."""
        before = self._last_id
        self._group, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
        self._spool.on_undo(partial(self._take_back, before))
        connection.executemany(_ADD, map(self._row, self._group))
        return before

    def _row(self, arrival: Arrival) -> tuple[object, ...]:
        queue, body, control_id, received, is_promised, is_barrier, on_id, _ = arrival
        self._last_id = id = self._last_id + 1
        epoch, n = self._spool.epoch, queue.next_number()
        if on_id is not None:
            on_id(id)
        sealed = self._spool.cipher.seal(body, queue.place(epoch, n))
        return id, queue.id, epoch, n, received, is_promised, is_barrier, control_id, sealed

    def _take_back(self, before: int) -> None:
        """Give no number away for what was not kept: it would be a gap, and the stream would stand still."""
        for each in self._group[: self._last_id - before]:
            each.queue.take_number_back()
        self._last_id = before

    def _tell(self, before: int | None, error: Exception | None) -> None:
        group, self._group = self._group, []
        if error is not None and not group:  # the commit failed before these were looked at
            group, self._waiting = self._waiting, []
        if self._waiting:
            self._submit()
        else:
            self._is_under_way = False
        # Not now: first the next group goes to the disk, then these are answered while it is written.
        asyncio.get_running_loop().call_soon(_tell_each, group, before or 0, error)


def _tell_each(group: Sequence[Arrival], before: int, error: Exception | None) -> None:
    for id, each in enumerate(group, before + 1):
        each.kept(id, error)
