"""What a person may ask of replays: a plan, a start, how it stands."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.message.errors.pipeline import NotFound
from shared.message.identifiers import RunId
from shared.message.replay import Replay
from shared.observe.log import log
from shared.ports import Clock, History, Ledger, Replays
from shared.recover.plan import Planner
from shared.recover.replay import Replayer, progress
from shared.recover.request import Order, read_order

if TYPE_CHECKING:
    from shared.registry import Registry


_LOOK_SECONDS = 0.2


class ReplayDesk:
    """Answers ``/hub/replays``.

    Args:
        turn: How long the timer works on replays that are not done: a little less than until it comes again.
    """

    def __init__(
        self,
        *,
        turn: timedelta,
        clock: Clock,
        ledger: Ledger,
        history: History,
        replays: Replays,
        registry: Registry,
        planner: Planner,
        replayer: Replayer,
    ) -> None:
        self._turn = turn
        self._clock = clock
        self._ledger = ledger
        self._history = history
        self._replays = replays
        self._registry = registry
        self._planner = planner
        self._replayer = replayer

    async def plan(self, request: bytes) -> dict[str, Any]:
        """Return what a replay would do.

        Raises:
            RequestInvalid, NotFound: see `read_order`.
        """
        return await self._planner.plan(await self._order(request))

    async def start(self, request: bytes) -> dict[str, Any]:
        """Begin a replay, or go on with one of the same order that is not done; return how it stands.

        Raises:
            RequestInvalid, NotFound: see `read_order`.
        """
        order = await self._order(request)
        replay = await self._replays.begin(order.replay)
        log("replay_started", count=len(replay.destinations))
        return await self._told(replay)

    async def status(self, run: str) -> dict[str, Any]:
        """Return how a replay stands.

        Raises:
            NotFound: there is none with this run id.
        """
        replay = await self._replays.get(RunId(run))
        if replay is None:
            raise NotFound("replay")
        return await self._told(replay)

    async def recent(self) -> dict[str, Any]:
        """Return the newest replays and how each stands."""
        return {"replays": [await self._told(replay) for replay in await self._replays.recent()]}

    async def advance(self) -> bool:
        """Bring every replay as far as there is room for; return whether there is one that is not done."""
        return await self._replayer.advance()

    async def work(self) -> None:
        """Advance replays until none is left, or the timer is about to come again."""
        until = self._clock.now() + self._turn
        while await self.advance() and self._clock.now() < until:
            await self._clock.sleep(_LOOK_SECONDS)

    async def _order(self, request: bytes) -> Order:
        return await read_order(request, self._clock.now(), self._ledger, self._history, self._registry)

    async def _told(self, replay: Replay) -> dict[str, Any]:
        counts, waiting = await progress(self._replays, replay.run)
        deliveries = await self._replays.deliveries(replay.run)
        return {
            "run": replay.run,
            "state": replay.state,
            "created": replay.created.isoformat(),
            "reason": replay.reason,
            "messages": counts.messages,
            "sent": counts.sent,
            "passed": counts.passed,
            "stopped": counts.stopped,
            "waiting": max(0, waiting),
            "destinations": [
                {"id": one, **{state.value: count for state, count in deliveries.get(one, {}).items()}}
                for one in replay.destinations
            ],
        }
