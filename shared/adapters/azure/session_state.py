"""A deliver session as its owner knows it: what waits, lane by lane. No I/O here.

As long as the owner row has the version that we wrote, nobody else has written to the session (rule R3), and what is
here is what the table holds.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.message.delivery import Attempt, Delivery
from shared.message.identifiers import DeliveryId, RunId
from shared.message.state import DeliveryState

STOPPED = frozenset({DeliveryState.QUARANTINED, DeliveryState.REVIEW})


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner row of a session.

    Attributes:
        last: Position of the newest delivery.
        waiting: Deliveries in lanes.
        passed: Deliveries that a person must look at and that hold nothing.
        movable: Whether some lane may move by itself, sooner or later.
        entries: In the chain of what was settled (rule R10).
        digest: Of the last of them.
        tag: The version it was read or written at; None: there is no row yet.
    """

    destination: str = ""
    epoch: int = 0
    wake: datetime | None = None
    last: int = 0
    waiting: int = 0
    passed: int = 0
    movable: bool = False
    entries: int = 0
    digest: str = ""
    tag: str | None = None


@dataclass(slots=True)
class Waiting:
    """A delivery in its lane, and what was tried so far."""

    delivery: Delivery
    attempts: tuple[Attempt, ...] = ()


@dataclass(slots=True)
class SessionState:
    """Owner and lanes.

    Attributes:
        is_whole: Every waiting delivery is here; False: the youngest are in the table alone.
        runs: By state, the deliveries of each replay that was asked about.
    """

    owner: Owner
    is_whole: bool = True
    runs: dict[RunId, Counter[str]] = field(default_factory=dict)
    _lanes: dict[str, dict[int, Waiting]] = field(default_factory=dict)
    _ready_at: dict[str, datetime | None] = field(default_factory=dict)  # None: held
    _by_id: dict[DeliveryId, Waiting] = field(default_factory=dict)

    def knows(self, delivery: DeliveryId) -> bool:
        return delivery in self._by_id

    def get(self, delivery: DeliveryId) -> Waiting | None:
        return self._by_id.get(delivery)

    def __len__(self) -> int:
        return len(self._by_id)

    def apply(self, put: Sequence[Waiting], removed: Sequence[Delivery]) -> None:
        """Take over a change. What is new stays in the table alone while older ones do."""
        for row in removed:
            self.remove(row)
        for one in put:
            if self.is_whole or self.knows(one.delivery.id):
                self.put(one)

    def put(self, waiting: Waiting) -> None:
        """Add a delivery to its lane, or replace it there."""
        delivery = waiting.delivery
        self._lanes.setdefault(delivery.lane, {})[delivery.position] = waiting
        self._by_id[delivery.id] = waiting
        self._review(delivery.lane)

    def remove(self, delivery: Delivery) -> None:
        """Take a delivery out of its lane."""
        lane = self._lanes.get(delivery.lane, {})
        lane.pop(delivery.position, None)
        self._by_id.pop(delivery.id, None)
        if lane:
            self._review(delivery.lane)
        else:
            self._lanes.pop(delivery.lane, None)
            self._ready_at.pop(delivery.lane, None)

    def ready_with(self, new: Sequence[Delivery], now: datetime, limit: int) -> list[Delivery]:
        """Return what may be sent once these are at the ends of their lanes, lane by lane, the longest wait first.

        A delivery of a session that is not whole goes behind those in the table alone, and is not ready yet.
        """
        tails: defaultdict[str, list[Delivery]] = defaultdict(list)
        for row in new if self.is_whole else ():
            tails[row.lane].append(row)
        fresh = {lane: rows[0].due or rows[0].offered for lane, rows in tails.items() if lane not in self._lanes}
        ready_at = {**self._ready_at, **fresh}
        found: list[Delivery] = []
        for _, lane in sorted((at, lane) for lane, at in ready_at.items() if at is not None and at <= now):
            if len(found) >= limit:
                break
            known = self._lanes.get(lane, {})
            rows = [known[position].delivery for position in sorted(known)] + tails[lane]
            found += _up_to_a_wait(rows[: limit - len(found)], now)
        return found

    def next_due(self) -> datetime | None:
        """Return when the first lane that is not held falls due."""
        return min((at for at in self._ready_at.values() if at is not None), default=None)

    def timed(self) -> list[Delivery]:
        """Return what is parked until a time, whether it is over or not."""
        rows = [one.delivery for one in self._by_id.values()]
        return [row for row in rows if row.state is DeliveryState.PARKED and row.due is not None]

    def held_lanes(self) -> set[str]:
        return {lane for lane, at in self._ready_at.items() if at is None}

    def _review(self, lane: str) -> None:
        """Work out when a lane may move: its head decides, and no send may be under way anywhere in it."""
        rows = self._lanes[lane]
        head = rows[min(rows)].delivery
        if head.holds:
            self._ready_at[lane] = None
            return
        sends = [row.delivery.send_deadline for row in rows.values() if row.delivery.state is DeliveryState.INTENT]
        begun = [deadline for deadline in sends if deadline is not None]
        self._ready_at[lane] = max([head.due or head.offered, *begun])


def is_waiting(delivery: Delivery) -> bool:
    """Tell whether a delivery keeps its place in its lane."""
    return delivery.holds or delivery.state in {DeliveryState.PARKED, DeliveryState.INTENT}


def by_delivery(attempts: Sequence[Attempt]) -> dict[DeliveryId, list[Attempt]]:
    grouped: defaultdict[DeliveryId, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        grouped[attempt.delivery].append(attempt)
    return grouped


def _up_to_a_wait(rows: Sequence[Delivery], now: datetime) -> Iterator[Delivery]:
    for row in rows:
        if row.holds or (row.due is not None and row.due > now):
            return
        yield row
