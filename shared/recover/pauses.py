"""A person stops an interface, and lets it go on: its messages are taken all the same, and wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.barriers.wakes import send_wakes
from shared.message.errors.pipeline import NotFound
from shared.message.identifiers import InterfaceId
from shared.message.nearest import no_such
from shared.observe.log import log
from shared.ports import Barriers, Holds, Queue

if TYPE_CHECKING:
    from shared.registry import Registry


class Pauses:
    """Stops interfaces, starts them, and says what waits for them."""

    def __init__(self, *, holds: Holds, barriers: Barriers, queue: Queue, registry: Registry) -> None:
        self._holds = holds
        self._barriers = barriers
        self._queue = queue
        self._registry = registry

    async def order(self, interface: InterfaceId, word: str) -> dict[str, Any]:
        """Pause or resume an interface; what waits for it begins to move at once.

        Raises:
            NotFound: no such interface, or no such order.
        """
        if interface not in self._registry.interfaces:
            raise NotFound(no_such("interface", interface, self._registry.interfaces))
        match word:
            case "pause":
                await self._holds.set_paused(interface, True)
                log("interface_paused", interface=interface)
            case "resume":
                await self._holds.set_paused(interface, False)
                log("interface_resumed", interface=interface)
                await send_wakes(self._queue, await self._barriers.lines())
            case _:
                raise NotFound("an interface is told to pause or to resume")
        return {"interface": interface, "order": word, "paused": interface in await self.paused()}

    async def paused(self) -> frozenset[InterfaceId]:
        """Return the interfaces that stand still, by an order or by their files."""
        return self._registry.paused_interfaces | await self._holds.paused(is_told=True)

    async def held(self) -> Mapping[InterfaceId, int]:
        """Return how much waits for each interface, before transform and route."""
        lines = await self._barriers.lines()
        counts = await asyncio.gather(*(self._holds.counts(*line) for line in lines))
        return sum((Counter(one) for one in counts), Counter())
