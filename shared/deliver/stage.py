"""The use case behind the queue ``deliver``: turn by turn, what a session has ready (rules R3, R4, R6, R9).

A turn takes over the session and what is ready (here), shapes it (``outputs``), drains its lanes (``drain``, ``send``,
``settle``), writes what they came to (``round``), and says how the destination is (``breaker``); after the last one
somebody has to look again (``wakes``).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.barriers.unreadable import Unreadable
from shared.deliver import gone
from shared.deliver.backoff import Uniform
from shared.deliver.barrier import Meeting
from shared.deliver.breaker import Breaker, is_open, needs_probe
from shared.deliver.drain import Drain
from shared.deliver.limits import DeliverLimits
from shared.deliver.outputs import Outputs
from shared.deliver.pace import Paces
from shared.deliver.round import Round
from shared.deliver.send import Sender
from shared.deliver.wakes import Wakes
from shared.message.delivery import Delivery
from shared.message.envelope import Item
from shared.message.errors.storage import EnvelopeUnreadable
from shared.message.identifiers import DestinationId, SessionId, delivery_id
from shared.message.queues import DELIVER_QUEUE
from shared.message.state import DeliveryState
from shared.message.work import BATCH_BYTES, Offer, batches_by_size, contents_of
from shared.observe.log import log
from shared.ports import Clock, Destination, DestinationStatus, Lanes, Ownership, Queue, Replays, Turn

if TYPE_CHECKING:
    from shared.registry import DestinationConfig, Registry

_READY_LIMIT = 128  # deliveries in one turn: all of an envelope, mostly, so that their outputs are one blob
_FEED_LANE = "feed"
_SEEN_BY_ALL = timedelta(seconds=2)  # another process of Azure remembers how a destination was for one second


class DeliverStage:
    """Delivers what a session holds, in order, once."""

    def __init__(
        self,
        *,
        clock: Clock,
        lanes: Lanes,
        queue: Queue,
        registry: Registry,
        outputs: Outputs,
        open_destination: Callable[[DestinationConfig], Destination],
        sends_at_once: Callable[[DestinationConfig], int],
        limits: DeliverLimits,
        replays: Replays,
        unreadable: Unreadable,
        uniform: Uniform = random.uniform,
    ) -> None:
        self._clock = clock
        self._lanes = lanes
        self._registry = registry
        self._outputs = outputs
        self._open_destination = open_destination
        self._sends_at_once = sends_at_once
        self._limits = limits
        self._unreadable = unreadable
        self._uniform = uniform
        self._breaker = Breaker(clock, lanes)
        self._paces = Paces()
        self._wakes = Wakes(clock=clock, lanes=lanes, queue=queue, paces=self._paces, clock_skew=limits.clock_skew)
        self._meeting = Meeting(clock=clock, lanes=lanes, wakes=self._wakes)
        sender = Sender(clock=clock, lanes=lanes, replays=replays, limits=limits, uniform=uniform)
        self._drain = Drain(clock, self._meeting, sender)
        self._destinations: dict[DestinationId, Destination] = {}

    async def run(self, session: SessionId, offers: Sequence[Offer]) -> None:
        """Take over the session, and deliver what is ready until nothing is or the budget is spent."""
        config = self._config(DestinationId(session.rpartition(".")[0]))
        until = self._clock.now() + self._limits.budget
        (items, is_woken), stuck = await self._contents(offers)
        offered = [self._offer(session, item, config) for item in items]
        while True:
            began = self._clock.now()
            status = await self._status(config)
            limit = _ready_limit(status, began)
            is_probe = needs_probe(status)
            # What a turn sends is covered by its intents or its lease: what it does not reach is taken anew.
            is_short = config.idempotent or is_probe
            ends = min(until, began + self._limits.send_timeout) if is_short else until
            turn = await self._take(session, offered, config, began, limit)
            status = await (self._probe if is_probe and turn.ready else self._work)(turn, config, status, ends)
            now = self._clock.now()
            may_send = self._paces.next_send(session, now)
            must_wait = (may_send > now and may_send >= ends) or is_open(status, now)
            if must_wait or limit == 0 or now >= until or (len(turn.ready) < limit and now < ends):
                break
            offered = []
        await self._wakes.ensure(turn, status, is_woken)
        if stuck is not None:
            raise stuck

    def _config(self, destination: DestinationId) -> DestinationConfig:
        return self._registry.destinations.get(destination) or gone.config_of(destination)

    def _is_gone(self, config: DestinationConfig) -> bool:
        return config.id not in self._registry.destinations

    async def _status(self, config: DestinationConfig) -> DestinationStatus:
        """Return how a destination is; one that is gone is neither paused nor tried any more."""
        return DestinationStatus(config.id) if self._is_gone(config) else await self._breaker.status(config)

    async def _contents(self, offers: Sequence[Offer]) -> tuple[tuple[list[Item], bool], EnvelopeUnreadable | None]:
        """Return what the readable queue messages hold, and the error of one that is left with those behind it."""
        try:
            return contents_of(offers), None
        except EnvelopeUnreadable:
            readable, stuck = await self._unreadable.sort_out(DELIVER_QUEUE, offers)
            return contents_of(readable), stuck

    async def wake_overdue(self) -> int:
        """Wake every session whose wake should have come by now; return how many (rule R6)."""
        return await self._wakes.send_overdue()

    async def pause(self, destination: DestinationId) -> None:
        """Stop sending to a destination; what comes for it waits in its lanes."""
        await self._lanes.set_paused(destination, True)
        log("destination_paused", destination=destination)

    async def resume(self, destination: DestinationId) -> None:
        """Go on sending to a destination at once, from the heads of its lanes: none waits for its retry any more."""
        await self._lanes.set_paused(destination, False)
        await self._breaker.reset(await self._lanes.status(destination))
        for session in await self._lanes.sessions(destination):
            await self._lanes.hasten_all(session)
        await self.wake_sessions(destination)
        # Who still remembers the pause or the open breaker would use that wake up, and send nothing.
        await self._wakes.send_to_all(destination, due=self._clock.now() + _SEEN_BY_ALL)
        log("destination_resumed", destination=destination)

    async def wake_sessions(self, destination: DestinationId) -> None:
        """Look at every session of a destination that has something waiting."""
        await self._wakes.send_to_all(destination)

    async def close(self) -> None:
        """Close the connections to all destinations."""
        await asyncio.gather(*(destination.close() for destination in self._destinations.values()))

    def _offer(self, session: SessionId, item: Item, config: DestinationConfig) -> Delivery:
        return Delivery(
            id=delivery_id(item.message, config.id, item.run),
            session=session,
            lane=_FEED_LANE if config.order == "feed" else item.key,
            item=item.by_reference(),
            state=DeliveryState.PARKED,
            offered=self._clock.now(),
        )

    async def _take(
        self, session: SessionId, offered: Sequence[Delivery], config: DestinationConfig, now: datetime, limit: int
    ) -> Turn:
        deadline = self._limits.over_by(now + self._limits.send_timeout) if config.idempotent else None
        return await self._lanes.take(session, offered, now, deadline, limit)

    async def _probe(
        self, turn: Turn, config: DestinationConfig, status: DestinationStatus, until: datetime
    ) -> DestinationStatus:
        """Send what is ready if nobody else finds out just now whether the destination is back (rule R9)."""
        leased = await self._breaker.lease(status, self._limits.over_by(until))
        if leased is None:
            await self._return(turn.ready, turn.ownership, config)
            return await self._breaker.status(config)
        after = await self._work(turn, config, leased, until)
        if after is leased:
            return await self._breaker.release(leased)
        if not after.failures:  # the others sleep until the lease ends: they need not
            await self._wakes.send_to_all(config.id, but=turn.ownership.session)
        return after

    async def _return(self, rows: Sequence[Delivery], ownership: Ownership, config: DestinationConfig) -> None:
        """Leave deliveries for another turn; where the turn began with their intents, these are taken back."""
        if rows and config.idempotent:
            await self._lanes.write(ownership, [row._replace(send_deadline=None) for row in rows])

    async def _work(
        self, turn: Turn, config: DestinationConfig, status: DestinationStatus, until: datetime
    ) -> DestinationStatus:
        """Shape, drain and write what is ready, batch by batch; return how the destination is by then."""
        stopped: set[str] = set()
        found = status
        for batch in batches_by_size(turn.ready, lambda row: row.item.raw.size, BATCH_BYTES):
            if status is not found and is_open(status, self._clock.now()):
                await self._return(batch, turn.ownership, config)
                continue
            work = Round(
                lanes=self._lanes,
                ownership=turn.ownership,
                config=config,
                destination=self._destination(config),
                sends_at_once=self._sends_at_once(config),
                until=until,
                pace=self._paces.of(turn.ownership.session, config),
                outputs=await self._outputs.prepare([row for row in batch if not row.item.is_token], config),
                stopped=stopped,
            )
            await self._drain.lanes(batch, work)
            await self._meeting.let_pass(work.barriers)
            status = await self._breaker.judge(status, work.verdicts, config.retry, self._uniform)
        return status

    def _destination(self, config: DestinationConfig) -> Destination:
        if config.id not in self._destinations:
            is_gone = self._is_gone(config)
            self._destinations[config.id] = gone.GoneDestination() if is_gone else self._open_destination(config)
        return self._destinations[config.id]


def _ready_limit(status: DestinationStatus, now: datetime) -> int:
    if status.paused or is_open(status, now):
        return 0
    return 1 if status.failures else _READY_LIMIT  # one probe first, until the destination answers again
