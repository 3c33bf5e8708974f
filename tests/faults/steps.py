"""Every call of a port by a worker: it takes a little time, goes wrong as planned, and is written down.

The little time is drawn from the seed, so the seed decides what runs next. A call that has left its worker takes effect
whether or not anybody still waits for it, as a request does that is on its way.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn, Protocol

from shared.message.errors.storage import StorageFailed
from tests.faults.plan import FROM_OUTSIDE, Fault, Plan, Step
from tests.faults.virtual_time import VirtualClock

LOCK_SECONDS = 300.0
EXPIRED_SECONDS = 15.0  # longer than a send may take, and shorter than an invocation
DELAY_SECONDS = 8.0
SKEW_SECONDS = 1.0  # either way: together what `clock_skew_seconds` allows
STEP_LIMIT = 60_000

# What changes nothing: going wrong there is going wrong just before or after.
READS = frozenset(
    {
        "archive.get", "archive.find", "archive.units", "audit.recent", "chain.heads", "chain.verify",
        "barriers.waits", "barriers.line", "barriers.lines", "barriers.opened",
        "fhir_store.read", "fhir_store.search", "fhir_store.counts", "fleet.connectors",
        "history.select", "history.of_key", "history.key_of",
        "holds.paused", "holds.keys", "holds.counts", "holds.held",
        "identities.known", "identities.lookup", "identities.bound",
        "lanes.status", "lanes.next_due", "lanes.overdue", "lanes.sessions", "lanes.deliveries", "lanes.attempts",
        "lanes.last_failed", "lanes.stopped", "lanes.unsettled", "lanes.waiting",
        "queue.depths",
        "ledger.messages", "ledger.by_control_id", "ledger.counts", "ledger.recent", "ledger.trace", "ledger.unsettled",
        "replays.get", "replays.recent", "replays.unfinished", "replays.counts", "replays.deliveries",
        "replays.open_keys", "replays.overtaken", "replays.unsent",
        "table.get", "table.page", "blob.get", "blob.list",
    }
)  # fmt: skip
# Of the broker: they leave nothing behind.
IN_MEMORY = frozenset({"queue.accept_session", "queue.release", "queue.arrival"})


@dataclass(frozen=True, slots=True)
class Whose:
    """On whose behalf something runs.

    Attributes:
        release: Every worker that starts is a newer release of the code than those before it.
    """

    stage: str
    release: int
    lock: Any | None = None


WHOSE: ContextVar[Whose] = ContextVar("WHOSE")


class Caller(Protocol):
    """A worker, as far as its calls are concerned.

    Attributes:
        is_dead: It does nothing any more; what it asked for is under way.
        is_gone: Its process ended: what it asked for is under way no more.
    """

    clock: VirtualClock
    is_dead: bool
    is_gone: bool


class Surroundings(Protocol):
    """What faults do that are not about one call."""

    def crash(self) -> None: ...

    def kill(self, worker: Any) -> None: ...

    def interfere(self, fault: Fault) -> None: ...

    async def give_away(self, lock: Any) -> None: ...

    def observe(self, name: str, arguments: tuple[Any, ...]) -> None: ...


class TooManySteps(Exception):
    """Somebody tries again and again without waiting."""


class Steps:
    """Makes the calls.

    Attributes:
        made: Every step, in order.
        fired: What went wrong, and where.
        last_fault: When something last went wrong, or was still held up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, plan: Plan, seed: str, surroundings: Surroundings) -> None:
        self._loop = loop
        self._plan = plan
        self._latency = random.Random(f"{seed} latency")
        self._surroundings = surroundings
        self.made: list[Step] = []
        self.fired: list[tuple[Step, Fault]] = []
        self.last_fault = 0.0
        self._waiting_for_ever: list[asyncio.Future[None]] = []  # or the dead would be buried, with a word for each

    def wrap(self, name: str, port: Any, worker: Caller) -> Any:
        return _Wrapped(name, port, worker, self) if port is not None else None

    async def call(
        self, worker: Caller, name: str, work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], fail: Callable
    ) -> Any:
        """Return what the work returned, if nothing goes wrong on the way.

        Args:
            fail: Raises or returns what the caller sees when it does; told whether the call took effect.
        """
        if worker.is_dead:
            await self._never()
        journey = self._loop.create_task(self._travel(worker, name, work, arguments, fail))
        journey.add_done_callback(lambda done: done.cancelled() or done.exception())  # its caller may have gone
        return await asyncio.shield(journey)

    async def _travel(
        self, worker: Caller, name: str, work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...], fail: Callable
    ) -> Any:
        fault = None if name in READS else self._next_fault(name)
        await asyncio.sleep(self._latency.uniform(0.0005, 0.004))
        await self._on_the_way(fault, worker)
        if fault is Fault.FAIL:
            return await fail(False)
        if worker.is_gone:
            await self._never()
        result = await work(*arguments)
        self._surroundings.observe(name, arguments)
        match fault:
            case Fault.AGAIN:
                result = await _repeat(name, work, arguments)
            case Fault.CRASH:
                self._surroundings.crash()
            case Fault.DEATH:
                self._surroundings.kill(worker)
        if fault is Fault.LOSE:
            return await fail(True)
        if worker.is_dead:
            await self._never()
        return result

    def _next_fault(self, name: str) -> Fault | None:
        whose = WHOSE.get()
        step = Step(len(self.made) + 1, whose.stage, name, whose.lock is not None)
        self.made.append(step)
        if len(self.made) > STEP_LIMIT:
            raise TooManySteps
        fault = self._plan.fault_at(step)
        if fault is not None:
            self.fired.append((step, fault))
            self.last_fault = self._loop.time()
        return fault

    async def _on_the_way(self, fault: Fault | None, worker: Caller) -> None:
        match fault:
            case Fault.DELAY:
                await self._hold(DELAY_SECONDS)
            case Fault.ZOMBIE:
                await self._hold(LOCK_SECONDS + 1)
            case Fault.EXPIRE:
                lock = WHOSE.get().lock
                assert lock is not None
                await self._surroundings.give_away(lock)
                await self._hold(EXPIRED_SECONDS)
            case Fault.SKEW:
                worker.clock.ahead_seconds = -SKEW_SECONDS if worker.clock.ahead_seconds > 0 else SKEW_SECONDS
            case fault if fault in FROM_OUTSIDE:
                self._surroundings.interfere(fault)

    async def _hold(self, seconds: float) -> None:
        self.last_fault = max(self.last_fault, self._loop.time() + seconds)
        await asyncio.sleep(seconds)

    async def _never(self) -> NoReturn:
        self._waiting_for_ever.append(self._loop.create_future())
        await self._waiting_for_ever[-1]
        raise AssertionError("nobody sets it")


class _Wrapped:
    """A port whose asynchronous calls are steps."""

    def __init__(self, name: str, port: Any, worker: Caller, steps: Steps) -> None:
        self._name, self._port, self._worker, self._steps = name, port, worker, steps

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        step = f"{self._name}.{name}"
        if step in IN_MEMORY or not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            work = partial(found, **named)
            return await self._steps.call(self._worker, step, work, arguments, _storage_fails)

        self.__dict__[name] = call
        return call


async def _storage_fails(took_effect: bool) -> NoReturn:
    raise StorageFailed("answer lost" if took_effect else "refused")


async def _repeat(name: str, work: Callable[..., Awaitable[Any]], arguments: tuple[Any, ...]) -> Any:
    """Return what the second of two calls returns: of a send under other ids, of the SDK's own second try."""
    if name == "queue.send":
        queue, messages = arguments
        arguments = (queue, [replace_id(message) for message in messages])
    return await work(*arguments)


def replace_id(message: Any) -> Any:
    """Return the same queue message under another id: the broker's duplicate detection is not to be relied on."""
    return message._replace(message_id=f"{message.message_id}-again")
