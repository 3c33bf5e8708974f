"""How messages enter the ledger: numbered here, or at the number that their connector gave them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from shared.adapters.azure.ledger_log import Log
from shared.adapters.azure.ledger_moves import Known
from shared.adapters.azure.ledger_queries import LedgerQueries
from shared.adapters.azure.ledger_rows import PARTITION, duplicate_key, message_key, stream_key
from shared.adapters.azure.ledger_writer import PAUSE_SECONDS, TRIES, LedgerWriter
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
from shared.adapters.azure.table import GROUP_LIMIT, RowConflict, Table
from shared.message.errors.connector import StreamOutOfStep
from shared.message.errors.storage import AzureUnavailable
from shared.message.identifiers import MessageId
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, MessageRecord, Reservation
from shared.message.state import MessageState

_PLACED_IN_A_GROUP = 16  # six rows each, and three for the stream, the log and the count


class LedgerIntake:
    """Reserves messages: a plan of what the ledger is believed to hold, written on condition that it holds just that.

    Where it does not, what the plan was made of is read, and the next plan is right unless others write at once.
    """

    def __init__(self, table: Table, writer: LedgerWriter, queries: LedgerQueries, key_digest: KeyDigest) -> None:
        self._table = table
        self._writer = writer
        self._queries = queries
        self._key_digest = key_digest
        self._log = Log(table)
        self._streams: dict[str, Stream] = {}
        self._places = StreamPlaces(table)

    async def reserve(self, arrivals: Sequence[tuple[Arrival, float]]) -> list[Reservation]:
        """Return what arrivals, each with its window of seconds, come to."""
        reserved: list[Reservation] = []
        sources = len({arrival.source for arrival, _ in arrivals})
        size = max(1, arrivals_in_a_group(GROUP_LIMIT - 2, min(sources, GROUP_LIMIT // 6)))
        async with self._writer.turn:
            for start in range(0, len(arrivals), size):
                reserved += await self._reserve_group(arrivals[start : start + size])
        return reserved

    async def follow(
        self, first: SourceSequence, arrivals: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        """Return what the numbers of a connector's stream, from the first on, come to; see `Ledger.follow`."""
        reserved: list[Reservation | None] = []
        async with self._writer.turn:
            while len(reserved) < len(arrivals):
                group = arrivals[len(reserved) : len(reserved) + _PLACED_IN_A_GROUP]
                place = first._replace(n=first.n + len(reserved))
                reserved += await self._follow_group(place, group, window_seconds)
        return reserved

    # Numbered here

    async def _reserve_group(self, group: Sequence[tuple[Arrival, float]]) -> list[Reservation]:
        uses: dict[str, Uses] = {}
        records: dict[MessageId, MessageRecord] = {}
        for attempt in range(TRIES):
            plan = Plan(dict(self._streams), dict(uses), records.get, self._key_digest)
            for arrival, window_seconds in group:
                plan.add(arrival, window_seconds)
            if not plan.new:
                return plan.reservations
            try:
                await self._write_plan(plan)
            except RowConflict:
                uses, records = await self._read_duplicates(arrival for arrival, _ in group)
                await self._read_streams({arrival.source for arrival, _ in group})
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            else:
                return plan.reservations
        raise AzureUnavailable("ledger, reserve")

    async def _write_plan(self, plan: Plan) -> None:
        entry = await self._log.next(plan.new, plan.last_stamp)
        tags = await self._writer.write(plan.steps(entry), Counter({MessageState.RESERVED.value: len(plan.new)}))
        self._log.confirm(entry)
        for source, stream in plan.streams.items():
            if stream_key(source) in tags:
                self._streams[source] = replace(stream, tag=tags[stream_key(source)])
        self._remember(plan.new, tags)

    async def _read_duplicates(
        self, arrivals: Iterable[Arrival]
    ) -> tuple[dict[str, Uses], dict[MessageId, MessageRecord]]:
        """Return who used the duplicate keys of arrivals lately, and the messages that those are."""
        rows = list(dict.fromkeys(duplicate_key(arrival.duplicate_key) for arrival in arrivals))
        found = await asyncio.gather(*(self._table.get(PARTITION, row) for row in rows))
        uses = {row: uses_of(each) for row, each in zip(rows, found, strict=True)}
        records = await self._queries.messages(named_messages(list(uses.values())))
        return uses, {record.message: record for record in records if record is not None}

    async def _read_streams(self, sources: Iterable[str]) -> None:
        for source in sources:
            self._streams[source] = stream_of(await self._table.get(PARTITION, stream_key(source)))

    def _remember(self, new: Iterable[MessageRecord], tags: Mapping[str, str]) -> None:
        for record in new:
            tag = tags[message_key(record.message)]
            self._writer.remember(record.message, Known(MessageState.RESERVED, tag, record.interface))

    # At a connector's number

    async def _follow_group(
        self, first: SourceSequence, group: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        uses: dict[str, Uses] = {}
        records: dict[MessageId, MessageRecord] = {}
        for attempt in range(TRIES):
            seen = await self._seen(first, len(group))
            new = group[len(seen) :]
            if not new:
                return await self._with_lateness(first, seen)
            places = [first._replace(n=first.n + at) for at in range(len(seen), len(group))]
            plan = Plan({}, dict(uses), records.get, self._key_digest)
            reserved = _reserved_at(plan, places, new, window_seconds)
            try:
                await self._write_places(plan, places, reserved)
            except RowConflict:
                self._places.forget(first.source)
                uses, records = await self._read_duplicates(arrival for arrival in new if arrival)
                await asyncio.sleep(PAUSE_SECONDS * attempt)
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
        records = iter(await self._queries.messages([message for message in held if message]))
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
        moved = steps[0].row
        steps += [] if entry is None else plan.steps(entry)
        tags = await self._writer.write(steps, Counter({MessageState.RESERVED.value: len(plan.new)}))
        if entry is not None:
            self._log.confirm(entry)
        self._places.note(places[-1].source, replace(position, tag=tags[moved]))
        self._remember(plan.new, tags)


def _reserved_at(
    plan: Plan, places: Sequence[SourceSequence], arrivals: Sequence[Arrival | None], window_seconds: float
) -> list[Reservation | None]:
    """Return what arrivals come to at these numbers; None: the number stays empty."""
    for place, arrival in zip(places, arrivals, strict=True):
        if arrival is not None:
            plan.add(arrival, window_seconds, place)
    placed = iter(plan.reservations)
    return [next(placed) if arrival else None for arrival in arrivals]
