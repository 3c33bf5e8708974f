"""Service Bus functions get their messages on the laptop as they do in Azure."""

from __future__ import annotations

import asyncio

from local.queue_triggers import queue_of
from shared.adapters.local.queue import dead_letter_queue
from shared.ports import Outgoing
from tests.local import sample_app


def messages(session, *bodies):
    return [Outgoing(body.encode(), session, f"{session}-{body}") for body in bodies]


async def test_batch_holds_one_session_in_order_up_to_the_limit_of_host_json(host, seen, queue, eventually):
    """A stage relies on it: one batch, one partition, in order."""
    await queue.send("transform", messages("0", "a", "b", "c", "d") + messages("1", "e"))

    await eventually(lambda: sum(map(len, seen)) == 5)

    assert [batch for batch in seen if batch[0][0] == "0"] == [[("0", one, 1) for one in "abc"], [("0", "d", 1)]]
    assert [("1", "e", 1)] in seen


async def test_completed_messages_are_gone(host, seen, queue, eventually):
    """What succeeded must not come again after a restart."""
    await queue.send("transform", messages("0", "a"))
    await eventually(lambda: bool(seen))
    await asyncio.sleep(0.05)

    assert await queue.accept_session("transform") is None


async def test_batch_that_fails_comes_again_whole_and_ends_in_the_dead_letters(host, seen, queue, eventually):
    """The broker redelivers at once, counts, and puts aside: the hub's own poison rule (R5) comes long before."""
    sample_app.FAIL_ON.add(b"b")

    await queue.send("transform", messages("0", "a", "b"))
    await eventually(lambda: sum(one[0] == "dead" for one in seen) == 2)

    deliveries = [batch for batch in seen if batch[0] != "dead"]
    assert deliveries == [[("0", "a", times), ("0", "b", times)] for times in (1, 2, 3)]
    assert ("dead", "b", "MaxDeliveryCountExceeded") in seen


async def test_session_is_served_by_one_invocation_at_a_time_and_others_go_on(host, seen, queue, eventually):
    """Order within a session, and no session held up by another."""
    await queue.send("single", messages("0", "a", "b") + messages("1", "c"))

    await eventually(lambda: len(seen) == 2)
    await asyncio.sleep(0.05)
    assert sorted(seen) == [("0", "a"), ("1", "c")]

    sample_app.GATE.set()
    await eventually(lambda: seen.count("done") == 3)
    assert ("0", "b") in seen


async def test_no_more_sessions_at_a_time_than_host_json_allows(host, seen, queue, eventually):
    """The limit is what keeps memory and connections bounded; four in this host."""
    for session in range(6):
        await queue.send("single", messages(str(session), "x"))

    await eventually(lambda: len(seen) == 4)
    await asyncio.sleep(0.05)
    assert len(seen) == 4


async def test_stop_lets_an_invocation_finish_and_starts_no_other(host, seen, queue, eventually):
    """A stop in the middle of a batch would make every restart a redelivery."""
    await queue.send("single", messages("0", "a", "b"))
    await eventually(lambda: len(seen) == 1)

    stopping = asyncio.create_task(host.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    sample_app.GATE.set()
    await stopping

    assert seen == [("0", "a"), "done"]
    lock = await queue.accept_session("single")
    assert [one.body for one in await queue.receive(lock, 9)] == [b"b"]


def test_dead_letter_trigger_receives_from_the_brokers_dead_letter_queue(functions):
    """Service Bus does not mind the case of `$deadletterqueue`; SQLite does."""
    trigger = next(function for function in functions if function.name == "dead_letter")

    assert queue_of(trigger) == dead_letter_queue("transform")
