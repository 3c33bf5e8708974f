"""A person: stops what is to stand still, lets it go on, and decides about what was stopped."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.app import Hub
from shared.message.identifiers import DestinationId, InterfaceId
from shared.message.state import DeliveryState
from tests.faults.messages import ROUTES

if TYPE_CHECKING:
    from tests.faults.scenario import Pause
    from tests.faults.world import World

Order = Callable[[Hub], Coroutine[Any, Any, Any]]


@dataclass
class Stop:
    """How long something stood still, in seconds of virtual time.

    Attributes:
        since: When the order to stop was answered.
        ended: When the order to go on was first given.
    """

    name: str
    since: float
    ended: float = math.inf


class Operator:
    """Does one thing after the other, each again until the hub says that it is done.

    Attributes:
        stops: What stood still, and when.
    """

    def __init__(self, world: World) -> None:
        self.stops: list[Stop] = []
        self._world = world
        self._chosen: set[str] = set()
        self._hand = asyncio.Lock()

    async def pause(self, pause: Pause) -> None:
        """Let something stand still for a while; each once: a second pause would end with the first."""
        if pause.name in self._chosen:
            return
        self._chosen.add(pause.name)
        await self._world.clock.sleep(pause.begins - self._world.now())
        async with self._hand:
            await self._order(_told(pause.name, "pause"))
            stop = Stop(pause.name, self._world.now())
            self.stops.append(stop)
        await self._world.clock.sleep(pause.seconds)
        async with self._hand:
            stop.ended = self._world.now()
            await self._order(_told(pause.name, "resume"))

    async def decide(self) -> None:
        """Look whether what is in review has arrived: if so let it be, else send it again."""
        world = self._world
        rows = await world.adapters.lanes.stopped() if world.workers else []
        for row in rows:
            if row.state is DeliveryState.REVIEW and world.workers:
                has_arrived = world.receivers[row.destination].copies[row.id] > 0
                await world.adapters.lanes.reopen(row, DeliveryState.DISCARDED if has_arrived else DeliveryState.PARKED)
                await self._order(lambda hub, to=row.destination: hub.deliver.wake_sessions(to))

    async def _order(self, order: Order) -> None:
        while True:
            try:
                if self._world.workers:
                    await self._world.workers[0].obey(order)
                    return self._world.heard()
            except ConnectionError:
                pass
            await asyncio.sleep(1)


def _told(name: str, word: str) -> Order:
    if name in ROUTES:
        return lambda hub: hub.pauses.order(InterfaceId(name), word)
    return lambda hub: hub.orders.order(DestinationId(name), word)
