"""Merge barriers (rule R7): a merge after what came earlier under either number, and before what comes later."""

from __future__ import annotations

import asyncio
import random

import pytest

from shared.message.envelope import decode_envelope
from shared.message.identifiers import DestinationId
from shared.message.state import MessageState
from tests.pipeline.hub_in_process import ACCEPTED, QUEUES, REFUSED, REJECTED, SILENT
from tests.pipeline.messages import adt, batch, merge, result

KEYED = DestinationId("keyed")
EVERYWHERE = ("store", "keyed", "careful", "feed")


def about(value, control_id, event="A08"):
    return adt(control_id, event, number=f"{value}^^^GENERAL^MR", visit=None)


@pytest.fixture
def keyed_hub(start_hub):
    """How to start a hub in which these numbers are persons already."""

    async def start(*numbers, routes=EVERYWHERE):
        hub = await start_hub(*routes)
        for value in numbers:
            await hub.take(about(value, f"first-{value}", "A28"))
        await hub.work()
        return hub

    return start


async def taken(hub, receiver):
    """Return the MSH-10s that a receiver accepted, each once, in order."""
    records = await hub.hub.adapters.ledger.messages(hub.receivers[receiver].messages)
    return [one for one in dict.fromkeys(record.control_id for record in records) if not one.startswith("first")]


async def person(hub, value):
    """Return the id of whom a message with this number is about now."""
    control_id = f"first-ask-{value}-{random.random()}"
    await hub.take(about(value, control_id, "A31"))
    return (await hub.record(control_id)).key


async def nothing_waits(hub):
    return not await hub.hub.adapters.barriers.lines() and not any((await hub.hub.adapters.lanes.waiting()).values())


class Shuffled:
    """A pump that gives any session of any queue its turn, in batches of any size."""

    def __init__(self, hub, seed):
        self.hub, self.draw = hub, random.Random(seed)

    async def step(self):
        """Work on one batch of one session; return whether there was one."""
        queue = self.draw.choice(QUEUES)
        self.hub.queue._last_session[queue] = self.draw.choice(["", "0", "1", "2", "keyed.1", "careful.2", "store.1"])
        lock = await self.hub.queue.accept_session(queue)
        if lock is None:
            return False
        received = await self.hub.queue.receive(lock, self.draw.randint(1, 4))
        if received:
            await self.hub._hand_over(queue, lock, received)
        await self.hub.queue.release(lock)
        return bool(received)

    async def rest(self):
        """Let time pass until nothing waits."""
        for _ in range(400):
            for _ in range(30):
                await self.step()
            if await nothing_waits(self.hub):
                await self.hub.work()
                if await nothing_waits(self.hub):
                    return
            self.hub.clock.advance(self.draw.choice([1, 5, 20]))
        raise AssertionError("something waits for ever")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_whatever_happens_first_a_merge_stays_between_what_came_before_and_what_comes_after(keyed_hub, seed):
    """Every stage at its own pace, receivers that refuse now and then: at each destination, and in the store."""
    hub = await keyed_hub("1", "2", "3")
    shuffled = Shuffled(hub, seed)
    for name in ("keyed", "careful", "feed"):
        receiver = hub.receivers[name]
        receiver.answer = lambda delivery, body: REFUSED if shuffled.draw.random() < 0.3 else ACCEPTED
    story = [
        ("1", about("1", "B1")),
        ("2", about("2", "B2")),
        ("12", merge("M1", survivor="1", prior="2")),
        ("2", about("2", "C2")),
        ("1", about("1", "C1")),
        ("2", about("2", "D2")),
        ("13", merge("M2", survivor="3", prior="1")),
        ("2", about("2", "E2")),
        ("3", about("3", "E3")),
        ("1", about("1", "E1")),
    ]
    for _, body in story:
        await hub.take(body)
        for _ in range(shuffled.draw.randint(0, 12)):
            await shuffled.step()
    await shuffled.rest()

    for name in ("keyed", "careful", "feed"):
        order = await taken(hub, name)
        assert len(order) == len(story), name
        assert_in_order(order, "M1", before=("B1", "B2"), after=("C1", "C2", "D2"))
        assert_in_order(order, "M2", before=("M1", "C1", "B1"), after=("E1", "E3"))
        assert order.index("C2") < order.index("D2") < order.index("E2"), name
    assert await person(hub, "1") == await person(hub, "2") == await person(hub, "3")


def assert_in_order(order, middle, before, after):
    at = order.index(middle)
    assert all(order.index(one) < at for one in before), (order, middle)
    assert all(order.index(one) > at for one in after), (order, middle)


def swap(control_id, first, second):
    """Return an ADT^A17 (HL7 3.3.17): two patients change beds, each with PID and PV1."""
    groups = [
        f"PID|1||{value}^^^GENERAL^MR\rPV1|1|I|W1^{value}^A^GENERAL{'|' * 16}V{value}^^^GENERAL^VN"
        for value in (first, second)
    ]
    header = f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ADT^A17^ADT_A17|{control_id}|P|2.5.1"
    return "\r".join([header, "EVN|A17|20260301120000+0000", *groups, ""]).encode()


def both_results(control_id, *values):
    """Return an ORU^R01 with results of several patients."""
    groups = [
        f"PID|1||{value}^^^GENERAL^MR\rOBR|1|P-{value}^EHR|F-{value}^LAB|24323-8^Panel^LN\r"
        f"OBX|1|NM|2951-2^Sodium^LN||138|mmol/L^^UCUM|||||F"
        for value in values
    ]
    header = f"MSH|^~\\&|EHR|GENERAL|HUB|HUB|20260301120000+0000||ORU^R01^ORU_R01|{control_id}|P|2.5.1"
    return "\r".join([header, *groups, ""]).encode()


@pytest.mark.parametrize("of_both", [swap, both_results])
async def test_a_message_of_two_patients_is_in_order_with_each(keyed_hub, of_both):
    """Two patients change beds: at the ward's system the swap must not pass the second one's transfer before it."""
    hub = await keyed_hub("1", "2", routes=("keyed", "careful"))
    keyed = hub.receivers["keyed"]
    stuck = (await hub.record("first-2")).key
    keyed.answer = lambda delivery, body: REFUSED if delivery.item.key == stuck else ACCEPTED
    for body in (about("2", "B2"), of_both("S1", "1", "2"), about("1", "C1"), about("2", "C2")):
        await hub.take(body)
        await hub.work()
    assert await taken(hub, "keyed") == []
    assert await taken(hub, "careful") == ["B2", "S1", "C1", "C2"]

    keyed.answer = lambda delivery, body: ACCEPTED
    await hub.pass_time(1200, step=60)

    assert_in_order(await taken(hub, "keyed"), "S1", before=("B2",), after=("C1", "C2"))


async def test_a_message_of_more_patients_than_tokens_is_in_order_with_the_first(keyed_hub):
    """A laboratory may put hundreds into one message; it is taken, and holds up nobody but the first."""
    hub = await keyed_hub("1")

    await hub.take(both_results("S1", *(str(number) for number in range(1, 40))))
    await hub.work()

    assert await hub.states("S1") == dict.fromkeys(EVERYWHERE, "accepted")


async def test_a_dead_destination_holds_the_two_persons_of_a_merge_and_nobody_else(keyed_hub):
    """The lane of one number is stuck: the merge waits for it there, the rest of the hub does not."""
    hub = await keyed_hub("1", "2", "3", routes=("keyed", "careful"))
    keyed = hub.receivers["keyed"]
    stuck = (await hub.record("first-2")).key
    keyed.answer = lambda delivery, body: REFUSED if delivery.item.key == stuck else ACCEPTED
    await hub.take(about("2", "B2"))
    await hub.work()
    for body in (merge("M1", survivor="1", prior="2"), about("1", "C1"), about("2", "C2"), about("3", "C3")):
        await hub.take(body)
    await hub.work()
    await hub.pass_time(600, step=60)

    assert await taken(hub, "keyed") == ["C3"]
    assert set(await taken(hub, "careful")) == {"B2", "M1", "C1", "C2", "C3"}
    await hub.take(about("3", "D3"))
    await hub.pass_time(600, step=60)  # the breaker may be open just now
    assert await taken(hub, "keyed") == ["C3", "D3"]

    keyed.answer = lambda delivery, body: ACCEPTED
    await hub.pass_time(900, step=30)
    order = await taken(hub, "keyed")
    assert_in_order(order, "M1", before=("B2",), after=("C1", "C2"))
    assert await nothing_waits(hub)


async def test_merges_crossed_by_two_feeds_at_a_time_end_and_the_second_is_put_aside(keyed_hub):
    """X into Y while Y into X: nobody can be both; a person decides, and nobody waits for it."""
    hub = await keyed_hub("1", "2")

    await asyncio.gather(hub.take(merge("M1", survivor="1", prior="2")), hub.take(merge("M2", survivor="2", prior="1")))
    await hub.take(about("1", "C1"))
    await hub.take(about("2", "C2"))
    await hub.work()

    found = {name: await hub.record(name) for name in ("M1", "M2")}
    states = sorted((one.state, one.code) for one in found.values())
    assert states == [(MessageState.QUARANTINED, "MPI-002"), (MessageState.ROUTED, "")]
    assert {"C1", "C2"} <= set(await taken(hub, "keyed"))
    assert await person(hub, "1") == await person(hub, "2")
    assert await nothing_waits(hub)


async def test_a_merge_sent_again_under_another_control_id_is_no_circle(keyed_hub):
    """Senders repeat themselves."""
    hub = await keyed_hub("1", "2")

    for control_id in ("M1", "M2"):
        await hub.take(merge(control_id, survivor="1", prior="2"))
        await hub.work()

    assert (await hub.record("M2")).state is MessageState.ROUTED


async def test_a_circle_of_three_is_put_aside_where_it_closes(keyed_hub):
    """1 into 2, 2 into 3, 3 into 1, all at once."""
    hub = await keyed_hub("1", "2", "3")

    for control_id, prior, survivor in (("M1", "1", "2"), ("M2", "2", "3"), ("M3", "3", "1")):
        await hub.take(merge(control_id, survivor=survivor, prior=prior))
    await hub.work()

    states = [(await hub.record(name)).state for name in ("M1", "M2", "M3")]
    assert states == [MessageState.ROUTED, MessageState.ROUTED, MessageState.QUARANTINED]
    assert len({await person(hub, value) for value in "123"}) == 1
    assert await nothing_waits(hub)


async def test_a_chain_of_merges_at_once_ends_in_one_person(keyed_hub):
    """A into B and B into C, before either was made."""
    hub = await keyed_hub("1", "2", "3")

    await asyncio.gather(hub.take(merge("M1", survivor="2", prior="1")), hub.take(merge("M2", survivor="3", prior="2")))
    await hub.take(about("1", "C1"))
    await hub.work()

    assert await person(hub, "1") == await person(hub, "2") == await person(hub, "3")
    assert_in_order(await taken(hub, "keyed"), "M1", before=(), after=("C1",))
    assert await nothing_waits(hub)


async def test_a_merge_that_is_put_aside_lets_both_persons_go_on_and_waits_anew_when_it_is_resent(keyed_hub):
    """Its name and birth date are somebody else's: nothing of it is true before a person says so."""
    hub = await keyed_hub("1", "2", routes=("keyed",))
    wrong = merge("M1", survivor="1", prior="2").replace(b"Example^Anna||19800101", b"Sample^Bert||19700202")
    for body in (about("2", "B2"), wrong, about("1", "C1"), about("2", "C2")):
        await hub.take(body)
    await hub.work()

    record = await hub.record("M1")
    assert (record.state, record.code) == (MessageState.QUARANTINED, "MPI-001")
    assert sorted(await taken(hub, "keyed")) == ["B2", "C1", "C2"]
    assert await nothing_waits(hub)

    await hub.take(about("2", "D2"))
    await hub.hub.orders.resend(record.message, b'{"reason": "once more"}')
    await hub.take(about("2", "E2"))
    await hub.work()
    assert (await hub.record("M1")).state is MessageState.QUARANTINED
    assert sorted(await taken(hub, "keyed")) == ["B2", "C1", "C2", "D2", "E2"]
    assert await nothing_waits(hub)


@pytest.mark.parametrize("routes", [("keyed",), ("careful",)])
async def test_a_merge_that_a_destination_rejects_holds_both_persons_there_until_a_person_decides(keyed_hub, routes):
    """`on_reject = "hold_key"`: what builds on the merge must not overtake it, under either number."""
    hub = await keyed_hub("1", "2", routes=routes)
    [name] = routes
    receiver = hub.receivers[name]
    receiver.answer = lambda delivery, body: REJECTED if delivery.item.type.startswith("ADT^A40") else ACCEPTED
    for body in (merge("M1", survivor="1", prior="2"), about("1", "C1"), about("2", "C2")):
        await hub.take(body)
    await hub.work()
    await hub.pass_time(3600, step=300)
    assert await taken(hub, name) == []

    receiver.answer = lambda delivery, body: ACCEPTED
    await hub.hub.orders.resend((await hub.record("M1")).message, b'{"reason": "mended"}')
    await hub.pass_time(600, step=60)
    assert_in_order(await taken(hub, name), "M1", before=(), after=("C1", "C2"))
    assert await nothing_waits(hub)


async def test_a_token_that_comes_again_changes_nothing(keyed_hub):
    """The broker delivers at least once: before the merge, and long after it."""
    hub = await keyed_hub("1", "2", routes=("keyed",))
    sent = []
    keep_sent_parts(hub, sent)
    await hub.take(merge("M1", survivor="1", prior="2"))
    again = [(queue, one) for queue, one in sent if queue == "transform"]
    await send_again(hub, again)
    await hub.take(about("2", "C2"))
    await hub.work()
    await send_again(hub, sent)
    await hub.take(about("2", "D2"))
    await hub.work()

    assert await taken(hub, "keyed") == ["M1", "C2", "D2"]
    assert [one.item.type for one in hub.receivers["keyed"].accepted].count("ADT^A40") == 1
    assert await nothing_waits(hub)


def keep_sent_parts(hub, sent):
    queue = hub._adapters.queue
    send = queue.send

    async def keeping(name, messages):
        sent.extend((name, one) for one in messages)
        await send(name, messages)

    queue.send = keeping


async def send_again(hub, sent):
    for number, (queue, one) in enumerate(list(sent)):
        content = decode_envelope(one.body)
        if isinstance(content, tuple) and any(item.barrier for item in content):
            await hub.queue.send(queue, [one._replace(message_id=f"again-{number}-{random.random()}", due=None)])


async def test_a_token_is_never_sent_before_its_row(keyed_hub, monkeypatch):
    """A token without a row stands for nothing and is dropped: the merge would wait for it for ever."""
    hub = await keyed_hub("1", "2")
    hub.faults.made.clear()

    await hub.take(merge("M1", survivor="1", prior="2"))

    made = [name for name in hub.faults.made if name in ("barriers.open", "queue.send")]
    assert made == ["barriers.open", "queue.send"]


async def test_a_paused_destination_takes_the_merge_in_its_place_when_it_goes_on(keyed_hub):
    """Everything is parked, tokens too, over a restart."""
    hub = await keyed_hub("1", "2", routes=("keyed",))
    await hub.hub.orders.order(KEYED, "pause")
    for body in (about("2", "B2"), about("1", "B1"), merge("M1", survivor="1", prior="2"), about("2", "C2")):
        await hub.take(body)
    await hub.work()
    await hub.crash()
    await hub.start()
    await hub.take(about("1", "C1"))
    await hub.work()
    assert await taken(hub, "keyed") == []

    await hub.hub.orders.order(KEYED, "resume")
    await hub.pass_time(600, step=30)
    assert_in_order(await taken(hub, "keyed"), "M1", before=("B1", "B2"), after=("C1", "C2"))
    assert await nothing_waits(hub)


async def test_a_batch_may_hold_both_sides_of_a_merge(keyed_hub):
    """One request, one group: its order is the order of the batch."""
    hub = await keyed_hub("1", "2")

    await hub.take(
        batch(
            about("2", "B2"),
            about("1", "B1"),
            merge("M1", survivor="1", prior="2"),
            about("2", "C2"),
            about("1", "C1"),
            merge("M2", survivor="1", prior="2"),
        )
    )
    await hub.work()

    for name in ("keyed", "careful", "feed"):
        order = await taken(hub, name)
        assert_in_order(order, "M1", before=("B1", "B2"), after=("C1", "C2"))
        assert_in_order(order, "M2", before=("C1", "C2"), after=())


async def test_what_is_ordered_with_a_number_stays_so_when_the_number_means_somebody_else(keyed_hub):
    """A result under the old number waits for its receiver; its correction, taken after the merge, must not pass it."""
    hub = await keyed_hub("1", "2", routes=("keyed",))
    keyed = hub.receivers["keyed"]
    old = (await hub.record("first-2")).key
    keyed.answer = lambda delivery, body: REFUSED if delivery.item.type == "ORU^R01" else ACCEPTED
    await hub.take(merge("M1", survivor="1", prior="2"))
    await hub.take(result("R1", number="2^^^GENERAL^MR"))
    await hub.work()
    assert (await hub.record("R1")).key == old

    await hub.take(result("R2", number="2^^^GENERAL^MR", value="139"))
    await hub.take(about("1", "C1"))
    await hub.work()
    assert (await hub.record("R2")).key != old
    await hub.pass_time(60)
    keyed.answer = lambda delivery, body: ACCEPTED
    await hub.pass_time(900, step=30)

    order = await taken(hub, "keyed")
    assert order.index("R1") < order.index("R2")
    assert await nothing_waits(hub)


async def test_silence_about_a_merge_is_reviewed_and_both_persons_wait_for_the_person_who_decides(keyed_hub):
    """It may have been taken: what follows under either number depends on it."""
    hub = await keyed_hub("1", "2", routes=("careful",))
    careful = hub.receivers["careful"]
    careful.answers(SILENT)
    for body in (merge("M1", survivor="1", prior="2"), about("1", "C1"), about("2", "C2")):
        await hub.take(body)
    await hub.work()
    await hub.pass_time(1200, step=300)
    assert await hub.states("M1") == {"careful": "review"}
    assert await taken(hub, "careful") == []

    await hub.hub.orders.resend((await hub.record("M1")).message, b'{"reason": "it did not arrive"}')
    await hub.pass_time(600, step=60)
    assert await taken(hub, "careful") == ["M1", "C1", "C2"] or await taken(hub, "careful") == ["M1", "C2", "C1"]


async def test_a_lost_wake_is_found_by_the_timer(keyed_hub):
    """Nobody may wait for a message that a broker lost."""
    hub = await keyed_hub("1", "2", routes=("keyed",))
    await hub.take(merge("M1", survivor="1", prior="2"))
    await hub.take(about("2", "C2"))
    await lose_wakes(hub)
    for _ in range(6):
        await hub.work()
        hub.clock.advance(61)
        await hub.tick()
    await hub.pass_time(600, step=60)

    assert await taken(hub, "keyed") == ["M1", "C2"]


async def lose_wakes(hub):
    """Lose the first wake of every queue."""
    queue, lost = hub._adapters.queue, set()
    send = queue.send

    async def losing(name, messages):
        kept = []
        for one in messages:
            if name not in lost and not isinstance(decode_envelope(one.body), tuple):
                lost.add(name)
            else:
                kept.append(one)
        await send(name, kept)

    queue.send = losing
