"""What goes wrong, and where: a fault for each step that has one."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Fault(StrEnum):
    """What may happen to one call of a port."""

    CRASH = "crash"  # it takes effect; then the process ends, and everything in memory with it
    DEATH = "death"  # it takes effect; then its worker ends alone, and its locks stay until they run out
    FAIL = "fail"  # it does nothing, and says so
    LOSE = "lose"  # it takes effect, and its caller sees an error
    DELAY = "delay"  # it takes eight seconds
    ZOMBIE = "zombie"  # it takes longer than the lock of the session; then the old worker goes on
    EXPIRE = "expire"  # the lock of the session is gone at once, and the old worker goes on beside the new one
    AGAIN = "again"  # the broker takes it twice; or a table, and its caller hears the second answer
    SKEW = "skew"  # from here on the worker's clock is on the other side of what is allowed
    COPY = "copy"  # the sender's message comes a second time, over another connection
    REPEAT = "repeat"  # the one that was acknowledged last comes again, while it is being processed
    MERGE = "merge"  # somebody merges two of the persons that messages are under way of
    HALT = "halt"  # a person stops an interface, and lets it go on half a minute later
    PAUSE = "pause"  # the same with a destination


# Where a fault can happen; everywhere else there is nothing that it could do.
UNDER_LOCK = frozenset({Fault.ZOMBIE, Fault.EXPIRE})
# What somebody outside does, and the stages that it may disturb.
FROM_OUTSIDE = {
    Fault.COPY: ("ingest", "transform"),
    Fault.REPEAT: ("transform", "route"),
    Fault.MERGE: ("ingest", "transform"),
    Fault.HALT: ("ingest", "transform", "route"),
    Fault.PAUSE: ("deliver",),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a port that changes something.

    Attributes:
        number: Counts them, from 1, in the order in which they began.
        stage: Whose call it was: ``ingest``, ``transform``, ``route``, ``deliver``, ``retry`` or ``operator``.
        name: ``port.method``; ``destination.send`` for a send.
        is_locked: The caller holds the lock of a session.
    """

    number: int
    stage: str
    name: str
    is_locked: bool

    def __str__(self) -> str:
        return f"{self.number} {self.stage} {self.name}"

    def takes(self, fault: Fault) -> bool:
        """Tell whether the fault can happen here."""
        if fault in UNDER_LOCK:
            return self.is_locked
        if fault is Fault.AGAIN:
            return self.name == "queue.send" or self.name.endswith(".transact")
        return fault not in FROM_OUTSIDE or self.stage in FROM_OUTSIDE[fault]


class Plan(Protocol):
    """Says what goes wrong at a step."""

    def fault_at(self, step: Step) -> Fault | None: ...


class Exactly:
    """These faults at these steps, by number; none by default."""

    def __init__(self, faults: Mapping[int, Fault] | None = None) -> None:
        self._faults = faults or {}

    def fault_at(self, step: Step) -> Fault | None:
        fault = self._faults.get(step.number)
        return fault if fault is not None and step.takes(fault) else None


class ByChance:
    """Faults of any kind at any step, up to a limit: the same ones for the same seed."""

    def __init__(self, seed: str, limit: int, each: float) -> None:
        self._chance = random.Random(f"{seed} faults")
        self._left = limit
        self._each = each

    def fault_at(self, step: Step) -> Fault | None:
        if not self._left or self._chance.random() >= self._each:
            return None
        fault = self._chance.choice([fault for fault in Fault if step.takes(fault)])
        self._left -= 1
        return fault
