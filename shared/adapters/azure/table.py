"""A table: entity-group transactions, single rows, and scans of a range of one partition.

Nothing here scans more than one partition.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from shared.adapters.azure.failures import named
from shared.adapters.azure.operations import Operations

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

GROUP_LIMIT = 100  # rows of an entity-group transaction
PAGE_LIMIT = 1000  # rows of a page
_FORBIDDEN = re.compile(r"[/\\#?%\x00-\x1f\x7f-\x9f]")  # in a key
_KEY_CHARACTERS = 200  # of a kilobyte, with what stands before and behind
_CONFLICTS = frozenset({404, 409, 412})

Row = Mapping[str, Any]
T = TypeVar("T")


class RowConflict(Exception):
    """A row of a transaction was not as the caller thought: it exists, has changed, or is gone; nothing was written.

    Attributes:
        index: Which of the steps.
    """

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a transaction.

    Attributes:
        kind: ``create`` only a new row, ``put`` whether or not there is one, ``update`` all of it, ``merge`` the
            columns that are given, ``delete``.
        tag: The version it was read at; None: whatever there is.
    """

    kind: Literal["create", "put", "update", "merge", "delete"]
    row: str
    columns: Row
    tag: str | None = None


def parts_of(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return the rows in order, in as many lists as transactions are needed."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def key(text: str) -> str:
    """Return a text as a key may hold it; ids and names of ours lose nothing, what people type may."""
    return _FORBIDDEN.sub("|", text)[:_KEY_CHARACTERS]


def equals(column: str, value: str) -> str:
    """Return the condition that a column has a value, whatever that is made of."""
    return f"{column} eq '{_quote(value)}'"


def tag_of(row: Row) -> str:
    """Return the version of a row that was read."""
    return str(row.metadata["etag"])  # type: ignore[attr-defined]  # a TableEntity of the SDK


class Table:
    """One table of the hub's storage account."""

    def __init__(self, client: TableClient, operations: Operations) -> None:
        self._client = client
        self._operations = operations

    async def transact(self, partition: str, steps: Sequence[Step]) -> list[str]:
        """Write all rows or none; return the new version of each, empty for a deleted one.

        Raises:
            RowConflict: one of them is not as thought.
        """
        from azure.core.exceptions import HttpResponseError, ServiceResponseError
        from azure.data.tables import TableTransactionError

        self._operations.table_writes += 1
        self._operations.table_rows += len(steps)
        with named("tables"):
            try:
                answers = await self._client.submit_transaction([_operation(partition, step) for step in steps])
            except TableTransactionError as error:
                if _status(error) in _CONFLICTS:
                    raise RowConflict(_index(error)) from None
                raise
            except HttpResponseError as error:
                if error.status_code in _CONFLICTS:
                    raise RowConflict(0) from None
                raise
            except ServiceResponseError:
                # Sent, and the connection broke: it may have been taken. Whoever wrote on a condition reads again.
                if any(step.kind != "put" for step in steps):
                    raise RowConflict(0) from None
                answers = await self._client.submit_transaction([_operation(partition, step) for step in steps])
        return [str(answer.get("etag") or "") for answer in answers]

    async def get(self, partition: str, row: str) -> Row | None:
        """Return a row; None: there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        self._operations.table_reads += 1
        with named("tables"):
            try:
                return await self._client.get_entity(partition, row)
            except ResourceNotFoundError:
                return None

    async def scan(self, partition: str, first: str, last: str, limit: int = 0, where: str = "") -> list[Row]:
        """Return the rows from ``first`` through ``last`` in order, at most ``limit``; 0: all of them."""
        found: list[Row] = []
        async for page in self.pages(partition, first, last, where, limit or PAGE_LIMIT):
            found += page
            if limit and len(found) >= limit:
                return found[:limit]
        return found

    async def pages(
        self, partition: str, first: str, last: str, where: str = "", size: int = PAGE_LIMIT
    ) -> AsyncIterator[list[Row]]:
        """Yield the rows from ``first`` through ``last`` page by page."""
        query = f"PartitionKey eq '{_quote(partition)}' and RowKey ge '{_quote(first)}' and RowKey le '{_quote(last)}'"
        if where:
            query += f" and {where}"
        pages = self._client.query_entities(query, results_per_page=min(size, PAGE_LIMIT)).by_page()
        while True:
            with named("tables"):
                self._operations.table_reads += 1
                page = await anext(pages, None)
                if page is None:
                    self._operations.table_reads -= 1  # the end needs no request
                    return
                rows: list[Row] = [row async for row in page]
            yield rows

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _operation(partition: str, step: Step) -> tuple[Any, ...]:
    from azure.core import MatchConditions
    from azure.data.tables import UpdateMode

    entity = {"PartitionKey": partition, "RowKey": step.row, **step.columns}
    match: dict[str, Any] = {}
    if step.tag is not None:
        match = {"etag": step.tag, "match_condition": MatchConditions.IfNotModified}
    match step.kind:
        case "create" | "delete":
            return (step.kind, entity, match)
        case "put":
            return ("upsert", entity, {"mode": UpdateMode.REPLACE})
        case "update" | "merge":
            mode = UpdateMode.MERGE if step.kind == "merge" else UpdateMode.REPLACE
            return ("update", entity, {"mode": mode, **match})


def _status(error: Any) -> int:
    return int(error.status_code or 0)


def _index(error: Any) -> int:
    return int(getattr(error, "index", 0) or 0)


def _quote(text: str) -> str:
    return text.replace("'", "''")
