"""What the sessions of a destination share: whether a person stopped it, and how its last sends went."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from shared.adapters.azure.lane_rows import END
from shared.adapters.azure.table import Row, RowConflict, Step, Table, tag_of
from shared.adapters.instant import optional_instant, optional_microseconds
from shared.message.identifiers import DestinationId
from shared.ports import DestinationStatus

FRESH_SECONDS = 1.0  # the sessions of a destination run side by side, and all of them ask
_PAUSED, _BREAKER = "paused", "breaker"


class DestinationStatuses:
    """Two rows for each destination: whoever pauses it and whoever minds the breaker do not meet."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._reading = asyncio.Lock()
        self._read: dict[DestinationId, tuple[float, DestinationStatus]] = {}

    async def status(self, destination: DestinationId) -> DestinationStatus:
        """Return how a destination is; one that nobody touched is open.

        What another process writes is seen after `FRESH_SECONDS`.
        """
        async with self._reading:
            at, status = self._read.get(destination, (float("-inf"), DestinationStatus(destination)))
            if time.monotonic() - at > FRESH_SECONDS:
                at, status = time.monotonic(), await self._fetch(destination)
                self._read[destination] = at, status
            return status

    async def _fetch(self, destination: DestinationId) -> DestinationStatus:
        rows = {row["RowKey"]: row for row in await self._table.scan(_partition(destination), "", END)}
        paused, (failures, open_until) = rows.get(_PAUSED), _breaker_of(rows.get(_BREAKER))
        return DestinationStatus(destination, bool(paused and paused["paused"]), failures, open_until)

    async def set_paused(self, destination: DestinationId, paused: bool) -> None:
        """Stop a destination, or let it go on."""
        self._read.pop(destination, None)
        await self._table.transact(_partition(destination), [Step("put", _PAUSED, {"paused": paused})])

    async def set_breaker(self, found: DestinationStatus, failures: int, open_until: datetime | None) -> bool:
        """Record how the last sends went, if nobody has since; return False if somebody has."""
        self._read.pop(found.destination, None)
        partition = _partition(found.destination)
        row = await self._table.get(partition, _BREAKER)
        if _breaker_of(row) != (found.failures, found.open_until):
            return False
        until = optional_microseconds(open_until)
        columns = {"failures": failures, "open_until": "" if until is None else str(until)}
        step = Step("create", _BREAKER, columns) if row is None else Step("update", _BREAKER, columns, tag_of(row))
        try:
            await self._table.transact(partition, [step])
        except RowConflict:
            return False
        return True


def _breaker_of(row: Row | None) -> tuple[int, datetime | None]:
    if row is None:
        return 0, None
    return row["failures"], optional_instant(int(row["open_until"]) if row["open_until"] else None)


def _partition(destination: DestinationId) -> str:
    return f"status!{destination}"
