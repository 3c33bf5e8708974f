"""Which cases there are: every fault at every step of the small scenario, and days drawn from seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from tests.faults.case import run_case
from tests.faults.plan import Fault, Step


@cache
def small_steps() -> tuple[Step, ...]:
    """Return the steps of the small scenario when nothing goes wrong."""
    return run_case("small").steps


def every_case() -> Iterator[str]:
    """Yield each fault at each step."""
    for step in small_steps():
        yield from (f"small:{step.number}:{fault}" for fault in Fault if step.takes(fault))


def first_of_each(steps: Iterable[Step], stage: str = "", faults: tuple[Fault, ...] = tuple(Fault)) -> Iterator[str]:
    """Yield each fault at the first step of each kind, a kind being a stage and a method of a port.

    Args:
        steps: Those of the small scenario.
        stage: Only the steps of this one.
        faults: Only these.
    """
    seen: set[tuple[str, str]] = set()
    for step in steps:
        if (step.stage, step.name) not in seen and stage in ("", step.stage):
            seen.add((step.stage, step.name))
            yield from (f"small:{step.number}:{fault}" for fault in faults if step.takes(fault))
