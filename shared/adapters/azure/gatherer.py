"""Group commit over a network: what is asked while a call is under way goes into the next one together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741  an item
O = TypeVar("O")  # noqa: E741  its outcome


class Gatherer(Generic[I, O]):
    """Does the work of many callers in groups, one group at a time, in the order of asking.

    Args:
        work: Returns the outcome of each item of a group, in order.
        limit: Items of a group at most.
    """

    def __init__(self, work: Callable[[list[I]], Awaitable[list[O]]], limit: int) -> None:
        self._work = work
        self._limit = limit
        self._waiting: list[tuple[I, asyncio.Future[O]]] = []
        self._running: asyncio.Task[None] | None = None

    async def ask(self, item: I) -> O:
        """Return the outcome of an item; what the work raises is raised for everybody of its group."""
        outcome: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, outcome))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await outcome

    async def close(self) -> None:
        """Finish what was asked."""
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._do(group)
        finally:
            self._running = None

    async def _do(self, group: list[tuple[I, asyncio.Future[O]]]) -> None:
        try:
            outcomes = await self._work([item for item, _ in group])
        except Exception as error:  # noqa: BLE001  # handed to those who asked
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), outcome in zip(group, outcomes, strict=True):
            if not future.done():  # who asked may have been cancelled
                future.set_result(outcome)
