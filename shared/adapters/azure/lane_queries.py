"""What people and timers ask of all deliver sessions: a scan or a read for each of them, side by side."""

from __future__ import annotations

import asyncio

from shared.adapters.azure.lane_rows import (
    END,
    OWNER,
    SESSIONS,
    known_key,
    known_prefix,
    owner_of,
    waiting_of,
    waits_at,
)
from shared.adapters.azure.session_state import Owner, Waiting
from shared.adapters.azure.table import Row, Table
from shared.message.delivery import Delivery
from shared.message.identifiers import MessageId, SessionId


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

    async def known(self, session: SessionId, delivery: Delivery) -> Waiting | None:
        """Return a delivery as the table has it; None: it was never offered."""
        return await self._follow(session, await self._table.get(session, known_key(delivery)))

    async def _follow(self, session: SessionId, row: Row | None) -> Waiting | None:
        """Return the delivery of a row, from where it waits if it does."""
        if row is not None and waits_at(row):
            place = await self._table.get(session, waits_at(row))
            # It may have ended between the two reads: then its own row says how.
            row = place or await self._table.get(session, row["RowKey"])
        return None if row is None or waits_at(row) else waiting_of(row)
