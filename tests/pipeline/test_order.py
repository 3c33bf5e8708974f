"""Order, retries and what stops a lane (rules R3, R6, R9, promises 2 and 3)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.message.delivery import Answer, Verdict
from shared.message.identifiers import DestinationId
from tests.pipeline.hub_in_process import ACCEPTED, REFUSED, REJECTED, SILENT, Crash
from tests.pipeline.messages import adt

KEYED = DestinationId("keyed")
ANNA, BERT = "70001^^^GENERAL^MR", "70002^^^GENERAL^MR"


async def send(hub, *control_ids, number=ANNA):
    """Send messages about one person and run what can run now."""
    for control_id in control_ids:
        await hub.take(adt(control_id, "A08", number=number, visit=None))
    await hub.work()


async def control_ids(hub, receiver, sends=None):
    """Return the MSH-10s a receiver accepted, in order; or of these sends."""
    messages = [delivery.item.message for delivery, _ in sends] if sends is not None else receiver.messages
    return [one.control_id for one in await hub.hub.adapters.ledger.messages(messages)]


async def test_younger_messages_of_a_key_wait_behind_a_transient_failure_and_another_key_passes(start_hub):
    """The head of a lane keeps its place while it waits; nobody else pays for it."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answers(REFUSED)

    await send(hub, "A1")
    await send(hub, "A2", "A3")
    await send(hub, "B1", number=BERT)

    assert await control_ids(hub, keyed) == ["B1"]
    assert set((await hub.states("A2")).values()) == {"parked"}
    await hub.pass_time(60)
    assert await control_ids(hub, keyed) == ["B1", "A1", "A2", "A3"]


async def test_order_holds_over_many_failures_and_a_restart(start_hub):
    """The lane is on the disk, not in a worker's memory."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answers(*[REFUSED] * 6)
    await send(hub, "A1", "A2")
    await hub.crash()
    await hub.start()
    await send(hub, "A3")
    await hub.crash()
    await hub.start()

    await hub.pass_time(1200, step=30)

    assert await control_ids(hub, keyed) == ["A1", "A2", "A3"]


async def test_destination_that_asks_for_time_gets_it(start_hub):
    """Retry-After beats our own shorter wait."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answers(Answer(Verdict.TRANSIENT, "HTTP 503", retry_after_seconds=120))
    await send(hub, "A1")

    await hub.pass_time(115)
    assert len(keyed.sent) == 1
    await hub.pass_time(10)
    assert await control_ids(hub, keyed) == ["A1"]


async def test_permanent_refusal_holds_its_key_until_a_person_decides(start_hub):
    """`on_reject = "hold_key"`: what builds on a rejected message must not overtake it; others go on."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answers(REJECTED)
    await send(hub, "A1")
    await send(hub, "A2")
    await send(hub, "B1", number=BERT)
    await hub.pass_time(3600, step=300)

    assert await control_ids(hub, keyed) == ["B1"]
    assert await hub.states("A1") == {"keyed": "quarantined"}
    assert (await hub.deliveries("A1"))["keyed"].code == "AE 207"

    await hub.hub.orders.resend((await hub.record("A1")).message, b'{"reason": "mended"}')
    await hub.work()
    assert await control_ids(hub, keyed) == ["B1", "A1", "A2"]


async def test_permanent_refusal_of_a_feed_holds_the_whole_feed(start_hub):
    """`hold_feed` is the default of MLLP: a system that takes one line gets it without a hole."""
    hub = await start_hub("feed")
    feed = hub.receivers["feed"]
    feed.answers(REJECTED)
    await send(hub, "A1")
    await send(hub, "B1", number=BERT)
    assert await control_ids(hub, feed) == []

    await hub.hub.orders.resend((await hub.record("A1")).message, b'{"reason": "mended"}')
    await hub.work()

    assert await control_ids(hub, feed) == ["A1", "B1"]


async def test_permanent_refusal_lets_the_feed_continue_where_the_interface_says_so(start_hub):
    """`on_reject = "continue"`: the refused one waits for a person, and nothing waits for it."""
    hub = await start_hub("lenient")
    lenient = hub.receivers["lenient"]
    lenient.answers(REJECTED)

    await send(hub, "A1", "A2")

    assert await control_ids(hub, lenient) == ["A2"]
    assert await hub.states("A1") == {"lenient": "quarantined"}


async def test_silence_after_sending_is_reviewed_where_a_second_copy_would_harm(start_hub):
    """`on_ambiguous = "review"`: it may have been taken; only a person can find out."""
    hub = await start_hub("careful")
    careful = hub.receivers["careful"]
    careful.answers(SILENT)
    await send(hub, "A1", "A2")
    await hub.pass_time(3600, step=300)

    assert await hub.states("A1") == {"careful": "review"}
    assert len(careful.sent) == 1

    await hub.hub.orders.resend((await hub.record("A1")).message, b'{"reason": "it did not arrive"}')
    await hub.work()
    assert await control_ids(hub, careful) == ["A1", "A2"]


@pytest.mark.parametrize("destination", ["feed", "keyed"])
async def test_silence_after_sending_is_sent_again_with_the_same_name_where_that_is_safe(start_hub, destination):
    """An HL7 receiver knows a copy by its MSH-10, a web hook by its Idempotency-Key: both must stay the same."""
    hub = await start_hub(destination)
    receiver = hub.receivers[destination]
    receiver.answers(SILENT)
    await send(hub, "A1", "A2")
    await hub.pass_time(60)

    assert await control_ids(hub, receiver) == ["A1", "A2"]
    (first, first_body), (second, second_body), _ = receiver.sent
    assert (first.id, first_body) == (second.id, second_body)


async def test_paused_destination_takes_nothing_and_drains_in_order_when_it_goes_on(start_hub):
    """Maintenance of a receiver must cost nobody else anything, and lose nothing."""
    hub = await start_hub("keyed", "feed")
    keyed, feed = hub.receivers["keyed"], hub.receivers["feed"]
    await hub.hub.orders.order(KEYED, "pause")
    await send(hub, "A1", "A2")
    await send(hub, "B1", number=BERT)
    await hub.pass_time(600, step=60)
    assert (len(keyed.sent), await control_ids(hub, feed)) == (0, ["A1", "A2", "B1"])

    await hub.crash()
    await hub.start()
    await send(hub, "A3")
    assert keyed.sent == []

    await hub.hub.orders.order(KEYED, "resume")
    await hub.work()
    taken = await control_ids(hub, keyed)
    assert [one for one in taken if one != "B1"] == ["A1", "A2", "A3"]
    assert "B1" in taken


async def test_a_destination_that_fails_says_what_it_answers_and_to_which_message(start_hub):
    """The list of destinations is the first page of every runbook: why nothing goes there belongs on it."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    [row] = (await hub.hub.console.destinations())["destinations"]
    assert row["trouble"] is None
    keyed.answer = lambda delivery, body: Answer(Verdict.TRANSIENT, "tls_failed")
    await send(hub, "A1", "A2")
    await hub.pass_time(60)

    [row] = (await hub.hub.console.destinations())["destinations"]
    assert (row["state"], row["trouble"]["code"]) == ("failing", "tls_failed")
    assert "look at its certificate" in row["trouble"]["reason"]
    assert row["trouble"]["message"] == (await hub.record("A1")).message

    keyed.answers()
    await hub.hub.orders.order(KEYED, "resume")
    await hub.work()
    [row] = (await hub.hub.console.destinations())["destinations"]
    assert (row["state"], row["trouble"]) == ("ready", None)


@pytest.mark.parametrize("is_paused", [True, False])
async def test_a_destination_that_is_resumed_is_tried_at_once_whatever_its_retries_wait_for(start_hub, is_paused):
    """Somebody was called out of bed, repaired it and says so: five more minutes of waiting look like a failure."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answers(*[Answer(Verdict.TRANSIENT, "HTTP 503", retry_after_seconds=280)] * 4)
    await send(hub, "A1", "A2")
    await send(hub, "B1", number=BERT)
    await hub.pass_time(300, step=30)
    if is_paused:
        await hub.hub.orders.order(KEYED, "pause")
        await hub.work()
    keyed.answers()
    assert await control_ids(hub, keyed) == []

    await hub.hub.orders.order(KEYED, "resume")
    await hub.work()
    taken = await control_ids(hub, keyed)
    assert sorted(taken) == ["A1", "A2", "B1"]
    assert taken.index("A1") < taken.index("A2")


async def test_a_process_that_still_remembers_the_pause_does_not_cost_the_resume_its_wake(start_hub, monkeypatch):
    """In Azure each process asks how a destination is once a second: the wake may come to one that has not heard."""
    hub = await start_hub("keyed")
    await hub.hub.orders.order(KEYED, "pause")
    await send(hub, "A1")
    lanes = hub.hub.deliver._breaker._lanes
    known, ask, until = await lanes.status(KEYED), lanes.status, hub.clock.now() + timedelta(seconds=1)

    async def remembered(destination):
        return known if hub.clock.now() < until else await ask(destination)

    await hub.hub.orders.order(KEYED, "resume")
    monkeypatch.setattr(lanes, "status", remembered, raising=False)
    await hub.work()
    assert hub.receivers["keyed"].sent == []
    await hub.pass_time(2, step=1)
    assert await control_ids(hub, hub.receivers["keyed"]) == ["A1"]


async def test_a_fragile_destination_is_sent_no_more_than_it_can_bear_and_gets_everything_in_order(start_hub):
    """`rate_per_second`: a burst is spread over time, and costs it no order and nobody else anything."""
    hub = await start_hub("slow", "keyed")
    slow = hub.receivers["slow"]
    names = [f"A{number}" for number in range(12)]
    await send(hub, *names)
    await send(hub, "B1", number=BERT)
    assert await control_ids(hub, hub.receivers["keyed"]) == [*names, "B1"]

    await hub.pass_time(60)
    assert 0 < len(slow.sent) <= (60 + 45) / 10 + 1  # an invocation plans for its 45 seconds
    await hub.pass_time(240)
    assert [one for one in await control_ids(hub, slow) if one != "B1"] == names
    assert len(slow.sent) == 13


async def test_a_burst_larger_than_a_turn_waits_for_a_fragile_destination_without_a_worker(start_hub):
    """Whoever cannot send now ends, and is woken when it can: nobody asks again and again."""
    hub = await start_hub("slow")
    for number in range(80):
        await hub.take(adt(f"A{number}", "A08", number=f"{80000 + number}^^^GENERAL^MR", visit=None))
    await hub.work()

    assert len(hub.receivers["slow"].sent) <= 45 / 10 + 1
    await hub.pass_time(2 * 80 * 10, step=20)
    assert len(hub.receivers["slow"].accepted) == 80


async def test_a_destination_that_its_file_pauses_takes_nothing_whatever_is_ordered(start_hub):
    """The kill switch that is reviewed and versioned; an order of the night does not undo it."""
    hub = await start_hub("shut", "keyed")
    assert (await hub.hub.orders.order(DestinationId("shut"), "resume"))["paused"] is True
    await send(hub, "A1")
    await hub.pass_time(600, step=60)

    assert hub.receivers["shut"].sent == []
    assert await hub.states("A1") == {"shut": "parked", "keyed": "accepted"}
    [row] = [one for one in (await hub.hub.console.destinations())["destinations"] if one["id"] == "shut"]
    assert row["paused"] is True


async def test_breaker_stops_trying_a_dead_destination_and_probes_with_one_message(start_hub):
    """A thousand connects a second to a system that is down help nobody; the first sign of life opens it again."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answer = lambda delivery, body: REFUSED
    for number in range(30):
        await hub.take(adt(f"A{number}", "A08", number=f"{80000 + number}^^^GENERAL^MR", visit=None))
    await hub.work()
    await hub.pass_time(600)
    tried_while_dead = len(keyed.sent)

    keyed.answer = lambda delivery, body: ACCEPTED
    await hub.pass_time(700)

    assert tried_while_dead < 30 + 4 * 600  # far from one a second for each lane
    assert len(keyed.accepted) == 30
    assert len({one.id for one in keyed.accepted}) == 30


async def test_wake_is_scheduled_for_what_waits_and_forgotten_when_nothing_does(start_hub):
    """Nobody polls: one message in the queue brings the worker back when the head falls due."""
    hub = await start_hub("feed")
    hub.receivers["feed"].answers(REFUSED)
    await send(hub, "A1")

    row = (await hub.deliveries("A1"))["feed"]
    assert await hub.queue.accept_session("deliver") is None  # nothing to do now
    assert row.due is not None
    assert row.due > hub.clock.now()

    await hub.pass_time(10)
    assert await hub.states("A1") == {"feed": "accepted"}
    assert await hub.hub.deliver.wake_overdue() == 0


async def test_lost_wake_is_found_by_the_timer(start_hub):
    """A broker may lose what it promised to deliver later: the timer looks at the table, not at the queue."""
    hub = await start_hub("feed")
    hub.receivers["feed"].answers(REFUSED)
    await send(hub, "A1")
    await lose_scheduled(hub)
    await hub.pass_time(600, step=60)
    assert await hub.states("A1") == {"feed": "parked"}

    assert await hub.hub.deliver.wake_overdue() == 1
    await hub.work()

    assert await hub.states("A1") == {"feed": "accepted"}


async def lose_scheduled(hub):
    await hub._adapters.database.write(lambda connection: connection.execute("DELETE FROM scheduled"))


async def test_retry_budget_ends_in_quarantine_and_not_in_silence(start_hub):
    """Three days of refusals are a person's business (promise 4)."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answer = lambda delivery, body: REFUSED
    await send(hub, "A1")

    await hub.pass_time(74 * 3600, step=1800)

    assert await hub.states("A1") == {"keyed": "quarantined"}


async def test_worker_that_lost_its_session_writes_nothing_more(start_hub):
    """Rule R3: of two workers that both believe they own a session, the later one does."""
    hub = await start_hub("feed")
    lanes = hub.hub.adapters.lanes
    await send(hub, "A1")
    [row] = (await hub.deliveries("A1")).values()
    now = hub.clock.now()
    first = await lanes.take(row.session, [], now, None, 10)
    await lanes.take(row.session, [], now, None, 10)

    from shared.message.errors.storage import OwnershipLost

    with pytest.raises(OwnershipLost):
        await lanes.write(first.ownership, [row._replace(code="late")])
    assert (await hub.deliveries("A1"))["feed"].code == "AA"


@pytest.mark.parametrize("is_alone", [True, False])
async def test_wake_that_comes_early_by_the_workers_clock_is_not_taken_for_one_that_is_still_to_come(
    start_hub, is_alone
):
    """The broker's clock may be ahead: what it delivered then is gone, and the timer would come half a minute late.

    Nor is one that came together with another message of its session, as a busy feed's do.
    """
    hub = await start_hub("feed")
    feed = hub.receivers["feed"]
    feed.answers(REFUSED)
    await send(hub, "A1")
    due = (await hub.deliveries("A1"))["feed"].due

    class Behind:
        def now(self):
            return hub.clock.now() - timedelta(seconds=1)

    stage = hub.hub.deliver
    stage._clock = stage._wakes._clock = Behind()
    if not is_alone:
        await hub.take(adt("A2"))
        await hub.work_on("transform")
        await hub.work_on("route")
    hub.clock.advance((due - hub.clock.now()).total_seconds())
    await hub.work()
    assert feed.accepted == []  # the wake came, and its worker found nothing due

    await hub.pass_time(4, step=1)

    assert await control_ids(hub, feed) == (["A1"] if is_alone else ["A1", "A2"])


@pytest.mark.parametrize("change", ["types", "interface"])
async def test_a_delivery_whose_route_is_gone_stops_alone(start_hub, change):
    """Files change while a destination is down: what has no route any more waits for a person; nobody else does."""
    folder = None

    def take_away():
        if change == "interface":
            (folder / "adt").rename(folder / "renamed")
            return
        file = folder / "adt" / "interface.toml"
        text = file.read_text("utf-8").replace('shape = "fhir"', 'shape = "fhir"\ntypes = ["ADT^A04"]')
        file.write_text(text, "utf-8")

    hub = await start_hub("keyed")
    keyed, folder = hub.receivers["keyed"], hub.interfaces
    keyed.answers(REFUSED)
    await send(hub, "A1")
    await hub.crash()
    take_away()
    await hub.start()

    await hub.pass_time(60)
    await hub.take(adt("B1", "A04", number=BERT, visit=None))
    await hub.work()

    (stopped,) = (await hub.deliveries("A1")).values()
    assert (stopped.state, stopped.code) == ("quarantined", "DELIVER-022")
    assert await control_ids(hub, keyed) == ["B1"]


@pytest.mark.parametrize("is_paused", [False, True])
async def test_the_deliveries_of_a_destination_that_is_gone_wait_for_a_person(start_hub, is_paused):
    """A file is taken away, or renamed, while deliveries wait: nothing is woken for ever, no dead letter."""
    hub = await start_hub("keyed", "free")
    hub.receivers["keyed"].answer = lambda delivery, body: REFUSED
    await send(hub, "A1", "A2")
    if is_paused:
        await hub.hub.orders.order(KEYED, "pause")
    await hub.crash()
    file, interface = hub.interfaces / "destinations" / "keyed.toml", hub.interfaces / "adt" / "interface.toml"
    was, routes = file.read_text("utf-8"), interface.read_text("utf-8")
    file.unlink()
    interface.write_text(routes.replace('[[routes]]\nto = "keyed"\nshape = "fhir"\n', ""), "utf-8")
    keyed = hub.receivers.pop("keyed")
    await hub.start()
    await hub.tick()
    await hub.pass_time(600, step=60)

    states = {name: (await hub.deliveries(name))["keyed"] for name in ("A1", "A2")}
    assert (states["A1"].state, states["A1"].code) == ("quarantined", "DELIVER-022")
    assert states["A2"].state == "parked"  # its turn is behind A1
    assert await hub.hub.adapters.queue.depths() == {}
    await send(hub, "B1", number=BERT)
    assert (await hub.states("B1"))["free"] == "accepted"

    await hub.crash()
    file.write_text(was, "utf-8")
    interface.write_text(routes, "utf-8")
    hub.receivers["keyed"] = keyed
    keyed.answers()
    await hub.start()
    if is_paused:
        await hub.hub.orders.order(KEYED, "resume")
    await hub.hub.orders.resend((await hub.record("A1")).message, b'{"reason": "it is back"}')
    await hub.pass_time(120, step=60)
    assert await control_ids(hub, keyed) == ["A1", "A2"]


async def test_what_may_have_arrived_at_a_destination_that_is_gone_is_looked_at(start_hub):
    """In quarantine it would say that it was not sent: whoever resends it would send it twice."""
    hub = await start_hub("careful", "free")
    hub.faults.crash_after = "careful.send"
    with pytest.raises(Crash):
        await send(hub, "A1")
    await hub.crash()
    (hub.interfaces / "destinations" / "careful.toml").unlink()
    interface = hub.interfaces / "adt" / "interface.toml"
    text = interface.read_text("utf-8").replace('[[routes]]\nto = "careful"\nshape = "fhir"\n', "")
    interface.write_text(text, "utf-8")
    del hub.receivers["careful"]
    await hub.start()
    await hub.pass_time(120, step=30)

    assert (await hub.states("A1"))["careful"] == "review"


async def test_what_a_person_sends_again_has_its_retry_budget_again(start_hub):
    """It was stopped because the budget was spent: one more refusal must not stop it at once."""
    hub = await start_hub("keyed")
    keyed = hub.receivers["keyed"]
    keyed.answer = lambda delivery, body: REFUSED
    await send(hub, "A1")
    await hub.pass_time(74 * 3600, step=1800)
    assert set((await hub.states("A1")).values()) == {"quarantined"}

    await hub.hub.orders.resend((await hub.record("A1")).message, b'{"reason": "it is back"}')
    await hub.work()
    assert set((await hub.states("A1")).values()) == {"parked"}
    await hub.pass_time(71 * 3600, step=1800)
    assert set((await hub.states("A1")).values()) == {"parked"}
    await hub.pass_time(3 * 3600, step=1800)
    assert set((await hub.states("A1")).values()) == {"quarantined"}
