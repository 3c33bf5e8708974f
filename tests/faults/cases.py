"""Which cases there are: every fault at every step of the scenarios that are exhausted, and days drawn from seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from tests.faults.case import LOCAL, run_case
from tests.faults.plan import Fault, Step
from tests.faults.scenario import EXHAUSTED


@cache
def steps_of(scenario: str, where: str = LOCAL) -> tuple[Step, ...]:
    """Return the steps of a scenario when nothing goes wrong."""
    return run_case(f"{where}{scenario}").steps


def every_case(where: str = LOCAL) -> Iterator[str]:
    """Yield each scenario, and each fault at each of its steps."""
    for scenario in EXHAUSTED:
        yield f"{where}{scenario}"
        for step in steps_of(scenario, where):
            yield from _cases(scenario, step, tuple(Fault), where)


def first_of_each(
    scenario: str, stage: str = "", faults: tuple[Fault, ...] = tuple(Fault), where: str = LOCAL
) -> Iterator[str]:
    """Yield each fault at the first step of each kind, a kind being a stage and a method of a port.

    Args:
        stage: Only the steps of this one.
        faults: Only these.
        where: Whose steps they are: `LOCAL` or `AZURE`.
    """
    seen: set[tuple[str, str]] = set()
    for step in steps_of(scenario, where):
        if (step.stage, step.name) not in seen and stage in ("", step.stage):
            seen.add((step.stage, step.name))
            yield from _cases(scenario, step, faults, where)


def _cases(scenario: str, step: Step, faults: Iterable[Fault], where: str) -> Iterator[str]:
    yield from (f"{where}{scenario}:{step.number}:{fault}" for fault in faults if step.takes(fault))
