"""The real hub in this process: local adapters, a clock that the test moves, destinations that answer as told.

A pump takes the place of the host: it receives sessions from the local broker and runs the stages, one after the other,
so that a test decides when something happens and nothing waits for real time. `Faults` can end the "process" after any
call of a port; what follows is what a real start would do with the same folder.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from shared.adapters import Adapters
from shared.adapters.local.open import open_local
from shared.adapters.local.queue import LocalQueue, QueueRules, SessionLock, dead_letter_queue
from shared.adapters.received import Received
from shared.app import Hub
from shared.ingest.reply import Reply
from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.identifiers import InterfaceId, MessageId, SessionId
from shared.message.record import MessageRecord
from shared.message.work import Offer
from shared.settings import read_settings
from tests.doubles.clock import SettableClock
from tests.pipeline.messages import adt, result

ACCEPTED = Answer(Verdict.ACCEPTED, "AA")
REFUSED = Answer(Verdict.TRANSIENT, "refused")
REJECTED = Answer(Verdict.PERMANENT, "AE 207")
SILENT = Answer(Verdict.AMBIGUOUS, "timed_out")

BATCH = 64
QUEUES = ("transform", "route", "deliver")
IN_MEMORY = ("accept_session", "release", "arrival")  # of the broker: they leave nothing behind
PORTS = (
    "archive",
    "ledger",
    "history",
    "replays",
    "audit",
    "chain",
    "queue",
    "lanes",
    "barriers",
    "holds",
    "identities",
    "intake",
    "fhir_store",
    "publisher",
)

DESTINATIONS = {
    "store": 'kind = "fhir_store"',
    "keyed": 'kind = "https"\nidempotent = true\naddress = { laptop = "http://127.0.0.1:1/keyed" }',
    "slow": 'kind = "https"\nidempotent = true\nrate_per_second = 0.1\nconcurrency = 1\n'
    'address = { laptop = "http://127.0.0.1:1/slow" }',
    "shut": 'kind = "https"\npaused = true\naddress = { laptop = "http://127.0.0.1:1/shut" }',
    "careful": 'kind = "https"\naddress = { laptop = "http://127.0.0.1:1/careful" }',
    "feed": 'kind = "mllp"\naddress = { laptop = "mllp://127.0.0.1:1" }',
    "rendered": 'kind = "mllp"\naddress = { laptop = "mllp://127.0.0.1:1" }',
    "free": 'kind = "https"\nidempotent = true\nreplay = "free"\naddress = { laptop = "http://127.0.0.1:1/free" }',
    "plain": 'kind = "https"\nreplay = "free"\naddress = { laptop = "http://127.0.0.1:1/plain" }',
    "wire": 'kind = "mllp"\nreplay = "free"\naddress = { laptop = "mllp://127.0.0.1:1" }',
    "charged": 'kind = "https"\nreplay = "never"\naddress = { laptop = "http://127.0.0.1:1/charged" }',
    "lenient": 'kind = "mllp"\non_reject = "continue"\naddress = { laptop = "mllp://127.0.0.1:1" }',
}
SHAPES = {"feed": "hl7", "wire": "hl7", "lenient": "hl7", "rendered": "hl7_from_fhir"}


def write_interfaces(folder: Path, routes: Sequence[str], *, accepts: str = '["P"]', more: str = "") -> Path:
    """Write a folder with one interface, ``adt``, that takes every message of application EHR to these destinations."""
    (folder / "destinations").mkdir(parents=True, exist_ok=True)
    (folder / "adt" / "samples").mkdir(parents=True, exist_ok=True)
    (folder / "adt" / "samples" / "01-admission.hl7").write_bytes(adt("SAMPLE"))
    (folder / "adt" / "samples" / "02-result.hl7").write_bytes(result("SAMPLE"))
    for name in routes:
        text = f'title = "{name}"\n{DESTINATIONS[name]}\n'
        (folder / "destinations" / f"{name}.toml").write_text(text, encoding="utf-8")
    lines = [
        'title = "ADT and results of General Hospital"\nowner = "tests"\ncontact = "tests"\nassigner = "GENERAL"',
        f'accepts = {accepts}\n{more}\n[[match]]\nsending_application = ["EHR"]\n',
        *(f'[[routes]]\nto = "{name}"\nshape = "{SHAPES.get(name, "fhir")}"\n' for name in routes),
    ]
    (folder / "adt" / "interface.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder


def write_fhir_interface(folder: Path, text: str, routes: Sequence[str]) -> None:
    """Write an interface that takes FHIR to these destinations, those that want HL7 as sent left out."""
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    (folder / "samples" / "01-patient.fhir.json").write_text(
        '{"resourceType": "Patient", "active": true}', encoding="utf-8"
    )
    lines = [f'title = "{folder.name}"\nowner = "tests"\ncontact = "tests"\n{text}\n']
    wanted = [name for name in routes if SHAPES.get(name) != "hl7"]
    lines += [f'[[routes]]\nto = "{name}"\nshape = "{SHAPES.get(name, "fhir")}"\n' for name in wanted]
    (folder / "interface.toml").write_text("\n".join(lines), encoding="utf-8")


class Crash(BaseException):
    """The process ends here: nothing catches it, nothing after it runs."""


@dataclass
class Faults:
    """Counts the calls of all ports, and ends the process after one of them, or fails one.

    Attributes:
        crash_after: The call that still takes effect, and whose caller never hears of it: by its number, or the first
            one of a name; None: never.
        made: What was called, by ``port.method``.
    """

    crash_after: int | str | None = None
    made: list[str] = field(default_factory=list)

    def wrap(self, name: str, port: Any) -> Any:
        return _Counted(name, port, self) if port is not None else None

    @property
    def has_crashed(self) -> bool:
        if isinstance(self.crash_after, str):
            return self.crash_after in self.made
        return self.crash_after is not None and len(self.made) >= self.crash_after

    async def call(self, name: str, work: Callable[[], Any]) -> Any:
        if self.has_crashed:
            raise Crash(name)  # a dead process calls nothing
        self.made.append(name)
        result = await work()
        if self.has_crashed:
            raise Crash(name)
        return result


class _ShortSleeps(SettableClock):
    """Whoever waits for a moment, as after a conflict in the store, need not wait for the test to move the clock."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class _Counted:
    """A port whose asynchronous calls are counted."""

    def __init__(self, name: str, port: Any, faults: Faults) -> None:
        self._name, self._port, self._faults = name, port, faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name in IN_MEMORY or not inspect.iscoroutinefunction(found):
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            return await self._faults.call(f"{self._name}.{name}", partial(found, *arguments, **named))

        return call


@dataclass
class Receiver:
    """A destination in memory: it answers from a script, then accepts, and remembers what it was sent.

    Attributes:
        answer: Decides each answer; an exception is raised out of the send.
        sent: Delivery and body of every send, in order.
        accepted: Those it said ACCEPTED to.
    """

    answer: Callable[[Delivery, bytes], Answer] = lambda delivery, body: ACCEPTED
    sent: list[tuple[Delivery, bytes]] = field(default_factory=list)
    accepted: list[Delivery] = field(default_factory=list)

    def answers(self, *script: Answer) -> None:
        """Answer so the next times; after that, accept."""
        left = list(script)
        self.answer = lambda delivery, body: left.pop(0) if left else ACCEPTED

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        self.sent.append((delivery, body))
        answer = self.answer(delivery, body)
        if answer.verdict is Verdict.ACCEPTED:
            self.accepted.append(delivery)
        return answer

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def messages(self) -> list[MessageId]:
        """The messages it accepted, in order."""
        return [delivery.item.message for delivery in self.accepted]


class HubInProcess:
    """A hub over a folder, between `start` and `stop` or `crash`; it may be started again.

    Attributes:
        interfaces: The folder of its files.
        receivers: The destinations of its interfaces, but for the FHIR store, which is real.

    Args:
        is_in_two_steps: Ingest numbers and then sends, as in Azure, so that a test can stop it in between.
    """

    hub: Hub
    queue: LocalQueue

    def __init__(self, home: Path, interfaces: Path, *, is_in_two_steps: bool = False) -> None:
        self._is_in_two_steps = is_in_two_steps
        self.interfaces = interfaces
        self.clock = _ShortSleeps()
        self.faults = Faults()
        self.receivers: dict[str, Receiver] = {
            file.stem: Receiver() for file in (interfaces / "destinations").glob("*.toml") if file.stem != "store"
        }
        self._settings = read_settings(
            {
                "CADUCEUS_ADAPTERS": "local",
                "CADUCEUS_STAGE": "laptop",
                "CADUCEUS_HOME": str(home),
                "CADUCEUS_INTERFACES": str(interfaces),
                "CADUCEUS_WORKERS": "0",
            }
        )

    async def start(self) -> None:
        """Open the folder, as a process that begins does."""
        self._adapters: Any = await self._open()
        counted = {name: self.faults.wrap(name, getattr(self._adapters, name)) for name in PORTS}
        if self._is_in_two_steps:
            counted["intake"] = None
        self.hub = Hub(self._settings, self._with_ports(counted))
        self.queue = counted["queue"]
        stage = self.hub.deliver
        for name, receiver in self.receivers.items():
            stage._destinations[name] = self.faults.wrap(name, receiver)  # type: ignore[index]

    async def _open(self) -> Adapters:
        return open_local(self._settings, self.clock, QueueRules())

    def _with_ports(self, counted: dict[str, Any]) -> Adapters:
        """Return the adapters with their ports replaced by counted ones."""
        return replace(self._adapters, **counted)

    async def stop(self) -> None:
        """End as a process does that is asked to."""
        await self.hub.close()

    async def crash(self) -> None:
        """End as a process does that is killed: what was under way goes no further, and memory is gone."""
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._adapters.close()
        self.faults = Faults()

    async def take(self, body: bytes) -> Reply:
        """Return what a sender hears."""
        return await self.hub.ingest.take(body)

    async def take_fhir(
        self, body: object, interface: str = "app", *, media: str = "application/fhir+json", key: str = ""
    ) -> Reply:
        """Return what a sender of FHIR hears; what is not bytes is sent as JSON."""
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self.hub.ingest.fhir.take(sent, InterfaceId(interface), media, key)

    async def work(self) -> None:
        """Run the stages until no queue has anything to receive now."""
        while any([await self.work_on(queue) for queue in (*QUEUES, *map(dead_letter_queue, QUEUES))]):
            pass
        await self.hub.ingest.close()

    async def tick(self) -> None:
        """Do what the timer does (`functions/retry.py`)."""
        await self.hub.deliver.wake_overdue()
        await self.hub.barriers.run()
        await self.hub.reservations.run()

    async def pass_time(self, seconds: float, step: float = 5.0) -> None:
        """Let time pass in steps, and run what falls due."""
        while seconds > 0:
            self.clock.advance(min(step, seconds))
            seconds -= step
            await self.work()

    async def work_on(self, queue: str) -> bool:
        """Run a stage on every session of its queue; return whether there was one."""
        worked = False
        while (lock := await self.queue.accept_session(queue)) is not None:
            worked = True
            while received := await self.queue.receive(lock, BATCH):
                await self._hand_over(queue, lock, received)
            await self.queue.release(lock)
        return worked

    async def _hand_over(self, queue: str, lock: SessionLock, received: Sequence[Received]) -> None:
        offers = [Offer(one.body, one.session, one.deliveries) for one in received]
        try:
            await self.run_stage(queue, offers)
        except Exception:  # noqa: BLE001  # the boundary: whatever it was, the broker delivers again
            await self.queue.abandon(lock, received)
        else:
            await self.queue.complete(lock, received)

    async def run_stage(self, queue: str, offers: Sequence[Offer]) -> None:
        """Run a stage as its trigger does."""
        if queue == "transform":
            await self.hub.transform.run(offers)
        elif queue == "route":
            await self.hub.route.run(offers)
        elif queue == "deliver":
            await self.hub.deliver.run(SessionId(offers[0].session), offers)
        else:
            await self.hub.dead_letters.record(queue.partition("/")[0], offers)

    async def record(self, control_id: str) -> MessageRecord:
        """Return the newest message with this MSH-10."""
        return (await self.hub.adapters.ledger.by_control_id(control_id))[0]

    async def deliveries(self, control_id: str) -> dict[str, Delivery]:
        """Return the deliveries of the newest message with this MSH-10, by destination."""
        rows = await self.hub.adapters.lanes.deliveries((await self.record(control_id)).message)
        return {str(row.destination): row for row in rows}

    async def states(self, control_id: str) -> dict[str, str]:
        return {name: str(row.state) for name, row in (await self.deliveries(control_id)).items()}

    async def resources(self, kind: str, **parameters: str) -> list[dict[str, Any]]:
        """Return what the store holds of a type."""
        return [one.resource for one in await self.hub.adapters.fhir_store.search(kind, parameters)]

    async def findings(self, control_id: str) -> set[str]:
        """Return the codes that were noted about a message."""
        _, findings = await self.hub.adapters.ledger.trace((await self.record(control_id)).message)
        return {code for code, _, _ in findings}
