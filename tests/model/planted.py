"""Bugs that somebody could write in lanes, breaker or sessions; walks have to find each (test_planted.py)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

from shared.adapters.local.lanes import LocalLanes
from shared.deliver import drain, send, settle
from shared.deliver.breaker import Breaker
from shared.deliver.stage import DeliverStage
from shared.deliver.wakes import Wakes
from shared.message.delivery import Delivery
from shared.message.state import DeliveryState
from shared.ports import DestinationStatus, Ownership

Plant = Callable[[], Any]


def probe_without_a_lease() -> Any:
    """When the breaker's time is over, everybody tries (rule R9)."""

    async def lease(self: Breaker, found: DestinationStatus, until: Any) -> DestinationStatus:
        return replace(found, open_until=until)

    return mock.patch.object(Breaker, "lease", lease)


def look_once_for_all_turns() -> Any:
    """A pause or an open breaker is seen by the next invocation, and not by the one under way."""
    status, run = Breaker.status, DeliverStage.run

    async def run_with_memory(self: DeliverStage, session: Any, offers: Any) -> None:
        seen: list[DestinationStatus] = []

        async def look(breaker: Breaker, config: Any) -> DestinationStatus:
            seen.append(seen[0] if seen else await status(breaker, config))
            return seen[0]

        with mock.patch.object(self._breaker, "status", lambda config: look(self._breaker, config)):
            await run(self, session, offers)

    return mock.patch.object(DeliverStage, "run", run_with_memory)


def ignore_the_lane() -> Any:
    """What comes behind a delivery that waits does not wait (rule R6)."""
    return mock.patch.object(drain, "advances", return_value=True)


def send_again_what_may_have_arrived() -> Any:
    """A send that a worker before us did not finish is made again, whatever the receiver makes of copies (rule R3)."""
    return mock.patch.object(send, "may_resend", return_value=True)


def forget_what_is_under_way() -> Any:
    """A successor does not wait for the sends of the worker before it (rule R3)."""
    take = LocalLanes.take

    async def take_at_once(
        self: LocalLanes, session: Any, offered: Any, now: Any, send_deadline: Any, limit: int
    ) -> Any:
        return await take(self, session, offered, now, send_deadline and now, limit)

    return mock.patch.object(LocalLanes, "take", take_at_once)


def reuse_a_wake_id() -> Any:
    """The wakes of a session have one id, and the broker drops the second as a duplicate (rule R6)."""
    return mock.patch.object(secrets, "token_hex", return_value="wake")


def sleep_without_a_wake() -> Any:
    """Nobody is told when the first lane falls due: the timer will find it (rule R6)."""
    return mock.patch.object(Wakes, "ensure", mock.AsyncMock())


def complete_before_park() -> Any:
    """The invocation ends, and the queue message with it, before its deliveries are in their lanes (rule R6)."""
    run = DeliverStage.run

    async def run_later(self: DeliverStage, session: Any, offers: Any) -> None:
        async def run_some_time() -> None:
            await self._clock.sleep(0.001)
            await run(self, session, offers)

        task = asyncio.get_running_loop().create_task(run_some_time())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    return mock.patch.object(DeliverStage, "run", run_later)


def never_give_up() -> Any:
    """The retry budget is asked for and not kept to (promise 4)."""
    settled = settle.settle

    def settle_for_ever(row: Delivery, answer: Any, config: Any, now: Any, uniform: Any) -> Delivery:
        return settled(row._replace(offered=now), answer, config, now, uniform)._replace(offered=row.offered)

    return mock.patch.object(send, "settle", settle_for_ever)


def throw_away_what_was_rejected() -> Any:
    """What a destination will never take is given up by itself (promise 4)."""
    settled = settle.settle

    def settle_finally(row: Delivery, answer: Any, config: Any, now: Any, uniform: Any) -> Delivery:
        after = settled(row, answer, config, now, uniform)
        if after.state is DeliveryState.QUARANTINED:
            return after._replace(state=DeliveryState.DISCARDED, holds=False)
        return after

    return mock.patch.object(send, "settle", settle_finally)


def let_a_lane_go_when_its_head_is_reopened() -> Any:
    """What a person sends again goes to the end of nothing: its lane is not looked at (rule R6)."""
    return mock.patch.object(DeliverStage, "wake_sessions", mock.AsyncMock())


def pass_what_holds() -> Any:
    """A destination that wants its lane held gets what comes behind (rule R6)."""
    write = LocalLanes.write

    async def write_not_holding(
        self: LocalLanes, ownership: Ownership, rows: Sequence[Delivery], attempts: Any = ()
    ) -> None:
        await write(self, ownership, [row._replace(holds=False) for row in rows], attempts)

    return mock.patch.object(LocalLanes, "write", write_not_holding)


PLANTED: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        probe_without_a_lease,
        look_once_for_all_turns,
        ignore_the_lane,
        send_again_what_may_have_arrived,
        forget_what_is_under_way,
        reuse_a_wake_id,
        sleep_without_a_wake,
        complete_before_park,
        never_give_up,
        throw_away_what_was_rejected,
        let_a_lane_go_when_its_head_is_reopened,
        pass_what_holds,
    )
}
