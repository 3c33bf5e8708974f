"""How we measure: candidates in turn, CPU time, medians; so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ROUNDS = 7
ROUND_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that `python -m bench` prints.

    Attributes:
        what: What was measured.
        ours: Our figure, with its unit.
        against: The other's figure, with its name and unit.
        ratio: How many times better ours is; None where the budget is absolute.
        goal: What DESIGN's budget asks of the ratio, or of the figure.
        met: Whether it was reached in this run.
    """

    what: str
    ours: str
    against: str
    ratio: float | None
    goal: str
    met: bool


def interleaved(
    candidates: Mapping[str, Callable[[], object]], rounds: int = ROUNDS, round_seconds: float = ROUND_SECONDS
) -> dict[str, float]:
    """Return the median CPU seconds of one call of each candidate, measured in turn: A B C A B C."""
    calls = {name: _calls_for(work, round_seconds) for name, work in candidates.items()}
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, work in candidates.items():
            seconds[name].append(_cpu_seconds(work, calls[name]))
    return {name: statistics.median(values) for name, values in seconds.items()}


def _calls_for(work: Callable[[], object], budget_seconds: float) -> int:
    """Return how many calls fill the budget; the calls made to find out also warm the candidate up."""
    count = 1
    while True:
        spent = _cpu_seconds(work, count) * count
        if spent > budget_seconds / 4 or count > 5_000_000:
            return max(1, int(count * budget_seconds / max(spent, 1e-9)))
        count *= 4


def _cpu_seconds(work: Callable[[], object], count: int) -> float:
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        for _ in range(count):
            work()
        return (time.process_time() - began) / count
    finally:
        gc.enable()
