"""The connectors that the hub has heard of, in Table Storage."""

from __future__ import annotations

import time

from shared.adapters.azure.table import RowConflict, Step, Table, key
from shared.message.beat import Heard, decode_heard, encode_heard

PARTITION = "fleet"
OWNERS = "fleet-owner"
REMEMBER_SECONDS = 60.0
_LAST = "~"


class AzureFleet:
    """A row for each connector and one for each name, in two partitions of the ledger's table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._owners: dict[str, tuple[str, float]] = {}  # and until when that is believed

    async def claim(self, connector: str, caller: str) -> str:
        owner, until = self._owners.get(connector, ("", 0.0))
        if time.monotonic() >= until:
            owner = await self._owner(connector, caller)
            self._owners[connector] = owner, time.monotonic() + REMEMBER_SECONDS
        return owner

    async def _owner(self, connector: str, caller: str) -> str:
        row = await self._table.get(OWNERS, key(connector))
        if row is None:
            try:
                await self._table.transact(OWNERS, [Step("create", key(connector), {"caller": caller})])
            except RowConflict:  # somebody else came first
                return await self._owner(connector, caller)
            return caller
        return str(row["caller"])

    async def hear(self, heard: Heard) -> None:
        columns = {"heard": encode_heard(heard).decode()}
        await self._table.transact(PARTITION, [Step("put", key(heard.beat.connector), columns)])

    async def connectors(self) -> list[Heard]:
        return [decode_heard(row["heard"]) for row in await self._table.scan(PARTITION, "", _LAST)]

    async def forget(self, connector: str) -> bool:
        self._owners.pop(connector, None)
        return any([await self._remove(partition, connector) for partition in (PARTITION, OWNERS)])

    async def _remove(self, partition: str, connector: str) -> bool:
        try:
            await self._table.transact(partition, [Step("delete", key(connector), {})])
        except RowConflict:  # it was not there
            return False
        return True
