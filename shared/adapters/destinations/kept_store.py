"""The laptop's store as a destination: records go, in groups, to the process that keeps it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from shared.adapters.local.store_keeper import Submission, Taken
from shared.deliver.answer import answer_to_store_error
from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import LIVE
from shared.observe.log import log
from shared.ports import Clock, Workers

GROUP_LIMIT = 64  # records in one commit; what comes while it is made shares the next one
GROUPS_UNDER_WAY = 2  # the keeper goes on with the second while the hub has no time for the answer to the first


class _Waiting(NamedTuple):
    submission: Submission
    future: asyncio.Future[Taken]


class KeptStoreDestination:
    """Hands over what waits, group after group; all of a group is durable before any of it is answered.

    Two groups never hold the same lane: its next delivery comes when the one before it is answered.
    """

    def __init__(self, keeper: Workers[Sequence[Submission], list[Taken]], clock: Clock) -> None:
        self._keeper = keeper
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        del body, media_type  # the keeper reads the record itself
        assert delivery.item.canonical is not None  # route sends nothing else to a store
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Taken] = loop.create_future()
        is_replay = delivery.item.run != LIVE
        submission = Submission(delivery.item.canonical, deadline.timestamp(), is_replay)
        self._waiting.append(_Waiting(submission, future))
        if len(self._under_way) < GROUPS_UNDER_WAY:
            self._under_way.add(loop.create_task(self._hand_over_all()))
        timer = loop.call_later((deadline - self._clock.now()).total_seconds(), _time_out, future)
        try:
            answer, findings = await future
        except IntegrationError as error:
            return answer_to_store_error(error)
        finally:
            timer.cancel()
        for code in findings:
            log("change_not_stored", message=delivery.item.message, code=code)
        return answer

    async def close(self) -> None:
        """The keeper is not ours to close."""

    async def _hand_over_all(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), GROUP_LIMIT))]
                await self._hand_over([one for one in group if not one.future.done()])
        finally:  # at once, not by a callback of the task: whoever comes in between would wait for nobody
            self._under_way.discard(task)

    async def _hand_over(self, group: Sequence[_Waiting]) -> None:
        """Settle a group; if it fails in a way that no error names, one by one: one of them is why."""
        try:
            [taken] = await self._keeper.run([[one.submission for one in group]])
        except Exception as error:  # noqa: BLE001  # it belongs to whoever waits for an answer
            if len(group) > 1:
                for one in group:
                    await self._hand_over([one])
            else:
                _fail(group, error)
            return
        if isinstance(taken, IntegrationError):
            _fail(group, taken)
            return
        for one, outcome in zip(group, taken, strict=True):
            if not one.future.done():
                one.future.set_result(outcome)


def _time_out(future: asyncio.Future[Taken]) -> None:
    if not future.done():
        future.set_result(Taken(Answer(Verdict.AMBIGUOUS, "timed_out")))


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for one in group:
        if not one.future.done():
            one.future.set_exception(error)
