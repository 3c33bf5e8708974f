"""Messages that wait for room, or for a disk that failed: first come, first served, however often the disk fails.

The disk's word comes for a whole group at once, and late: what was given a number meanwhile has to give it back. So
nobody goes by the moment in which he asks again, everybody by the ticket of the moment in which he came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from connector.arrivals import Kept
from connector.log import log_failure
from shared.message.errors.connector import SpoolFull
from shared.message.errors.storage import StorageFailed, StorageFull

RETRY_SECONDS = 1.0
_IN_ONE_TURN = 64  # messages, before the loop has others to look after

Put = Callable[[Kept], None]  # gives a message its number, and says who hears whether it is durable


class _One(NamedTuple):
    ticket: int
    come: int  # of two with one ticket, parts of a batch, the first
    put: Put
    kept: asyncio.Future[int]


class WaitingLine:
    """The messages of one listener that have no number yet.

    Args:
        name: Of the listener.
        has_room: Whether there is room at this moment.
        wait_for_room: Returns when there may be some; raises where nobody waits for it.
        waits: Whether a message that the disk did not take is tried again.
    """

    def __init__(
        self,
        name: str,
        has_room: Callable[[], bool],
        wait_for_room: Callable[[], Awaitable[None]],
        waits: Callable[[], bool],
    ) -> None:
        self._name = name
        self._has_room = has_room
        self._wait_for_room = wait_for_room
        self._waits = waits
        self._loop = asyncio.get_running_loop()
        self._tickets = count()
        self._come = count()
        self._expected: set[int] = set()
        self._line: list[_One] = []
        self._serving: asyncio.Task[None] | None = None
        self._retry_at = 0.0  # loop time

    def __bool__(self) -> bool:
        """Tell whether somebody waits: nobody may pass him."""
        return bool(self._expected or self._line)

    def ticket(self) -> int:
        """Return the place of a message that has just come."""
        return next(self._tickets)

    def expect(self, ticket: int) -> None:
        """Let nobody pass a message that is about to enter."""
        self._expected.add(ticket)

    def forget(self, ticket: int) -> None:
        """A message has entered, or never will."""
        self._expected.discard(ticket)

    async def enter(self, ticket: int, put: Put) -> int:
        """Return the id of a message once it is durable.

        Raises:
            SpoolFull, StorageFull, StorageFailed: it is not kept, and nobody waits.
        """
        one = _One(ticket, next(self._come), put, self._loop.create_future())
        self.forget(ticket)
        if not self._line and self._loop.time() >= self._retry_at and self._has_room():
            self._put(one)
        else:
            self._stand(one)
        return await one.kept

    def close(self) -> None:
        """Serve nobody any more; who waits has no answer, and his sender still has the message."""
        if self._serving is not None:
            self._serving.cancel()

    def _stand(self, one: _One) -> None:
        heappush(self._line, one)
        if self._serving is None:
            self._serving = self._loop.create_task(self._serve())

    async def _serve(self) -> None:
        try:
            while self._line:
                try:
                    await self._serve_some()
                except Exception as error:  # noqa: BLE001  # the boundary: nobody else would serve those who wait
                    log_failure("line_failed", error, listener=self._name)
                    await asyncio.sleep(RETRY_SECONDS)
                await asyncio.sleep(0)
        finally:  # in the turn of the last look: who comes now begins anew
            self._serving = None

    async def _serve_some(self) -> None:
        for _ in range(_IN_ONE_TURN):
            if not self._line or min(self._expected, default=self._line[0].ticket) < self._line[0].ticket:
                return
            try:
                await self._wait()
            except SpoolFull as error:
                self._hear(heappop(self._line), 0, error)
            else:
                self._put(heappop(self._line))

    async def _wait(self) -> None:
        if (seconds := self._retry_at - self._loop.time()) > 0:
            await asyncio.sleep(seconds)
        await self._wait_for_room()

    def _put(self, one: _One) -> None:
        if one.kept.done():  # whoever waited has gone
            return
        try:
            one.put(partial(self._hear, one))
        except Exception as error:  # noqa: BLE001  # it belongs to whoever waits
            one.kept.set_exception(error)

    def _hear(self, one: _One, id: int, error: Exception | None) -> None:
        if one.kept.done():
            return
        if error is None:
            one.kept.set_result(id)
            return
        if self._waits() and isinstance(error, StorageFull | StorageFailed):
            self._try_again(one, error)
        else:
            one.kept.set_exception(error)

    def _try_again(self, one: _One, error: Exception) -> None:
        if self._loop.time() >= self._retry_at:  # said once of all that failed together
            log_failure("spool_not_written", error, listener=self._name)
            self._retry_at = self._loop.time() + RETRY_SECONDS
        self._stand(one)
