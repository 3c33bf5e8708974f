"""Replays in Table Storage: a partition lists them, and each has one for its messages and keys.

| key | row |
|---|---|
| ``r!<run>`` | of partition ``runs``: what was ordered, and how far it is |
| ``o!<order>`` | of partition ``runs``: the last replay of an order, so that an order given twice is one |
| ``m!<newest>`` | a message of a replay: whether it was sent on, and what came of it |
| ``u!<place>`` | that a message was not sent on yet, in the order they were added |
| ``k!<ordering key>`` | an open key |
| ``c!<writer>`` | the counts of a replay |
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from shared.adapters.azure.counts import Counts
from shared.adapters.azure.lane_queries import LaneQueries
from shared.adapters.azure.ledger_rows import digest, newest_first
from shared.adapters.azure.neighbours import read_neighbours
from shared.adapters.azure.table import GROUP_LIMIT, Row, RowConflict, Step, Table, key, parts_of, tag_of
from shared.adapters.instant import from_microseconds, to_microseconds
from shared.adapters.local.replay_row import pack_order, replay_of
from shared.message.delivery import Delivery
from shared.message.errors.storage import AzureUnavailable
from shared.message.identifiers import DestinationId, MessageId, OrderingKey, RunId
from shared.message.replay import OpenKey, Passed, Replay, ReplayCounts, ReplayState
from shared.message.state import DeliveryState

RUNS = "runs"
END = "~"
_TRIES = 20
_ROWS_EACH = 2  # of a message that is added or sent on


class AzureReplays:
    """The replays of a deployment."""

    def __init__(self, table: Table, lanes: Table) -> None:
        self._table = table
        self._lanes = LaneQueries(lanes)
        self._counts: dict[RunId, Counts] = {}
        self._counting = asyncio.Lock()  # counters have one writer in this process
        self._place = 0

    async def begin(self, replay: Replay) -> Replay:
        order = pack_order(replay).decode()
        named = f"o!{digest(order)}"
        for _ in range(_TRIES):
            row = await self._table.get(RUNS, named)
            same = None if row is None else await self.get(RunId(row["run"]))
            if same is not None and same.state is not ReplayState.DONE:
                return same
            kind, tag = ("create", None) if row is None else ("update", tag_of(row))
            steps = [Step("create", _run_key(replay.run), _columns(replay, order))]
            steps.append(Step(kind, named, {"run": replay.run}, tag))  # type: ignore[arg-type]  # one of the two
            with suppress(RowConflict):
                await self._table.transact(RUNS, steps)
                return replay
        raise AzureUnavailable("replays, begin")

    async def get(self, run: RunId) -> Replay | None:
        row = await self._table.get(RUNS, _run_key(run))
        return None if row is None else _replay(row)

    async def recent(self, limit: int = 20) -> list[Replay]:
        return list(reversed(await self._all()))[:limit]

    async def unfinished(self) -> list[Replay]:
        return await self._all(f"state ne '{ReplayState.DONE.value}'")

    async def add(
        self, run: RunId, messages: Sequence[MessageId], keys: Sequence[OpenKey], reached: int | None = None
    ) -> int:
        added = await self._add(run, list(dict.fromkeys(messages)))
        for part in parts_of(await self._to_open(run, keys, is_first=reached is not None), GROUP_LIMIT):
            await self._table.transact(key(run), part)
        if reached is not None:
            await self._table.transact(RUNS, [Step("merge", _run_key(run), {"reached": str(reached)})])
        return added

    async def move(self, run: RunId, state: ReplayState) -> None:
        await self._table.transact(RUNS, [Step("merge", _run_key(run), {"state": state.value})])

    async def open_keys(self, run: RunId, limit: int) -> list[OpenKey]:
        rows = await self._table.scan(key(run), "k!", f"k!{END}", limit)
        return [OpenKey(OrderingKey(row["key"]), int(row["reached"]), int(row["opened"])) for row in rows]

    async def close_keys(self, run: RunId, keys: Sequence[OrderingKey]) -> None:
        for each in keys:
            with suppress(RowConflict):  # it is closed
                await self._table.transact(key(run), [Step("delete", _open_key(each), {})])

    async def unsent(self, run: RunId, limit: int) -> list[MessageId]:
        return [MessageId(row["message"]) for row in await self._table.scan(key(run), "u!", f"u!{END}", limit)]

    async def mark_sent(self, run: RunId, messages: Sequence[MessageId]) -> None:
        for part in parts_of(list(messages), (GROUP_LIMIT - 1) // _ROWS_EACH):
            for _ in range(_TRIES):
                rows = [row for row in (await self._members(run, part)).values() if not row["sent"]]
                steps = [Step("merge", row["RowKey"], {"sent": True}, tag_of(row)) for row in rows]
                steps += [Step("delete", _unsent_key(int(row["place"])), {}) for row in rows]
                with suppress(RowConflict):
                    await self._count(run, steps, {"sent": len(rows)})
                    break
            else:
                raise AzureUnavailable("replays, sent")

    async def mark_passed(self, passed: Sequence[Passed]) -> None:
        for run in dict.fromkeys(one.run for one in passed):
            last = {one.message: one for one in passed if one.run == run}
            for part in parts_of(list(last.values()), GROUP_LIMIT - 1):
                await self._mark_passed(run, part)

    async def _mark_passed(self, run: RunId, passed: Sequence[Passed]) -> None:
        for _ in range(_TRIES):
            rows = await self._members(run, [one.message for one in passed])
            steps, moved = [], Counter[str]()
            for one in passed:
                row = rows.get(_member_key(one.message))
                outcome = [one.deliveries, one.code]
                if row is None or (before := orjson.loads(row["passed"])) == outcome:
                    continue
                steps.append(Step("merge", row["RowKey"], {"passed": orjson.dumps(outcome).decode()}, tag_of(row)))
                moved.update(_moved(before, one))
            with suppress(RowConflict):
                await self._count(run, steps, moved)
                return
        raise AzureUnavailable("replays, passed")

    async def counts(self, run: RunId) -> ReplayCounts:
        return ReplayCounts(**await self._counts_of(run).total())

    async def deliveries(self, run: RunId) -> dict[DestinationId, dict[DeliveryState, int]]:
        return await self._lanes.of_run(run)

    async def overtaken(self, delivery: Delivery, position: int) -> bool:
        item = delivery.item
        sent = await self._lanes.sent_by_replays(delivery.destination, item.key, position)
        return any(one.is_older_than(item) for one in sent)

    async def _all(self, where: str = "") -> list[Replay]:
        """Return replays in the order they were begun."""
        rows = await self._table.scan(RUNS, "r!", f"r!{END}", where=where)
        return [_replay(row) for row in sorted(rows, key=lambda row: int(row["begun"]))]

    async def _add(self, run: RunId, messages: Sequence[MessageId]) -> int:
        """Add messages that are not there yet; return how many."""
        added = 0
        for part in parts_of(messages, (GROUP_LIMIT - 1) // _ROWS_EACH):
            for _ in range(_TRIES):
                known = await self._members(run, part)
                new = [message for message in part if _member_key(message) not in known]
                if not new:
                    break
                steps = [step for message in new for step in self._member_steps(message)]
                with suppress(RowConflict):
                    await self._count(run, steps, {"messages": len(new)})
                    added += len(new)
                    break
            else:
                raise AzureUnavailable("replays, add")
        return added

    def _member_steps(self, message: MessageId) -> list[Step]:
        self._place = max(self._place + 1, time.time_ns())
        member = {"place": str(self._place), "sent": False, "passed": "null"}
        return [
            Step("create", _member_key(message), member),
            Step("create", _unsent_key(self._place), {"message": message}),
        ]

    async def _to_open(self, run: RunId, keys: Sequence[OpenKey], is_first: bool) -> list[Step]:
        """Return the rows of open keys: one that is there keeps what it was opened with, and moves on after that."""
        rows = await asyncio.gather(*(self._table.get(key(run), _open_key(one.key)) for one in keys))
        steps: dict[str, Step] = {}
        for one, row in zip(keys, rows, strict=True):
            named = _open_key(one.key)
            if row is None:
                columns = {"key": one.key, "reached": str(one.reached), "opened": str(one.reached)}
                steps.setdefault(named, Step("put", named, columns))
            elif not is_first and one.reached > int(row["reached"]):
                steps[named] = Step("merge", named, {"reached": str(one.reached)})
        return list(steps.values())

    async def _members(self, run: RunId, messages: Sequence[MessageId]) -> dict[str, Row]:
        return await read_neighbours(self._table, key(run), [_member_key(message) for message in messages])

    async def _count(self, run: RunId, steps: Sequence[Step], moved: Mapping[str, int]) -> None:
        if steps:
            async with self._counting:
                await self._counts_of(run).write(steps, moved)

    def _counts_of(self, run: RunId) -> Counts:
        return self._counts.setdefault(run, Counts(self._table, key(run)))


def _run_key(run: RunId) -> str:
    return f"r!{key(run)}"


def _member_key(message: MessageId) -> str:
    return f"m!{newest_first(message)}"


def _unsent_key(place: int) -> str:
    return f"u!{place:020}"


def _open_key(order: OrderingKey) -> str:
    return f"k!{digest(order)}"


def _moved(before: Sequence[Any] | None, passed: Passed) -> dict[str, int]:
    """Return what an outcome does to the counts, given what was said of the message before."""
    deliveries, code = before or (0, "")
    return {
        "passed": int(before is None),
        "stopped": bool(passed.code) - bool(code),
        "deliveries": passed.deliveries - deliveries,
    }


def _columns(replay: Replay, order: str) -> Row:
    return {
        "order": order,
        "created": str(to_microseconds(replay.created)),
        "begun": str(time.time_ns()),
        "state": replay.state.value,
        "reached": str(replay.reached),
    }


def _replay(row: Row) -> Replay:
    run, created = row["RowKey"].removeprefix("r!"), from_microseconds(int(row["created"]))
    return replay_of(row["order"], run, created, row["state"], int(row["reached"]))
