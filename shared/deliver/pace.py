"""How fast a destination is sent to: a fragile system is asked for no more than it can bear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.message.identifiers import SessionId
from shared.ports import Clock

if TYPE_CHECKING:
    from shared.registry import DestinationConfig


class Pace:
    """Spaces the sends of one session evenly; all sessions of a destination together keep to its rate.

    Args:
        per_second: Sends to the destination.
        sessions: Over which they are shared, whether or not each has something to send.
    """

    def __init__(self, per_second: float, sessions: int) -> None:
        self._interval = timedelta(seconds=sessions / per_second)
        self._free_at: datetime | None = None
        self._asked = datetime.min.replace(tzinfo=UTC)

    def begins(self, now: datetime) -> datetime:
        """Return when the next send may begin; a clock that is set back takes it along."""
        if self._free_at is not None and now < self._asked:
            self._free_at -= self._asked - now
        self._asked = now
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


class Paces:
    """The pace of each session that has one, for as long as this process lives."""

    def __init__(self) -> None:
        self._paces: dict[SessionId, Pace] = {}

    def of(self, session: SessionId, config: DestinationConfig) -> Pace | None:
        """Return the pace of a session; None: its destination takes what comes."""
        if config.rate_per_second is None:
            return None
        return self._paces.setdefault(session, Pace(config.rate_per_second, config.concurrency))

    def next_send(self, session: SessionId, now: datetime) -> datetime:
        """Return when the next send of a session may begin."""
        pace = self._paces.get(session)
        return now if pace is None else pace.begins(now)
