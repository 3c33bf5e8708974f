"""The process ends between any two calls of its ports while messages go again (rules R4 and R8)."""

from __future__ import annotations

import asyncio
from collections import Counter

import orjson
import pytest

from shared.message.identifiers import LIVE
from tests.pipeline.hub_in_process import Crash, HubInProcess, write_interfaces
from tests.pipeline.messages import adt

ROUTES = ("free", "wire")
ORDER = orjson.dumps({"interface": "adt", "destinations": list(ROUTES), "resend_accepted": True, "reason": "restored"})
READS = frozenset(
    {
        "archive.get", "archive.find", "lanes.status", "lanes.next_due", "lanes.overdue", "lanes.deliveries",
        "ledger.messages", "history.select", "history.of_key", "identities.lookup", "replays.get", "replays.unsent",
        "replays.open_keys", "replays.counts", "replays.deliveries", "replays.overtaken", "replays.unfinished",
    }
)  # fmt: skip
NUMBERS = [1, 2, 3, 4]  # of the source: three messages, and one that comes while they go again


async def started(home):
    """Return a hub that delivered three messages and was stopped."""
    hub = HubInProcess(home / "home", write_interfaces(home / "interfaces", ROUTES))
    await hub.start()
    for message in (adt("A1"), adt("A2", "A08"), adt("A3", "A08")):
        await hub.take(message)
    await hub.work()
    await hub.crash()
    return hub


async def run(hub, crash_after=None):
    """Order the replay, take a live message, and run until nothing waits; start again after a crash.

    Return the call that was the last one of a process.
    """
    hub.faults.crash_after = crash_after
    await hub.start()
    crashes = []
    while True:
        try:
            await hub.hub.replays.start(ORDER)
            await hub.hub.replays.advance()
            await hub.take(adt("A4", "A08"))
            for _ in range(4):
                await hub.work()
                await hub.hub.replays.advance()
            await hub.pass_time(40, step=20)
            await hub.hub.deliver.wake_overdue()
            await hub.work()
            await hub.hub.replays.advance()
            await asyncio.sleep(0)
            if not hub.faults.has_crashed:
                return crashes
        except (Crash, asyncio.CancelledError):
            pass
        assert not crashes
        crashes.append(hub.faults.made[-1])
        await hub.crash()
        await hub.start()


@pytest.mark.slow
async def test_a_replay_goes_on_where_it_ended_and_sends_nothing_twice(home):
    """The second call after a kill is the same replay: each message once to each destination, in order."""
    hub = await started(home / "whole")
    await run(hub)
    made = list(hub.faults.made)
    await check(hub, [], "whole")
    await hub.crash()
    assert len(made) > 30

    seen = set()
    for number in (number for number, name in enumerate(made, 1) if name not in READS):
        hub = await started(home / f"{number}")
        crashes = await run(hub, number)
        seen.update(crashes)
        await check(hub, crashes, f"after call {number}: {crashes}")
        await hub.crash()
    assert {"replays.begin", "replays.add", "queue.send", "replays.mark_sent", "replays.close_keys"} <= seen


async def check(hub, crashes, place):
    cut = len(crashes)  # a process that ends cuts off one send at most: its answer may have been on its way
    for name, receiver in hub.receivers.items():
        runs = {delivery.item.run for delivery in receiver.accepted} - {LIVE}
        # A crash after the last step of the replay: the order is a new one then, and is carried out anew.
        assert 1 <= len(runs) <= 1 + bool(crashes), (place, name)
        accepted = Counter(delivery.id for delivery in receiver.accepted)
        limit = cut if name == "wire" else len(NUMBERS)  # free knows a copy by its Idempotency-Key
        assert sum(times - 1 for times in accepted.values()) <= limit, (place, name)
        for replayed in runs:
            numbers = []
            for delivery in receiver.accepted:
                if delivery.item.run == replayed and delivery.item.sequence.n not in numbers:
                    numbers.append(delivery.item.sequence.n)
            assert numbers in (NUMBERS[:3], NUMBERS), (place, name)
        assert receiver.accepted[-1].item.sequence.n == 4, (place, name)
