"""One process of the hub: the real stages over ports that can go wrong, and a host that hands them what is queued."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, NamedTuple

from shared.adapters.received import Received
from shared.app import Hub
from shared.ingest.reply import FHIR_MEDIA_TYPE, Reply
from shared.ingest.sweep import ReservationSweep
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import InterfaceId, SessionId
from shared.message.work import Offer
from tests.faults import releases
from tests.faults.deployment import registry
from tests.faults.messages import Message
from tests.faults.receiver import Line, Receiver
from tests.faults.site import Site
from tests.faults.steps import WHOSE, Steps, Whose
from tests.faults.virtual_time import VirtualClock

# So soon that it happens to messages that are under way: whoever is marked too early must go on all the same.
ABANDONED_AFTER = timedelta(seconds=20)
QUEUES = ("transform", "route", "deliver")
SESSIONS_AT_ONCE = 2  # of each queue
BATCH = 16
TIMER_SECONDS = 30.0
PAUSE_SECONDS = 1.0  # after the broker failed


class Surrounding(NamedTuple):
    """What a worker finds when it starts."""

    site: Site
    steps: Steps
    receivers: Sequence[Receiver]
    loop: asyncio.AbstractEventLoop
    uniform: Any


class Worker:
    """Runs until it is killed.

    Attributes:
        ended: Done when it is dead.
    """

    def __init__(self, release: int, found: Surrounding) -> None:
        self.release = release
        self.is_dead = self.is_gone = False
        self.clock = VirtualClock(found.loop)
        self.ended: asyncio.Future[None] = found.loop.create_future()
        self._loop = found.loop
        adapters = found.site.adapters_of(self, found.steps)
        self.queue = adapters.queue
        self._sweep = ReservationSweep(self.clock, adapters.ledger, ABANDONED_AFTER)
        self.hub = Hub(found.site.settings, adapters)
        self.hub.__dict__.update(registry=registry(), converters=releases.Converters())
        deliver = self.hub.deliver
        deliver._uniform = deliver._drain._sender._uniform = found.uniform
        deliver._destinations.update(
            {one.name: Line(one, self, found.steps) for one in found.receivers}  # type: ignore[misc]
        )

    def start(self) -> None:
        """Begin to take sessions, and to do what the timer does (`functions/retry.py`)."""
        for queue in QUEUES:
            for _ in range(SESSIONS_AT_ONCE):
                self._begin(queue, self._take_sessions(queue))
        self._begin("retry", self._tick())

    def die(self, *, with_process: bool) -> None:
        """Do nothing any more."""
        self.is_dead = True
        self.is_gone = with_process
        if not self.ended.done():
            self.ended.set_result(None)

    async def take(self, message: Message) -> Reply:
        """Return what a sender hears.

        Raises:
            ConnectionError: it hears nothing.
        """
        ingest = self.hub.ingest
        if message.is_fhir:
            return await self._answer(
                "ingest", ingest.fhir.take(message.body, InterfaceId(message.source), FHIR_MEDIA_TYPE)
            )
        return await self._answer("ingest", ingest.take(message.body))

    async def obey(self, order: Callable[[Hub], Coroutine[Any, Any, Any]]) -> None:
        """Return when an operator's order is carried out.

        Raises:
            ConnectionError: nobody can say whether it was.
        """
        await self._answer("operator", order(self.hub))

    async def _answer(self, stage: str, work: Coroutine[Any, Any, Any]) -> Any:
        request = self._begin(stage, work)
        await asyncio.wait([request, self.ended], return_when=asyncio.FIRST_COMPLETED)
        if not request.done():
            request.add_done_callback(_hear)
            raise ConnectionError
        if request.exception() is not None:
            raise ConnectionError
        return request.result()

    def _begin(self, stage: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        token = WHOSE.set(Whose(stage, self.release))
        try:
            return self._loop.create_task(work)
        finally:
            WHOSE.reset(token)

    async def _take_sessions(self, queue: str) -> None:
        while not self.is_dead:
            try:
                lock = await self.queue.accept_session(queue)
                if lock is None:
                    await self.queue.arrival(queue)
                else:
                    await self._drain(lock)
            except IntegrationError:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _drain(self, lock: Any) -> None:
        WHOSE.set(Whose(lock.queue, self.release, lock))
        try:
            while received := await self.queue.receive(lock, BATCH):
                await self._hand_over(lock, received)
        finally:
            if not self.is_dead:
                await self.queue.release(lock)

    async def _hand_over(self, lock: Any, received: Sequence[Received]) -> None:
        offers = [Offer(one.body, one.session, one.deliveries) for one in received]
        try:
            await self._run_stage(lock.queue, offers)
        except Exception:  # noqa: BLE001  # the boundary: whatever it was, the broker delivers again
            await self.queue.abandon(lock, received)
        else:
            await self.queue.complete(lock, received)

    def _run_stage(self, queue: str, offers: Sequence[Offer]) -> Awaitable[None]:
        match queue:
            case "transform":
                return self.hub.transform.run(offers)
            case "route":
                return self.hub.route.run(offers)
            case _:
                return self.hub.deliver.run(SessionId(offers[0].session), offers)

    async def _tick(self) -> None:
        while not self.is_dead:
            await asyncio.sleep(TIMER_SECONDS)
            await _attempt(self.hub.deliver.wake_overdue())
            await _attempt(self.hub.barriers.run())
            await _attempt(self._sweep.run())


async def _attempt(work: Awaitable[Any]) -> None:
    with suppress(IntegrationError):
        await work


def _hear(request: asyncio.Task[Any]) -> None:
    """Take the error of a request whose worker has gone: nobody else does."""
    if not request.cancelled():
        request.exception()
