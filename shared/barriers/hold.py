"""What a paused interface holds up: its own messages, and what comes behind them under the same ordering key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from shared.barriers.wakes import send_wakes
from shared.message.envelope import Item
from shared.message.identifiers import InterfaceId, OrderingKey, partition_of
from shared.message.record import Hop, Progress
from shared.message.state import MessageState
from shared.ports import Clock, Held, Holds, Ledger, Queue

PAGE = 100
DRAIN_LIMIT = 1000  # messages of one invocation: the lock of its session does not last for ever


class Hold:
    """Stands before the line of a stage; what it lets go on comes in the order of its key.

    Args:
        paused: Interfaces that their files pause, whatever is ordered.
    """

    def __init__(
        self,
        stage: str,
        *,
        clock: Clock,
        holds: Holds,
        ledger: Ledger,
        queue: Queue,
        paused: Collection[InterfaceId],
    ) -> None:
        self._stage = stage
        self._clock = clock
        self._holds = holds
        self._ledger = ledger
        self._queue = queue
        self._by_file = frozenset(paused)

    async def admit(
        self, items: Sequence[Item], line_up: Callable[[Sequence[Item]], Awaitable[None]], *, may_be_held: bool
    ) -> None:
        """Line up what may go on; then keep the rest, which may stand behind it: kept before, it would overtake it.

        Args:
            may_be_held: Something waits in this partition, so what is behind it must wait, too.
        """
        paused = await self._paused(is_told=False)
        if not may_be_held and not any(item.interface in paused for item in items):
            await line_up(items)
            return
        causes = await self._causes(items) if may_be_held else {}
        free: list[Item] = []
        held: list[tuple[Item, InterfaceId]] = []
        for item in items:
            if item.interface in paused:
                causes.setdefault(item.key, item.interface)
            if item.key in causes:
                held.append((item, item.interface if item.interface in paused else causes[item.key]))
            else:
                free.append(item)
        await line_up(free)
        if held:
            await self._holds.hold(self._stage, held)
            await self._ledger.progress([self._progress(*one) for one in held if not one[0].is_token])

    async def drain(self, partition: int, line_up: Callable[[Sequence[Item]], Awaitable[None]]) -> None:
        """Line up what is held and need not wait any more; the rest of it stays.

        After `DRAIN_LIMIT` a wake goes on with it.
        """
        paused = await self._paused(is_told=True)
        if not set(await self._holds.counts(self._stage, partition)) - paused:
            return
        stopped: set[OrderingKey] = set()
        after, done = "", 0
        while done < DRAIN_LIMIT and (page := await self._holds.held(self._stage, partition, after, PAGE)):
            after = page[-1].place
            free: list[Held] = []
            for one in page:
                if one.item.interface in paused:
                    stopped.add(one.item.key)
                if one.item.key not in stopped:
                    free.append(one)
            await line_up([one.item for one in free])
            await self._holds.release(self._stage, free)
            done += len(free)
        if done >= DRAIN_LIMIT:
            await send_wakes(self._queue, [(self._stage, partition)])

    def _progress(self, item: Item, because: InterfaceId) -> Progress:
        """Return what the trace says: whoever looks for the message finds where it is."""
        hop = Hop(item.message, self._clock.now(), self._stage, "held", f"{because} is paused")
        return Progress(item.message, MessageState.QUEUED, hop, run=item.run)

    async def _paused(self, *, is_told: bool) -> frozenset[InterfaceId]:
        return self._by_file | await self._holds.paused(is_told=is_told)

    async def _causes(self, items: Sequence[Item]) -> dict[OrderingKey, InterfaceId]:
        keys = dict.fromkeys(item.key for item in items)
        return dict(await self._holds.keys(self._stage, partition_of(items[0].message), keys))
