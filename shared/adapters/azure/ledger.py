"""The ledger in Table Storage: rows in `ledger_rows.py`, numbering in `reservation.py`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from shared.adapters.azure.counts import Counts
from shared.adapters.azure.gatherer import Gatherer
from shared.adapters.azure.ledger_log import Log
from shared.adapters.azure.ledger_moves import Known, Moves, known_of, moves_of
from shared.adapters.azure.ledger_rows import (
    END,
    INDEXED,
    PARTITION,
    SWEPT,
    begun_key,
    control_prefix,
    duplicate_key,
    findings_of,
    hop_of,
    hop_step,
    hops_prefix,
    interface_prefix,
    key_prefix,
    message_key,
    newest_first,
    record_of,
    state_columns,
    state_prefix,
    stream_key,
)
from shared.adapters.azure.neighbours import read_neighbours
from shared.adapters.azure.reservation import (
    Plan,
    Stream,
    Uses,
    arrivals_in_a_group,
    named_messages,
    stream_of,
    uses_of,
)
from shared.adapters.azure.stream_places import StreamPlaces
from shared.adapters.azure.table import GROUP_LIMIT, Row, RowConflict, Step, Table, equals, tag_of
from shared.adapters.instant import from_microseconds, to_microseconds
from shared.message.errors.connector import StreamOutOfStep
from shared.message.errors.storage import AzureUnavailable
from shared.message.identifiers import InterfaceId, MessageId, OrderingKey, new_message_id
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation, abandoned
from shared.message.state import UNSETTLED, MessageState
from shared.message.work import batches_by_size
from shared.ports import Clock

LOOK_BACK = timedelta(days=7)  # messages under way are looked for among those of so long
_TRIES = 20  # of a transaction, while others write the same rows
_PAUSE_SECONDS = 0.01
_REMEMBERED = 20_000  # messages whose state this process wrote last
_CALLS_IN_A_GROUP = 200
_PLACED_IN_A_GROUP = 16  # six rows each, and three for the stream, the log and the count


class AzureLedger:
    """The records and traces of messages."""

    def __init__(self, table: Table, clock: Clock, key_digest: KeyDigest) -> None:
        self._table = table
        self._clock = clock
        self._key_digest = key_digest
        self._stamp = 0
        self._counts = Counts(table, PARTITION)
        self._log = Log(table)
        self._streams: dict[str, Stream] = {}
        self._places = StreamPlaces(table)
        self._known: dict[MessageId, Known] = {}
        self._writing = asyncio.Lock()  # counters and streams have one writer in this process
        self._reserving = Gatherer(self._reserve_calls, _CALLS_IN_A_GROUP)
        self._progressing = Gatherer(self._progress_calls, _CALLS_IN_A_GROUP)
        self._noting = Gatherer(self._note_calls, _CALLS_IN_A_GROUP)

    async def reserve(self, arrivals: Sequence[Arrival], window_seconds: float) -> list[Reservation]:
        return await self._reserving.ask([(arrival, window_seconds) for arrival in arrivals])

    async def follow(
        self, first: SourceSequence, arrivals: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        reserved: list[Reservation | None] = []
        async with self._writing:
            while len(reserved) < len(arrivals):
                group = arrivals[len(reserved) : len(reserved) + _PLACED_IN_A_GROUP]
                place = first._replace(n=first.n + len(reserved))
                reserved += await self._follow_group(place, group, window_seconds)
        return reserved

    async def progress(self, steps: Sequence[Progress]) -> None:
        await self._progressing.ask(list(steps))

    async def note(self, hops: Sequence[Hop]) -> None:
        await self._noting.ask(list(hops))

    async def reopen(self, message: MessageId, state: MessageState, hop: Hop) -> None:
        for _ in range(_TRIES):
            row = await self._table.get(PARTITION, message_key(message))
            begun = await self._prefix(f"b!{newest_first(message)}!")
            steps = [hop_step(hop, self._next_stamp())]
            steps += [Step("delete", each["RowKey"], {}) for each in begun]
            moved: Counter[str] = Counter()
            if row is not None and row["state"] == MessageState.QUARANTINED:
                steps.append(Step("merge", message_key(message), state_columns(state, ""), tag_of(row)))
                steps.append(Step("delete", f"{state_prefix(MessageState.QUARANTINED)}{newest_first(message)}", {}))
                moved = Counter({MessageState.QUARANTINED.value: -1, state.value: 1})
            self._known.pop(message, None)
            try:
                async with self._writing:
                    await self._counts.write(steps, moved)
            except RowConflict:
                continue
            return
        raise AzureUnavailable("ledger, reopen")

    async def abandon(self, before: datetime, at: datetime, code: str) -> list[MessageRecord]:
        swept = await self._table.get(PARTITION, SWEPT)
        oldest = from_microseconds(int(swept["until"])) if swept is not None else at - LOOK_BACK
        where = equals("state", MessageState.RESERVED)
        rows = await self._table.scan(PARTITION, _first_of(before), _first_of(oldest), where=where)
        found = [record_of(row) for row in rows]
        await self.progress([abandoned(record, at, code) for record in found])
        until = {"until": str(to_microseconds(before))}
        await self._table.transact(PARTITION, [Step("put", SWEPT, until)])
        return found

    async def count_attempt(self, messages: Sequence[MessageId], stage: str) -> list[int]:
        return [await self._count(begun_key(message, stage)) for message in messages]

    async def finish_attempt(self, messages: Sequence[MessageId], stage: str) -> None:
        for message in messages:
            with suppress(RowConflict):  # it was not counted
                await self._table.transact(PARTITION, [Step("delete", begun_key(message, stage), {})])

    async def messages(self, ids: Sequence[MessageId]) -> list[MessageRecord | None]:
        rows = await read_neighbours(self._table, PARTITION, [message_key(message) for message in ids])
        return [record_of(rows[key]) if (key := message_key(message)) in rows else None for message in ids]

    async def by_control_id(self, control_id: str, limit: int = 50) -> list[MessageRecord]:
        return await self._indexed(control_prefix(control_id), limit, "")

    async def recent(
        self,
        limit: int = 50,
        state: MessageState | None = None,
        interface: InterfaceId | None = None,
        key: OrderingKey | None = None,
    ) -> list[MessageRecord]:
        if key is not None:
            return await self._recent_of_key(key, limit, state, interface)
        if state in INDEXED:
            where = equals("interface", interface) if interface else ""
            return await self._indexed(state_prefix(state), limit, where)
        if state is None and interface is not None:
            return await self._indexed(interface_prefix(interface), limit, "")
        given = {"state": state, "interface": interface}
        where = " and ".join(equals(column, value) for column, value in given.items() if value is not None)
        last = f"m!{END}" if not where else _first_of(self._clock.now() - LOOK_BACK)
        return [record_of(row) for row in await self._table.scan(PARTITION, "m!", last, limit, where)]

    async def _recent_of_key(
        self, key: OrderingKey, limit: int, state: MessageState | None, interface: InterfaceId | None
    ) -> list[MessageRecord]:
        named = [MessageId(row["message"]) for row in reversed(await self._prefix(key_prefix(self._key_digest(key))))]
        found: list[MessageRecord] = []
        for start in range(0, len(named), GROUP_LIMIT):
            records = [one for one in await self.messages(named[start : start + GROUP_LIMIT]) if one is not None]
            found += [one for one in records if state in (None, one.state) and interface in (None, one.interface)]
            if len(found) >= limit:
                break
        return found[:limit]

    async def trace(self, message: MessageId) -> tuple[list[Hop], list[tuple[str, str, str]]]:
        rows = await self._prefix(hops_prefix(message))
        # A step that was redelivered noted its findings again: once is enough.
        findings = dict.fromkeys(finding for row in rows for finding in findings_of(row))
        return [hop_of(message, row) for row in rows], list(findings)

    async def unsettled(self) -> list[MessageRecord]:
        where = " or ".join(equals("state", state.value) for state in UNSETTLED)
        return [record_of(row) for row in await self._table.scan(PARTITION, "m!", f"m!{END}", where=f"({where})")]

    async def counts(self) -> dict[str, int]:
        return await self._counts.total()

    async def close(self) -> None:
        """Finish what is under way."""
        await self._reserving.close()
        await self._progressing.close()
        await self._noting.close()

    async def _note_calls(self, calls: list[list[Hop]]) -> list[None]:
        rows = [hop_step(hop, self._next_stamp()) for call in calls for hop in call]
        for start in range(0, len(rows), GROUP_LIMIT):
            await self._table.transact(PARTITION, rows[start : start + GROUP_LIMIT])
        return [None] * len(calls)

    # Reserving

    async def _reserve_calls(self, calls: list[list[tuple[Arrival, float]]]) -> list[list[Reservation]]:
        everything = [one for call in calls for one in call]
        reserved: list[Reservation] = []
        sources = len({arrival.source for arrival, _ in everything})
        size = max(1, arrivals_in_a_group(GROUP_LIMIT - 2, min(sources, GROUP_LIMIT // 6)))
        async with self._writing:
            for start in range(0, len(everything), size):
                reserved += await self._reserve_group(everything[start : start + size])
        outcomes = iter(reserved)
        return [[next(outcomes) for _ in call] for call in calls]

    async def _reserve_group(self, group: Sequence[tuple[Arrival, float]]) -> list[Reservation]:
        uses: dict[str, Uses] = {}
        records: dict[MessageId, MessageRecord] = {}
        for attempt in range(_TRIES):
            plan = Plan(dict(self._streams), dict(uses), records.get, self._key_digest)
            for arrival, window_seconds in group:
                plan.add(arrival, window_seconds)
            if not plan.new:
                return plan.reservations
            try:
                await self._write_plan(plan)
            except RowConflict:
                uses = await self._read_uses(group)
                records = await self._read_records(uses.values())
                await self._read_streams(group)
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            else:
                return plan.reservations
        raise AzureUnavailable("ledger, reserve")

    async def _write_plan(self, plan: Plan) -> None:
        entry = await self._log.next(plan.new, plan.last_stamp)
        steps = plan.steps(entry)
        tags = await self._counts.write(steps, Counter({MessageState.RESERVED.value: len(plan.new)}))
        self._log.confirm(entry)
        by_row = {step.row: tag for step, tag in zip(steps, tags, strict=False)}
        for source, stream in plan.streams.items():
            if stream_key(source) in by_row:
                self._streams[source] = replace(stream, tag=by_row[stream_key(source)])
        self._remember_new(plan, by_row)

    async def _read_uses(self, group: Sequence[tuple[Arrival, float]]) -> dict[str, Uses]:
        rows = list(dict.fromkeys(duplicate_key(arrival.duplicate_key) for arrival, _ in group))
        found = await asyncio.gather(*(self._table.get(PARTITION, row) for row in rows))
        return {row: uses_of(each) for row, each in zip(rows, found, strict=True)}

    async def _read_records(self, uses: Iterable[Uses]) -> dict[MessageId, MessageRecord]:
        records = await self.messages(named_messages(list(uses)))
        return {record.message: record for record in records if record is not None}

    async def _read_streams(self, group: Sequence[tuple[Arrival, float]]) -> None:
        for source in {arrival.source for arrival, _ in group}:
            self._streams[source] = stream_of(await self._table.get(PARTITION, stream_key(source)))

    # Following a connector's stream

    async def _follow_group(
        self, first: SourceSequence, group: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        uses: dict[str, Uses] = {}
        records: dict[MessageId, MessageRecord] = {}
        for attempt in range(_TRIES):
            seen = await self._seen(first, len(group))
            new = group[len(seen) :]
            if not new:
                return await self._with_lateness(first, seen)
            places = [first._replace(n=first.n + at) for at in range(len(seen), len(group))]
            plan = Plan({}, dict(uses), records.get, self._key_digest)
            for place, arrival in zip(places, new, strict=True):
                if arrival is not None:
                    plan.add(arrival, window_seconds, place)
            placed = iter(plan.reservations)
            reserved = [next(placed) if arrival else None for arrival in new]
            try:
                await self._write_places(plan, places, reserved)
            except RowConflict:
                self._places.forget(first.source)
                uses = await self._read_uses([(arrival, window_seconds) for arrival in new if arrival])
                records = await self._read_records(uses.values())
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
            else:
                return await self._with_lateness(first, [*seen, *reserved])
        raise AzureUnavailable("ledger, follow")

    async def _seen(self, first: SourceSequence, count: int) -> list[Reservation | None]:
        """Return what is under those of the numbers that were filled before."""
        if self._places.is_known(first.source) and first.n != await self._places.last_of(first) + 1:
            self._places.forget(first.source)  # not the usual case: perhaps another process has moved it on
        last = await self._places.last_of(first)
        if first.n > last + 1:
            raise StreamOutOfStep(f"{first.source}, epoch {first.epoch}, after {last}")
        held = await self._places.held(first, min(count, last - first.n + 1))
        records = iter(await self.messages([message for message in held if message]))
        return [(record := next(records)) and Reservation(record, is_new=False) if each else None for each in held]

    async def _with_lateness(
        self, first: SourceSequence, reserved: Sequence[Reservation | None]
    ) -> list[Reservation | None]:
        is_late = first.epoch < (await self._places.position(first.source)).epoch
        return [each and each._replace(is_late=is_late) for each in reserved]

    async def _write_places(
        self, plan: Plan, places: Sequence[SourceSequence], reserved: Sequence[Reservation | None]
    ) -> None:
        stamp = (await self._places.position(places[-1].source)).stamp
        entry = await self._log.next(plan.new, stamp) if plan.new else None
        position = self._places.after(places[-1], stamp if entry is None else entry.stamp)
        steps = self._places.steps(position, places, [each.record.message if each else None for each in reserved])
        steps += [] if entry is None else plan.steps(entry)
        tags = await self._counts.write(steps, Counter({MessageState.RESERVED.value: len(plan.new)}))
        if entry is not None:
            self._log.confirm(entry)
        self._places.note(places[-1].source, replace(position, tag=tags[0]))
        self._remember_new(plan, {step.row: tag for step, tag in zip(steps, tags, strict=False)})

    def _remember_new(self, plan: Plan, tags: Mapping[str, str]) -> None:
        for record in plan.new:
            tag = tags[message_key(record.message)]
            self._remember(record.message, Known(MessageState.RESERVED, tag, record.interface))

    # Moving forward

    async def _progress_calls(self, calls: list[list[Progress]]) -> list[None]:
        everything = [step for call in calls for step in call]
        async with self._writing:
            await self._read_states(everything)
            for group in batches_by_size(everything, self._rows_of, GROUP_LIMIT - 1):
                await self._progress_group(group)
        return [None] * len(calls)

    def _rows_of(self, step: Progress) -> int:
        """Return how many rows a step may write: a hop, the message, and an index on the way in or out."""
        known = self._known.get(step.message)
        is_indexed = step.state in INDEXED or (known is not None and known.state in INDEXED)
        return 4 if is_indexed else 2

    async def _progress_group(self, group: Sequence[Progress]) -> None:
        hops = [hop_step(step.hop, self._next_stamp(), step.findings) for step in group]
        for attempt in range(_TRIES):
            await self._read_states(group)
            moves = moves_of(group, self._known)
            try:
                tags = await self._counts.write([*moves.steps, *hops], moves.moved)
            except RowConflict:
                for step in group:
                    self._known.pop(step.message, None)
                await asyncio.sleep(_PAUSE_SECONDS * attempt)
                continue
            self._note_moves(moves, tags)
            return
        raise AzureUnavailable("ledger, progress")

    async def _read_states(self, group: Sequence[Progress]) -> None:
        """Learn the state of every message of a group; one that the ledger does not have stays unknown."""
        unknown = {message_key(step.message): step.message for step in group if step.message not in self._known}
        for row_key, row in (await read_neighbours(self._table, PARTITION, list(unknown))).items():
            self._remember(unknown[row_key], known_of(row))

    def _note_moves(self, moves: Moves, tags: Sequence[str]) -> None:
        by_row = {step.row: tag for step, tag in zip(moves.steps, tags, strict=False)}
        for message, after in moves.after.items():
            self._remember(message, replace(after, tag=by_row[message_key(message)]))

    # Rows

    async def _indexed(self, prefix: str, limit: int, where: str) -> list[MessageRecord]:
        rows = await self._table.scan(PARTITION, prefix, f"{prefix}{END}", limit, where)
        records = await self.messages([MessageId(row["message"]) for row in rows])
        return [record for record in records if record is not None]

    async def _prefix(self, prefix: str) -> list[Row]:
        return await self._table.scan(PARTITION, prefix, f"{prefix}{END}")

    async def _count(self, row: str) -> int:
        for _ in range(_TRIES):
            found = await self._table.get(PARTITION, row)
            times = 1 if found is None else int(found["times"]) + 1
            tag = None if found is None else tag_of(found)
            step = Step("create" if tag is None else "update", row, {"times": times}, tag)
            try:
                await self._table.transact(PARTITION, [step])
            except RowConflict:
                continue
            return times
        raise AzureUnavailable("ledger, attempts")

    def _remember(self, message: MessageId, state: Known) -> None:
        self._known.pop(message, None)
        self._known[message] = state
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def _next_stamp(self) -> str:
        """Return what orders hops: rising here, and after what another process wrote before."""
        self._stamp = max(self._stamp + 1, time.time_ns())
        return f"{self._stamp:020}{self._counts.writer}"


def _first_of(moment: datetime) -> str:
    """Return the key of the first message id of a moment; those of older ones are higher."""
    return message_key(new_message_id(0, moment, bytes(10)))
