"""The connectors that the hub has heard of, in Table Storage."""

from __future__ import annotations

from shared.adapters.azure.table import RowConflict, Step, Table, key
from shared.message.beat import Heard, decode_heard, encode_heard

PARTITION = "fleet"
_LAST = "~"


class AzureFleet:
    """One row for each connector, in a partition of the ledger's table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def hear(self, heard: Heard) -> None:
        columns = {"heard": encode_heard(heard).decode()}
        await self._table.transact(PARTITION, [Step("put", key(heard.beat.connector), columns)])

    async def connectors(self) -> list[Heard]:
        return [decode_heard(row["heard"]) for row in await self._table.scan(PARTITION, "", _LAST)]

    async def forget(self, connector: str) -> bool:
        try:
            await self._table.transact(PARTITION, [Step("delete", key(connector), {})])
        except RowConflict:  # it was not there
            return False
        return True
