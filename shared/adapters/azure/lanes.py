"""Deliver sessions in Table Storage: owners, lanes and deliveries (rules R3, R6).

The owner of a session keeps what waits in it in memory, and every transaction carries the owner row on condition that
it is the one this process wrote last: while that holds there is nothing to read.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from shared.adapters.azure.destination_status import DestinationStatuses
from shared.adapters.azure.lane_change import LaneChange, in_transactions
from shared.adapters.azure.lane_queries import LaneQueries
from shared.adapters.azure.lane_rows import (
    END,
    OWNER,
    SESSIONS,
    entry_step,
    known_key,
    owner_of,
    owner_step,
    run_counts_of,
    run_key,
    run_step,
    waiting_of,
)
from shared.adapters.azure.links import digest_of
from shared.adapters.azure.packed import pack_delivery
from shared.adapters.azure.session_state import STOPPED, Owner, SessionState, Waiting, by_delivery, is_waiting
from shared.adapters.azure.table import RowConflict, Step, Table
from shared.message.delivery import Attempt, Delivery
from shared.message.errors.storage import AzureUnavailable, OwnershipLost
from shared.message.identifiers import DestinationId, MessageId, RunId, SessionId
from shared.message.state import DeliveryState
from shared.ports import DestinationStatus, Ownership, Turn

MOVABLE_LIMIT = 10_000  # deliveries of a session that may move and are in memory; more of them wait in the table
_SESSIONS_LIMIT = 256  # in memory; the one that was used least is forgotten first
_TRIES = 10


class AzureLanes:
    """The deliver sessions of every destination."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._statuses = DestinationStatuses(table)
        self._queries = LaneQueries(table)
        self._states: dict[SessionId, SessionState] = {}
        self._locks: dict[SessionId, asyncio.Lock] = {}
        self._listed: set[SessionId] = set()

    async def take(
        self, session: SessionId, offered: Sequence[Delivery], now: datetime, send_deadline: datetime | None, limit: int
    ) -> Turn:
        await self._list(session, offered)
        async with self._lock(session):
            for attempt in range(_TRIES):
                state = await self._state(session)
                # Sent on twice by a worker that ended, it may come twice at once: a transaction has one step for a row.
                new = list({one.id: one for one in offered if not state.knows(one.id)}.values())
                if attempt:  # nearly all of an offer is new: that is tried first, and looked up where it was not so
                    new = await self._unknown(session, new)
                placed = _placed(state.owner, new)
                try:
                    ready = await self._record(session, state, offered, placed, now, send_deadline, limit)
                except RowConflict:
                    continue
                return Turn(Ownership(session, state.owner.epoch), _with_bodies(ready, offered), state.owner.wake)
        raise AzureUnavailable("lanes, take")

    async def write(self, ownership: Ownership, rows: Sequence[Delivery], attempts: Sequence[Attempt] = ()) -> None:
        session, tried = ownership.session, by_delivery(attempts)
        async with self._lock(session):
            for attempt in range(_TRIES):
                state = await self._state(session)
                _check(state, ownership)
                if attempt:
                    rows = await self._unwritten(session, state, rows)
                try:
                    for part in in_transactions(rows):
                        change = LaneChange()
                        for row in part:
                            change.add(await self._before(session, state, row), row, tried.get(row.id, []))
                        await self._commit(session, state, state.owner, change)
                except RowConflict:
                    continue
                return
        raise AzureUnavailable("lanes, write")

    async def next_due(self, session: SessionId) -> datetime | None:
        async with self._lock(session):
            return (await self._state(session)).next_due()

    async def schedule_wake(self, ownership: Ownership, due: datetime | None) -> None:
        session = ownership.session
        async with self._lock(session):
            for _ in range(_TRIES):
                state = await self._state(session)
                _check(state, ownership)
                try:
                    await self._commit(session, state, replace(state.owner, wake=due), LaneChange())
                except RowConflict:
                    continue
                return
        raise AzureUnavailable("lanes, wake")

    async def overdue(self, now: datetime) -> list[tuple[SessionId, DestinationId]]:
        return [
            (session, DestinationId(owner.destination))
            for session, owner in await self._queries.owners()
            if owner.movable and (owner.wake is None or owner.wake <= now)
        ]

    async def sessions(self, destination: DestinationId) -> list[SessionId]:
        owners = await self._queries.owners()
        return [session for session, owner in owners if owner.destination == destination and owner.waiting]

    async def deliveries(self, message: MessageId) -> list[Delivery]:
        return [waiting.delivery for waiting in await self._queries.of_message(message)]

    async def attempts(self, message: MessageId) -> list[Attempt]:
        attempts = [attempt for waiting in await self._queries.of_message(message) for attempt in waiting.attempts]
        return sorted(attempts, key=lambda attempt: (attempt.began, attempt.number))

    async def stopped(self, limit: int = 50) -> list[Delivery]:
        return await self._queries.stopped(limit)

    async def unsettled(self) -> list[Delivery]:
        return await self._queries.unsettled()

    async def last_failed(self, destination: DestinationId) -> Delivery | None:
        return await self._queries.last_failed(destination)

    async def reopen(self, delivery: Delivery, state: DeliveryState) -> None:
        reopened = delivery._replace(state=state, holds=False, due=None, send_deadline=None)
        await self._interfere(delivery, STOPPED, lambda row: reopened)

    async def hasten(self, delivery: Delivery) -> None:
        await self._interfere(delivery, {DeliveryState.PARKED}, lambda row: row._replace(due=None))

    async def hasten_all(self, session: SessionId) -> None:
        async with self._lock(session):
            for _ in range(_TRIES):
                self._forget(session)  # another process may own it: what is known here may be old
                state = await self._state(session)
                rows = state.timed()
                try:
                    for part in in_transactions(rows) if rows else ():
                        change = LaneChange()
                        for row in part:
                            change.add(await self._before(session, state, row), row._replace(due=None), [])
                        await self._commit(session, state, state.owner, change)
                except RowConflict:
                    continue
                return
        raise AzureUnavailable("lanes, hasten")

    async def waiting(self) -> dict[DestinationId, int]:
        total: dict[DestinationId, int] = {}
        for _, owner in await self._queries.owners():
            if owner.waiting or owner.passed:
                name = DestinationId(owner.destination)
                total[name] = total.get(name, 0) + owner.waiting + owner.passed
        return total

    async def status(self, destination: DestinationId) -> DestinationStatus:
        return await self._statuses.status(destination)

    async def set_paused(self, destination: DestinationId, paused: bool) -> None:
        await self._statuses.set_paused(destination, paused)

    async def set_breaker(self, found: DestinationStatus, failures: int, open_until: datetime | None) -> bool:
        return await self._statuses.set_breaker(found, failures, open_until)

    # Writing

    async def _interfere(
        self, delivery: Delivery, states: Collection[DeliveryState], changed: Callable[[Delivery], Delivery]
    ) -> None:
        """Change a delivery in one of these states without owning its session; in another it stays as it is."""
        session = delivery.session
        async with self._lock(session):
            for _ in range(_TRIES):
                self._forget(session)
                loaded = await self._state(session)
                found = await self._queries.known(session, delivery)
                if found is None or found.delivery.state not in states:
                    return
                change = LaneChange()
                change.add(found, changed(found.delivery), [])
                try:
                    await self._commit(session, loaded, loaded.owner, change)
                except RowConflict:
                    continue
                return
        raise AzureUnavailable("lanes, change")

    async def _unknown(self, session: SessionId, offered: Sequence[Delivery]) -> list[Delivery]:
        rows = await asyncio.gather(*(self._table.get(session, known_key(delivery)) for delivery in offered))
        return [delivery for delivery, row in zip(offered, rows, strict=True) if row is None]

    async def _unwritten(self, session: SessionId, state: SessionState, rows: Sequence[Delivery]) -> list[Delivery]:
        """Return the rows that have not ended: others did, in a transaction whose answer was lost on its way."""
        found = await asyncio.gather(*(self._queries.known(session, row) for row in rows if not state.knows(row.id)))
        ended = {one.delivery.id for one in found if one is not None and not is_waiting(one.delivery)}
        return [row for row in rows if row.id not in ended]

    async def _record(
        self,
        session: SessionId,
        state: SessionState,
        offered: Sequence[Delivery],
        placed: Sequence[Delivery],
        now: datetime,
        send_deadline: datetime | None,
        limit: int,
    ) -> list[Delivery]:
        """Become the owner, add what is new to the ends of the lanes, and return what is ready.

        With a deadline what is ready is recorded as an intent, in the same transaction where all of it fits into one.
        """
        ready = state.ready_with(placed, now, limit)
        intents = {row.id for row in ready} if send_deadline is not None else set()
        rows = [*placed, *(row for row in ready if row.id in intents and state.knows(row.id))]
        owner = _taken(state.owner, offered)
        for part in in_transactions(rows):
            change = LaneChange()
            for row in part:
                known = state.get(row.id)
                written = row._replace(state=DeliveryState.INTENT, send_deadline=send_deadline)
                change.take(known, written if row.id in intents else row)
            last = max([owner.last, *(row.position for row in part)])
            await self._commit(session, state, replace(owner, last=last), change)
            owner = state.owner
        return ready

    async def _commit(self, session: SessionId, state: SessionState, owner: Owner, change: LaneChange) -> None:
        """Write a change together with the owner row.

        Raises:
            RowConflict: the session is not as it was known; what was known of it is forgotten.
        """
        before = state.owner
        waiting = owner.waiting + sum(not state.knows(one.delivery.id) for one in change.put) - len(change.removed)
        state.apply(change.put, change.removed)
        movable = not state.is_whole or state.next_due() is not None
        after = replace(owner, waiting=waiting, passed=owner.passed + change.passed, movable=movable)
        chained = []
        if change.settled:
            digest = digest_of(after.digest, after.entries + 1, map(pack_delivery, change.settled))
            after = replace(after, entries=after.entries + 1, digest=digest)
            chained = [entry_step(after, change.settled)]
        try:
            runs = [run_step(run, await self._count(session, state, run, by)) for run, by in change.runs.items()]
            tags = await self._table.transact(session, [owner_step(before, after), *change.steps, *chained, *runs])
        except BaseException:
            self._forget(session)
            raise
        state.owner = replace(after, tag=tags[0])
        if len(state) > 2 * MOVABLE_LIMIT or (not state.is_whole and len(state) < MOVABLE_LIMIT // 2):
            self._forget(session)

    async def _count(self, session: SessionId, state: SessionState, run: RunId, moved: Counter[str]) -> Counter[str]:
        """Return how many deliveries of a replay are in which state after a change."""
        if run not in state.runs:
            state.runs[run] = run_counts_of(await self._table.get(session, run_key(run)))
        state.runs[run].update(moved)
        return state.runs[run]

    # What is known

    async def _before(self, session: SessionId, state: SessionState, row: Delivery) -> Waiting:
        """Return a delivery as it was before a change."""
        found = state.get(row.id) or await self._queries.known(session, row)
        return found if found is not None else Waiting(row._replace(state=DeliveryState.PARKED, holds=False))

    async def _state(self, session: SessionId) -> SessionState:
        state = self._states.pop(session, None)
        if state is None:
            state = await self._load(session)
        self._states[session] = state
        if len(self._states) > _SESSIONS_LIMIT:
            del self._states[next(iter(self._states))]
        return state

    async def _load(self, session: SessionId) -> SessionState:
        """Read the owner first: what changes after it fails on its version."""
        state = SessionState(owner_of(await self._table.get(session, OWNER)))
        if not state.owner.waiting:
            return state
        async for page in self._table.pages(session, "w!", f"w!{END}"):
            for row in page:
                state.put(waiting_of(row))
            if len(state) - len(state.held_lanes()) >= MOVABLE_LIMIT:
                state.is_whole = len(state) >= state.owner.waiting
                break
        return state

    def _forget(self, session: SessionId) -> None:
        self._states.pop(session, None)

    def _lock(self, session: SessionId) -> asyncio.Lock:
        return self._locks.setdefault(session, asyncio.Lock())

    # Across sessions

    async def _list(self, session: SessionId, offered: Sequence[Delivery]) -> None:
        """Make sure that a session is on the list before anything is in it."""
        if session not in self._listed:
            destination = offered[0].destination if offered else ""
            await self._table.transact(SESSIONS, [Step("put", session, {"destination": destination})])
            self._listed.add(session)


def _check(state: SessionState, ownership: Ownership) -> None:
    if state.owner.tag is None or state.owner.epoch != ownership.epoch:
        raise OwnershipLost(ownership.session)


def _taken(owner: Owner, offered: Sequence[Delivery]) -> Owner:
    destination = offered[0].destination if offered else owner.destination
    return replace(owner, epoch=owner.epoch + 1, destination=destination)


def _placed(owner: Owner, new: Sequence[Delivery]) -> list[Delivery]:
    """Return deliveries with their positions, which follow the clock: the console sorts by them across sessions."""
    first = max(owner.last + 1, time.time_ns() // 1000)
    return [row._replace(position=first + n) for n, row in enumerate(new)]


def _with_bodies(ready: Sequence[Delivery], offered: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """Return the rows with the bodies that came with the offer, which the table does not keep."""
    items = {delivery.id: delivery.item for delivery in offered}
    return tuple(row._replace(item=items[row.id]) if row.id in items else row for row in ready)
