"""Bring deliveries to one system on the hospital's network: in order, one in flight on each line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from connector.config import DeliverTable
from connector.down_queue import DownQueue, Waiting
from connector.exchange import Sent, connect, destination_tls, exchange
from connector.log import log, log_failure
from connector.states import DownEvent
from relay.backoff import Backoff
from shared.message.errors.base import IntegrationError
from shared.mllp.line import MllpLine

_LOOK_SECONDS = 60.0  # without being woken
_LOOK_AHEAD = 32  # lanes that may be at work or held before a look finds no free one


class Deliverer:
    """Delivers to one destination between `start` and `stop`.

    Attributes:
        last: How the last send ended; None: there was none yet.
        delivered: Accepted since the start.
    """

    def __init__(self, table: DeliverTable, queue: DownQueue, clock: Callable[[], float]) -> None:
        self.table = table
        self.last: Sent | None = None
        self.delivered = 0
        self.wake = asyncio.Event()
        self._queue = queue
        self._clock = clock
        self._tls = destination_tls(table)
        self._busy: set[str] = set()  # lanes
        self._lines: list[MllpLine | None] = [None] * table.connections  # each worker's own
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Begin; what was being sent when the last process ended is ambiguous."""
        await self._settle_interrupted()
        self._tasks = [asyncio.create_task(self._work(number)) for number in range(self.table.connections)]

    async def stop(self, seconds: float = 10.0) -> None:
        """End; a send at work gets some seconds for its answer, and the disk as many to take what is known of it.

        What the disk does not take stays written down as being sent: the next start finds it.
        """
        self._stopping.set()
        self.wake.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settle_interrupted()

    async def _settle_interrupted(self) -> None:
        for delivery in self._queue.interrupted(self.table.name):
            await self._settle(delivery, Sent(DownEvent.NO_ANSWER, "interrupted"))

    async def _work(self, number: int) -> None:
        try:
            await self._deliver_in_turn(number)
        finally:
            line = self._lines[number]
            if line is not None:
                line.close()

    async def _deliver_in_turn(self, number: int) -> None:
        backoff = Backoff(self.table.retry_base_seconds, self.table.retry_cap_seconds)
        while not self._stopping.is_set():
            try:
                waiting = self._choose()
                if waiting is None:
                    await self._wait_for_work()
                    continue
                sent = await self._deliver(waiting, number)
            except Exception as error:  # noqa: BLE001  # the boundary: a line never ends for a fault of ours
                log_failure("delivery_failed", error, destination=self.table.name)
                sent = Sent(DownEvent.NOT_TAKEN, error.code if isinstance(error, IntegrationError) else "HUB-000")
            if sent.event is DownEvent.NOT_TAKEN:
                await self._pause(backoff.next_seconds())
            else:
                backoff.reset()

    async def _deliver(self, waiting: Waiting, number: int) -> Sent:
        self._busy.add(waiting.lane)
        try:
            return await self._send(waiting, number)
        finally:
            self._busy.discard(waiting.lane)
            self.wake.set()

    async def _wait_for_work(self) -> None:
        self.wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self.wake.wait()

    def _choose(self) -> Waiting | None:
        holds = self.table.on_reject == "hold"
        if self.table.order == "feed":
            found = self._queue.head_of(self.table.name, holds=holds)
        else:
            found = self._queue.next_for(self.table.name, holds=holds, limit=_LOOK_AHEAD)
        return next((one for one in found if one.lane not in self._busy), None)

    async def _send(self, waiting: Waiting, number: int) -> Sent:
        line = self._lines[number]
        if line is None or not line.is_open:
            opened = await connect(self.table, self._tls)
            if isinstance(opened, Sent):
                self._note(opened)
                return opened
            line = self._lines[number] = opened
        # Written down before the first byte leaves: whatever happens now, nobody will think it was never sent.
        try:
            await self._queue.move(waiting.delivery, DownEvent.SENT)
        except ValueError:  # taken back since it was chosen
            return Sent(DownEvent.CANCEL, "cancelled")
        try:
            sent = await exchange(line, waiting.body, waiting.control_id, self.table.answer_seconds)
        except Exception:  # whatever it was, the bytes may have left; of a cancellation `stop` and `start` take care
            await self._settle(waiting.delivery, Sent(DownEvent.NO_ANSWER, "interrupted"))
            raise
        self._note(sent)
        await self._settle(waiting.delivery, sent)
        return sent

    async def _settle(self, delivery: str, sent: Sent) -> None:
        """Write how a send ended, however long the disk does not take it: nothing may be sent twice for that."""
        goes_again = sent.event is DownEvent.NO_ANSWER and self.table.on_ambiguous == "resend"
        while True:
            try:
                await self._queue.move(delivery, sent.event, sent.code, then=DownEvent.RESEND if goes_again else None)
                return
            except IntegrationError as error:
                log_failure("outcome_not_written", error, delivery=delivery)
                await asyncio.sleep(1.0)

    def _note(self, sent: Sent) -> None:
        if self.last is None or self.last.event is not sent.event:
            log("destination_answers", destination=self.table.name, code=sent.code)
        self.last = sent
        self.delivered += sent.event is DownEvent.ACCEPTED

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
