"""Wakes of deliver's sessions: somebody looks at lanes again when their first head falls due (rule R6)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from shared.deliver.pace import Paces
from shared.message.envelope import Wake, encode_wake
from shared.message.identifiers import DestinationId, SessionId
from shared.message.queues import DELIVER_QUEUE
from shared.ports import Clock, DestinationStatus, Lanes, Outgoing, Queue, Turn


class Wakes:
    """Sends wakes, and sees to it that none is missing.

    Args:
        clock_skew: Between us and the broker.
    """

    def __init__(self, *, clock: Clock, lanes: Lanes, queue: Queue, paces: Paces, clock_skew: timedelta) -> None:
        self._clock = clock
        self._lanes = lanes
        self._queue = queue
        self._paces = paces
        self._clock_skew = clock_skew

    async def send(self, wakes: Sequence[tuple[SessionId, DestinationId, datetime | None]]) -> None:
        """Make somebody look at these sessions: at once, or when each is due."""
        # A fresh id each time: the broker's duplicate detection must never swallow a wake.
        outgoing = [
            Outgoing(encode_wake(Wake(destination)), session, secrets.token_hex(16), due)
            for session, destination, due in wakes
        ]
        if outgoing:
            await self._queue.send(DELIVER_QUEUE, outgoing)

    async def send_to_all(
        self, destination: DestinationId, *, but: SessionId | None = None, due: datetime | None = None
    ) -> None:
        """Make somebody look at every session of a destination that has something waiting, but this one."""
        sessions = await self._lanes.sessions(destination)
        await self.send([(session, destination, due) for session in sessions if session != but])

    async def send_overdue(self) -> int:
        """Wake every session whose wake should have come by now; return how many."""
        overdue = await self._lanes.overdue(self._clock.now())
        await self.send([(session, destination, None) for session, destination in overdue])
        return len(overdue)

    async def ensure(self, turn: Turn, status: DestinationStatus, is_woken: bool) -> None:
        """Make sure that somebody looks at the lanes of this session again when their first head falls due.

        Args:
            is_woken: A wake was among what began this invocation.
        """
        session, now = turn.ownership.session, self._clock.now()
        due = await self._lanes.next_due(session)
        if due is None or status.paused:
            if turn.wake is not None:
                await self._lanes.schedule_wake(turn.ownership, None)
            return
        due = max(due, self._paces.next_send(session, now), status.open_until or now)
        if turn.wake is not None and now < turn.wake <= due:
            if not is_woken or turn.wake > now + self._clock_skew:
                return
            # The broker's clock may be ahead of ours: the wake that is recorded may be the one that has just come.
            due = max(due, now + self._clock_skew)
        await self.send([(session, status.destination, due)])
        await self._lanes.schedule_wake(turn.ownership, due)
