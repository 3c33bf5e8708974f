"""Messages on their way into the spool: numbered as they come, and inserted by one statement for all that wait.

The loop numbers them; the thread that commits takes what waits whenever it has ended a commit, without asking the loop.
Ids rise over all streams of the spool, so that barriers between the lanes of a listener can be told by them.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from connector.log import log_failure

if TYPE_CHECKING:
    from connector.spool import Spool
    from connector.up_queue import UpQueue

_LOOK_SECONDS = 0.0001
_TOGETHER = 64  # rows of one statement
_ADD = "INSERT INTO up (id, stream, epoch, n, state, received, is_promised, is_barrier, control_id, body) VALUES "
_ROW = "(?, ?, ?, ?, 'spooled', ?, ?, ?, ?, ?)"

# Told the id of a message once it is durable, or why it is not kept.
Kept = Callable[[int, Exception | None], None]


class Arrival(NamedTuple):
    """A message that has its number, and is about to be kept under it."""

    id: int
    queue: UpQueue
    row: tuple[object, ...]
    kept: Kept


class Arrivals:
    """What comes into all streams of one spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._waiting: deque[Arrival] = deque()
        found = spool.read("SELECT seq FROM sqlite_sequence WHERE name = 'up'")
        self._last_id: int = found[0][0] if found else 0

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def put(
        self,
        queue: UpQueue,
        body: bytes,
        control_id: str,
        kept: Kept,
        *,
        is_promised: bool,
        is_barrier: bool = False,
        on_id: Callable[[int], None] | None = None,
    ) -> None:
        """Keep a message with the next commit.

        Args:
            is_promised: Its sender hears AA by this commit alone.
            is_barrier: It names two patients: nothing of its listener passes it.
            on_id: Told the id before anybody can see the message.
        """
        spool = self._spool
        self._last_id = id = self._last_id + 1
        epoch, n = spool.epoch, queue.next_number()
        if on_id is not None:
            on_id(id)
        sealed = spool.cipher.seal(body, queue.place(epoch, n))
        row = (id, queue.id, epoch, n, spool.clock(), is_promised, is_barrier, control_id, sealed)
        self._waiting.append(Arrival(id, queue, row, kept))
        spool.begin()

    def await_others(self, senders: int, seconds: float) -> None:
        """Wait until as many wait as there are senders, but not longer. Called by the commit's thread."""
        wanted, end = min(senders, _TOGETHER), time.perf_counter() + seconds
        while len(self._waiting) < wanted and time.perf_counter() < end:
            time.sleep(_LOOK_SECONDS)

    def take(self) -> list[Arrival]:
        """Return what the next commit keeps, in order. Called by the commit's thread, while the loop puts more."""
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(len(waiting), _TOGETHER))]

    def tell(self, group: Sequence[Arrival], error: Exception | None) -> None:
        """Say of a group that it is durable; or that it is not kept, and nothing that came after it either.

        Whatever failed is given again by whoever was told so. Had what came later been kept, it would stand before.
        """
        if error is not None:
            group = [*group, *self.take_all()]
            for each in reversed(group):  # a number that nobody has would be a gap, and the stream would stand still
                each.queue.take_number_back()
                self._last_id = each.id - 1
        for each in group:
            try:
                each.kept(each.id, error)
            except Exception as failure:  # noqa: BLE001  # one sender's trouble: the others hear of theirs, and all go on
                log_failure("sender_not_told", failure, stream=each.queue.name)

    def take_all(self) -> list[Arrival]:
        """Return all that wait."""
        waiting, self._waiting = self._waiting, deque()
        return list(waiting)


def insert(connection: sqlite3.Connection, group: Sequence[Arrival]) -> None:
    """Insert messages; without a transaction it is one by itself."""
    values = [value for each in group for value in each.row]
    connection.executemany(_add(len(group)), (values,))  # without the id of the row: asking would wait for the loop


@cache
def _add(rows: int) -> str:
    return _ADD + ", ".join([_ROW] * rows)
