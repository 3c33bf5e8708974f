"""Barriers and lines in the table of lanes (rule R7).

| partition | key | row |
|---|---|---|
| ``barriers`` | ``last`` | the number of the newest barrier: part of every transaction that numbers one |
| | ``b!<message>`` | a barrier: its number, its item, the parts that have arrived, the stages it is through |
| | ``l!<stage>!<partition>`` | something was once parked there |
| ``parked!<stage>!<partition>`` | ``<position>`` | a message or token in line |

What is held for a paused interface (`holds.py`) lies in the partitions of the lines, too, in rows that begin with a
letter.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime

import orjson

from shared.adapters.azure.lane_rows import END
from shared.adapters.azure.table import GROUP_LIMIT, Row, RowConflict, Step, Table, key, tag_of
from shared.adapters.instant import from_microseconds, to_microseconds
from shared.message.barrier import Barrier
from shared.message.envelope import Item, decode_reference, encode_reference
from shared.message.errors.storage import AzureUnavailable
from shared.message.identifiers import MessageId, RunId, partition_of
from shared.ports import Clock, Line, Opened

PARTITION = "barriers"
LAST = "last"
# What another process has parked is seen after so long. A session moves to another process more slowly.
FRESH_SECONDS = 0.2
_TRIES = 20
_PAUSE_SECONDS = 0.01
_LAST_POSITION = "9~"

Steps = list[list[str]]  # stage and part; no part: the barrier is through the stage


class AzureBarriers:
    """The barriers of a hub, and what waits for them."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._free_at: dict[tuple[str, int], float] = {}  # when nothing was parked there
        self._listed: set[tuple[str, int]] = set()

    async def open(self, items: Sequence[Item]) -> list[Item]:
        found = [await self._open(item) for item in items]
        return [item._replace(barrier=first.barrier) for item, first in zip(items, found, strict=True)]

    async def reopen(self, message: MessageId) -> Item | None:
        for attempt in range(_TRIES):
            row = await self._table.get(PARTITION, _barrier_row(message))
            if row is None or not row["stopped"]:
                return None
            item = decode_reference(row["item"].encode())
            if await self._number(Step("update", _barrier_row(message), self._fresh(item), tag_of(row))):
                return item
            await asyncio.sleep(_PAUSE_SECONDS * attempt)
        raise AzureUnavailable("barriers, reopen")

    async def park(self, stage: str, items: Sequence[Item]) -> None:
        if not items:
            return
        line = stage, partition_of(items[0].message)
        await self.expect(*line)
        await self._rewrite(line, "park", lambda rows: _added(rows, items))

    async def unpark(self, stage: str, items: Sequence[Item]) -> None:
        if not items:
            return
        gone = {(item.message, item.run) for item in items}
        await self._rewrite((stage, partition_of(items[0].message)), "unpark", lambda rows: _taken_out(rows, gone))

    async def _rewrite(self, line: tuple[str, int], doing: str, steps_of: Callable[[list[Row]], list[Step]]) -> None:
        """Write what follows from the rows of a line; where somebody else was faster, from what is there then."""
        for attempt in range(_TRIES):
            steps = steps_of(await self._parked(line))
            try:
                for start in range(0, len(steps), GROUP_LIMIT):
                    await self._table.transact(line_partition(*line), steps[start : start + GROUP_LIMIT])
            except RowConflict:
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            else:
                return
        raise AzureUnavailable(f"barriers, {doing}")

    async def waits(self, stage: str, partition: int, *, is_told: bool) -> bool:
        line, now = (stage, partition), time.monotonic()
        if not is_told and now - self._free_at.get(line, float("-inf")) < FRESH_SECONDS:
            return False
        if await self._table.scan(line_partition(*line), "", END, limit=1):
            self._free_at.pop(line, None)
            return True
        self._free_at[line] = now
        return False

    async def line(self, stage: str, partition: int) -> Line:
        parked = await self._parked((stage, partition))
        if not parked:
            return Line((), ())
        return Line(tuple(map(_item_of, parked)), tuple(await self._opened()))

    async def arrive(self, stage: str, barrier: Barrier, part: MessageId) -> None:
        await self._change(barrier, lambda row: {**_columns(row), "steps": _with_step(row, stage, part)})

    async def finish(self, stage: str, barrier: Barrier, *, is_last: bool) -> None:
        if is_last:
            await self._change(barrier, lambda row: None)
        else:
            await self._change(barrier, lambda row: {**_columns(row), "steps": _with_step(row, stage, "")})

    async def stop(self, barriers: Sequence[Barrier]) -> None:
        for barrier in barriers:
            await self._change(barrier, lambda row: {**_columns(row), "stopped": True})

    async def lines(self) -> list[tuple[str, int]]:
        rows = await self._table.scan(PARTITION, "l!", f"l!{END}")
        listed = [(stage, int(partition)) for _, stage, partition in (row["RowKey"].split("!") for row in rows)]
        waits = await asyncio.gather(*(self.waits(*line, is_told=True) for line in listed))
        return [line for line, is_waiting in zip(listed, waits, strict=True) if is_waiting]

    async def opened(self, before: datetime) -> list[Opened]:
        return [one for one in await self._opened() if one.opened < before]

    async def _open(self, item: Item) -> Item:
        """Return the item as it was first opened."""
        for attempt in range(_TRIES):
            if await self._number(Step("create", _barrier_row(item.message), self._fresh(item))):
                return item
            row = await self._table.get(PARTITION, _barrier_row(item.message))
            if row is not None:
                return decode_reference(row["item"].encode())
            await asyncio.sleep(_PAUSE_SECONDS * attempt)
        raise AzureUnavailable("barriers, open")

    async def _number(self, step: Step) -> bool:
        """Write a barrier under the next number; False: somebody else numbered one, or the row is not as thought."""
        last = await self._table.get(PARTITION, LAST)
        number = 1 if last is None else int(last["number"]) + 1
        kind, tag = ("create", None) if last is None else ("update", tag_of(last))
        counter = Step(kind, LAST, {"number": str(number)}, tag)  # type: ignore[arg-type]
        numbered = Step(step.kind, step.row, {**step.columns, "number": str(number)}, step.tag)
        try:
            await self._table.transact(PARTITION, [counter, numbered])
        except RowConflict:
            return False
        return True

    async def _change(self, barrier: Barrier, changed: Callable[[Row], Row | None]) -> None:
        """Make the row of a barrier what it is after a change, None: gone; nothing where there is none any more."""
        name = _barrier_row(barrier.message)
        for attempt in range(_TRIES):
            row = await self._table.get(PARTITION, name)
            if row is None:
                return
            after = changed(row)
            step = Step("delete", name, {}, tag_of(row)) if after is None else Step("update", name, after, tag_of(row))
            try:
                await self._table.transact(PARTITION, [step])
            except RowConflict:
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            else:
                return
        raise AzureUnavailable("barriers, change")

    async def _opened(self) -> list[Opened]:
        rows = await self._table.scan(PARTITION, "b!", f"b!{END}", where="stopped eq false")
        return sorted(map(_opened_of, rows))

    async def _parked(self, line: tuple[str, int]) -> list[Row]:
        return await self._table.scan(line_partition(*line), "", _LAST_POSITION)

    async def expect(self, stage: str, partition: int) -> None:
        """Make sure that a line is on the list, and looked into, before anything is in it."""
        line = stage, partition
        self._free_at.pop(line, None)
        if line not in self._listed:
            await self._table.transact(PARTITION, [Step("put", f"l!{line[0]}!{line[1]}", {})])
            self._listed.add(line)

    def _fresh(self, item: Item) -> Row:
        now = str(to_microseconds(self._clock.now()))
        return {"item": encode_reference(item).decode(), "opened": now, "steps": "[]", "stopped": False}


def _barrier_row(message: MessageId) -> str:
    return f"b!{key(message)}"


def line_partition(stage: str, partition: int) -> str:
    """Return the table partition of what waits in one partition of a stage."""
    return f"parked!{stage}!{partition}"


def _position(number: int) -> str:
    return f"{number:020}"


def _columns(row: Row) -> Row:
    return {name: row[name] for name in ("number", "item", "opened", "steps", "stopped")}


def _with_step(row: Row, stage: str, part: str) -> str:
    steps: Steps = orjson.loads(row["steps"])
    return orjson.dumps([*steps, *([] if [stage, part] in steps else [[stage, part]])]).decode()


def _opened_of(row: Row) -> Opened:
    steps: Steps = orjson.loads(row["steps"])
    return Opened(
        number=int(row["number"]),
        item=decode_reference(row["item"].encode()),
        opened=from_microseconds(int(row["opened"])),
        arrived=frozenset((stage, MessageId(part)) for stage, part in steps if part),
        passed=frozenset(stage for stage, part in steps if not part),
    )


def _added(rows: list[Row], items: Sequence[Item]) -> list[Step]:
    """Return how to put items behind the rows of a line; one that is there already stays where it is."""
    known = {(item.message, item.run) for item in map(_item_of, rows)}
    new = [item for item in items if (item.message, item.run) not in known]
    first = int(rows[-1]["RowKey"]) + 1 if rows else 0
    return [
        Step("create", _position(first + place), {"item": encode_reference(item).decode()})
        for place, item in enumerate(new)
    ]


def _taken_out(rows: list[Row], gone: set[tuple[MessageId, RunId]]) -> list[Step]:
    """Return how to take items out of a line."""
    found = ((row, _item_of(row)) for row in rows)
    return [Step("delete", row["RowKey"], {}) for row, item in found if (item.message, item.run) in gone]


def _item_of(row: Row) -> Item:
    return decode_reference(row["item"].encode())
