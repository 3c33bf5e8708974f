"""The process ends between any two calls of its ports, and starts again (promises 1 and 2, rules R1, R3, R4).

One run counts the calls; then the same work is done again and again, each time ending one call later. Whatever the
place: what was acknowledged arrives, in order, and what a destination accepted and we recorded is not sent again.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from shared.message.state import DeliveryState, MessageState
from tests.pipeline.hub_in_process import Crash, HubInProcess, write_interfaces
from tests.pipeline.messages import adt, batch, merge, result

ROUTES = ("store", "keyed", "careful", "feed")


def traffic():
    """Return what is sent: two people, a result, a copy, a batch; they are merged; one goes on under the old number.

    Nothing is worked on in between: what stands on both sides of the merge is held apart by its barrier (rule R7).
    """
    return (
        adt("A1", more="F|||1 Main St^^Linz"),
        adt("B1", number="70002^^^GENERAL^MR", visit="V2"),
        adt("A1", more="F|||1 Main St^^Linz"),
        result("R1"),
        batch(adt("A2", "A08", more="F|||2 New St^^Wien"), adt("B2", "A08", number="70002^^^GENERAL^MR", visit=None)),
        merge("M1", survivor="70001", prior="70002"),
        adt("B3", "A08", number="70002^^^GENERAL^MR", visit=None, more="F|||3 Far Rd^^Graz"),
    )


# After one of these the disk is as it was before it: ending there is ending after the call before.
READS = frozenset(
    {
        *("archive.get", "archive.find", "ledger.messages", "fhir_store.read", "identities.bound", "identities.lookup"),
        *("lanes.status", "lanes.next_due", "lanes.overdue", "lanes.deliveries"),
        *("barriers.waits", "barriers.line", "barriers.lines", "barriers.opened"),
    }
)
PARTS = 4  # so that the places are shared by the processes that run the tests
SENT = ["A1", "B1", "R1", "A2", "B2", "M1", "B3"]


async def start(home, crash_after=None):
    interfaces = write_interfaces(home / "interfaces", ROUTES)
    hub = HubInProcess(home / "home", interfaces)
    hub.faults.crash_after = crash_after
    await hub.start()
    return hub


async def run(hub, crashes):
    """Send everything until it is acknowledged, and run until nothing waits; start again after a crash."""
    for body in traffic():
        while not await survives(hub, hub.take(body), crashes):
            pass
    while not await survives(hub, come_to_rest(hub), crashes):
        pass
    if not hub.faults.has_crashed:
        hub.faults.crash_after = None  # waits differ a little from run to run: this one made fewer calls


async def come_to_rest(hub):
    await hub.work()
    await hub.pass_time(40, step=20)
    await hub.tick()
    await hub.work()


async def survives(hub, work, crashes):
    """Return whether the process was still there at the end; otherwise it is a new one now."""
    try:
        await work
        await asyncio.sleep(0)
        if not hub.faults.has_crashed:
            return True
    except (Crash, asyncio.CancelledError):
        pass
    crashes.append(hub.faults.made[-1])
    await hub.crash()
    await hub.start()
    return False


async def outcome(hub):
    """Return what the world sees in the end: the store without its bookkeeping, and what each destination took."""
    store = {}
    for kind in await hub.hub.adapters.fhir_store.counts():
        for one in await hub.resources(kind):
            store[f"{kind}/{one['id']}"] = {name: value for name, value in one.items() if name != "meta"}
    return store


async def calls_of_a_whole_run(home):
    hub = await start(home)
    await run(hub, [])
    made = list(hub.faults.made)
    expected = await outcome(hub)
    await hub.crash()
    return made, expected


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
async def test_nothing_is_lost_and_nothing_recorded_is_sent_again_wherever_the_process_ends(home, monkeypatch, part):
    """A crash is not an exception: no handler runs, and the next process knows only what is on the disk."""
    monkeypatch.setenv("CADUCEUS_SECRET_HUB_KEY", "0" * 64)  # the same ids in every run
    made, expected = await calls_of_a_whole_run(home / "whole")
    assert len(made) > 60

    changes = [number for number, name in enumerate(made, 1) if name not in READS][part::PARTS]
    seen: Counter[str] = Counter()
    for number in changes:
        seen.update(await run_and_check(home / f"{number}", number, expected))

    # Every kind of call that changes something was once the last one of a process. The order of calls differs a little
    # from run to run: one that was never the numbered one is asked for by its name.
    for name in sorted({made[number - 1] for number in changes} - set(seen)):
        assert await run_and_check(home / name, name, expected) == [name]


async def run_and_check(home, crash_after, expected):
    """Return the calls after which a process ended."""
    hub = await start(home, crash_after)
    crashes = []
    await run(hub, crashes)
    await check(hub, crashes, expected, f"after {crash_after}: {crashes}")
    await hub.crash()
    return crashes


async def check(hub, crashes, expected, place):
    sends_lost = sum(1 for one in crashes if one.endswith(".send") and not one.startswith("queue"))
    for control_id in SENT:
        found = await hub.hub.adapters.ledger.by_control_id(control_id)
        assert [one.state for one in found] == [MessageState.ROUTED], (place, control_id)
        states = await hub.states(control_id)
        assert states.keys() == set(ROUTES), (place, control_id)
        assert all(states[name] == DeliveryState.ACCEPTED for name in ("store", "keyed", "feed")), (place, states)
    assert await outcome(hub) == expected, place
    await check_receivers(hub, sends_lost, place)


async def check_receivers(hub, sends_lost, place):
    limits = {"careful": 0, "feed": sends_lost, "keyed": len(SENT)}
    for name, receiver in hub.receivers.items():
        accepted = Counter(delivery.id for delivery in receiver.accepted)
        twice = [one for one, times in accepted.items() if times > 1]
        # careful: what may have arrived waits for a person. feed: again only where the answer was what was lost.
        # keyed: it knows a copy by its Idempotency-Key, so that a turn is written once, at its end.
        assert len(twice) <= limits[name], (place, name)
        # All intents of careful may have been in the write that was the process's last: then nothing was sent to it.
        assert max(accepted.values(), default=0) <= 2, (place, name)
        assert len(accepted) == len(SENT) or name == "careful", (place, name)
        check_order(receiver, place)


def check_order(receiver, place):
    """The first arrivals of each key rise in the order of the source; the merge of both keys is in order with all."""
    by_key = {}
    for delivery in receiver.accepted:
        item = delivery.item
        keys = [item.key, *by_key] if item.type.startswith("ADT^A40") else [item.key]
        for key in dict.fromkeys(keys):
            numbers = by_key.setdefault(key, [])
            if item.sequence.n not in numbers:
                numbers.append(item.sequence.n)
    assert all(numbers == sorted(numbers) for numbers in by_key.values()), place
