"""The ledger in Table Storage: what enters it is in `ledger_intake.py`, what is asked of it in `ledger_queries.py`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from shared.adapters.azure.gatherer import Gatherer
from shared.adapters.azure.ledger_attempts import LedgerAttempts
from shared.adapters.azure.ledger_intake import LedgerIntake
from shared.adapters.azure.ledger_moves import known_of, moves_of
from shared.adapters.azure.ledger_queries import LOOK_BACK, LedgerQueries
from shared.adapters.azure.ledger_rows import (
    INDEXED,
    PARTITION,
    SWEPT,
    hop_step,
    message_key,
    newest_first,
    state_columns,
    state_prefix,
)
from shared.adapters.azure.ledger_writer import PAUSE_SECONDS, TRIES, LedgerWriter
from shared.adapters.azure.neighbours import read_neighbours
from shared.adapters.azure.table import GROUP_LIMIT, RowConflict, Step, Table, tag_of
from shared.adapters.instant import from_microseconds, to_microseconds
from shared.message.errors.storage import AzureUnavailable
from shared.message.identifiers import InterfaceId, MessageId, OrderingKey
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, Hop, MessageRecord, Progress, Reservation, abandoned
from shared.message.state import MessageState
from shared.message.work import batches_by_size
from shared.ports import Clock

_CALLS_IN_A_GROUP = 200


class AzureLedger:
    """The records and traces of messages."""

    def __init__(self, table: Table, clock: Clock, key_digest: KeyDigest) -> None:
        self._table = table
        self._writer = LedgerWriter(table)
        self._queries = LedgerQueries(table, clock, key_digest)
        self._intake = LedgerIntake(table, self._writer, self._queries, key_digest)
        self._attempts = LedgerAttempts(table)
        self._reserving = Gatherer(self._reserve_calls, _CALLS_IN_A_GROUP)
        self._progressing = Gatherer(self._progress_calls, _CALLS_IN_A_GROUP)
        self._noting = Gatherer(self._note_calls, _CALLS_IN_A_GROUP)

    async def reserve(self, arrivals: Sequence[Arrival], window_seconds: float) -> list[Reservation]:
        return await self._reserving.ask([(arrival, window_seconds) for arrival in arrivals])

    async def follow(
        self, first: SourceSequence, arrivals: Sequence[Arrival | None], window_seconds: float
    ) -> list[Reservation | None]:
        return await self._intake.follow(first, arrivals, window_seconds)

    async def progress(self, steps: Sequence[Progress]) -> None:
        await self._progressing.ask(list(steps))

    async def note(self, hops: Sequence[Hop]) -> None:
        await self._noting.ask(list(hops))

    async def reopen(self, message: MessageId, state: MessageState, hop: Hop) -> None:
        for _ in range(TRIES):
            row = await self._table.get(PARTITION, message_key(message))
            steps = [hop_step(hop, self._writer.next_stamp()), *await self._attempts.steps_to_forget(message)]
            moved: Counter[str] = Counter()
            if row is not None and row["state"] == MessageState.QUARANTINED:
                steps.append(Step("merge", message_key(message), state_columns(state, ""), tag_of(row)))
                steps.append(Step("delete", f"{state_prefix(MessageState.QUARANTINED)}{newest_first(message)}", {}))
                moved = Counter({MessageState.QUARANTINED.value: -1, state.value: 1})
            self._writer.forget(message)
            try:
                async with self._writer.turn:
                    await self._writer.write(steps, moved)
            except RowConflict:
                continue
            return
        raise AzureUnavailable("ledger, reopen")

    async def abandon(self, before: datetime, at: datetime, code: str) -> list[MessageRecord]:
        swept = await self._table.get(PARTITION, SWEPT)
        oldest = from_microseconds(int(swept["until"])) if swept is not None else at - LOOK_BACK
        found = await self._queries.reserved(oldest, before)
        await self.progress([abandoned(record, at, code) for record in found])
        until = {"until": str(to_microseconds(before))}
        await self._table.transact(PARTITION, [Step("put", SWEPT, until)])
        return found

    async def count_attempt(self, messages: Sequence[MessageId], stage: str) -> list[int]:
        return [await self._attempts.count(message, stage) for message in messages]

    async def finish_attempt(self, messages: Sequence[MessageId], stage: str) -> None:
        for message in messages:
            await self._attempts.finish(message, stage)

    async def messages(self, ids: Sequence[MessageId]) -> list[MessageRecord | None]:
        return await self._queries.messages(ids)

    async def by_control_id(self, control_id: str, limit: int = 50) -> list[MessageRecord]:
        return await self._queries.by_control_id(control_id, limit)

    async def recent(
        self,
        limit: int = 50,
        state: MessageState | None = None,
        interface: InterfaceId | None = None,
        key: OrderingKey | None = None,
    ) -> list[MessageRecord]:
        return await self._queries.recent(limit, state, interface, key)

    async def trace(self, message: MessageId) -> tuple[list[Hop], list[tuple[str, str, str]]]:
        return await self._queries.trace(message)

    async def unsettled(self) -> list[MessageRecord]:
        return await self._queries.unsettled()

    async def counts(self) -> dict[str, int]:
        return await self._writer.total()

    async def close(self) -> None:
        """Finish what is under way."""
        await self._reserving.close()
        await self._progressing.close()
        await self._noting.close()

    async def _note_calls(self, calls: list[list[Hop]]) -> list[None]:
        rows = [hop_step(hop, self._writer.next_stamp()) for call in calls for hop in call]
        for start in range(0, len(rows), GROUP_LIMIT):
            await self._table.transact(PARTITION, rows[start : start + GROUP_LIMIT])
        return [None] * len(calls)

    async def _reserve_calls(self, calls: list[list[tuple[Arrival, float]]]) -> list[list[Reservation]]:
        outcomes = iter(await self._intake.reserve([one for call in calls for one in call]))
        return [[next(outcomes) for _ in call] for call in calls]

    # Moving forward

    async def _progress_calls(self, calls: list[list[Progress]]) -> list[None]:
        everything = [step for call in calls for step in call]
        async with self._writer.turn:
            await self._read_states(everything)
            for group in batches_by_size(everything, self._rows_of, GROUP_LIMIT - 1):
                await self._progress_group(group)
        return [None] * len(calls)

    def _rows_of(self, step: Progress) -> int:
        """Return how many rows a step may write: a hop, the message, and an index on the way in or out."""
        known = self._writer.known.get(step.message)
        is_indexed = step.state in INDEXED or (known is not None and known.state in INDEXED)
        return 4 if is_indexed else 2

    async def _progress_group(self, group: Sequence[Progress]) -> None:
        hops = [hop_step(step.hop, self._writer.next_stamp(), step.findings) for step in group]
        for attempt in range(TRIES):
            await self._read_states(group)
            moves = moves_of(group, self._writer.known)
            try:
                tags = await self._writer.write([*moves.steps, *hops], moves.moved)
            except RowConflict:
                for step in group:
                    self._writer.forget(step.message)
                await asyncio.sleep(PAUSE_SECONDS * attempt)
                continue
            for message, after in moves.after.items():
                self._writer.remember(message, replace(after, tag=tags[message_key(message)]))
            return
        raise AzureUnavailable("ledger, progress")

    async def _read_states(self, group: Sequence[Progress]) -> None:
        """Learn the state of every message of a group; one that the ledger does not have stays unknown."""
        unknown = {message_key(step.message): step.message for step in group if step.message not in self._writer.known}
        for row_key, row in (await read_neighbours(self._table, PARTITION, list(unknown))).items():
            self._writer.remember(unknown[row_key], known_of(row))
