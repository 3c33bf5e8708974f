"""A small world around the real gate: a queue, barriers and a ledger in memory, everything else as it is.

A world is a value: it can be copied, and a search can go on from the same one along several ways. A step runs to its
end, or ends after one of the calls of its ports as a process does that is killed.
"""

from __future__ import annotations

from collections.abc import Collection, Coroutine, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from shared.barriers.gate import Gate, Stage
from shared.barriers.hold import Hold
from shared.barriers.sweep import MISSING_AFTER, BarrierSweep
from shared.message.barrier import Barrier, Part
from shared.message.envelope import Item, encode_envelope, with_tokens
from shared.message.identifiers import LIVE, InterfaceId, MessageId, OrderingKey, partition_of
from shared.message.identifiers import Sequence as Place
from shared.message.record import MessageRecord
from shared.message.state import MessageState
from shared.message.work import Offer
from shared.ports import Line, Opened, Outgoing
from tests.doubles.clock import NOON
from tests.doubles.samples import ref_of

STAGE = "transform"
PARTITIONS = {"a": 0, "b": 1, "c": 2, "d": 0}


class Killed(BaseException):
    """The process ends here."""


def message(name: str, *keys: str) -> Item:
    """Return a message with these ordering keys, its own first."""
    own = OrderingKey(keys[0])
    this = MessageId(f"{PARTITIONS[keys[0]]}-{name}")
    tokens = [Part(OrderingKey(key), MessageId(f"{PARTITIONS[key]}-{name}.{key}")) for key in sorted(keys[1:])]
    barrier = Barrier((Part(own, this), *tokens)) if tokens else None
    raw = ref_of(name.encode())
    return Item(this, InterfaceId("adt"), Place("adt", 1, 1), own, LIVE, "ADT^A40", "1", raw, barrier=barrier)


def keys_of(item: Item) -> set[str]:
    return {item.key} if item.barrier is None else {part.key for part in item.barrier.parts}


def run_now(work: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


@dataclass
class World:
    """Everything that is durable, and how far the sender is.

    Attributes:
        unsent: Messages to come, each with how many of its parts were sent.
        ended_before: For each message, those that were acknowledged before its request began.
        processed: In order, copies included.
        poison: Messages that are quarantined when they are processed.
        calls_left: Of the process; None: it is not killed.
    """

    unsent: list[tuple[Item, int]]
    ended_before: dict[MessageId, set[MessageId]] = field(default_factory=dict)
    queues: dict[int, list[bytes]] = field(default_factory=lambda: {0: [], 1: [], 2: []})
    parked: dict[tuple[str, int], list[Item]] = field(default_factory=dict)
    barriers: dict[MessageId, Opened] = field(default_factory=dict)
    stopped: set[MessageId] = field(default_factory=set)
    last: int = 0
    processed: list[Item] = field(default_factory=list)
    acknowledged: set[MessageId] = field(default_factory=set)
    poison: frozenset[MessageId] = frozenset()
    calls_left: int | None = None

    def copy(self) -> World:
        """Return another world that is the same; what is in it does not change."""
        return replace(
            self,
            unsent=list(self.unsent),
            ended_before=dict(self.ended_before),
            queues={partition: list(bodies) for partition, bodies in self.queues.items()},
            parked={line: list(items) for line, items in self.parked.items()},
            barriers=dict(self.barriers),
            stopped=set(self.stopped),
            processed=list(self.processed),
            acknowledged=set(self.acknowledged),
        )

    def mark(self) -> Hashable:
        """Return what is the same for the same worlds."""
        return (
            tuple(self.unsent),
            tuple((name, frozenset(before)) for name, before in self.ended_before.items()),
            tuple(tuple(bodies) for bodies in self.queues.values()),
            frozenset((line, tuple(items)) for line, items in self.parked.items() if items),
            frozenset(self.barriers.values()),
            frozenset(self.stopped),
            tuple(dict.fromkeys(item.message for item in self.processed)),
        )

    # What can be done

    def send_next(self, index: int) -> World:
        """Send one more part of a message; before the first one its barrier is recorded."""
        after = self.copy()
        item, sent = after.unsent[index]
        if sent == 0:
            after.ended_before[item.message] = set(after.acknowledged)
            if item.barrier is not None:
                run_now(after.open([item]))
        part = with_tokens(item)[sent]
        after.queues[partition_of(part.message)].append(encode_envelope([part]))
        if sent + 1 == len(with_tokens(item)):
            after.acknowledged.add(item.message)
            del after.unsent[index]
        else:
            after.unsent[index] = item, sent + 1
        return after

    def work(self, partition: int, calls: int | None = None, take: int = 1) -> tuple[World, bool]:
        """Run the stage on a partition; return whether the process lived to the end."""
        after = self.copy()
        after.calls_left = calls
        bodies = after.queues[partition][:take]
        stage = Stage(STAGE, after.process, after.give_up)
        hold = Hold(STAGE, clock=after, holds=after, ledger=after, queue=after, paused=())  # type: ignore[arg-type]
        gate = Gate(stage, hold=hold, unreadable=None, barriers=after, ledger=after, queue=after)  # type: ignore[arg-type]
        try:
            run_now(gate.run([Offer(body, str(partition)) for body in bodies]))
        except Killed:
            return after, False
        finally:
            after.calls_left = None
        del after.queues[partition][: len(bodies)]
        return after, True

    def sweep(self) -> World:
        """Let the timer run, a minute after everything."""
        after = self.copy()
        run_now(BarrierSweep(clock=after, barriers=after, queue=after).run())  # type: ignore[arg-type]
        return after

    def come_to_rest(self) -> World:
        """Let everything run, with the timer once in between: what was lost when a process ended is found."""
        world = self
        for _ in range(2):
            while any(world.queues.values()):
                for partition in world.queues:
                    world, _ = world.work(partition, take=64)
            world = world.sweep()
        while any(world.queues.values()):
            for partition in world.queues:
                world, _ = world.work(partition, take=64)
        return world

    # The ports

    def now(self) -> datetime:
        return NOON + 2 * MISSING_AFTER

    def _call(self) -> None:
        """Count a call that has taken effect; its caller never hears of the last one."""
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left <= 0:
                raise Killed

    async def process(self, items: Sequence[Item]) -> None:
        for item in items:
            assert not item.is_token
            self.processed.append(item)
            self._call()

    async def give_up(self, item: Item) -> None:
        raise AssertionError("nothing fails here")

    async def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        for one in messages:
            self.queues[int(one.session)].append(one.body)
            self._call()

    async def messages(self, ids: Sequence[MessageId]) -> list[MessageRecord]:
        [message] = ids
        state = MessageState.QUARANTINED if message in self.poison else MessageState.TRANSFORMED
        item = self.barriers[message].item
        place = item.interface, item.sequence, item.key, item.mapping, item.raw
        return [MessageRecord(message, *place, "control id", item.type, NOON, state)]

    async def count_attempt(self, messages: Sequence[MessageId], stage: str) -> list[int]:
        return [1] * len(messages)

    async def finish_attempt(self, messages: Sequence[MessageId], stage: str) -> None:
        """Nothing is counted here."""

    async def open(self, items: Sequence[Item]) -> list[Item]:
        for item in items:
            if item.message not in self.barriers:
                self.last += 1
                self.barriers[item.message] = Opened(self.last, item, NOON)
        return list(items)

    async def park(self, stage: str, items: Sequence[Item]) -> None:
        for item in items:
            line = self.parked.setdefault((stage, partition_of(item.message)), [])
            if item not in line:
                line.append(item)
            self._call()

    async def unpark(self, stage: str, items: Sequence[Item]) -> None:
        for item in items:
            line = self.parked[stage, partition_of(item.message)]
            if item in line:
                line.remove(item)
            self._call()

    async def paused(self, *, is_told: bool) -> frozenset[InterfaceId]:
        return frozenset()

    async def keys(self, stage: str, partition: int, keys: Collection[OrderingKey]) -> dict[OrderingKey, InterfaceId]:
        return {}

    async def counts(self, stage: str, partition: int) -> dict[InterfaceId, int]:
        return {}

    async def waits(self, stage: str, partition: int, *, is_told: bool) -> bool:
        return bool(self.parked.get((stage, partition)))

    async def line(self, stage: str, partition: int) -> Line:
        return Line(tuple(self.parked.get((stage, partition), ())), tuple(self._opened()))

    async def arrive(self, stage: str, barrier: Barrier, part: MessageId) -> None:
        self._change(barrier, lambda one: one._replace(arrived=one.arrived | {(stage, part)}))

    async def finish(self, stage: str, barrier: Barrier, *, is_last: bool) -> None:
        self._change(barrier, lambda one: one._replace(passed=one.passed | {stage}))

    async def stop(self, barriers: Sequence[Barrier]) -> None:
        self.stopped.update(barrier.message for barrier in barriers)
        self._call()

    async def lines(self) -> list[tuple[str, int]]:
        return [line for line, items in self.parked.items() if items]

    async def opened(self, before: datetime) -> list[Opened]:
        return self._opened()

    def _opened(self) -> list[Opened]:
        return [one for message, one in self.barriers.items() if message not in self.stopped]

    def _change(self, barrier: Barrier, change: Any) -> None:
        self.barriers[barrier.message] = change(self.barriers[barrier.message])
        self._call()

    # What must hold

    def faults(self) -> list[str]:
        """Return what is wrong once everything has come to rest."""
        found = [f"{line} still holds {len(items)}" for line, items in self.parked.items() if items]
        names = [item.message for item in self.processed]
        items = {item.message: item for item in self.processed}
        found += [f"{message} is lost" for message in self.acknowledged if message not in items]
        for later, before in self.ended_before.items():
            for earlier in before:
                if not {earlier, later} <= items.keys() or not keys_of(items[later]) & keys_of(items[earlier]):
                    continue
                if names.index(earlier) > names.index(later):
                    found.append(f"{later} before {earlier}")
        return found
