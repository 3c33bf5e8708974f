"""Send messages again, in order, once, and never past live traffic of the same key (rule R8).

A replay is worked on in small steps, each durable: select messages, add what followed them of the same ordering key,
send what was added to the queue `transform`. A key is closed when nothing came for it between the last time that it was
sent and the next look: whatever comes later was numbered later, and is behind the replay in the same queue session.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

from shared.message.envelope import Item, encode_envelope, pack
from shared.message.errors.pipeline import NotFound
from shared.message.identifiers import DestinationId, MessageId, OrderingKey, RunId, partition_of
from shared.message.queues import TRANSFORM_QUEUE
from shared.message.record import Hop, MessageRecord
from shared.message.replay import Numbered, OpenKey, Passed, Replay, ReplayCounts, ReplayState
from shared.message.state import UNSENT, DeliveryState, MessageState
from shared.observe.log import log
from shared.ports import Clock, History, Lanes, Ledger, Outgoing, Queue, Replays
from shared.recover.keys import MovedKeys
from shared.recover.orders import Sessions

if TYPE_CHECKING:
    from shared.registry import Registry

ROOM = 1000  # messages of a replay under way at a time: live traffic of other keys waits for no more than these
_SELECTED = 1000  # messages that are looked at with one write
_REMEMBERED = 20_000
_PAGE = 200
_KEYS = 100  # that are looked at together, each this far
_PAGE_OF_KEY = 50
_UNSENT_AFTER = timedelta(minutes=2)  # a reserved message that nobody sends by then waits for its sender (rule R1)
_NOT_TAKEN = UNSENT | {MessageState.REFUSED, MessageState.DISCARDED}
_WAITING = (DeliveryState.PARKED, DeliveryState.INTENT)


class Replayer:
    """Works on replays until they are done; a step that is repeated after a crash sends nothing twice (rule R4)."""

    def __init__(
        self,
        *,
        clock: Clock,
        ledger: Ledger,
        history: History,
        replays: Replays,
        lanes: Lanes,
        queue: Queue,
        sessions: Sessions,
        moved: MovedKeys,
        registry: Registry,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._history = history
        self._replays = replays
        self._lanes = lanes
        self._queue = queue
        self._sessions = sessions
        self._moved = moved
        self._registry = registry

    async def advance(self) -> bool:
        """Bring every replay as far as there is room for; return whether there is one that is not done."""
        unfinished = await self._replays.unfinished()
        for replay in unfinished:
            if replay.state is ReplayState.SELECTING:
                await self._select(replay)
            await self._send_on(replay)
        return bool(unfinished)

    async def _select(self, replay: Replay) -> None:
        reached = replay.reached
        seen: set[OrderingKey] = set()  # a key is open from its first message on: the others change nothing
        while page := await self._history.select(replay.selection, reached, _SELECTED):
            reached = page[-1].number
            wanted = [one for one in page if await is_wanted(one.record, replay, self._lanes)]
            if replay.allows_stale:
                await self._replays.add(
                    replay.run, [one.record.message for one in wanted if is_taken(one)], (), reached
                )
                continue
            first: dict[OrderingKey, Numbered] = {}
            for one in wanted:
                if one.record.key not in seen:
                    first.setdefault(one.record.key, one)
            seen.update(first)
            if len(seen) > _REMEMBERED:
                seen.clear()
            keys = [
                OpenKey(one.record.key, one.number - 1)
                for one in first.values()
                if not await self._moved.has_moved(one.record)
            ]
            await self._replays.add(replay.run, (), keys, reached)
        await self._replays.move(replay.run, ReplayState.RUNNING)

    async def _send_on(self, replay: Replay) -> None:
        counts, waiting = await progress(self._replays, replay.run)
        room = ROOM - (counts.sent - counts.passed) - waiting
        while room >= _PAGE:  # for less than a page it does not look: envelopes would be small
            if unsent := await self._replays.unsent(replay.run, _PAGE):
                await self._send(replay, unsent)
                room -= len(unsent)
            elif not await self._fill(replay.run):
                break
        await self._finish(replay)

    async def _fill(self, run: RunId) -> bool:
        """Add what followed of the open keys; return whether anything changed."""
        keys = await self._replays.open_keys(run, _KEYS)
        pages = await asyncio.gather(*(self._history.of_key(one.key, one.reached, _PAGE_OF_KEY) for one in keys))
        messages: list[MessageId] = []
        moved_on: list[OpenKey] = []
        closed: list[OrderingKey] = []
        for key, page in zip(keys, pages, strict=True):
            known = list(takewhile(lambda one: not self._is_on_its_way(one), page))
            if known:
                messages += [one.record.message for one in known if is_taken(one)]
                moved_on.append(OpenKey(key.key, known[-1].number))
            elif not page and not await self._add_late(run, key):
                closed.append(key.key)
        if moved_on:
            await self._replays.add(run, messages, moved_on)
        if closed:
            await self._replays.close_keys(run, closed)
        return bool(moved_on or closed)

    async def _add_late(self, run: RunId, key: OpenKey) -> bool:
        """Add what has a lower number than the last one added and was not there yet; return whether the key waits."""
        reached, waits = max(key.opened, key.reached - self._history.slack), False
        while reached < key.reached and (page := await self._history.of_key(key.key, reached, _PAGE)):
            reached = page[-1].number
            added = await self._replays.add(run, [one.record.message for one in page if is_taken(one)], ())
            waits = waits or added > 0 or any(map(self._is_on_its_way, page))
        return waits

    def _is_on_its_way(self, one: Numbered) -> bool:
        """Tell whether nobody can say yet on which side of the replay the message is: its ingest is not over."""
        record = one.record
        return record.state is MessageState.RESERVED and self._clock.now() - record.received < _UNSENT_AFTER

    async def _send(self, replay: Replay, messages: Sequence[MessageId]) -> None:
        """Send messages to transform in this run, and let what stopped them before give way to it."""
        records = [record for record in await self._ledger.messages(messages) if record is not None]
        known = [record for record in records if record.interface in self._registry.interfaces]
        hops = [Hop(record.message, self._clock.now(), "operator", "replay", replay.run) for record in known]
        for record, hop in zip(known, hops, strict=True):
            if record.state is MessageState.QUARANTINED:
                await self._ledger.reopen(record.message, MessageState.QUEUED, hop)
        await self._queue.send(TRANSFORM_QUEUE, self._envelopes(replay.run, known))
        await self._ledger.note(hops)
        await self._give_way(replay, known)
        unknown = [record for record in records if record.interface not in self._registry.interfaces]
        if unknown:
            await self._replays.mark_passed([Passed(replay.run, one.message, 0, NotFound.code) for one in unknown])
        await self._replays.mark_sent(replay.run, messages)

    def _envelopes(self, run: RunId, records: Sequence[MessageRecord]) -> list[Outgoing]:
        by_partition: dict[int, list[Item]] = {}
        for record in records:
            by_partition.setdefault(partition_of(record.message), []).append(self._item(record, run))
        return [
            Outgoing(encode_envelope(group), str(partition), _stable_id(run, group))
            for partition, items in by_partition.items()
            for group in pack(items)
        ]

    def _item(self, record: MessageRecord, run: RunId) -> Item:
        return record.item(run)._replace(mapping=self._registry.interfaces[record.interface].mapping.version)

    async def _give_way(self, replay: Replay, records: Sequence[MessageRecord]) -> None:
        """Discard what of these messages is in quarantine: the replay brings it, and their lanes move again."""
        freed: set[DestinationId] = set()
        for record in records:
            for row in await self._lanes.deliveries(record.message):
                is_stopped = row.state is DeliveryState.QUARANTINED and row.item.run != replay.run
                if is_stopped and row.destination in replay.destinations:
                    await self._lanes.reopen(row, DeliveryState.DISCARDED)
                    freed.add(row.destination)
        for destination in freed:
            await self._sessions.wake_sessions(destination)

    async def _finish(self, replay: Replay) -> None:
        if await self._replays.open_keys(replay.run, 1) or await self._replays.unsent(replay.run, 1):
            return
        counts, waiting = await progress(self._replays, replay.run)
        # Less than nothing: beside a delivery that became a dead letter another one of its message came later.
        if counts.passed == counts.messages and waiting <= 0:
            await self._replays.move(replay.run, ReplayState.DONE)
            log("replay_done", count=counts.messages)


async def progress(replays: Replays, run: RunId) -> tuple[ReplayCounts, int]:
    """Return the counts of a replay, and how many of its deliveries are not settled, or have not come to deliver."""
    counts, by_destination = await replays.counts(run), await replays.deliveries(run)
    known = sum(sum(states.values()) for states in by_destination.values())
    unsettled = sum(states.get(state, 0) for states in by_destination.values() for state in _WAITING)
    return counts, counts.deliveries - known + unsettled


async def is_wanted(record: MessageRecord, replay: Replay, lanes: Lanes) -> bool:
    """Tell whether a selected message is meant: where one destination selects, it had a delivery there."""
    if replay.passed_by is None:
        return True
    return any(row.destination == replay.passed_by for row in await lanes.deliveries(record.message))


def is_taken(one: Numbered) -> bool:
    """Tell whether the hub is answerable for a message: reserved and never sent, its sender still has it."""
    return one.record.state not in _NOT_TAKEN


def _stable_id(run: RunId, group: Sequence[Item]) -> str:
    content = "\x1f".join([run, *(item.message for item in group)])
    return hashlib.sha256(content.encode()).hexdigest()[:32]
