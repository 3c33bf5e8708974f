"""The audit in Table Storage: rows are created, and nothing here changes or removes one."""

from __future__ import annotations

import secrets
import time

import orjson

from shared.adapters.azure.table import Step, Table
from shared.adapters.instant import from_microseconds, to_microseconds
from shared.message.audit import AuditEntry

PARTITION = "audit"
_HIGHEST = 10**20 - 1
_END = "~"


class AzureAudit:
    """What people did in this deployment."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._stamp = 0

    async def append(self, entry: AuditEntry) -> None:
        self._stamp = max(self._stamp + 1, time.time_ns())
        # "put" under a name that nobody else has: where the answer is lost it is repeated, and stays one entry.
        row = f"a!{_HIGHEST - self._stamp:020}!{secrets.token_hex(8)}"
        said = orjson.dumps((to_microseconds(entry.at), *entry[1:])).decode()
        await self._table.transact(PARTITION, [Step("put", row, {"entry": said})])

    async def recent(self, limit: int = 50) -> list[AuditEntry]:
        rows = await self._table.scan(PARTITION, "a!", f"a!{_END}", limit)
        return [_entry(*orjson.loads(row["entry"])) for row in rows]


def _entry(at: int, who: str, act: str, what: str, reason: str, affected: int) -> AuditEntry:
    return AuditEntry(from_microseconds(at), who, act, what, reason, affected)
