"""Group commit over a network: what is asked while a call is under way goes into the next one together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

I = TypeVar("I")  # noqa: E741  an item
O = TypeVar("O")  # noqa: E741  its outcome

_BUSY_SECONDS = 1.0  # since the last group


class Gatherer(Generic[I, O]):
    """Does the work of many callers in groups, one group at a time, in the order of asking.

    Args:
        work: Returns the outcome of each item of a group, in order.
        limit: Items of a group at most.
        linger_seconds: How long a group waits for company while there is much to do; what comes alone never waits.
    """

    def __init__(self, work: Callable[[list[I]], Awaitable[list[O]]], limit: int, linger_seconds: float = 0.0) -> None:
        self._work = work
        self._limit = limit
        self._linger = linger_seconds
        self._was_busy = float("-inf")
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
        """Finish what was asked; where the loop is ending and cancelled it, that is all."""
        if self._running is not None:
            await asyncio.wait({self._running})

    async def _run(self) -> None:
        try:
            if self._linger and time.monotonic() - self._was_busy < _BUSY_SECONDS:
                await asyncio.sleep(self._linger)
            while self._waiting:
                group, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                await self._do(group)
        finally:
            self._was_busy = time.monotonic()
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
