"""What the senders of one listener are promised: the spool's own word or the hub's, and how long they wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from connector.config import ListenTable
from connector.forwarder import Line
from connector.header import Header, acknowledge
from connector.hub_answer import Verdict
from connector.log import log_failure
from connector.states import UpEvent
from connector.up_queue import UpQueue
from shared.message.errors.base import Acknowledgement, IntegrationError
from shared.message.errors.connector import HubUnreachable
from shared.message.errors.storage import StorageFailed, StorageFull

_RETRY_SECONDS = 1.0  # between two tries to write a promise down


class Promises:
    """The answers of one listener, and who waits for them.

    Attributes:
        table: The listener's table; a reload puts another one in its place.
        taken: Messages that were answered AA or CA since the start.
        refused: Messages that were answered otherwise.
    """

    def __init__(self, table: ListenTable, line: Line, epoch: int) -> None:
        self.table = table
        self.taken = 0
        self.refused = 0
        self._line = line
        self._epoch = epoch
        self._waiting: dict[int, asyncio.Future[Verdict]] = {}
        self._impatient: set[asyncio.Future[None]] = set()  # who need not wait for a line that is down

    @property
    def spool_decides(self) -> bool:
        """Whether the spool's commit alone is enough for AA, as things are."""
        mode = self.table.acknowledge
        return mode == "spool" or (mode == "hybrid" and not self._line.is_up)

    def waits_for_room(self) -> bool:
        """Tell whether senders wait where the spool or the disk is full, instead of being refused."""
        return self.table.on_full == "stall"

    # Who waits

    def expecting(self, waiter: asyncio.Future[Verdict] | None) -> Callable[[int], None]:
        """Return what takes the number of a message whose sender waits for the hub's word."""

        def on_id(id: int) -> None:
            if waiter is not None:
                self._waiting[id] = waiter

        return on_id

    def forget(self, id: int) -> None:
        """Nobody waits for the hub's word on a message any more."""
        self._waiting.pop(id, None)

    def forget_waiter(self, waiter: asyncio.Future[Verdict]) -> None:
        """Somebody waits no more, whatever number he was given."""
        self._waiting = {id: one for id, one in self._waiting.items() if one is not waiter}

    def is_awaited(self) -> bool:
        """Tell whether anybody waits for the hub's word."""
        return bool(self._waiting)

    def hear(self, id: int, verdict: Verdict) -> None:
        """Tell who waits what the hub said of a message."""
        waiter = self._waiting.pop(id, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(verdict)

    def line_failed(self) -> None:
        """Let hybrid senders have the spool's word: the line is down."""
        for line_failed in self._impatient:
            if not line_failed.done():
                line_failed.set_result(None)

    # What they hear

    async def answer(
        self, header: Header, queue: UpQueue, id: int, waiter: asyncio.Future[Verdict], mode: str
    ) -> bytes:
        """Return the acknowledgement of a message in the spool whose sender waits, in the mode in which it came.

        Raises:
            HubUnreachable: the hub said nothing in time, and the number of the message stays empty.
            StorageFull, StorageFailed: the disk does not take the promise, and nobody waits for room.
        """
        try:
            if mode == "hybrid":
                return await self._hybrid(header, queue, id, waiter)
            return await self._end_to_end(header, queue, id, waiter)
        finally:
            self.forget(id)

    async def _hybrid(self, header: Header, queue: UpQueue, id: int, waiter: asyncio.Future[Verdict]) -> bytes:
        line_failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._impatient.add(line_failed)
        try:
            either = (waiter, line_failed)
            await asyncio.wait(either, timeout=self.table.hybrid_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._impatient.discard(line_failed)
        if not waiter.done() and await self._promise(queue, id):
            return self.accept(header)
        return self._pass_on(header, await waiter)

    async def _promise(self, queue: UpQueue, id: int) -> bool:
        """Return as the queue does; a disk that does not take it is waited for where `on_full` is stall."""
        while True:
            try:
                return await queue.promise(id)
            except (StorageFull, StorageFailed) as error:
                if not self.waits_for_room():
                    raise
                log_failure("promise_not_written", error, listener=self.table.name)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _end_to_end(self, header: Header, queue: UpQueue, id: int, waiter: asyncio.Future[Verdict]) -> bytes:
        verdict = await within(waiter, self.table.end_to_end_seconds)
        if verdict is None and await queue.withdraw(id) and not waiter.done():
            raise HubUnreachable(self.table.name)
        return self._pass_on(header, verdict or await waiter)

    def _pass_on(self, header: Header, verdict: Verdict) -> bytes:
        """Return the hub's own acknowledgement, or ours where it had no words."""
        is_taken = verdict.event is UpEvent.HUB_TOOK
        self.taken += is_taken
        self.refused += not is_taken
        if verdict.acknowledgement:
            return verdict.acknowledgement
        return acknowledge(header, Acknowledgement.APPLICATION_REJECT, self._own_id(), _now())

    def accept(self, header: Header) -> bytes:
        """Return AA or CA on the spool's word."""
        self.taken += 1
        return acknowledge(header, Acknowledgement.APPLICATION_ACCEPT, self._own_id(), _now())

    def refuse(self, header: Header, error: IntegrationError) -> bytes:
        """Return AE: its sender keeps the message."""
        self.refused += 1
        return acknowledge(header, Acknowledgement.APPLICATION_ERROR, self._own_id(), _now(), error)

    def refuse_without_room(self, header: Header, error: IntegrationError) -> bytes:
        """Return AE, or CE by the listener's own choice: for a sender that repeats on CE and gives up on AE."""
        said = self.refuse(header, error)
        return said.replace(b"\rMSA|AE|", b"\rMSA|CE|", 1) if self.table.on_full == "CE" else said

    def _own_id(self) -> str:
        return f"{self._epoch:x}.{self.taken + self.refused:x}"


async def within(waiter: asyncio.Future[Verdict], seconds: float) -> Verdict | None:
    """Return what the hub said within some seconds; who waits may go on waiting for what it says later."""
    try:
        async with asyncio.timeout(seconds):
            return await asyncio.shield(waiter)
    except TimeoutError:
        return None


def _now() -> datetime:
    """Return the time as an acknowledgement says it: to the second."""
    return _at(int(time.time()))


@lru_cache(maxsize=2)
def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
