"""One case: senders, workers, receivers and an operator, from the first message until everything has come to rest."""

from __future__ import annotations

import asyncio
import math
import random
import secrets
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from shared.adapters.local import database
from shared.adapters.local.work_thread import WorkThread
from shared.message.identifiers import DeliveryId
from shared.message.state import MessageState
from tests.faults.deployment import DESTINATIONS, registry
from tests.faults.messages import Message, merge
from tests.faults.operator import Operator
from tests.faults.plan import Fault, Plan
from tests.faults.receiver import Receiver
from tests.faults.releases import HUB_KEY, differing_outputs
from tests.faults.scenario import Pause, Scenario
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
PAUSE_SECONDS = 30.0
LATE_SECONDS = 3.0
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
        operator: Who pauses what, and decides about what was stopped.
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
        self.operator = Operator(self)
        self._site = open_site(self.clock)
        self._loop = loop
        self._chance = random.Random(f"{seed} world")
        self.workers: list[Worker] = []
        self._dead: list[Worker] = []
        self._releases = 0
        self._others: list[asyncio.Task[None]] = []  # senders, and what the operator is at
        self._last_word = 0.0
        self._interfered = 0

    @property
    def adapters(self) -> Any:
        """The operator's and the checks'."""
        return self._site.adapters

    async def run(self) -> None:
        """Return when everything is at rest, or is stuck and said so."""
        self._open()
        self._loop.create_task(self._keep_time())
        for sender in self.scenario.senders:
            self._begin(self._send_all(sender))
        self._begin(self._send_all(self.scenario.late, after_seconds=LATE_SECONDS))
        for pause in self.scenario.pauses:
            self._begin(self.operator.pause(pause))
        while not await self._is_at_rest():
            if self.now() > max(self.steps.last_fault, self._last_word) + REST_SECONDS:
                self.complaints.append(f"stuck: {await self._what_waits()}")
                return
            await self.operator.decide()
            await asyncio.sleep(5)

    async def close(self) -> None:
        """End everybody, and let go of the folder."""
        for worker in self.workers:
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
        for worker in (*self.workers, *self._dead):
            self._end(worker, with_process=True)
        self.workers = []
        self._loop.create_task(self._restart())

    def kill(self, worker: Worker) -> None:
        """End one worker; another one starts, and the locks of the first are left to run out."""
        if worker in self.workers:
            self.workers.remove(worker)
            self._dead.append(worker)
            self._end(worker, with_process=False)
            self._start_worker()

    def interfere(self, fault: Fault) -> None:
        """Let somebody outside do something just now."""
        match fault:
            case Fault.COPY:
                under_way = [one.message for one in self.sent.values() if one.acknowledged is None]
                self._begin(self._send(under_way[0] if under_way else next(iter(self.sent.values())).message))
            case Fault.REPEAT:
                heard = [one for one in self.sent.values() if one.acknowledged is not None]
                for one in sorted(heard, key=lambda one: one.acknowledged or 0)[-1:]:
                    self._begin(self._send(one.message))
            case Fault.MERGE:
                self._interfered += 1
                self._begin(self._send(merge(f"M9{self._interfered}", *self._chance.sample(range(1, 5), 2))))
            case Fault.HALT | Fault.PAUSE:
                busiest = self.scenario.senders[0][0].source
                name = busiest if fault is Fault.HALT else self._chance.choice([*DESTINATIONS])
                self._begin(self.operator.pause(Pause(name, self.now(), PAUSE_SECONDS)))

    @property
    def stops_within_seconds(self) -> float:
        """How late a worker may read an order to stand still."""
        return self._site.stops_within_seconds

    async def give_away(self, lock: Any) -> None:
        """Let others have a session, whatever its worker believes."""
        await self._site.give_away(lock)

    def observe(self, name: str, arguments: tuple[Any, ...]) -> None:
        """Note which acceptances are recorded."""
        self.recorded.update(self._site.accepted_in(name, arguments))

    def heard(self) -> None:
        """Note that the hub has answered: it is not stuck."""
        self._last_word = self.now()

    def now(self) -> float:
        """Return the seconds since everything began."""
        return self._loop.time()

    # Who takes part

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._others.append(self._loop.create_task(work))

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
        self.workers.append(worker)
        worker.start()

    async def _send_all(self, messages: Sequence[Message], after_seconds: float = 0.0) -> None:
        await asyncio.sleep(after_seconds)
        for message in messages:
            await self._send(message)
            await asyncio.sleep(self._chance.expovariate(1 / 0.01))
        for message in messages:
            if message.control_id in self.scenario.copies:
                await self._send(message)

    async def _send(self, message: Message) -> None:
        """Send until somebody acknowledges, as nearly every sender does."""
        sent = self.sent.setdefault(message.control_id, Sent(message, self.now()))
        while True:
            try:
                async with asyncio.timeout(SENDER_TIMEOUT_SECONDS):
                    reply = await self._request(message)
            except (TimeoutError, ConnectionError):
                if message.is_sent_once:
                    return
                await asyncio.sleep(1)
                continue
            self.heard()
            if sent.acknowledged is None:
                sent.acknowledged = self.now()
            sent.replies.append(reply)
            return

    async def _request(self, message: Message) -> bytes:
        if not self.workers:
            raise ConnectionError
        reply = await self._chance.choice(self.workers).take(message)
        if reply.status != (202 if message.is_fhir else 200):
            self.complaints.append(f"answered {reply.status}")
        return reply.body

    async def _is_at_rest(self) -> bool:
        is_over = self.now() > self.steps.last_fault + GOES_ON_SECONDS
        if not is_over or not self.workers or not all(other.done() for other in self._others):
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
        unfinished = sum(not other.done() for other in self._others)
        if not self.workers:
            return "no worker"
        return f"{unfinished} outside, {await self.adapters.ledger.counts()}, {await self.adapters.lanes.waiting()}"


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
