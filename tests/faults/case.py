"""A case by its name: run it, and say what it broke."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.azure_site import AzureSite, in_virtual_time
from tests.faults.checks import violations
from tests.faults.local_site import LocalSite
from tests.faults.plan import ByChance, Exactly, Fault, Plan, Step
from tests.faults.scenario import EXHAUSTED, Scenario, full
from tests.faults.steps import TooManySteps
from tests.faults.virtual_time import NothingLeft, VirtualLoop
from tests.faults.world import OpenSite, World, reproducible

MEMORY = Path("/dev/shm")
LOCAL, AZURE = "", "azure:"  # what the name of a case begins with


@dataclass(frozen=True, slots=True)
class Report:
    """What a case came to.

    Attributes:
        case: Its name: run again, it comes to the same.
        broken: What no hub may do; empty: nothing.
    """

    case: str
    broken: tuple[str, ...]
    steps: tuple[Step, ...]
    fired: tuple[tuple[Step, Fault], ...]

    def __str__(self) -> str:
        faults = "; ".join(f"{fault} at step {step}" for step, fault in self.fired)
        return "\n  ".join([f"{self.case} ({faults or 'no fault'})", *self.broken])


def run_case(case: str) -> Report:
    """Return what became of a case.

    Args:
        case: ``small`` or ``paused``; ``small:17:crash``; or ``chance:SEED``, with the number of messages if it is not
            200: ``chance:SEED:40``. With ``azure:`` before it: on the adapters of Azure.
    """
    scenario, plan = _read(case.removeprefix(AZURE))
    folder = str(MEMORY) if MEMORY.is_dir() else None
    with _quiet(), TemporaryDirectory(dir=folder, prefix="caduceus-faults-") as home:
        seed = scenario.name
        with reproducible(seed):
            return _run(case, scenario, plan, seed, Path(home))


def _read(case: str) -> tuple[Scenario, Plan]:
    match case.split(":"):
        case ["chance", seed, *size]:
            return full(seed, int(size[0]) if size else 200), _by_chance(seed)
        case [name] if name in EXHAUSTED:
            return EXHAUSTED[name](), Exactly()
        case [name, step, fault] if name in EXHAUSTED:
            return EXHAUSTED[name](), Exactly({int(step): Fault(fault)})
    raise ValueError(f"no such case: {case}")


def _by_chance(seed: str) -> Plan:
    number = sum(seed.encode())
    return ByChance(seed, limit=(1, 3, 8, 20)[number % 4], each=(0.002, 0.01, 0.03)[number % 3])


def _run(case: str, scenario: Scenario, plan: Plan, seed: str, home: Path) -> Report:
    loop = VirtualLoop()
    if not case.startswith(AZURE):
        return _run_on(case, scenario, plan, seed, partial(LocalSite, home), loop)
    with in_virtual_time(loop):
        return _run_on(case, scenario, plan, seed, partial(AzureSite, home), loop)


def _run_on(case: str, scenario: Scenario, plan: Plan, seed: str, open_site: OpenSite, loop: VirtualLoop) -> Report:
    strays: list[str] = []
    loop.set_exception_handler(lambda _, context: strays.append(f"nobody noticed: {context}"))
    world = World(scenario, plan, seed, open_site, loop)
    try:
        loop.run_until_complete(world.run())
        broken = [*world.complaints, *loop.run_until_complete(violations(world))]
    except (NothingLeft, TooManySteps) as error:
        broken = [*world.complaints, f"stuck: {type(error).__name__}"]
    finally:
        loop.set_exception_handler(lambda loop, context: None)
        loop.run_until_complete(world.close())
        loop.close()
        asyncio.set_event_loop(None)
    return Report(case, (*broken, *strays), tuple(world.steps.made), tuple(world.steps.fired))


@contextmanager
def _quiet() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
