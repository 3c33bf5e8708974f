"""What the broker gave up on: put aside message by message, with its neighbours known."""

from __future__ import annotations

from collections.abc import Sequence

from shared.message.errors.pipeline import PoisonMessage
from shared.message.record import Hop, Progress
from shared.message.state import MessageState
from shared.message.work import Offer, items_of
from shared.observe.log import log
from shared.ports import Clock, Ledger


class DeadLetters:
    """Records dead letters: each is an error of ours, so each is an alarm (rule R5)."""

    def __init__(self, *, clock: Clock, ledger: Ledger) -> None:
        self._clock = clock
        self._ledger = ledger

    async def record(self, queue: str, offers: Sequence[Offer]) -> None:
        """Quarantine every message of these envelopes; nothing is resent by itself."""
        now = self._clock.now()
        steps = [
            Progress(
                item.message,
                MessageState.QUARANTINED,
                Hop(item.message, now, queue, PoisonMessage.code, "dead letter"),
                code=PoisonMessage.code,
            )
            for item in items_of(offers)
        ]
        await self._ledger.progress(steps)
        log("dead_letters", queue=queue, count=len(steps), code=PoisonMessage.code)
