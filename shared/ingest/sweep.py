"""What ingest began and did not end: found, named and kept; its sender was not answered and has it still (rule R1)."""

from __future__ import annotations

import logging
from datetime import timedelta

from shared.message.errors.pipeline import NeverSent
from shared.observe.log import log
from shared.ports import Clock, Ledger

# Longer than any request to ingest lasts, and than a sender takes to come again.
ABANDONED_AFTER = timedelta(minutes=15)


class ReservationSweep:
    """Looks at old reserved messages from time to time; what it does a second time changes nothing.

    It sends none of them: whoever was not answered may have sent newer ones since, or have been told of an error and
    gone another way. A copy that comes, however late, still finishes what was begun; and a message that was in the
    queue all the same, because the process ended between its acknowledgement and its mark, moves on.
    """

    def __init__(self, clock: Clock, ledger: Ledger, after: timedelta = ABANDONED_AFTER) -> None:
        self._clock = clock
        self._ledger = ledger
        self._after = after

    async def run(self) -> None:
        """Mark what is too old to be under way, and say so once for each."""
        now = self._clock.now()
        for record in await self._ledger.abandon(now - self._after, now, NeverSent.code):
            log(
                "message_abandoned",
                logging.WARNING,
                message=record.message,
                interface=record.interface,
                code=NeverSent.code,
            )
