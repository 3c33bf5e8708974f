"""What one transaction does to a deliver session, and how much of it one transaction can hold (rule R3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.adapters.azure.lane_rows import change_steps, offer_steps, waiting_step
from shared.adapters.azure.session_state import STOPPED, Waiting, is_waiting
from shared.adapters.azure.table import GROUP_LIMIT, Step
from shared.message.delivery import Attempt, Delivery
from shared.message.identifiers import LIVE, RunId
from shared.message.state import FINAL
from shared.message.work import batches_by_size

_OWN_ROWS = 2  # of a transaction: the owner, and the entry of its chain


@dataclass(slots=True)
class LaneChange:
    """What a transaction does to the session.

    Attributes:
        steps: The rows that it writes.
        put: Deliveries that wait afterwards.
        removed: Deliveries that wait no more.
        settled: Deliveries that ended: the next entry of the session's chain.
        passed: How many more of the session's deliveries were stopped and let go by, for a person to look at.
        runs: How the counts of replays move.
    """

    steps: list[Step] = field(default_factory=list)
    put: list[Waiting] = field(default_factory=list)
    removed: list[Delivery] = field(default_factory=list)
    settled: list[Delivery] = field(default_factory=list)
    passed: int = 0
    runs: dict[RunId, Counter[str]] = field(default_factory=dict)

    def take(self, known: Waiting | None, row: Delivery) -> None:
        """Add a delivery to its lane, or change it there."""
        waiting = Waiting(row, known.attempts if known is not None else ())
        self.steps += [waiting_step(waiting)] if known is not None else offer_steps(row)
        self.put.append(waiting)
        self._count(known.delivery if known is not None else None, row)

    def add(self, before: Waiting, after: Delivery, attempts: Sequence[Attempt]) -> None:
        """Make a delivery what it is after, with what was tried; where an answer was lost, that is there already."""
        noted = {one.number for one in before.attempts}
        tried = (*before.attempts, *(one for one in attempts if one.number not in noted))
        self.steps += change_steps(before.delivery, after, tried)
        if is_waiting(after):
            self.put.append(Waiting(after, tried))
        elif is_waiting(before.delivery):
            self.removed.append(before.delivery)
        if after.state in FINAL:
            self.settled.append(after)
        self.passed += _is_passed(after) - _is_passed(before.delivery)
        self._count(before.delivery, after)

    def _count(self, before: Delivery | None, after: Delivery) -> None:
        """Count the deliveries of replays by state."""
        if after.item.run != LIVE:
            moved = self.runs.setdefault(after.item.run, Counter())
            moved[after.state.value] += 1
            if before is not None:
                moved[before.state.value] -= 1


def in_transactions(rows: Sequence[Delivery]) -> list[list[Delivery]]:
    """Return the rows in order, in lists that fit a transaction; one empty list where there are none."""
    return list(batches_by_size(rows, _rows_of, GROUP_LIMIT - _OWN_ROWS)) or [[]]


def _rows_of(delivery: Delivery) -> int:
    """Return how many rows a delivery may take: where it waits or ended, that it is stopped, what a replay counts."""
    return 2 + (delivery.state in STOPPED) + 2 * (delivery.item.run != LIVE)


def _is_passed(delivery: Delivery) -> bool:
    return delivery.state in STOPPED and not delivery.holds
