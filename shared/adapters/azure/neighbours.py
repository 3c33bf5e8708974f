"""Rows by key, with few requests: keys of messages that came at the same time lie side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.adapters.azure.table import PAGE_LIMIT, Row, Table

_SINGLY = 2  # as many requests as a scan and a half
_ALIKE = 8  # characters that first and last key share: ids of messages do for hours, digests never do


async def read_neighbours(table: Table, partition: str, keys: Sequence[str]) -> dict[str, Row]:
    """Return the rows that exist, by key.

    One scan from the first key to the last finds all of them where little lies between; what lies beyond its first page
    is read row by row.
    """
    wanted = sorted(set(keys))
    if len(wanted) <= _SINGLY or wanted[0][:_ALIKE] != wanted[-1][:_ALIKE]:
        return await _read_singly(table, partition, wanted)
    rows = await table.scan(partition, wanted[0], wanted[-1], PAGE_LIMIT)
    keep = set(wanted)
    found = {row["RowKey"]: row for row in rows if row["RowKey"] in keep}
    if len(rows) < PAGE_LIMIT:
        return found
    seen_up_to = rows[-1]["RowKey"]
    beyond = [key for key in wanted if key > seen_up_to]
    return found | await _read_singly(table, partition, beyond)


async def _read_singly(table: Table, partition: str, keys: Sequence[str]) -> dict[str, Row]:
    rows = await asyncio.gather(*(table.get(partition, key) for key in keys))
    return {key: row for key, row in zip(keys, rows, strict=True) if row is not None}
