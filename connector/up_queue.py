"""Messages on their way up, as the spool keeps them: one stream for each lane of each listener."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from connector.spool import Spool
from connector.states import Up

_NEXT = (
    "SELECT id, epoch, n, state, is_barrier, control_id, body FROM up WHERE stream = ? AND id > ? ORDER BY id LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Spooled:
    """A message in the spool.

    Attributes:
        epoch: With ``n`` its place in the stream, given at its first durable commit.
    """

    id: int
    epoch: int
    n: int
    state: Up
    is_barrier: bool
    control_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits: how many, and since when (Unix time)."""

    count: int
    oldest: float | None


class UpQueue:
    """One stream.

    Attributes:
        name: ``<connector>/<listener>``, with ``.<lane>`` where there are several.
        id: Of its row.
    """

    def __init__(self, spool: Spool, name: str, id: int, count: int) -> None:
        self.name = name
        self._spool = spool
        self.id = id
        self._count = count
        self._last_n = 0

    def __len__(self) -> int:
        return self._count

    @classmethod
    async def open(cls, spool: Spool, name: str) -> UpQueue:
        """Return the stream of this name, with what an earlier life has left in it."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            connection.execute("INSERT OR IGNORE INTO stream (name) VALUES (?)", (name,))
            (id,) = connection.execute("SELECT id FROM stream WHERE name = ?", (name,)).fetchone()
            (count,) = connection.execute("SELECT COUNT(*) FROM up WHERE stream = ?", (id,)).fetchone()
            return id, count

        return cls(spool, name, *await spool.write(work))

    async def add(
        self,
        body: bytes,
        control_id: str,
        *,
        is_promised: bool,
        is_barrier: bool = False,
        on_id: Callable[[int], None] | None = None,
    ) -> int:
        """Return the id of a message, once it is durable; the arguments are those of `Arrivals.put`.

        Raises:
            StorageFull, StorageFailed: it is not kept.
        """
        kept: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._spool.arrivals.put(
            self, body, control_id, partial(_settle, kept), is_promised=is_promised, is_barrier=is_barrier, on_id=on_id
        )
        return await kept

    def next_number(self) -> int:
        """Return the number of a message that is about to be kept."""
        self._last_n += 1
        self._count += 1
        return self._last_n

    def take_number_back(self) -> None:
        """The last one was not kept."""
        self._last_n -= 1
        self._count -= 1

    def place(self, epoch: int, n: int) -> str:
        """Return what a payload is bound to at rest."""
        return f"up {self.name} {epoch} {n}"

    def next_after(self, id: int, limit: int) -> list[Spooled]:
        """Return the next messages, in order."""
        rows = self._spool.read(_NEXT, (self.id, id, limit))
        return [self._message(row) for row in rows]

    async def settle(self, settled: Sequence[tuple[int, Up, str]], confirmed: str) -> list[int]:
        """Write what became of messages; return the ids of those that were refused after they had been promised.

        Args:
            settled: Id, state, and the hub's code.
            confirmed: MSH-10 of the last one that the hub has; empty: none of these.
        """

        def work(connection: sqlite3.Connection) -> tuple[list[int], int]:
            kept, gone = [], 0
            for id, state, code in settled:
                if state is Up.REFUSED and _is_promised(connection, id):
                    connection.execute(_KEEP_REFUSED, (code, id))
                    kept.append(id)
                gone += connection.execute("DELETE FROM up WHERE id = ?", (id,)).rowcount
            if confirmed:
                now = self._spool.clock()
                connection.execute(
                    "UPDATE stream SET confirmed = ?, confirmed_at = ? WHERE id = ?", (confirmed, now, self.id)
                )
            return kept, gone

        kept, gone = await self._spool.write(work)
        self._count -= gone  # only now: what failed is there again
        return kept

    async def promise(self, id: int) -> bool:
        """Tell whether the message is still here, and remember that its sender hears AA by this spool."""
        return await self._mark(id, "is_promised = 1")

    async def withdraw(self, id: int) -> bool:
        """Tell whether the message is still here, and remember that its sender keeps it."""
        return await self._mark(id, f"state = '{Up.WITHDRAWN}'")

    def backlog(self) -> Backlog:
        """Return what waits."""
        (oldest,) = self._spool.read("SELECT received FROM up WHERE stream = ? ORDER BY id LIMIT 1", (self.id,)) or [
            (None,)
        ]
        return Backlog(self._count, oldest[0])

    def confirmed(self) -> tuple[str, float | None]:
        """Return MSH-10 of the last message that the hub has, and when it said so."""
        ((control_id, at),) = self._spool.read("SELECT confirmed, confirmed_at FROM stream WHERE id = ?", (self.id,))
        return control_id, at

    def lowest_id(self) -> int | None:
        """Return the id of the oldest message."""
        return self._spool.read("SELECT MIN(id) FROM up WHERE stream = ?", (self.id,))[0][0]  # type: ignore[no-any-return]

    def lowest_barrier(self) -> int | None:
        """Return the id of the oldest message that names two patients."""
        return self._spool.read("SELECT MIN(id) FROM up WHERE stream = ? AND is_barrier", (self.id,))[0][0]  # type: ignore[no-any-return]

    async def _mark(self, id: int, change: str) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            return connection.execute(f"UPDATE up SET {change} WHERE id = ?", (id,)).rowcount == 1  # noqa: S608

        return await self._spool.write(work)

    def _message(self, row: tuple[int, int, int, str, int, str, bytes]) -> Spooled:
        id, epoch, n, state, is_barrier, control_id, sealed = row
        body = self._spool.cipher.open(sealed, self.place(epoch, n))
        return Spooled(id, epoch, n, Up(state), bool(is_barrier), control_id, body)


_KEEP_REFUSED = """INSERT INTO refused
    SELECT id, stream, epoch, n, received, control_id, ?, body FROM up WHERE id = ?"""


def _settle(kept: asyncio.Future[int], id: int, error: Exception | None) -> None:
    if kept.done():  # whoever waited has gone
        return
    if error is None:
        kept.set_result(id)
    else:
        kept.set_exception(error)


def _is_promised(connection: sqlite3.Connection, id: int) -> bool:
    found = connection.execute("SELECT is_promised FROM up WHERE id = ?", (id,)).fetchone()
    return bool(found and found[0])
