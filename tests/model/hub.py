"""The real stage over the real lanes and queue, in virtual time: every send waits until the walk answers it."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from shared.adapters.local import database
from shared.adapters.local import open as opening
from shared.adapters.local.database import Database
from shared.adapters.local.lanes import LocalLanes
from shared.adapters.local.queue import LocalQueue, SessionLock
from shared.adapters.local.work_thread import WorkThread
from shared.adapters.received import Received
from shared.barriers.unreadable import Unreadable
from shared.deliver.limits import DeliverLimits
from shared.deliver.outputs import Output
from shared.deliver.stage import DeliverStage
from shared.message.delivery import Answer, Attempt, Delivery, Verdict
from shared.message.envelope import encode_envelope
from shared.message.errors.base import IntegrationError
from shared.message.identifiers import DestinationId, SessionId, delivery_id
from shared.message.queues import DELIVER_QUEUE
from shared.message.state import DeliveryState
from shared.message.work import Offer
from shared.ports import DestinationStatus, Outgoing, Ownership
from shared.ports import Turn as Taken
from shared.registry.destination import DestinationConfig
from tests.doubles.samples import delivery as sample
from tests.faults.virtual_time import VirtualClock, VirtualLoop
from tests.model.promises import Letter, Promises, Sending, Turn

LIMITS = DeliverLimits(timedelta(seconds=45), send_timeout=timedelta(seconds=10), clock_skew=timedelta(seconds=2))
SILENT = Answer(Verdict.AMBIGUOUS, "timed_out")
WORKERS_AHEAD = (0.0, 0.9, -0.9)  # seconds: of two workers less than the clock skew
MOMENT = 1e-6
BATCH = 16
JOBS_AT_ONCE = 4
TURNS_AT_ONCE = 20_000  # of the loop, while no time passes

TURN: ContextVar[Turn] = ContextVar("TURN")  # of the invocation: a worker may have two of one session


class Loop(VirtualLoop):
    """Time that also notices when it never comes to move.

    Attributes:
        turns: Of the loop, since it last moved.
    """

    turns = 0

    def select(self, timeout: float | None) -> Sequence[object]:
        self.turns = 0 if timeout else self.turns + 1
        if self.turns > TURNS_AT_ONCE:
            raise AssertionError("somebody goes round and round")
        return super().select(timeout)


class Outputs:
    """Every delivery has the same bytes."""

    async def prepare(self, rows: Sequence[Delivery], config: object) -> dict[str, Output]:
        return {row.id: Output(b"body", "text/plain", "digest") for row in rows}


class SeenLanes:
    """The lanes as one worker uses them, before the eyes of the promises."""

    def __init__(self, lanes: LocalLanes, promises: Promises, clock: VirtualClock) -> None:
        self._lanes, self._promises, self._clock = lanes, promises, clock
        self._looked: tuple[int, DestinationStatus] = (-1, DestinationStatus(promises.config.id))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lanes, name)

    async def status(self, destination: DestinationId) -> DestinationStatus:
        self._looked = self._promises.step, await self._lanes.status(destination)
        return self._looked[1]

    async def take(self, session: SessionId, offered: Sequence[Delivery], *arguments: Any) -> Taken:
        step, status = self._looked
        if step != self._promises.step:  # it did not look, or long ago
            status = await self._lanes.status(self._promises.config.id)
        turn = await self._lanes.take(session, offered, *arguments)
        TURN.set(self._promises.turn(status, offered, self._clock.now()))
        return turn

    async def write(self, ownership: Ownership, rows: Sequence[Delivery], attempts: Sequence[Attempt] = ()) -> None:
        await self._lanes.write(ownership, rows, attempts)
        self._promises.recorded(rows, TURN.get(), self._clock.now())


@dataclass(eq=False)
class Line:
    """The way from one worker to the destination."""

    promises: Promises
    clock: VirtualClock
    waiting: dict[Sending, asyncio.Future[Answer]]

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        sending = self.promises.begins(self.promises.letters[delivery.id], TURN.get())
        future = self.waiting[sending] = asyncio.get_running_loop().create_future()
        answer = None
        try:
            async with asyncio.timeout((deadline - self.clock.now()).total_seconds()):
                answer = await future
        except TimeoutError:
            answer = SILENT
        finally:
            del self.waiting[sending]
            self.promises.ends(sending, answer, self.clock.now())
        return answer

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(eq=False)
class Job:
    """An invocation under way: a session's lock, what was received, and the stage at work on it."""

    lock: SessionLock
    received: list[Received]
    task: asyncio.Task[None] = field(init=False)


class Hub:
    """One destination, its workers and its queue.

    Attributes:
        jobs: Invocations that have not ended.
        waiting: Sends that nobody has answered.
    """

    def __init__(self, folder: Path, config: DestinationConfig) -> None:
        self.config = config
        self.promises = Promises(config)
        self.loop = Loop()
        self.jobs: list[Job] = []
        self.waiting: dict[Sending, asyncio.Future[Answer]] = {}
        self.strays: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.strays.append(f"nobody noticed: {context}"))
        self._database = Database(folder / "hub.db", [each.SCHEMA for each in opening._TABLES])
        self.clock = VirtualClock(self.loop)
        self.lanes = LocalLanes(self._database)
        self.queue = LocalQueue(self._database, self.clock)
        self._uniform = random.Random(0).uniform
        self._stages = [self._stage(ahead) for ahead in WORKERS_AHEAD]
        self._number = 0

    def _stage(self, ahead: float) -> DeliverStage:
        clock = VirtualClock(self.loop, ahead)
        lanes = SeenLanes(self.lanes, self.promises, clock)
        line = Line(self.promises, clock, self.waiting)
        return DeliverStage(
            clock=clock,
            lanes=lanes,
            queue=self.queue,
            registry=SimpleNamespace(destinations={self.config.id: self.config}),  # type: ignore[arg-type]
            outputs=Outputs(),  # type: ignore[arg-type]
            open_destination=lambda config: line,
            sends_at_once=lambda config: config.connections,
            limits=LIMITS,
            replays=None,  # type: ignore[arg-type]
            # Every envelope of a walk can be read: nothing is put aside.
            unreadable=Unreadable(clock=clock, archive=None, ledger=None, barriers=None),  # type: ignore[arg-type]
            uniform=self._uniform,
        )

    def do(self, work: Any) -> Any:
        """Return what the work returned, when nobody has anything to do before time passes."""
        result = self.loop.run_until_complete(work)
        self.pass_time(MOMENT)
        return result

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and happen what falls due."""
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def offer(self, key: str) -> None:
        """Put one more message into the queue."""
        self._number += 1
        number = 0 if self.config.order == "feed" else ord(key) % self.config.concurrency
        session = SessionId(f"{self.config.id}.{number}")
        item = sample(self._number, key, session).item
        letter = delivery_id(item.message, self.config.id, item.run)
        lane = "feed" if self.config.order == "feed" else key
        self.promises.letters[letter] = Letter(letter, self._number, session, lane)
        self.do(self.queue.send(DELIVER_QUEUE, [Outgoing(encode_envelope([item]), session, f"offer {self._number}")]))

    def begin(self) -> bool:
        """Let the next worker take the next session of the queue; tell whether there was one."""
        lock = self.do(self.queue.accept_session(DELIVER_QUEUE))
        if lock is None:
            return False
        job = Job(lock, self.do(self.queue.receive(lock, BATCH)))
        self._stages.append(self._stages.pop(0))
        job.task = self.loop.create_task(self._work(job, self._stages[0]))
        self.jobs.append(job)
        self.pass_time(MOMENT)
        return True

    def begin_all(self) -> None:
        """Let workers take what there is, as a host does."""
        while len(self.jobs) < JOBS_AT_ONCE and self.begin():
            pass

    async def _work(self, job: Job, stage: DeliverStage) -> None:
        """Run the stage as the host of the trigger does."""
        offers = [Offer(one.body, one.session, one.deliveries) for one in job.received]
        is_done = False
        try:
            await stage.run(SessionId(job.lock.session), offers)
            is_done = True
        except Exception as error:  # noqa: BLE001  # the boundary: the broker delivers again
            if not isinstance(error, IntegrationError):
                self.strays.append(repr(error))
        finally:
            self.jobs.remove(job)
        try:
            await (self.queue.complete if is_done else self.queue.abandon)(job.lock, job.received)
        except IntegrationError:
            return  # the lock was lost: they are received again
        await self.queue.release(job.lock)

    def steal(self, job: Job) -> None:
        """Let the broker give the session to somebody else, whatever its worker believes."""
        self.do(self.queue.release(job.lock))

    def kill(self, job: Job) -> None:
        """End a worker in the middle of its work; the broker soon sees it."""
        job.task.cancel()
        self.do(self.queue.release(job.lock))

    def answer(self, sending: Sending, answer: Answer) -> None:
        """Let the destination answer."""
        self.waiting[sending].set_result(answer)
        self.pass_time(MOMENT)

    def tick(self) -> None:
        """Do what the timer does."""
        self.do(self._stages[0].wake_overdue())

    def pause(self) -> None:
        """Stop sending."""
        self.do(self._stages[0].pause(self.config.id))

    def resume(self) -> None:
        """Go on sending."""
        self.do(self._stages[0].resume(self.config.id))

    def decide(self, row: Delivery, state: DeliveryState) -> None:
        """Let a person look at a stopped delivery: it goes again, or it is given up."""
        row = row._replace(settled=self.clock.now())
        self.do(self.lanes.reopen(row, state))
        self.promises.reopened(row, state)
        self.do(self._stages[0].wake_sessions(self.config.id))

    def stopped(self) -> list[Delivery]:
        """Return what waits for a person."""
        rows: list[Delivery] = self.do(self.lanes.stopped(1000))
        return rows

    def queued(self) -> set[str]:
        """Return the sessions that have something in the queue, now or later."""
        rows = self._database.read("SELECT session FROM queued UNION SELECT session FROM scheduled")
        return {session for (session,) in rows}

    def lost(self) -> list[int]:
        """Return the numbers of messages that are neither in the queue nor in a lane."""
        known = {row for (row,) in self._database.read("SELECT delivery FROM delivery")}
        waiting = {name for (name,) in self._database.read("SELECT message_id FROM queued")}
        letters = self.promises.letters.values()
        return [one.number for one in letters if one.id not in known and f"offer {one.number}" not in waiting]

    def asleep(self) -> list[SessionId]:
        """Return sessions that have something to do some day, and nobody who would look (rule R6)."""
        busy = {job.lock.session for job in self.jobs} | self.queued()
        sessions = self.do(self.lanes.sessions(self.config.id))
        return [one for one in sessions if one not in busy and self.do(self.lanes.next_due(one)) is not None]

    def close(self) -> None:
        """End everybody, whatever they are at, so that nothing of this walk is left in the next."""
        self.loop.turns = 0
        while tasks := asyncio.all_tasks(self.loop):
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.run_until_complete(self._database.close())
        self.loop.close()
        asyncio.set_event_loop(None)


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Commit where the work is: nothing depends on when a thread gets its turn."""
    with ExitStack() as stack:
        patch = stack.enter_context
        patch(mock.patch.object(WorkThread, "__init__", return_value=None))
        patch(mock.patch.object(WorkThread, "submit", lambda self, work, *arguments: work(*arguments)))
        patch(mock.patch.object(WorkThread, "shutdown"))
        patch(mock.patch.object(database, "GROUP_SECONDS", math.inf))  # nor on how fast this machine is
        yield
