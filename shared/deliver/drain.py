"""Drains the lanes of a batch side by side, each serially from its head (promise 3, rules R7 and R9)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import groupby

from shared.deliver.barrier import Meeting
from shared.deliver.round import Round
from shared.deliver.send import Sender
from shared.deliver.settle import advances
from shared.message.delivery import Delivery
from shared.ports import Clock


class Drain:
    """Decides which delivery goes when, and what stops those behind it."""

    def __init__(self, clock: Clock, meeting: Meeting, sender: Sender) -> None:
        self._clock = clock
        self._meeting = meeting
        self._sender = sender

    async def lanes(self, batch: Sequence[Delivery], work: Round) -> None:
        """Drain lanes side by side, each serially, as many as the destination takes at once, and write it.

        Where one of them fails, the sends under way beside it are waited for, and what they came to is written, too.
        """
        lanes = [list(rows) for _, rows in groupby(batch, key=lambda row: row.lane)]
        left = iter(lanes)
        lines = [self._line(left, work) for _ in range(min(work.sends_at_once, len(lanes)))]
        ended = await asyncio.gather(*lines, return_exceptions=True)
        await work.write()
        for failure in ended:
            if failure is not None:
                raise failure

    async def _line(self, lanes: Iterator[Sequence[Delivery]], work: Round) -> None:
        """Drain one lane after the other, over one connection; where one fails, those behind it are given back."""
        failures: list[Exception] = []
        for rows in lanes:
            try:
                await self._lane(rows, work)
            except BaseException as failure:
                work.is_broken = True
                if not isinstance(failure, Exception):
                    raise
                failures.append(failure)
        if failures:
            raise failures[0]

    async def _lane(self, rows: Sequence[Delivery], work: Round) -> None:
        before: list[Delivery] = []
        for row in rows:
            if work.is_over(row, self._clock.now()):
                work.give_back(row)
                continue
            if row.item.barrier is not None:
                if not await self._may_pass(row, work):
                    work.stopped.add(row.lane)
                    continue
                if row.item.is_token:
                    work.add(self._meeting.passed(row), None)
                    continue
                if work.is_over(row, self._clock.now()):  # by now: it waited for the write
                    work.give_back(row)
                    continue
            if work.pace is not None and not await work.pace.turn(self._clock, work.until):
                work.give_back(row)
                continue
            settled, attempt = await self._sender.deliver(row, work, before)
            work.add(settled, attempt)
            before.append(settled)
            if not advances(settled):
                work.stopped.add(row.lane)

    async def _may_pass(self, row: Delivery, work: Round) -> bool:
        """Tell whether a part of a barrier may go on; what its lane has sent is on record before it says so."""
        await work.write()
        return await self._meeting.come(row, work.ownership)
