"""At least once between stages, once at the destination; and poison alone (promise 2, rules R4 and R5)."""

from __future__ import annotations

import asyncio

import pytest

from shared.adapters.local.workers import ProcessWorkers
from shared.message.delivery import Delivery
from shared.message.errors.storage import StorageFailed
from shared.message.state import MessageState
from shared.message.work import Offer
from shared.transform import stage as transform_stage
from shared.transform.canonical import Converter
from tests.doubles.clock import NOON
from tests.doubles.work import DiesOn
from tests.pipeline.hub_in_process import QUEUES, Receiver
from tests.pipeline.messages import adt, merge, result

EVERYWHERE = ("store", "keyed", "careful", "feed", "lenient")


@pytest.mark.parametrize("repeated", [QUEUES[:1], QUEUES[1:2], QUEUES[2:], QUEUES])
async def test_queue_message_delivered_twice_is_sent_once(start_hub, repeated):
    """A broker may deliver again what was completed: no destination may notice."""
    hub = await start_hub(*EVERYWHERE)
    run_stage = hub.run_stage

    async def run_twice(queue, offers):
        await run_stage(queue, offers)
        if queue in repeated:
            await run_stage(queue, [Offer(one.body, one.session, 2) for one in offers])

    hub.run_stage = run_twice
    for message in (adt("A1"), adt("A2", "A08"), result("R1"), adt("A3", number="70002^^^GENERAL^MR", visit="V2")):
        await hub.take(message)
    await hub.take(merge("M1", survivor="70001", prior="70002"))
    await hub.work()
    await hub.pass_time(120, step=30)

    for name, receiver in hub.receivers.items():
        assert len(receiver.sent) == 5, name
    for control_id in ("A1", "A2", "R1", "A3", "M1"):
        assert set((await hub.states(control_id)).values()) == {"accepted"}
        assert (await hub.record(control_id)).state is MessageState.ROUTED


async def test_old_queue_message_long_after_everything_was_settled_changes_nothing(start_hub):
    """A dead-letter queue resubmitted by hand after a month: nothing accepted goes out again."""
    hub = await start_hub(*EVERYWHERE)
    kept = []
    run_stage = hub.run_stage

    async def keep(queue, offers):
        kept.append((queue, offers))
        await run_stage(queue, offers)

    hub.run_stage = keep
    await hub.take(adt("A1"))
    await hub.work()
    before = await hub.resources("Patient")
    hub.clock.advance(30 * 24 * 3600)
    for queue, offers in kept:
        await run_stage(queue, offers)
    await hub.work()

    assert {name: len(receiver.sent) for name, receiver in hub.receivers.items()} == dict.fromkeys(EVERYWHERE[1:], 1)
    assert await hub.resources("Patient") == before


async def test_poison_message_is_quarantined_alone_after_three_attempts(start_hub, monkeypatch):
    """An error of ours in one message must not stop the partition behind it (rule R5)."""
    hub = await start_hub("keyed")
    begun = []
    read = transform_stage.read_message

    def read_or_die(item, body, interface):
        if b"|BAD|" in body:
            begun.append(item.message)
            raise RuntimeError
        return read(item, body, interface)

    monkeypatch.setattr(transform_stage, "read_message", read_or_die)
    for control_id in ("A1", "BAD", "A2"):
        await hub.take(adt(control_id, "A08", visit=None))
    await hub.work()

    record = await hub.record("BAD")
    assert (record.state, record.code) == (MessageState.QUARANTINED, "TRANSFORM-002")
    assert 3 <= len(begun) <= 4  # once in company, then three times alone
    taken = await hub.hub.adapters.ledger.messages(hub.receivers["keyed"].messages)
    assert [(one.control_id, one.state) for one in taken] == [("A1", MessageState.ROUTED), ("A2", MessageState.ROUTED)]


async def test_message_that_kills_its_worker_is_quarantined_alone(start_hub):
    """Whatever a message does to the process that converts it, its neighbours arrive and the hub goes on (rule R5)."""
    hub = await start_hub("keyed")
    workers = ProcessWorkers(DiesOn(Converter(hub.hub.registry, hub.hub.adapters.hub_key), b"|BAD|"), 1)
    hub.hub.__dict__["converters"] = workers
    for control_id in ("A1", "BAD", "A2"):
        await hub.take(adt(control_id, "A08", visit=None))

    await hub.work()
    await workers.close()

    record = await hub.record("BAD")
    assert (record.state, record.code) == (MessageState.QUARANTINED, "TRANSFORM-002")
    taken = await hub.hub.adapters.ledger.messages(hub.receivers["keyed"].messages)
    assert [one.control_id for one in taken] == ["A1", "A2"]


async def test_poison_message_is_taken_again_by_command_once_the_error_is_mended(start_hub, monkeypatch):
    """Quarantine is not the end: after the fix one word of a person sends it through."""
    hub = await start_hub("keyed")
    read = transform_stage.read_message

    def die(*arguments):
        raise RuntimeError

    monkeypatch.setattr(transform_stage, "read_message", die)
    await hub.take(adt("BAD"))
    await hub.work()
    monkeypatch.setattr(transform_stage, "read_message", read)

    await hub.hub.orders.resend((await hub.record("BAD")).message, b'{"reason": "release 1.2"}')
    await hub.work()

    assert await hub.states("BAD") == {"keyed": "accepted"}


@pytest.mark.parametrize("destination", ["keyed", "feed", "careful"])
async def test_delivery_that_raises_is_put_aside_alone(start_hub, destination):
    """An error of ours in one send must not stop the lanes beside it, nor send what they sent a second time."""
    hub = await start_hub(destination)
    receiver = hub.receivers[destination]
    bad: list[Delivery] = []

    def answer(delivery, body):
        if delivery.item.key == poisoned:
            bad.append(delivery)
            raise RuntimeError
        return type(receiver).answer(delivery, body)

    await hub.take(adt("P0", "A08", number="70009^^^GENERAL^MR", visit=None))
    await hub.work()
    poisoned = (await hub.record("P0")).key
    receiver.sent.clear()
    receiver.answer = answer
    await hub.take(adt("BAD", "A08", number="70009^^^GENERAL^MR", name="Sample^Rosa", visit=None))
    for number in range(6):
        await hub.take(adt(f"A{number}", "A08", number=f"7100{number}^^^GENERAL^MR", visit=None))
    await hub.work()
    await hub.pass_time(3600, step=60)

    assert (await hub.deliveries("BAD"))[destination].state in ("quarantined", "review")
    assert len(bad) <= 3
    good = [delivery.id for delivery, _ in receiver.sent if delivery.item.key != poisoned]
    assert len(good) == len(set(good))
    if destination != "feed":  # one line holds everything behind what it could not send
        assert len(good) == 6


async def test_damaged_archive_stops_the_one_message_it_kept(start_hub, monkeypatch):
    """A byte that rotted on the disk is one message's misfortune, found by its digest."""
    from shared.message.errors.storage import ArchiveDamaged

    hub = await start_hub("store", "keyed")
    await hub.take(adt("A1", number="70001^^^GENERAL^MR"))
    await hub.take(adt("A2", number="70002^^^GENERAL^MR", visit="V2"))
    await hub.work_on("transform")
    await hub.work_on("route")
    damaged = (await hub.record("A1")).message
    archive = hub._adapters.archive
    [ref] = await archive.find([f"{damaged}/0/canonical"])
    get = archive.get

    async def get_or_find_damage(wanted):
        if wanted == ref:
            raise ArchiveDamaged(wanted.at)
        return await get(wanted)

    archive.get = get_or_find_damage
    await hub.work()
    await hub.pass_time(600, step=60)

    assert await hub.states("A1") == {"store": "quarantined", "keyed": "quarantined"}
    assert await hub.states("A2") == {"store": "accepted", "keyed": "accepted"}


async def test_send_of_an_idempotent_destination_ends_before_a_successor_may_begin(start_hub):
    """A worker held up while it shapes goes on when its intents are over: they must cover what it sends (rule R3)."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    covered = []
    prepare = hub.hub.deliver._outputs.prepare

    async def prepare_slowly(rows, config):
        prepared = await prepare(rows, config)
        if not keyed.sent and not hub.clock.now() > NOON:
            hub.clock.advance(15)
        return prepared

    class Watched(Receiver):
        async def send(self, delivery, body, media_type, deadline):
            [kept] = await hub._adapters.lanes.deliveries(delivery.item.message)
            covered.append(kept.send_deadline is not None and kept.send_deadline >= deadline)
            return await keyed.send(delivery, body, media_type, deadline)

    hub.hub.deliver._outputs.prepare = prepare_slowly
    hub.hub.deliver._destinations["keyed"] = Watched()
    for number in range(3):
        await hub.take(adt(f"A{number}", "A08", visit=None))
    await hub.work()
    await hub.pass_time(60)

    assert covered == [True, True, True]
    assert len(keyed.messages) == 3


async def test_intents_of_lanes_side_by_side_share_writes_and_are_on_record_before_their_sends(start_hub):
    """One write for each send would be the most of what a delivery costs; a send without its intent would be worse."""
    hub = await start_hub("plain")
    plain = hub.receivers["plain"]
    states, writes = [], []
    write = hub._adapters.lanes.write

    class Watched(Receiver):
        async def send(self, delivery, body, media_type, deadline):
            [kept] = await hub._adapters.lanes.deliveries(delivery.item.message)
            states.append((kept.state, kept.attempts))
            return await plain.send(delivery, body, media_type, deadline)

    async def counted(ownership, rows, attempts=()):
        writes.append((ownership.session, len(rows)))
        await write(ownership, rows, attempts)

    hub.hub.deliver._destinations["plain"] = Watched()
    hub._adapters.lanes.write = counted
    for number in range(8):
        await hub.take(adt(f"A{number}", "A08", number=f"7000{number}^^^GENERAL^MR", visit=None))
    await hub.work()

    assert states == [("intent", 1)] * 8
    assert sum(rows for _, rows in writes) == 16  # each delivery as an intent, and as accepted
    assert len(writes) == 2 * len({session for session, _ in writes}) <= 8  # eight keys over four sessions at most


async def test_an_answer_that_was_heard_is_kept_though_the_lane_beside_it_fails(start_hub, monkeypatch):
    """One write that fails would send to a person, or twice, all that other lanes had delivered meanwhile."""
    hub = await start_hub("careful")
    file = hub.interfaces / "destinations" / "careful.toml"
    file.write_text(f"concurrency = 1\n{file.read_text('utf-8')}", "utf-8")
    await hub.crash()
    await hub.start()
    receiver, lanes = hub.receivers["careful"], hub.hub.adapters.lanes._port
    send, write, failed, writes = receiver.send, lanes.write, asyncio.Event(), 0

    async def send_slowly(delivery, body, media_type, deadline):
        if delivery.item.message == slow:
            await failed.wait()
        return await send(delivery, body, media_type, deadline)

    async def fail_once(ownership, rows, attempts=()):
        nonlocal writes
        writes += 1
        if writes == 2:  # the first is the intents of A1 and B1, this one B1's answer and the intent of B2
            failed.set()
            raise StorageFailed("once")
        await write(ownership, rows, attempts)

    for control_id, number in (("A1", "70001"), ("B1", "70002"), ("B2", "70002")):
        await hub.take(adt(control_id, "A08", number=f"{number}^^^GENERAL^MR", visit=None))
    slow = (await hub.record("A1")).message
    monkeypatch.setattr(receiver, "send", send_slowly)
    monkeypatch.setattr(lanes, "write", fail_once)
    await hub.work()

    states = [state for name in ("A1", "B1", "B2") for state in (await hub.states(name)).values()]
    assert (states, len(receiver.sent)) == (["accepted"] * 3, 3)
