"""Which cases there are: every fault at every step of the scenarios that are exhausted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from tests.faults.case import LOCAL, Report, run_case
from tests.faults.plan import Fault, Step
from tests.faults.scenario import EXHAUSTED


@cache
def when_all_is_well(scenario: str, where: str = LOCAL) -> Report:
    """Return what a scenario comes to when nothing goes wrong, run once.

    Args:
        where: `LOCAL` or `AZURE`.
    """
    return run_case(f"{where}{scenario}")


def every_case(where: str = LOCAL) -> Iterator[str]:
    """Yield each scenario, and each fault at each of its steps."""
    for scenario in EXHAUSTED:
        well = when_all_is_well(scenario, where)
        yield well.case
        for step in well.steps:
            yield from _broken_at(well, step, Fault)


def first_of_each(well: Report, faults: Iterable[Fault] = Fault, stage: str = "") -> Iterator[str]:
    """Yield each fault at the first step of each kind, a kind being a stage and a method of a port.

    Args:
        well: What a scenario comes to when nothing goes wrong.
        faults: Only these.
        stage: Only the steps of this one.
    """
    seen: set[tuple[str, str]] = set()
    for step in well.steps:
        if (step.stage, step.name) not in seen and stage in ("", step.stage):
            seen.add((step.stage, step.name))
            yield from _broken_at(well, step, faults)


def _broken_at(well: Report, step: Step, faults: Iterable[Fault]) -> Iterator[str]:
    yield from (f"{well.case}:{step.number}:{fault}" for fault in faults if step.takes(fault))
