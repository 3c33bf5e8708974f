"""What keeps barriers from waiting for something that was lost: a wake, or a token that was never sent."""

from __future__ import annotations

from datetime import timedelta

from shared.barriers.wakes import send_wakes
from shared.message.envelope import Item, encode_envelope, with_tokens
from shared.message.identifiers import partition_of
from shared.message.queues import TRANSFORM_QUEUE
from shared.observe.log import log
from shared.ports import Barriers, Clock, Opened, Outgoing, Queue

FIRST_STAGE = TRANSFORM_QUEUE
MISSING_AFTER = timedelta(minutes=1)


class BarrierSweep:
    """Looks at all barriers from time to time; what it does a second time changes nothing."""

    def __init__(self, *, clock: Clock, barriers: Barriers, queue: Queue) -> None:
        self._clock = clock
        self._barriers = barriers
        self._queue = queue

    async def run(self) -> None:
        """Send what is missing of barriers that began to arrive, and wake every line in which something is parked."""
        opened = await self._barriers.opened(self._clock.now() - MISSING_AFTER)
        for one in opened:
            await self._complete(one)
        await send_wakes(self._queue, await self._barriers.lines())

    async def _complete(self, opened: Opened) -> None:
        """Send the parts that nobody has seen.

        Where none has arrived none may have been sent: the sender was not answered and comes again (rule R1). Where
        one has, others of its key wait for the rest, whether or not the sender comes again.
        """
        arrived = {part for stage, part in opened.arrived if stage == FIRST_STAGE}
        if not arrived or FIRST_STAGE in opened.passed:
            return
        missing = [part for part in with_tokens(opened.item) if part.message not in arrived]
        if missing:
            log("barrier_completed", message=opened.item.message, count=len(missing))
            await self._queue.send(FIRST_STAGE, [_outgoing(part, self._clock.now().timestamp()) for part in missing])


def _outgoing(part: Item, at: float) -> Outgoing:
    # The time makes the id new: the broker may remember one that nobody has seen.
    return Outgoing(encode_envelope([part]), str(partition_of(part.message)), f"{part.message}-again-{at:.3f}")
