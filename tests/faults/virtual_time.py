"""Time that moves only when nobody has anything to do: five minutes of waiting for a lock take no time at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class NothingLeft(Exception):
    """Somebody waits for something that nobody will ever do."""


class VirtualLoop(asyncio.BaseEventLoop):
    """An event loop without sockets, threads or a clock: what runs, and in which order, depends on nothing outside."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self  # the base class asks it to wait

    def time(self) -> float:
        return self._now

    def select(self, timeout: float | None) -> Sequence[object]:
        """Let time pass instead of waiting.

        Raises:
            NothingLeft: nobody set a timer.
        """
        if timeout is None:
            raise NothingLeft
        self._now += timeout
        return ()

    def _process_events(self, event_list: Sequence[object]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in `select`."""


class VirtualClock:
    """The Clock port over a loop's time; a worker's may be ahead of the others', or behind."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ahead_seconds: float = 0.0) -> None:
        self._loop = loop
        self.ahead_seconds = ahead_seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() + self.ahead_seconds)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, 0.0))
