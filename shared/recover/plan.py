"""What a replay would do, told before it does anything."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from shared.message.delivery import Delivery, accepted_at
from shared.message.envelope import Item
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import LIVE, DestinationId, OrderingKey, SessionId, delivery_id
from shared.message.record import MessageRecord
from shared.message.replay import Numbered, Replay, Selection
from shared.message.state import DeliveryState
from shared.ports import History, Lanes, Replays
from shared.recover.keys import MovedKeys, Patients
from shared.recover.replay import is_taken, is_wanted
from shared.recover.request import Order

COMPARED = 1000  # messages whose outputs are made to compare them; the plan says how many they were
SHOWN = 20  # patients
_PAGE = 500
_KEYS_IN_A_TURN = 20  # some milliseconds
_NEVER = datetime.min.replace(tzinfo=UTC)

NEW = "new"  # the destination never accepted the message
DIFFERENT = "different"  # it accepted another output
AGAIN = "again"  # it accepted the same, and gets it after something older that is sent now
SAME = "same"  # it accepted the same: skipped
OUTCOMES = (NEW, DIFFERENT, AGAIN, SAME)


@dataclass(frozen=True, slots=True)
class Previews:
    """How each stage would take a message now; nothing is kept or sent.

    Attributes:
        record: The canonical record of an item.
        destinations: Where its routes send it, given the record.
        output: The digest of what a delivery would send, given the record.
    """

    record: Callable[[Item], Awaitable[bytes]]
    destinations: Callable[[Item, bytes], Awaitable[Sequence[DestinationId]]]
    output: Callable[[Delivery, bytes], Awaitable[str]]


@dataclass(slots=True)
class _Tally:
    """What was counted so far; it grows with the patients, not with the messages."""

    patients: Patients
    selected: int = 0
    following: int = 0
    compared: int = 0
    in_review: int = 0
    failing: Counter[str] = field(default_factory=Counter)
    keys_compared: int = 0
    keys_left_out: int = 0
    outcomes: Counter[tuple[DestinationId, str]] = field(default_factory=Counter)
    sets_back: Counter[DestinationId] = field(default_factory=Counter)


class Planner:
    """Makes plans of replays; changes nothing."""

    def __init__(
        self,
        *,
        history: History,
        lanes: Lanes,
        replays: Replays,
        moved: MovedKeys,
        previews: Previews,
        hub_key: bytes,
    ) -> None:
        self._history = history
        self._lanes = lanes
        self._replays = replays
        self._moved = moved
        self._previews = previews
        self._hub_key = hub_key

    async def plan(self, order: Order) -> dict[str, Any]:
        """Return the plan of a replay: counts, destinations, keyed hashes of patients.

        What becomes of outputs is told of as many messages as ``compared`` says, and how many keys were merged into
        others of as many as ``keys_compared`` says.
        """
        replay, tally = order.replay, _Tally(Patients(self._hub_key, SHOWN))
        async for one in self._selected(replay, replay.selection):
            tally.selected += 1
            if tally.patients.add(one.record.key):
                await self._follow(one, replay, tally)
                if tally.patients.keys % _KEYS_IN_A_TURN == 0:
                    await asyncio.sleep(0)  # others want to go on
        return self._told(order, tally)

    async def _selected(self, replay: Replay, selection: Selection) -> AsyncIterator[Numbered]:
        reached = 0
        while page := await self._history.select(selection, reached, _PAGE):
            reached = page[-1].number
            for one in page:
                if await is_wanted(one.record, replay, self._lanes):
                    yield one
            await asyncio.sleep(0)

    async def _follow(self, first: Numbered, replay: Replay, tally: _Tally) -> None:
        """Count what a replay takes of a key, and what it would send anew."""
        is_compared = max(tally.compared, tally.keys_compared) < COMPARED
        tally.keys_compared += is_compared
        if is_compared and not replay.allows_stale and await self._moved.has_moved(first.record):
            tally.keys_left_out += 1
            return
        alone = await self._numbers(first.record.key, replay) if is_compared and replay.allows_stale else None
        changed: set[DestinationId] = set()
        reached = first.number - 1
        is_more = True
        while is_more:
            page = await self._history.of_key(first.record.key, reached, _PAGE)
            if is_more := len(page) == _PAGE:
                reached = page[-1].number
                await asyncio.sleep(0)
            for one in filter(is_taken, page):
                tally.following += 1
                if tally.compared >= COMPARED:
                    continue
                if alone is not None and one.number not in alone:
                    await self._count_set_back(one.record, replay, tally)
                else:
                    await self._compare(one.record, replay, tally, changed)

    async def _numbers(self, key: OrderingKey, replay: Replay) -> set[int]:
        """Return which messages of a key were selected, as many as are compared."""
        numbers: set[int] = set()
        async for one in self._selected(replay, replay.selection._replace(key=key)):
            numbers.add(one.number)
            if len(numbers) == COMPARED:
                break
        return numbers

    async def _count_set_back(self, record: MessageRecord, replay: Replay, tally: _Tally) -> None:
        rows = await self._lanes.deliveries(record.message)
        taken = {row.destination for row in rows if row.state is DeliveryState.ACCEPTED}
        tally.sets_back.update(taken.intersection(replay.destinations))

    async def _compare(self, record: MessageRecord, replay: Replay, tally: _Tally, changed: set[DestinationId]) -> None:
        """Count what each destination would get of a message; ``changed``: it got something older by then."""
        tally.compared += 1
        item, rows = record.item(replay.run), await self._lanes.deliveries(record.message)
        tally.in_review += sum(row.state is DeliveryState.REVIEW for row in rows)
        try:
            canonical = await self._previews.record(item)
            wanted = await self._previews.destinations(item, canonical)
            for destination in sorted(set(wanted).intersection(replay.destinations)):
                row = _delivery(item, destination)
                outcome = await self._outcome(row, await self._previews.output(row, canonical), rows)
                if outcome == SAME and (destination in changed or replay.resends_accepted):
                    outcome = AGAIN
                if outcome != SAME:
                    changed.add(destination)
                tally.outcomes[destination, outcome] += 1
        except IntegrationError as error:
            tally.failing[error.code] += 1

    async def _outcome(self, row: Delivery, output: str, rows: Sequence[Delivery]) -> str:
        """Return what a destination would find about one output, as deliver will decide it."""
        before = [one for one in rows if one.destination == row.destination and one.state is DeliveryState.ACCEPTED]
        if not before:
            return NEW
        position = accepted_at(before, row.destination, output)
        if position is None:
            return DIFFERENT
        return AGAIN if await self._replays.overtaken(row, position) else SAME

    def _told(self, order: Order, tally: _Tally) -> dict[str, Any]:
        replay = order.replay
        return {
            "messages": tally.selected,
            "following": 0 if replay.allows_stale else max(0, tally.following - tally.selected),
            "keys": tally.patients.keys,
            "patients": tally.patients.told(),
            "compared": tally.compared,
            "keys_compared": tally.keys_compared,
            "keys_left_out": tally.keys_left_out,
            "failing": dict(tally.failing),
            "in_review": tally.in_review,
            "destinations": [
                {"id": one, **{outcome: tally.outcomes[one, outcome] for outcome in OUTCOMES}}
                for one in replay.destinations
            ],
            "left_out": [{"id": one, "why": why} for one, why in order.left_out.items()],
            "sets_back": dict(tally.sets_back),
        }


def _delivery(item: Item, destination: DestinationId) -> Delivery:
    """Return a delivery that was never offered: shaping asks for its id and its item."""
    return Delivery(
        id=delivery_id(item.message, destination, LIVE),
        session=SessionId(""),
        lane=item.key,
        item=item._replace(destination=destination),
        state=DeliveryState.PARKED,
        offered=_NEVER,
    )
