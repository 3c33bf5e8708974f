"""The contract of `Queue`, and of the receiving side that the host of the triggers uses."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.local.queue import SessionLock, dead_letter_queue
from shared.adapters.received import Received
from shared.message.errors.storage import SessionLockLost
from shared.ports import Outgoing
from tests.contract.conftest import RULES, Run
from tests.doubles.clock import NOON, SettableClock

QUEUE = "transform"
# So long at most until something that can be received is noticed. Service Bus alone takes a second to open a link.
SOON_SECONDS = 10


def outgoing(name: str, session: str = "0", due_seconds: float | None = None) -> Outgoing:
    due = None if due_seconds is None else NOON + timedelta(seconds=due_seconds)
    return Outgoing(name.encode(), session, name, due)


async def accept(hub: Any, queue: str = QUEUE) -> SessionLock:
    lock = await hub.queue.accept_session(queue)
    assert lock is not None
    return lock


def names(received: list[Received]) -> list[str]:
    return [message.body.decode() for message in received]


async def drain(hub: Any, queue: str = QUEUE) -> list[str]:
    """Receive and complete everything that can be received now."""
    found: list[str] = []
    while (lock := await hub.queue.accept_session(queue)) is not None:
        while received := await hub.queue.receive(lock, 10):
            found += names(received)
            await hub.queue.complete(lock, received)
        await hub.queue.release(lock)
    return found


def test_a_session_is_received_in_the_order_it_was_sent(run: Run) -> None:
    """The order of a partition is the order of its messages."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("x", "1"), outgoing("b")])
        await hub.queue.send(QUEUE, [outgoing("c")])
        lock = await accept(hub)

        assert names(await hub.queue.receive(lock, 2)) == ["a", "b"]
        assert names(await hub.queue.receive(lock, 2)) == ["c"]
        assert await hub.queue.receive(lock, 2) == []

    run(scenario)


def test_queues_do_not_mix(run: Run) -> None:
    """Stages talk through queues of their own."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a")])
        assert await drain(hub, "route") == []
        assert await drain(hub) == ["a"]

    run(scenario)


def test_what_was_sent_is_there_after_a_restart(run: Run) -> None:
    """The acknowledgement left when `send` returned."""

    async def send(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("b", due_seconds=10)])

    async def receive(hub: Any) -> None:
        assert await drain(hub) == ["a"]
        hub.clock.advance(10)
        assert await drain(hub) == ["b"]

    run(send)
    run(receive)


def test_a_locked_session_is_nobody_elses(run: Run) -> None:
    """Two workers of one session would overtake each other."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("b")])
        lock = await accept(hub)
        assert await hub.queue.accept_session(QUEUE) is None

        await hub.queue.release(lock)
        assert (await accept(hub)).session == "0"

    run(scenario)


def test_sessions_take_turns(run: Run) -> None:
    """A busy partition must not starve the others."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing(f"{session}{n}", session) for session in "abc" for n in range(3)])
        turns = []
        for _ in range(9):
            lock = await accept(hub)
            (message,) = await hub.queue.receive(lock, 1)
            turns.append(lock.session)
            await hub.queue.complete(lock, [message])
            await hub.queue.release(lock)

        assert turns == ["a", "b", "c"] * 3

    run(scenario)


def test_completed_messages_are_gone(run: Run) -> None:
    """Once a stage has done its part, the message must not come again."""

    async def first(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("b")])
        lock = await accept(hub)
        received = await hub.queue.receive(lock, 2)
        await hub.queue.complete(lock, received[:1])

    async def second(hub: Any) -> None:
        assert await drain(hub) == ["b"]

    run(first)
    run(second)


def test_abandoned_messages_come_again_in_their_place(run: Run) -> None:
    """A failed invocation gives back what it did not do, and nothing may overtake it."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("b"), outgoing("c")])
        lock = await accept(hub)
        a, b = await hub.queue.receive(lock, 2)
        await hub.queue.abandon(lock, [b])

        again = await hub.queue.receive(lock, 1)
        assert names(again) == ["b"]
        assert [a.deliveries, b.deliveries, again[0].deliveries] == [1, 1, 2]
        assert names(await hub.queue.receive(lock, 5)) == ["c"]

    run(scenario)


def test_what_a_released_session_did_not_settle_comes_again(run: Run) -> None:
    """Rule R5 counts on it: from the second delivery on messages are processed singly."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a")])
        lock = await accept(hub)
        await hub.queue.receive(lock, 1)
        await hub.queue.release(lock)

        (again,) = await hub.queue.receive(await accept(hub), 1)
        assert (again.body, again.deliveries) == (b"a", 2)

    run(scenario)


def test_a_restart_frees_the_sessions_of_the_dead_process(run: Run) -> None:
    """Waiting for locks that nobody holds would stop every stage for minutes; the delivery still counts."""

    async def first(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a")])
        await hub.queue.receive(await accept(hub), 1)

    async def second(hub: Any) -> None:
        (again,) = await hub.queue.receive(await accept(hub), 1)
        assert (again.body, again.deliveries) == (b"a", 2)

    run(first)
    run(second)


def test_a_lock_runs_out_unless_it_is_renewed(run: Run, clock: SettableClock) -> None:
    """A worker that hangs must not hold a partition for ever; one that is slow keeps it."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a")])
        lock = await accept(hub)
        received = await hub.queue.receive(lock, 1)
        clock.advance(RULES.lock_seconds - 1)
        await hub.queue.renew(lock)
        clock.advance(RULES.lock_seconds - 1)
        assert await hub.queue.accept_session(QUEUE) is None

        clock.advance(1)
        other = await accept(hub)
        for settle in (hub.queue.complete, hub.queue.abandon):
            with pytest.raises(SessionLockLost):
                await settle(lock, received)
        with pytest.raises(SessionLockLost):
            await hub.queue.dead_letter(lock, received, "reason")
        with pytest.raises(SessionLockLost):
            await hub.queue.renew(lock)
        with pytest.raises(SessionLockLost):
            await hub.queue.receive(lock, 1)
        assert names(await hub.queue.receive(other, 1)) == ["a"]

    run(scenario)


def test_releasing_a_lock_that_ran_out_does_not_free_its_successor(run: Run, clock: SettableClock) -> None:
    """The slow worker ends at last, while another is at work."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a")])
        slow = await accept(hub)
        clock.advance(RULES.lock_seconds)
        await accept(hub)
        await hub.queue.release(slow)

        assert await hub.queue.accept_session(QUEUE) is None

    run(scenario)


def test_too_many_deliveries_make_a_dead_letter(run: Run) -> None:
    """What no worker can settle must stop going round."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("poison"), outgoing("b")])
        for _ in range(RULES.max_deliveries):
            lock = await accept(hub)
            await hub.queue.receive(lock, 1)
            await hub.queue.release(lock)

        assert await drain(hub) == ["b"]
        (dead,) = await hub.queue.dead_letters(QUEUE)
        assert (dead.body, dead.session, dead.reason) == (b"poison", "0", "MaxDeliveryCountExceeded")

    run(scenario)


def test_abandoning_once_too_often_makes_a_dead_letter(run: Run) -> None:
    """The same limit, however the deliveries ended."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("poison"), outgoing("b")])
        lock = await accept(hub)
        for _ in range(RULES.max_deliveries):
            await hub.queue.abandon(lock, await hub.queue.receive(lock, 1))

        assert names(await hub.queue.receive(lock, 5)) == ["b"]
        assert names(await hub.queue.dead_letters(QUEUE)) == ["poison"]

    run(scenario)


def test_dead_letters_are_a_queue_of_their_own(run: Run) -> None:
    """`functions/dead_letter.py` is triggered by it and settles what it takes."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("b")])
        lock = await accept(hub)
        a, b = await hub.queue.receive(lock, 2)
        await hub.queue.dead_letter(lock, [b, a], "unreadable")

        dead = await accept(hub, dead_letter_queue(QUEUE))
        received = await hub.queue.receive(dead, 5)
        assert [(each.body, each.reason) for each in received] == [(b"b", "unreadable"), (b"a", "unreadable")]
        await hub.queue.complete(dead, received)
        assert await hub.queue.dead_letters(QUEUE) == []
        assert await drain(hub) == []

    run(scenario)


def test_a_second_message_with_the_same_id_is_dropped_within_the_window(run: Run, clock: SettableClock) -> None:
    """A sender that was not sure sends again."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("a"), outgoing("b")])
        assert await drain(hub) == ["a", "b"]
        clock.advance(RULES.duplicate_window_seconds - 1)
        await hub.queue.send(QUEUE, [outgoing("a")])
        assert await drain(hub) == []

        clock.advance(1)
        await hub.queue.send(QUEUE, [outgoing("a")])
        assert await drain(hub) == ["a"]

    run(scenario)


def test_the_same_id_may_be_used_in_another_queue(run: Run) -> None:
    """Stages name their envelopes after the first message in them."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a")])
        await hub.queue.send("route", [outgoing("a")])
        assert await drain(hub) + await drain(hub, "route") == ["a", "a"]

    run(scenario)


def test_a_scheduled_message_comes_when_it_is_due_and_not_before(run: Run, clock: SettableClock) -> None:
    """A retry that comes early is a destination that never rests."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("late", due_seconds=60), outgoing("later", due_seconds=90)])
        await hub.queue.send(QUEUE, [outgoing("now"), outgoing("past", due_seconds=-5)])
        assert await drain(hub) == ["now", "past"]
        clock.advance(59.9)
        assert await drain(hub) == []

        clock.advance(0.1)
        assert await drain(hub) == ["late"]
        clock.advance(30)
        assert await drain(hub) == ["later"]

    run(scenario)


def test_a_scheduled_message_reaches_a_session_that_is_being_received(run: Run, clock: SettableClock) -> None:
    """A busy session may not be accepted anew for hours."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("now"), outgoing("late", due_seconds=20)])
        lock = await accept(hub)
        assert names(await hub.queue.receive(lock, 5)) == ["now"]
        clock.advance(20)
        assert names(await hub.queue.receive(lock, 5)) == ["late"]

    run(scenario)


def test_arrival_tells_when_something_was_sent(run: Run) -> None:
    """An idle hub waits; it does not ask."""

    async def scenario(hub: Any) -> None:
        assert await hub.queue.accept_session(QUEUE) is None
        waiting = asyncio.create_task(hub.queue.arrival(QUEUE))
        await asyncio.sleep(0.01)
        assert not waiting.done()

        await hub.queue.send(QUEUE, [outgoing("a")])
        async with asyncio.timeout(SOON_SECONDS):
            await waiting
        assert await drain(hub) == ["a"]

    run(scenario)


def test_arrival_misses_nothing_that_came_since_the_last_look(run: Run) -> None:
    """Between looking and waiting there is time for a message."""

    async def scenario(hub: Any) -> None:
        assert await hub.queue.accept_session(QUEUE) is None
        await hub.queue.send(QUEUE, [outgoing("a")])
        async with asyncio.timeout(SOON_SECONDS):
            await hub.queue.arrival(QUEUE)

    run(scenario)


@pytest.mark.parametrize("event", ["falls due", "is released", "runs out", "is buried"])
def test_arrival_tells_when_something_can_be_received(run: Run, clock: SettableClock, event: str) -> None:
    """Each of these is work that nobody else would notice."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send(QUEUE, [outgoing("a"), outgoing("late", "1", due_seconds=20)])
        lock = await accept(hub)
        queue = dead_letter_queue(QUEUE) if event == "is buried" else QUEUE
        assert await hub.queue.accept_session(queue) is None
        waiting = asyncio.create_task(hub.queue.arrival(queue))
        await asyncio.sleep(0.01)

        match event:
            case "falls due":
                clock.advance(20)
            case "is released":
                await hub.queue.release(lock)
            case "runs out":
                clock.advance(RULES.lock_seconds)
            case _:
                await hub.queue.dead_letter(lock, await hub.queue.receive(lock, 1), "reason")
        async with asyncio.timeout(SOON_SECONDS):
            await waiting

    run(scenario)


def test_what_a_queue_holds_is_counted_where_the_broker_tells(run: Run) -> None:
    """Whoever asks whether all has gone must hear of what is between two stages, in nobody's lane yet."""

    async def scenario(hub: Any) -> None:
        await hub.queue.send("deliver", [outgoing("a"), outgoing("b"), outgoing("wake", due_seconds=3600)])
        await hub.queue.send("route", [outgoing("c")])
        depths = await hub.queue.depths()
        lock = await accept(hub, "deliver")
        received = await hub.queue.receive(lock, 1)
        under_way = await hub.queue.depths()
        await hub.queue.complete(lock, received)
        after = await hub.queue.depths()

        told = [depths, under_way, after]
        counted = [{"deliver": 2, "route": 1}, {"deliver": 2, "route": 1}, {"deliver": 1, "route": 1}]
        assert told in (counted, [{}, {}, {}])

    run(scenario)
