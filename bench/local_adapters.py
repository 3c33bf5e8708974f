"""What the local ports cost: against the disk they wait for, and against themselves without sharing, empty or small."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Row
from shared.adapters.local.disk import sync
from shared.adapters.local.open import LocalAdapters, open_local
from shared.message.delivery import Delivery
from shared.message.envelope import ArchiveRef, Item
from shared.message.identifiers import (
    LIVE,
    DestinationId,
    InterfaceId,
    MessageId,
    OrderingKey,
    Sequence,
    SessionId,
    delivery_id,
    new_message_id,
)
from shared.message.record import Arrival, Hop, Progress
from shared.message.state import DeliveryState, MessageState
from shared.ports import Outgoing
from shared.settings import read_settings

ROUNDS = 5
WORKERS = 16
MESSAGES = 40  # of one worker in one round
SEGMENTS = 64
HELD_LANES = 5_000
ROWS = 50_000

BODY = os.urandom(1024)
SESSION = SessionId("down.0")
REF = ArchiveRef("0" * 64, 1024, "bench/raw/00000001@64")

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

_numbers = itertools.count(1)


def run() -> list[Row]:
    """Return the rows of the local adapters."""
    with _folder() as folder:
        return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Row]:
    environment = {"CADUCEUS_ADAPTERS": "local", "CADUCEUS_STAGE": "laptop", "CADUCEUS_HOME": str(folder / "home")}
    hub = open_local(read_settings(environment))
    try:
        return [
            *await _one_write(hub, folder),
            *await _messages(hub),
            await _segments(hub, folder),
            await _held_lanes(hub),
            await _full_ledger(hub),
        ]
    finally:
        await hub.close()


async def _one_write(hub: LocalAdapters, folder: Path) -> list[Row]:
    """A write that nobody shares with is one wait for the disk, and little else."""
    with _appending(folder, 1) as (descriptor,):
        ours, disk = await _alternating(
            lambda: hub.ledger.note([_hop(_message())]), lambda: _sync(descriptor), rounds=20 * ROUNDS
        )
    return [
        Row(
            what="one durable write, alone",
            ours=f"{ours * 1e3:.2f} ms",
            against=f"{disk * 1e3:.2f} ms for a sync of 4 kB",
            ratio=disk / ours,
            goal="at least 0.3x",
            met=disk / ours >= 0.3,
        )
    ]


async def _messages(hub: LocalAdapters) -> list[Row]:
    """Reserve, send, receive, progress and complete: each of them awaited, each of them durable."""
    seconds: list[float] = []
    shared, alone = [], []
    for _ in range(ROUNDS):
        shared.append(await _rate(hub, WORKERS, seconds))
        alone.append(await _rate(hub, 1, []))
    together, single = statistics.median(shared), statistics.median(alone)
    middle, slow = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    return [
        Row(
            what=f"messages through ledger and queue, {WORKERS} workers",
            ours=f"{together:,.0f}/s",
            against=f"{single:,.0f}/s with one worker",
            ratio=together / single,
            goal="at least 3x",
            met=together / single >= 3,
        ),
        Row(
            what=f"slowest of a hundred calls, {WORKERS} workers",
            ours=f"{slow * 1e3:.1f} ms",
            against=f"{middle * 1e3:.1f} ms in the middle",
            ratio=None,
            goal="at most 6x",
            met=slow <= 6 * middle,
        ),
    ]


async def _rate(hub: LocalAdapters, workers: int, seconds: list[float]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(_work(hub, f"bench-{number}", seconds) for number in range(workers)))
    return workers * MESSAGES / (time.perf_counter() - began)


async def _work(hub: LocalAdapters, queue: str, seconds: list[float]) -> None:
    async def timed(call: Awaitable[None]) -> None:
        began = time.perf_counter()
        await call
        seconds.append(time.perf_counter() - began)

    async def receive() -> None:
        lock = await hub.queue.accept_session(queue)
        assert lock is not None
        await hub.queue.complete(lock, await hub.queue.receive(lock, 1))
        await hub.queue.release(lock)

    for _ in range(MESSAGES):
        message = _message()
        await timed(_reserve(hub, [message]))
        await timed(hub.queue.send(queue, [Outgoing(BODY, "0", message)]))
        await timed(hub.ledger.progress([Progress(message, MessageState.QUEUED, _hop(message))]))
        await receive()


async def _segments(hub: LocalAdapters, folder: Path) -> Row:
    """Payloads of many interfaces at once: one sync for all of them, where their files would need one each."""
    interfaces = [InterfaceId(f"interface-{number}") for number in range(SEGMENTS)]

    async def put() -> None:
        await asyncio.gather(*(hub.archive.put(interface, [BODY]) for interface in interfaces))

    def sync_each() -> None:
        for descriptor in descriptors:
            _sync(descriptor, BODY)

    with _appending(folder, SEGMENTS) as descriptors:
        ours, files = await _alternating(put, sync_each)
    return Row(
        what=f"archive, {SEGMENTS} interfaces at once",
        ours=f"{SEGMENTS / ours:,.0f}/s",
        against=f"{SEGMENTS / files:,.0f}/s with a sync for each file",
        ratio=files / ours,
        goal="at least 3x",
        met=files / ours >= 3,
    )


async def _held_lanes(hub: LocalAdapters) -> Row:
    """Thousands of lanes that wait behind a dead destination cost the turns of its session nothing."""
    now = hub.clock.now()
    empty = SessionId("up.0")
    turn = await hub.lanes.take(SESSION, [_delivery(number) for number in range(HELD_LANES)], now, None, HELD_LANES)
    later = now + timedelta(hours=1)
    await hub.lanes.write(turn.ownership, [row._replace(due=later) for row in turn.ready])
    held, free = await _alternating(
        lambda: hub.lanes.take(SESSION, [], now, None, 64),
        lambda: hub.lanes.take(empty, [], now, None, 64),
        rounds=20 * ROUNDS,
    )
    return Row(
        what=f"a turn with {HELD_LANES:,} lanes waiting",
        ours=f"{held * 1e3:.2f} ms",
        against=f"{free * 1e3:.2f} ms with none",
        ratio=None,
        goal="at most 1.3x",
        met=held <= 1.3 * free,
    )


async def _full_ledger(hub: LocalAdapters) -> Row:
    """A ledger that has grown takes a message as fast as one that has not."""
    batch = 500

    async def reserve() -> float:
        messages = [_message() for _ in range(batch)]
        began = time.thread_time()
        await _reserve(hub, messages)
        return (time.thread_time() - began) / batch

    small = [await reserve() for _ in range(ROUNDS)]
    for _ in range(ROWS // batch):
        await _reserve(hub, [_message() for _ in range(batch)])
    large = [await reserve() for _ in range(ROUNDS)]
    before, after = statistics.median(small), statistics.median(large)
    return Row(
        what=f"reserve with {ROWS:,} more rows in the ledger",
        ours=f"{after * 1e6:.0f} µs CPU",
        against=f"{before * 1e6:.0f} µs before",
        ratio=None,
        goal="at most 1.5x",
        met=after <= 1.5 * before,
    )


async def _alternating(
    ours: Callable[[], Awaitable[object]], theirs: Callable[[], object], rounds: int = 5 * ROUNDS
) -> tuple[float, float]:
    """Return the median seconds of one call of each, called in turn; theirs may be awaitable as well."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, taken in zip((ours, theirs), seconds, strict=True):
            began = time.perf_counter()
            result = call()
            if isinstance(result, Awaitable):
                await result
            taken.append(time.perf_counter() - began)
    return statistics.median(seconds[0]), statistics.median(seconds[1])


def _message() -> MessageId:
    number = next(_numbers)
    return new_message_id(number % 4, NOON + timedelta(milliseconds=number), os.urandom(10))


def _hop(message: MessageId) -> Hop:
    return Hop(message, NOON, "bench", "passed")


def _delivery(number: int) -> Delivery:
    destination = DestinationId("down")
    item = Item(
        message=_message(),
        interface=InterfaceId("bench"),
        sequence=Sequence("bench", 1, number),
        key=OrderingKey(str(number)),
        run=LIVE,
        type="ADT^A01",
        mapping="1",
        raw=REF,
        destination=destination,
    )
    identifier = delivery_id(item.message, destination, LIVE)
    return Delivery(identifier, SESSION, item.key, item, DeliveryState.PARKED, offered=NOON)


@contextmanager
def _folder() -> Iterator[Path]:
    # Beside the checkout, not in /tmp: that may be memory, which knows no sync.
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".bench-") as folder:
        yield Path(folder)


@contextmanager
def _appending(folder: Path, files: int) -> Iterator[list[int]]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptors = [os.open(folder / f"file-{number}", flags) for number in range(files)]
    try:
        yield descriptors
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _sync(descriptor: int, body: bytes = bytes(4096)) -> None:
    os.write(descriptor, body)
    sync(descriptor)


async def _reserve(hub: LocalAdapters, messages: list[MessageId]) -> None:
    now = hub.clock.now()
    arrivals = [
        Arrival(
            message=message,
            interface=InterfaceId("bench"),
            source="bench",
            key=OrderingKey(message),
            mapping="1",
            raw=REF,
            duplicate_key=message[::-1],
            control_id=message[-12:],
            type="ADT^A01",
            received=now,
        )
        for message in messages
    ]
    await hub.ledger.reserve(arrivals, 3600)
