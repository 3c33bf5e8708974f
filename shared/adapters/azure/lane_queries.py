"""What people and timers ask of all deliver sessions: a scan or a read for each of them, side by side."""

from __future__ import annotations

import asyncio
from collections import Counter

from shared.adapters.azure.lane_rows import (
    END,
    OWNER,
    SESSIONS,
    Sent,
    known_key,
    known_prefix,
    owner_of,
    run_counts_of,
    run_key,
    sent_of,
    sent_prefix,
    waiting_of,
    waits_at,
)
from shared.adapters.azure.session_state import Owner, Waiting
from shared.adapters.azure.table import Row, Table
from shared.message.delivery import Delivery
from shared.message.identifiers import DeliveryId, DestinationId, MessageId, OrderingKey, RunId, SessionId
from shared.message.state import DeliveryState

_OLDEST = 200  # deliveries of a session; heads are tried first, and those are old


class LaneQueries:
    """Reads sessions, and changes nothing."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def sessions(self) -> list[SessionId]:
        """Return every session there ever was."""
        return [SessionId(row["RowKey"]) for row in await self._table.scan(SESSIONS, "", END)]

    async def owners(self) -> list[tuple[SessionId, Owner]]:
        """Return every session with its owner row: a read for each."""
        sessions = await self.sessions()
        rows = await asyncio.gather(*(self._table.get(session, OWNER) for session in sessions))
        return [(session, owner_of(row)) for session, row in zip(sessions, rows, strict=True)]

    async def of_message(self, message: MessageId) -> list[Waiting]:
        """Return the deliveries of a message in all sessions, in the order of their arrival."""
        found = await asyncio.gather(*(self._in_session(session, message) for session in await self.sessions()))
        return sorted((one for each in found for one in each), key=lambda one: one.delivery.position)

    async def _in_session(self, session: SessionId, message: MessageId) -> list[Waiting]:
        prefix = known_prefix(message)
        rows = await self._table.scan(session, prefix, f"{prefix}{END}")
        found = await asyncio.gather(*(self._follow(session, row) for row in rows))
        return [one for one in found if one is not None]

    async def stopped(self, limit: int) -> list[Delivery]:
        """Return what a person must look at in all sessions, newest first."""
        found = await asyncio.gather(*(self._stopped(session, limit) for session in await self.sessions()))
        rows = [waiting.delivery for each in found for waiting in each]
        return sorted(rows, key=lambda row: row.position, reverse=True)[:limit]

    async def _stopped(self, session: SessionId, limit: int) -> list[Waiting]:
        rows = await self._table.scan(session, "q!", f"q!{END}", limit)
        keys = [f"{known_prefix(MessageId(row['message']))}{row['delivery']}" for row in rows]
        known = await asyncio.gather(*(self._table.get(session, key) for key in keys))
        found = await asyncio.gather(*(self._follow(session, row) for row in known))
        return [one for one in found if one is not None]

    async def last_failed(self, destination: DestinationId) -> Delivery | None:
        """Return what waits for its retry and is due last, of the oldest that wait in each session."""
        sessions = [session for session in await self.sessions() if _destination_of(session) == destination]
        found = await asyncio.gather(*(self._table.scan(one, "w!", f"w!{END}", _OLDEST) for one in sessions))
        rows = [waiting_of(row).delivery for each in found for row in each]
        failed = [(row.due, row) for row in rows if row.state is DeliveryState.PARKED and row.attempts and row.due]
        return max(failed, key=lambda one: one[0])[1] if failed else None

    async def unsettled(self) -> list[Delivery]:
        """Return what waits in a lane or for a person, in all sessions."""
        found: dict[DeliveryId, Delivery] = {}
        for session in await self.sessions():
            stopped = await self._stopped(session, 0)
            waiting = [waiting_of(row) for row in await self._table.scan(session, "w!", f"w!{END}")]
            found |= {one.delivery.id: one.delivery for one in (*waiting, *stopped)}
        return list(found.values())

    async def known(self, session: SessionId, delivery: Delivery) -> Waiting | None:
        """Return a delivery as the table has it; None: it was never offered."""
        return await self._follow(session, await self._table.get(session, known_key(delivery)))

    async def of_run(self, run: RunId) -> dict[DestinationId, dict[DeliveryState, int]]:
        """Return how many deliveries of a replay are in which state, by destination."""
        sessions = await self.sessions()
        rows = await asyncio.gather(*(self._table.get(session, run_key(run)) for session in sessions))
        total: dict[DestinationId, Counter[str]] = {}
        for session, row in zip(sessions, rows, strict=True):
            total.setdefault(_destination_of(session), Counter()).update(run_counts_of(row))
        counted = {one: {DeliveryState(state): n for state, n in counts.items() if n} for one, counts in total.items()}
        return {one: counts for one, counts in counted.items() if counts}

    async def sent_by_replays(self, destination: DestinationId, order: OrderingKey, after: int) -> list[Sent]:
        """Return what replays may have sent of an ordering key to a destination after a position."""
        prefix = sent_prefix(order)
        first, last = f"{prefix}{after + 1:020}", f"{prefix}{END}"
        sessions = [session for session in await self.sessions() if _destination_of(session) == destination]
        found = await asyncio.gather(*(self._table.scan(one, first, last, where="counts eq true") for one in sessions))
        return [sent_of(row) for rows in found for row in rows]

    async def _follow(self, session: SessionId, row: Row | None) -> Waiting | None:
        """Return the delivery of a row, from where it waits if it does."""
        if row is not None and waits_at(row):
            place = await self._table.get(session, waits_at(row))
            # It may have ended between the two reads: then its own row says how.
            row = place or await self._table.get(session, row["RowKey"])
        return None if row is None or waits_at(row) else waiting_of(row)


def _destination_of(session: SessionId) -> DestinationId:
    return DestinationId(session.rpartition(".")[0])
