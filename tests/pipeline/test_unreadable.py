"""A queue message that nobody can read: its neighbours go on in order, and what it held is known (rule R5)."""

from __future__ import annotations

import pytest

from shared.adapters.local.queue import dead_letter_queue
from shared.barriers.unreadable import LEFT_FOR_DELIVERIES
from shared.message.envelope import decode_envelope, encode_envelope, named_in
from shared.message.identifiers import partition_of
from shared.message.work import Offer
from shared.ports import Outgoing
from tests.pipeline.messages import adt, merge

GARBAGE = (
    b"",
    b"{}",
    b"\x78\x9c garbage",
    b'{"v":99,"items":[{"m":7}]}\n',
    b'{"v":99,"items":"x"}\n',
    b"[]\n",
    b"\xff\n",
)
ANNA = "70001^^^GENERAL^MR"


def of_a_newer_release(body):
    """Return an envelope with the version of a release that this one does not know."""
    return body.replace(b'"v":1', b'"v":2', 1)


def failing_on(hub, control_id):
    """Make the broker's message with this one unreadable, wherever it goes from now on."""
    send = hub.hub.adapters.queue._port.send

    async def spoil(queue, messages):
        spoiled = []
        for one in messages:
            content = decode_envelope(one.body)
            is_it = queue == hub.spoiled and isinstance(content, tuple) and control_id in await names(hub, content)
            spoiled.append(one._replace(body=of_a_newer_release(one.body)) if is_it else one)
        await send(queue, spoiled)

    hub.hub.adapters.queue._port.send = spoil


async def names(hub, items):
    records = await hub.hub.adapters.ledger.messages([item.message for item in items])
    return [one.control_id for one in records if one is not None]


async def arrived(hub):
    messages = hub.receivers["keyed"].messages
    return [one.control_id for one in await hub.hub.adapters.ledger.messages(messages)]


@pytest.mark.parametrize("queue", ["transform", "route", "deliver"])
async def test_an_unreadable_envelope_costs_itself_and_its_neighbours_go_on_in_order(start_hub, queue):
    """One bad queue message must not take a batch of fifty patients into the dead letters."""
    hub = await start_hub("keyed", is_in_two_steps=True)
    hub.spoiled = queue
    failing_on(hub, "A3")
    for name in ("A1", "A2", "A3", "A4", "A5"):
        await hub.take(adt(name, "A08", number=ANNA, visit=None))
        if queue != "transform":
            await hub.work_on("transform")
        if queue == "deliver":
            await hub.work_on("route")
    await hub.work()

    assert await arrived(hub) == ["A1", "A2", "A4", "A5"]
    record = await hub.record("A3")
    assert (record.state, record.code) == ("quarantined", "QUEUE-001")
    assert await hub.hub.adapters.queue.dead_letters(queue) == []

    hub.spoiled = ""
    answer = await hub.hub.orders.resend(record.message, b'{"reason": "the newer release runs again"}')
    await hub.work()
    assert answer["delivered_since"] == {"keyed": 2}
    assert await arrived(hub) == ["A1", "A2", "A4", "A5", "A3"]


async def test_what_is_behind_it_waits_while_another_release_may_read_it(start_hub):
    """While releases change both run: what a newer one reads a moment later must not have been overtaken."""
    hub = await start_hub("keyed")
    await hub.take(adt("A1", number=ANNA))
    session = str(partition_of((await hub.record("A1")).message))
    [first] = await _bodies(hub)
    await hub.take(adt("A2", "A08", number=ANNA))
    await hub.take(adt("A3", "A08", number=ANNA))
    second, third = await _bodies(hub)

    offers = [Offer(first, session), Offer(of_a_newer_release(second), session), Offer(third, session)]
    with pytest.raises(Exception, match="QUEUE-001"):
        await hub.run_stage("transform", offers)
    states = [(await hub.record(name)).state for name in ("A1", "A2", "A3")]
    assert states[0] == "transformed"
    assert {*states[1:]} <= {"reserved", "queued"}  # the mark `queued` is written after the acknowledgement
    await hub.run_stage("transform", [Offer(second, session, 2), Offer(third, session, 2)])
    await hub.work()
    assert await arrived(hub) == ["A1", "A2", "A3"]


async def _bodies(hub):
    """Return what waits in transform, and take it out."""
    lock = await hub.queue.accept_session("transform")
    received = await hub.queue.receive(lock, 64)
    await hub.queue.complete(lock, received)
    await hub.queue.release(lock)
    return [one.body for one in received]


@pytest.mark.parametrize("body", GARBAGE)
async def test_garbage_in_a_queue_stops_nobody(start_hub, body):
    """Whatever got in there: it is kept for whoever looks for its sender, and the partition goes on."""
    hub = await start_hub("keyed")
    await hub.take(adt("A1", number=ANNA))
    session = str(partition_of((await hub.record("A1")).message))
    await hub.hub.adapters.queue.send("transform", [Outgoing(body, session, "garbage")])
    await hub.take(adt("A2", "A08", number=ANNA))
    await hub.work()
    assert await arrived(hub) == ["A1", "A2"]


async def test_an_unreadable_dead_letter_is_quarantined_by_what_it_names(start_hub):
    """The function of the dead letters must not fail on what made it a dead letter, for ever."""
    hub = await start_hub("keyed")
    await hub.take(adt("A1", number=ANNA))
    [body] = await _bodies(hub)
    for one in (*GARBAGE, of_a_newer_release(body)):
        await hub.run_stage(dead_letter_queue("transform"), [Offer(one, "0", LEFT_FOR_DELIVERIES)])
    assert (await hub.record("A1")).code == "QUEUE-001"


async def test_an_unreadable_merge_lets_go_on_what_waits_for_it(start_hub):
    """Its token is in another partition, and holds another patient's line."""
    hub = await start_hub("keyed")
    bert = "70002^^^GENERAL^MR"
    for name, number in (("A1", ANNA), ("B1", bert)):
        await hub.take(adt(name, number=number))
    await hub.work()
    hub.spoiled = "transform"
    failing_on(hub, "M1")
    await hub.take(merge("M1", survivor="70001", prior="70002"))
    await hub.take(adt("B2", "A08", number=bert))
    await hub.work()
    await hub.tick()
    await hub.work()
    assert (await hub.record("M1")).code == "QUEUE-001"
    assert [one for one in await arrived(hub) if one != "A1"] == ["B1", "B2"]


def test_what_an_envelope_names_is_found_whatever_else_it_says():
    """A newer release may add what it likes to a line: an id stays an id, and nothing else is taken for one."""
    assert named_in(encode_envelope([])) == ([], [])
    assert named_in(b'{"v":9,"items":[{"m":"1-a","new":{}},{"m":"1-a"},{"m":"1-b"}]}\n') == (["1-a", "1-b"], [])
    messages, barriers = named_in(b'{"v":9,"items":[{"m":"2-t","b":[["Patient/a","1-m"],["Patient/b","2-t"]]}]}\n')
    assert (messages, [one.message for one in barriers]) == (["1-m"], ["1-m"])
    assert named_in(b'{"v":9,"items":[{"m":7},{"m":"1-a"}]}\n')[0] == ["1-a"]
