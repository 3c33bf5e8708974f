"""What the broker gave up on: put aside message by message, with its neighbours known."""

from __future__ import annotations

from collections.abc import Sequence

from shared.barriers.unreadable import Unreadable
from shared.message.envelope import Item
from shared.message.errors.pipeline import PoisonMessage
from shared.message.errors.storage import EnvelopeUnreadable
from shared.message.identifiers import LIVE, MessageId, RunId
from shared.message.queues import DELIVER_QUEUE
from shared.message.record import Hop, Progress
from shared.message.replay import Passed
from shared.message.state import MessageState
from shared.message.work import Offer, items_of
from shared.observe.log import log
from shared.ports import Barriers, Clock, Lanes, Ledger, Replays


class DeadLetters:
    """Records dead letters: each is an error of ours, so each is an alarm (rule R5)."""

    def __init__(
        self,
        *,
        clock: Clock,
        ledger: Ledger,
        lanes: Lanes,
        barriers: Barriers,
        replays: Replays,
        unreadable: Unreadable,
    ) -> None:
        self._lanes = lanes
        self._replays = replays
        self._unreadable = unreadable
        self._clock = clock
        self._ledger = ledger
        self._barriers = barriers

    async def record(self, queue: str, offers: Sequence[Offer]) -> None:
        """Quarantine every message of these envelopes; nothing is resent by itself.

        One that a replay sent stays as it was, and the replay counts it as stopped.
        """
        now, items = self._clock.now(), [item for offer in offers for item in await self._items_of(queue, offer)]
        barriers = [item.barrier for item in items if item.barrier is not None]
        # A token stands for its message, which cannot go on without it.
        stopped = dict.fromkeys((item.barrier.message if item.barrier else item.message, item.run) for item in items)
        steps = [
            Progress(
                message,
                MessageState.QUARANTINED,
                Hop(message, now, queue, PoisonMessage.code, "dead letter"),
                code=PoisonMessage.code,
                run=run,
            )
            for message, run in stopped
        ]
        await self._ledger.progress(steps)
        await self._barriers.stop(barriers)
        passed = [await self._passed(queue, message, run) for message, run in stopped if run != LIVE]
        if passed:
            await self._replays.mark_passed(passed)
        log("dead_letters", queue=queue, count=len(steps), code=PoisonMessage.code)

    async def _passed(self, queue: str, message: MessageId, run: RunId) -> Passed:
        """Return what a replay need wait for no longer: of a message that came to deliver, what is in no lane."""
        rows = await self._lanes.deliveries(message) if queue == DELIVER_QUEUE else ()
        known = sum(row.item.run == run and not row.item.is_token for row in rows)
        return Passed(run, message, known, PoisonMessage.code)

    async def _items_of(self, queue: str, offer: Offer) -> Sequence[Item]:
        try:
            return items_of([offer])
        except EnvelopeUnreadable:  # no release will read it any more: what it names is quarantined for that
            await self._unreadable.put_aside(queue, offer)
            return ()
