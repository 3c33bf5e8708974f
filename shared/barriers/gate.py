"""The gate before transform and route: what must wait for a barrier is parked, what need not wait passes (rule R7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.barriers.hold import Hold
from shared.barriers.next_step import Arrive, Drop, Process, next_step
from shared.barriers.unreadable import Unreadable
from shared.barriers.wakes import send_wakes
from shared.message.envelope import Item, is_wake
from shared.message.errors.storage import EnvelopeUnreadable
from shared.message.identifiers import MessageId, partition_of
from shared.message.queues import ROUTE_QUEUE
from shared.message.state import MessageState
from shared.message.work import Offer, work_on, work_through
from shared.ports import Barriers, Ledger, Queue

LAST_STAGE = ROUTE_QUEUE  # behind it every destination orders its own lanes


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage does with messages: see `work_through`; ``name`` is also that of its queue."""

    name: str
    process: Callable[[Sequence[Item]], Awaitable[None]]
    give_up: Callable[[Item], Awaitable[None]]


class Gate:
    """Takes the envelopes of one partition, in order, and gives the stage what may go on."""

    def __init__(
        self,
        stage: Stage,
        *,
        hold: Hold,
        unreadable: Unreadable,
        barriers: Barriers,
        ledger: Ledger,
        queue: Queue,
    ) -> None:
        self._stage = stage
        self._name = stage.name
        self._hold = hold
        self._unreadable = unreadable
        self._barriers = barriers
        self._ledger = ledger
        self._queue = queue

    async def run(self, offers: Sequence[Offer]) -> None:
        """Process these envelopes, and what is parked and need not wait any more."""
        try:
            await self._work_through(offers)
        except EnvelopeUnreadable:
            offers = await self._work_through_readable(offers)
        if offers and offers[0].session:
            partition, is_told = int(offers[0].session), any(is_wake(offer.body) for offer in offers)
            if is_told:
                is_again = any(offer.delivery_count > 1 for offer in offers)
                await self._hold.drain(partition, self._line_up_singly if is_again else self._line_up)
            await self._drain(partition, is_told=is_told)

    async def _work_through(self, offers: Sequence[Offer]) -> None:
        await work_through(offers, self._admit, self._count, self._finish, self._stage.give_up)

    async def _work_through_readable(self, offers: Sequence[Offer]) -> Sequence[Offer]:
        """Process the envelopes that can be read; return them.

        Raises:
            EnvelopeUnreadable: one is left for another worker, with those behind it.
        """
        readable, error = await self._unreadable.sort_out(self._name, offers)
        await self._work_through(readable)
        if error is not None:
            raise error
        return readable

    async def _admit(self, items: Sequence[Item]) -> None:
        """Line up what no paused interface holds."""
        if items:
            waits = await self._waits(partition_of(items[0].message), is_told=False)
            await self._hold.admit(items, self._line_up, may_be_held=waits)

    async def _line_up_singly(self, items: Sequence[Item]) -> None:
        """Line up what was held, counted: one of them may be why nobody finished with them (rule R5)."""
        for item in items:
            await work_on(item, self._line_up, self._count, self._finish, self._stage.give_up)

    async def _line_up(self, items: Sequence[Item]) -> None:
        """Process what nothing stands before; park the rest behind it."""
        if not items:
            return
        partition = partition_of(items[0].message)  # of all of them: they came in one session
        has_barrier = any(item.barrier is not None for item in items)
        if not has_barrier and not await self._waits(partition, is_told=False):
            await self._stage.process(items)
            return
        held_keys = {item.key for item in (await self._barriers.line(self._name, partition)).parked}
        free, held = [], []
        for item in items:
            if item.barrier is not None or item.key in held_keys:
                held_keys.add(item.key)
                held.append(item)
            else:
                free.append(item)
        if free:  # before its part is in line: a barrier has arrived when what came before it is done
            await self._stage.process(free)
        await self._barriers.park(self._name, held)

    async def _drain(self, partition: int, *, is_told: bool) -> None:
        """Take the steps that this partition can take; each is durable, and may be taken again after a crash."""
        if not await self._waits(partition, is_told=is_told):
            return
        while (step := next_step(await self._barriers.line(self._name, partition), self._name)) is not None:
            match step:
                case Drop():
                    await self._barriers.unpark(self._name, step.items)
                case Arrive():
                    await self._arrive(step.part, partition)
                case Process():
                    await self._work_on(step.item)
                    await self._pass(step, partition)

    async def _arrive(self, part: Item, partition: int) -> None:
        assert part.barrier is not None
        await self._barriers.arrive(self._name, part.barrier, part.message)
        await self._wake([part.barrier.message], partition)

    async def _pass(self, done: Process, partition: int) -> None:
        """Take a message out of the line, or open its barrier and let go on what waits for that."""
        barrier = done.item.barrier
        if barrier is None:
            await self._barriers.unpark(self._name, [done.item])
            return
        [record] = await self._ledger.messages([barrier.message])
        if record is not None and record.state is MessageState.QUARANTINED:
            await self._barriers.stop([barrier])
        else:
            await self._barriers.finish(self._name, barrier, is_last=self._name == LAST_STAGE)
        await self._wake((part.message for part in barrier.parts), partition)

    async def _work_on(self, item: Item) -> None:
        await work_on(item, self._stage.process, self._count, self._finish, self._stage.give_up)

    async def _waits(self, partition: int, *, is_told: bool) -> bool:
        return await self._barriers.waits(self._name, partition, is_told=is_told)

    async def _wake(self, messages: Iterable[MessageId], own: int) -> None:
        others = {partition_of(message) for message in messages} - {own}
        await send_wakes(self._queue, [(self._name, partition) for partition in sorted(others)])

    async def _count(self, message: MessageId) -> int:
        [count] = await self._ledger.count_attempt([message], self._name)
        return count

    async def _finish(self, message: MessageId) -> None:
        await self._ledger.finish_attempt([message], self._name)


MakeGate = Callable[[Stage], Gate]  # a stage is what its gate lets messages into, so it is there first
