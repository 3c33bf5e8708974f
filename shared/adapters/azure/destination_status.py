"""What the sessions of a destination share: whether a person stopped it, and how its last sends went."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from shared.adapters.azure.lane_rows import END
from shared.adapters.azure.table import Step, Table
from shared.adapters.instant import optional_instant, optional_microseconds
from shared.message.identifiers import DestinationId
from shared.ports import DestinationStatus

FRESH_SECONDS = 1.0  # the sessions of a destination run side by side, and all of them ask
_PAUSED, _BREAKER = "paused", "breaker"


class DestinationStatuses:
    """Two rows for each destination, so that neither writer undoes what the other wrote."""

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
        paused, breaker = rows.get(_PAUSED), rows.get(_BREAKER)
        until = breaker["open_until"] if breaker else ""
        return DestinationStatus(
            destination,
            paused=bool(paused and paused["paused"]),
            failures=breaker["failures"] if breaker else 0,
            open_until=optional_instant(int(until) if until else None),
        )

    async def set_paused(self, destination: DestinationId, paused: bool) -> None:
        """Stop a destination, or let it go on."""
        self._read.pop(destination, None)
        await self._table.transact(_partition(destination), [Step("put", _PAUSED, {"paused": paused})])

    async def set_breaker(self, destination: DestinationId, failures: int, open_until: datetime | None) -> None:
        """Record how the last sends went."""
        self._read.pop(destination, None)
        until = optional_microseconds(open_until)
        columns = {"failures": failures, "open_until": "" if until is None else str(until)}
        await self._table.transact(_partition(destination), [Step("put", _BREAKER, columns)])


def _partition(destination: DestinationId) -> str:
    return f"status!{destination}"
