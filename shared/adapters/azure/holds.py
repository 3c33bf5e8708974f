"""Interfaces that a person stopped, and what waits for them, in the table of lanes.

| partition | key | row |
|---|---|---|
| ``holds`` | ``p!<interface>`` | an interface that stands still |
| ``parked!<stage>!<partition>`` | ``held`` | how much is held for each interface: part of every transaction |
| | ``h!<digest of the ordering key>!<position>`` | a message or token that is held |
| | ``m!<message>!<run>`` | that it is |

What is held lies beside what is parked for barriers, so that one look tells a worker whether anything waits.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import orjson

from shared.adapters.azure.barriers import line_partition
from shared.adapters.azure.lane_rows import END
from shared.adapters.azure.ledger_rows import digest
from shared.adapters.azure.table import Row, RowConflict, Step, Table, key, parts_of, tag_of
from shared.message.envelope import Item, decode_reference, encode_reference
from shared.message.errors.storage import AzureUnavailable
from shared.message.identifiers import InterfaceId, OrderingKey, partition_of
from shared.ports import Held

PARTITION = "holds"
STATE = "held"
# What a person orders is seen by other processes after so long.
FRESH_SECONDS = 2.0
_IN_A_TRANSACTION = 49  # two rows each, and the state
_TRIES = 20
_PAUSE_SECONDS = 0.01


class AzureHolds:
    """What a hub's paused interfaces hold up.

    Args:
        expect: Tells the lines' readers of this process that something comes into one, before it does.
    """

    def __init__(self, table: Table, expect: Callable[[str, int], Awaitable[None]]) -> None:
        self._table = table
        self._expect = expect
        self._paused: frozenset[InterfaceId] = frozenset()
        self._read_at = float("-inf")

    async def paused(self, *, is_told: bool) -> frozenset[InterfaceId]:
        if is_told or time.monotonic() - self._read_at > FRESH_SECONDS:
            at = time.monotonic()
            rows = await self._table.scan(PARTITION, "p!", f"p!{END}")
            self._paused, self._read_at = frozenset(InterfaceId(row["RowKey"][2:]) for row in rows), at
        return self._paused

    async def set_paused(self, interface: InterfaceId, paused: bool) -> None:
        self._read_at = float("-inf")
        try:
            await self._table.transact(PARTITION, [Step("put" if paused else "delete", f"p!{interface}", {})])
        except RowConflict:
            if paused:
                raise AzureUnavailable("holds, pause") from None

    async def hold(self, stage: str, items: Sequence[tuple[Item, InterfaceId]]) -> None:
        if not items:
            return
        line = line_partition(stage, partition_of(items[0][0].message))
        await self._expect(stage, partition_of(items[0][0].message))
        for part in parts_of(items, _IN_A_TRANSACTION):
            await self._until_written(line, lambda state, part=part: self._holding(line, state, part))  # type: ignore[misc]

    async def keys(
        self, stage: str, partition: int, keys: Collection[OrderingKey]
    ) -> Mapping[OrderingKey, InterfaceId]:
        line = line_partition(stage, partition)
        if await self._table.get(line, STATE) is None:
            return {}
        asked = list(keys)
        found = await asyncio.gather(
            *(self._table.scan(line, _of_key(one), _of_key(one) + END, limit=1) for one in asked)
        )
        return {one: InterfaceId(rows[0]["because"]) for one, rows in zip(asked, found, strict=True) if rows}

    async def counts(self, stage: str, partition: int) -> Mapping[InterfaceId, int]:
        return _counts(await self._table.get(line_partition(stage, partition), STATE))

    async def held(self, stage: str, partition: int, after: str, limit: int) -> list[Held]:
        # The lowest key above a key is that with a character more.
        first = f"{after} " if after else "h!"
        rows = await self._table.scan(line_partition(stage, partition), first, f"h!{END}", limit=limit)
        return [
            Held(row["RowKey"], decode_reference(row["item"].encode()), InterfaceId(row["because"])) for row in rows
        ]

    async def release(self, stage: str, held: Sequence[Held]) -> None:
        if not held:
            return
        line = line_partition(stage, partition_of(held[0].item.message))
        for part in parts_of(held, _IN_A_TRANSACTION):
            await self._until_written(line, lambda state, part=part: self._releasing(line, state, part))  # type: ignore[misc]

    async def _until_written(self, line: str, steps_of: Callable[[Row | None], Awaitable[list[Step]]]) -> None:
        """Write what follows from the state of a line, on the condition that it is still so."""
        for attempt in range(_TRIES):
            steps = await steps_of(await self._table.get(line, STATE))
            if not steps:
                return
            try:
                await self._table.transact(line, steps)
            except RowConflict:
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            else:
                return
        raise AzureUnavailable("holds")

    async def _holding(self, line: str, state: Row | None, items: Sequence[tuple[Item, InterfaceId]]) -> list[Step]:
        known = await asyncio.gather(*(self._table.get(line, _mark(item)) for item, _ in items))
        new = [one for one, mark in zip(items, known, strict=True) if mark is None]
        if not new:
            return []
        first = 0 if state is None else int(state["next"])
        counts = _counts(state) + Counter(because for _, because in new)
        steps = [_state_step(state, first + len(new), counts)]
        for place, (item, because) in enumerate(new, first):
            row = f"{_of_key(item.key)}{place:020}"
            steps.append(Step("create", row, {"item": encode_reference(item).decode(), "because": because}))
            steps.append(Step("create", _mark(item), {}))
        return steps

    async def _releasing(self, line: str, state: Row | None, held: Sequence[Held]) -> list[Step]:
        found = await asyncio.gather(*(self._table.get(line, one.place) for one in held))
        left = [one for one, row in zip(held, found, strict=True) if row is not None]
        if state is None or not left:
            return []
        counts = _counts(state) - Counter(one.because for one in left)
        steps = [_state_step(state, int(state["next"]), counts)]
        for one in left:
            steps += [Step("delete", one.place, {}), Step("delete", _mark(one.item), {})]
        return steps


def _state_step(state: Row | None, following: int, counts: Counter[InterfaceId]) -> Step:
    columns = {"next": str(following), "counts": orjson.dumps(counts).decode()}
    if state is None:
        return Step("create", STATE, columns)
    return Step("update" if counts else "delete", STATE, columns if counts else {}, tag_of(state))


def _counts(state: Row | None) -> Counter[InterfaceId]:
    return Counter(orjson.loads(state["counts"])) if state is not None else Counter()


def _of_key(ordering_key: OrderingKey) -> str:
    return f"h!{digest(ordering_key)}!"


def _mark(item: Item) -> str:
    return f"m!{key(item.message)}!{key(item.run)}"
