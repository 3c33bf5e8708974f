"""Table Storage in memory, and a client of it that answers as `azure.data.tables.aio.TableClient` does.

Azurite is the judge: both pass the same contracts (tests/contract). What is refused here is what the service refuses.
Source: https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions (a hundred rows, each
once, one partition), .../understanding-the-table-service-data-model (64 kB of a column, as UTF-16).
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.data.tables import TableEntity, TableTransactionError, UpdateMode

from tests.doubles.in_process.conditions import range_of
from tests.doubles.in_process.reach import Reach, at_once

GROUP_LIMIT = 100
COLUMN_LIMIT_CHARACTERS = 32 * 1024

Operation = tuple[str, Mapping[str, Any], Mapping[str, Any]]


class Partition:
    """The rows of a partition, in order of their keys."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.rows: dict[str, TableEntity] = {}

    def put(self, row: str, entity: TableEntity) -> None:
        if row not in self.rows:
            insort(self.keys, row)
        self.rows[row] = entity

    def remove(self, row: str) -> None:
        del self.rows[row]
        del self.keys[bisect_left(self.keys, row)]

    def between(self, first: str, last: str) -> list[TableEntity]:
        keys = self.keys[bisect_left(self.keys, first) : bisect_right(self.keys, last)]
        return [self.rows[row] for row in keys]


class TableStore:
    """What is kept of one table, whoever asks."""

    def __init__(self) -> None:
        self._partitions: dict[str, Partition] = {}
        self._versions = itertools.count(1)

    async def transact(self, operations: Sequence[Operation]) -> list[dict[str, Any]]:
        """Do all of it or nothing; return what the SDK says of each row.

        Raises:
            TableTransactionError: one of the rows is not as thought, or no service would take it.
        """
        [name] = {entity["PartitionKey"] for _, entity, _ in operations}
        _check(operations)
        partition = self._partitions.setdefault(name, Partition())
        for index, (kind, entity, options) in enumerate(operations):
            status = _refusal(partition.rows.get(entity["RowKey"]), kind, options)
            if status:
                raise _refused(index, status)
        return [self._apply(partition, *operation) for operation in operations]

    async def get(self, partition: str, row: str) -> TableEntity:
        """Return a row.

        Raises:
            ResourceNotFoundError: there is none.
        """
        found = self._partitions.get(partition, Partition()).rows.get(row)
        if found is None:
            raise ResourceNotFoundError("no such row")
        return _copy(found)

    async def page(self, query: str, after: str, size: int) -> list[TableEntity]:
        """Return the rows of a query behind a key, as many as a page holds."""
        asked = range_of(query)
        rows = self._partitions.get(asked.partition, Partition()).between(asked.first, asked.last)
        found = (row for row in rows if row["RowKey"] > after and asked.holds(row))
        return [_copy(row) for row in itertools.islice(found, size)]

    def _apply(self, partition: Partition, kind: str, entity: Mapping[str, Any], options: Any) -> dict[str, Any]:
        row = entity["RowKey"]
        if kind == "delete":
            partition.remove(row)
            return {}
        before = partition.rows.get(row, {}) if options.get("mode") is UpdateMode.MERGE else {}
        tag = f"W/\"datetime'{next(self._versions)}'\""
        partition.put(row, _entity({**before, **entity}, tag))
        return {"etag": tag}


class TableDouble:
    """A client of one table."""

    def __init__(self, name: str, store: TableStore, reach: Reach = at_once) -> None:
        self._name, self._store, self._reach = name, store, reach

    async def submit_transaction(self, operations: Sequence[Operation]) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = await self._reach(f"{self._name}.transact", self._store.transact, operations)
        return answers

    async def get_entity(self, partition: str, row: str) -> TableEntity:
        found: TableEntity = await self._reach("table.get", self._store.get, partition, row)
        return found

    def query_entities(self, query: str, *, results_per_page: int) -> _Query:
        return _Query(self, query, results_per_page)

    async def page(self, query: str, after: str, size: int) -> list[TableEntity]:
        rows: list[TableEntity] = await self._reach("table.page", self._store.page, query, after, size)
        return rows

    async def close(self) -> None:
        """Nothing is open."""


class _Query:
    def __init__(self, table: TableDouble, query: str, size: int) -> None:
        self._table, self._query, self._size = table, query, size

    async def by_page(self) -> AsyncIterator[AsyncIterator[TableEntity]]:
        after = ""
        while True:
            rows = await self._table.page(self._query, after, self._size)
            yield _each(rows)
            if len(rows) < self._size:
                return
            after = rows[-1]["RowKey"]


async def _each(rows: Sequence[TableEntity]) -> AsyncIterator[TableEntity]:
    for row in rows:
        yield row


def _check(operations: Sequence[Operation]) -> None:
    rows = [entity["RowKey"] for _, entity, _ in operations]
    if len(rows) > GROUP_LIMIT or len(set(rows)) < len(rows):
        raise _refused(len(rows) - 1, 400)
    for index, (_, entity, _) in enumerate(operations):
        if any(isinstance(value, str) and len(value) > COLUMN_LIMIT_CHARACTERS for value in entity.values()):
            raise _refused(index, 400)


def _refusal(found: TableEntity | None, kind: str, options: Mapping[str, Any]) -> int:
    """Return the status that says why not; 0: nothing is in the way."""
    if kind == "create":
        return 409 if found is not None else 0
    if kind == "upsert":
        return 0
    if found is None:
        return 404
    has_condition = options.get("match_condition") is MatchConditions.IfNotModified
    return 412 if has_condition and options["etag"] != found.metadata["etag"] else 0


def _refused(index: int, status: int) -> HttpResponseError:
    error = TableTransactionError(message=f"{index}:refused", index=index)
    error.status_code = status
    return error


def _entity(columns: Mapping[str, Any], tag: str) -> TableEntity:
    entity = TableEntity(columns)
    entity._metadata = {"etag": tag}
    return entity


def _copy(row: TableEntity) -> TableEntity:
    return _entity(row, row.metadata["etag"])
