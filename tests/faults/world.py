"""One case: senders, workers, receivers and an operator, from the first message until everything has come to rest."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from shared.adapters.local import database
from shared.adapters.local.work_thread import WorkThread
from shared.message.identifiers import DeliveryId
from shared.message.state import DeliveryState, MessageState
from tests.faults.plan import Fault, Plan
from tests.faults.receiver import Receiver
from tests.faults.releases import HUB_KEY, differing_outputs
from tests.faults.scenario import DESTINATIONS, Message, Scenario, merge, registry
from tests.faults.site import Site
from tests.faults.steps import LOCK_SECONDS, Steps
from tests.faults.virtual_time import VirtualClock
from tests.faults.worker import Surrounding, Worker

WORKERS = 2
SENDER_TIMEOUT_SECONDS = 20.0
# What rests only after this, counted from the last fault or message, is stuck: a lock that runs out, and then some.
REST_SECONDS = LOCK_SECONDS + 240
# What was held up may do harm for so long after it goes on.
GOES_ON_SECONDS = 15.0
TICK_SECONDS = 0.5
OpenSite = Callable[[VirtualClock], Site]
FINAL = frozenset(
    {MessageState.ROUTED, MessageState.FILTERED, MessageState.QUARANTINED, MessageState.REFUSED, MessageState.DISCARDED}
)


@dataclass
class Sent:
    """What a sender knows of one message.

    Attributes:
        begun: When its first request began.
        acknowledged: When it first heard AA; None: not yet.
        replies: Every acknowledgement it got.
    """

    message: Message
    begun: float
    acknowledged: float | None = None
    replies: list[bytes] = field(default_factory=list)


class World:
    """Everything but the checks.

    Attributes:
        sent: Every message that was sent, by its control id.
        receivers: The destinations but the store, by name.
        recorded: Deliveries whose acceptance is in the lanes.
        complaints: What went wrong and no check has to look for.
    """

    def __init__(
        self, scenario: Scenario, plan: Plan, seed: str, open_site: OpenSite, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.scenario = scenario
        self.sent: dict[str, Sent] = {}
        self.recorded: set[DeliveryId] = set()
        self.complaints: list[str] = []
        self.clock = VirtualClock(loop)
        self.steps = Steps(loop, plan, seed, self)
        self.receivers = {name: self._receiver(name, loop) for name in DESTINATIONS if name != "store"}
        self._site = open_site(self.clock)
        self._loop = loop
        self._chance = random.Random(f"{seed} world")
        self._workers: list[Worker] = []
        self._dead: list[Worker] = []
        self._releases = 0
        self._senders: list[asyncio.Task[None]] = []
        self._last_message = 0.0
        self._interfered = 0

    @property
    def adapters(self) -> Any:
        """The operator's and the checks'."""
        return self._site.adapters

    async def run(self) -> None:
        """Return when everything is at rest, or is stuck and said so."""
        self._open()
        self._loop.create_task(self._keep_time())
        self._senders = [self._loop.create_task(self._send_all(sender)) for sender in self.scenario.senders]
        while not await self._is_at_rest():
            if self._loop.time() > max(self.steps.last_fault, self._last_message) + REST_SECONDS:
                self.complaints.append(f"stuck: {await self._what_waits()}")
                return
            await self._operate()
            await asyncio.sleep(5)

    async def close(self) -> None:
        """End everybody, and let go of the folder."""
        for worker in self._workers:
            worker.die(with_process=True)
        for _ in range(10):  # whoever is cancelled may wait for something else before it ends
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.sleep(0)
        await self._site.close()

    # What faults do

    def crash(self) -> None:
        """End the process, and with it all workers; another one starts."""
        for worker in (*self._workers, *self._dead):
            self._end(worker, with_process=True)
        self._workers = []
        self._loop.create_task(self._restart())

    def kill(self, worker: Worker) -> None:
        """End one worker; another one starts, and the locks of the first are left to run out."""
        if worker in self._workers:
            self._workers.remove(worker)
            self._dead.append(worker)
            self._end(worker, with_process=False)
            self._start_worker()

    def interfere(self, fault: Fault) -> None:
        """Let somebody send just now."""
        if fault is Fault.COPY:
            under_way = [one.message for one in self.sent.values() if one.acknowledged is None]
            message = under_way[0] if under_way else next(iter(self.sent.values())).message
        else:
            self._interfered += 1
            message = merge(f"M9{self._interfered}", *self._chance.sample(range(1, 5), 2))
        self._senders.append(self._loop.create_task(self._send(message)))

    async def give_away(self, lock: Any) -> None:
        """Let others have a session, whatever its worker believes."""
        await self._site.give_away(lock)

    def observe(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Note which acceptances are recorded."""
        self.recorded.update(self._site.accepted_in(name, arguments))

    # Who takes part

    def _receiver(self, name: str, loop: asyncio.AbstractEventLoop) -> Receiver:
        config = next(one for one in registry().destinations.values() if one.id == name)
        outages = self.scenario.outages.get(name, [])
        return Receiver(name, loop, config.idempotent, outages, self.recorded.__contains__)

    def _open(self) -> None:
        self._site.open()
        for _ in range(WORKERS):
            self._start_worker()

    async def _restart(self) -> None:
        await self._site.restart()
        await asyncio.sleep(1)
        self._open()

    def _end(self, worker: Worker, *, with_process: bool) -> None:
        worker.die(with_process=with_process)
        self._site.end(worker, with_process=with_process)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._site.tick()

    def _start_worker(self) -> None:
        self._releases += 1
        receivers = list(self.receivers.values())
        found = Surrounding(self._site, self.steps, receivers, self._loop, self._chance.uniform)
        worker = Worker(self._releases, found)
        self._workers.append(worker)
        worker.start()

    async def _send_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await self._send(message)
            await asyncio.sleep(self._chance.expovariate(1 / 0.01))
        for message in messages:
            if message.control_id in self.scenario.copies:
                await self._send(message)

    async def _send(self, message: Message) -> None:
        """Send until somebody acknowledges, as nearly every sender does."""
        sent = self.sent.setdefault(message.control_id, Sent(message, self._loop.time()))
        while True:
            try:
                async with asyncio.timeout(SENDER_TIMEOUT_SECONDS):
                    reply = await self._request(message.body)
            except (TimeoutError, ConnectionError):
                if message.is_sent_once:
                    return
                await asyncio.sleep(1)
                continue
            self._last_message = self._loop.time()
            if sent.acknowledged is None:
                sent.acknowledged = self._last_message
            sent.replies.append(reply)
            return

    async def _request(self, body: bytes) -> bytes:
        if not self._workers:
            raise ConnectionError
        reply = await self._chance.choice(self._workers).take(body)
        if reply.status != 200:
            self.complaints.append(f"answered {reply.status}")
        return reply.body

    async def _operate(self) -> None:
        """Do what a person does with what may have arrived: look there, then resend it or let it be."""
        rows = await self.adapters.lanes.stopped() if self._workers else []
        for row in rows:
            if row.state is DeliveryState.REVIEW and self._workers:
                has_arrived = self.receivers[row.destination].copies[row.id] > 0
                await self.adapters.lanes.reopen(row, DeliveryState.DISCARDED if has_arrived else DeliveryState.PARKED)
                self._workers[0].obey(lambda stage, to=row.destination: stage.wake_sessions(to))

    async def _is_at_rest(self) -> bool:
        is_over = self._loop.time() > self.steps.last_fault + GOES_ON_SECONDS
        if not is_over or not self._workers or not all(sender.done() for sender in self._senders):
            return False
        counts = await self.adapters.ledger.counts()
        gave_up = any(sent.acknowledged is None for sent in self.sent.values())
        final = FINAL | {MessageState.ABANDONED} if gave_up else FINAL
        return counts.keys() <= final and not await self.adapters.lanes.waiting() and await self._is_all_delivered()

    async def _is_all_delivered(self) -> bool:
        """Tell whether every message has a delivery to everyone who wants it: what is still in a queue has none."""
        for control_id, sent in self.sent.items():
            if sent.acknowledged is None:
                continue  # nobody was promised anything
            [record, *_] = await self.adapters.ledger.by_control_id(control_id)
            if record.state is MessageState.QUARANTINED:
                continue  # whether it may be there is asked later
            if len(await self.adapters.lanes.deliveries(record.message)) < len(sent.message.names):
                return False
        return True

    async def _what_waits(self) -> str:
        unfinished = sum(not sender.done() for sender in self._senders)
        if not self._workers:
            return "no worker"
        return f"{unfinished} senders, {await self.adapters.ledger.counts()}, {await self.adapters.lanes.waiting()}"


@contextmanager
def reproducible(seed: str) -> Iterator[None]:
    """Leave nothing to chance, threads or the disk: what is random comes from the seed."""
    chance = random.Random(f"{seed} secrets")
    with ExitStack() as stack:
        patch = stack.enter_context
        patch(mock.patch.dict("os.environ", {"CADUCEUS_SECRET_HUB_KEY": HUB_KEY}))
        patch(mock.patch.object(secrets, "token_bytes", lambda size=32: chance.randbytes(size)))
        patch(mock.patch.object(secrets, "token_hex", lambda size=32: chance.randbytes(size).hex()))
        patch(mock.patch.object(WorkThread, "__init__", return_value=None))
        patch(mock.patch.object(WorkThread, "submit", lambda self, work, *arguments: work(*arguments)))
        patch(mock.patch.object(WorkThread, "shutdown"))
        patch(mock.patch.object(database, "GROUP_SECONDS", math.inf))  # how much one commit takes is no matter of speed
        patch(differing_outputs())
        yield
