"""Which cases there are: every fault at every step of the small scenario, and days drawn from seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from tests.faults.case import LOCAL, run_case
from tests.faults.plan import Fault, Step


@cache
def small_steps(where: str = LOCAL) -> tuple[Step, ...]:
    """Return the steps of the small scenario when nothing goes wrong."""
    return run_case(f"{where}small").steps


def every_case(where: str = LOCAL) -> Iterator[str]:
    """Yield each fault at each step."""
    for step in small_steps(where):
        yield from (f"{where}small:{step.number}:{fault}" for fault in Fault if step.takes(fault))


def first_of_each(
    steps: Iterable[Step], stage: str = "", faults: tuple[Fault, ...] = tuple(Fault), where: str = LOCAL
) -> Iterator[str]:
    """Yield each fault at the first step of each kind, a kind being a stage and a method of a port.

    Args:
        steps: Those of the small scenario.
        stage: Only the steps of this one.
        faults: Only these.
        where: Whose steps they are: `LOCAL` or `AZURE`.
    """
    seen: set[tuple[str, str]] = set()
    for step in steps:
        if (step.stage, step.name) not in seen and stage in ("", step.stage):
            seen.add((step.stage, step.name))
            yield from (f"{where}small:{step.number}:{fault}" for fault in faults if step.takes(fault))
