"""How fast a destination is sent to: a fragile system is asked for no more than it can bear."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.ports import Clock


class Pace:
    """Spaces the sends of one session evenly; all sessions of a destination together keep to its rate.

    Args:
        per_second: Sends to the destination.
        sessions: Over which they are shared, whether or not each has something to send.
    """

    def __init__(self, per_second: float, sessions: int) -> None:
        self._interval = timedelta(seconds=sessions / per_second)
        self._free_at: datetime | None = None

    def begins(self, now: datetime) -> datetime:
        """Return when the next send may begin."""
        return now if self._free_at is None else max(now, self._free_at)

    async def turn(self, clock: Clock, until: datetime) -> bool:
        """Return True when the next send may begin; False at once where that would not be before ``until``."""
        now = clock.now()
        begins = self.begins(now)
        if begins >= until:
            return False
        self._free_at = begins + self._interval
        await clock.sleep((begins - now).total_seconds())
        return True
