"""The contract of `Barriers` (rule R7)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from shared.message.barrier import Barrier, Part
from shared.message.envelope import Item, with_tokens
from shared.message.identifiers import LIVE, MessageId, OrderingKey, RunId, Sequence
from shared.ports import Line
from tests.contract.conftest import Run
from tests.doubles.clock import NOON
from tests.doubles.samples import LAB, ref_of

A, B = OrderingKey("Patient/a"), OrderingKey("Patient/b")


def message(name: str, partition: int = 0) -> MessageId:
    return MessageId(f"{partition}-{name}")


def item(name: str, key: OrderingKey = A, partition: int = 0, **changes: Any) -> Item:
    plain = Item(message(name, partition), LAB, Sequence("lab", 1, 1), key, LIVE, "ADT^A40", "1", ref_of(b"raw"))
    return plain._replace(**changes)


def merge(name: str, own: OrderingKey = A, other: OrderingKey = B) -> Item:
    """Return a message whose own key is in partition 0, and the other in partition 1."""
    return item(name, own, barrier=Barrier((Part(own, message(name)), Part(other, message(f"{name}-token", 1)))))


def barrier(of: Item) -> Barrier:
    assert of.barrier is not None
    return of.barrier


async def parked(hub: Any, partition: int = 0, stage: str = "transform") -> list[MessageId]:
    return [one.message for one in (await hub.barriers.line(stage, partition)).parked]


async def numbers(hub: Any) -> dict[MessageId, int]:
    return {one.barrier.message: one.number for one in await hub.barriers.opened(NOON + timedelta(days=1))}


def test_barriers_are_numbered_in_the_order_they_were_opened(run: Run) -> None:
    """Barriers that meet run in this order: after a restart as before it."""

    async def first(hub: Any) -> None:
        await hub.barriers.open([merge("x"), merge("y", B, A)])

    async def second(hub: Any) -> None:
        await hub.barriers.open([merge("z")])
        found = await numbers(hub)
        assert sorted(found, key=found.__getitem__) == [message("x"), message("y"), message("z")]

    run(first)
    run(second)


def test_barriers_opened_at_the_same_time_have_different_numbers(run: Run) -> None:
    """Two feeds cross; one of the two goes first, and which is known to everybody."""

    async def scenario(hub: Any) -> None:
        await asyncio.gather(*(hub.barriers.open([merge(f"m{n}")]) for n in range(8)))
        assert len(set((await numbers(hub)).values())) == 8

    run(scenario)


def test_a_barrier_opened_again_keeps_its_number_and_its_keys(run: Run) -> None:
    """The sender missed our answer, and meanwhile the table of identities says something else."""

    async def scenario(hub: Any) -> None:
        first = merge("x")
        await hub.barriers.open([first])
        await hub.barriers.open([merge("y")])
        [again] = await hub.barriers.open([merge("x", A, OrderingKey("Patient/c"))._replace(body=b"as sent")])

        assert again == first._replace(body=b"as sent")
        found = await numbers(hub)
        assert found[message("x")] < found[message("y")]

    run(scenario)


def test_a_line_keeps_the_order_of_arrival_and_knows_what_is_in_it(run: Run) -> None:
    """What is delivered again by the broker stands where it stood."""

    async def first(hub: Any) -> None:
        await hub.barriers.park("transform", [item("1"), item("2", B)])
        await hub.barriers.park("transform", [item("2", B), item("3", body=b"not kept"), item("1", run=RunId("r"))])

    async def second(hub: Any) -> None:
        line = await hub.barriers.line("transform", 0)
        assert line == Line((item("1"), item("2", B), item("3"), item("1", run=RunId("r"))), ())
        assert await parked(hub, 0, "route") == await parked(hub, 1) == []

        await hub.barriers.unpark("transform", [item("1"), item("3")])
        assert await parked(hub) == [message("2"), message("1")]

    run(first)
    run(second)


def test_a_line_says_whether_anything_is_in_it(run: Run) -> None:
    """Nearly always nothing is: that must cost nothing, and never be wrong."""

    async def first(hub: Any) -> None:
        assert not await hub.barriers.waits("transform", 0, is_told=False)
        await hub.barriers.park("transform", [item("1")])
        await hub.barriers.park("transform", [item("1")])

    async def second(hub: Any) -> None:
        assert await hub.barriers.waits("transform", 0, is_told=False)
        assert not await hub.barriers.waits("transform", 1, is_told=True)
        assert await hub.barriers.lines() == [("transform", 0)]
        await hub.barriers.unpark("transform", [item("1")])
        assert not await hub.barriers.waits("transform", 0, is_told=True)
        assert await hub.barriers.lines() == []

    run(first)
    run(second)


def test_what_has_arrived_and_what_is_passed_is_remembered_by_stage(run: Run) -> None:
    """A barrier is met in transform, and again in route."""

    async def first(hub: Any) -> None:
        x = merge("x")
        await hub.barriers.open([x])
        await hub.barriers.park("transform", [x])
        for part in with_tokens(x):
            await hub.barriers.arrive("transform", barrier(x), part.message)
            await hub.barriers.arrive("transform", barrier(x), part.message)
        await hub.barriers.finish("transform", barrier(x), is_last=False)
        await hub.barriers.arrive("route", barrier(x), message("x-token", 1))

    async def second(hub: Any) -> None:
        [opened] = (await hub.barriers.line("transform", 0)).opened
        assert (opened.item, opened.opened, opened.passed) == (merge("x"), NOON, {"transform"})
        assert opened.arrived == {
            ("transform", message("x")),
            ("transform", message("x-token", 1)),
            ("route", message("x-token", 1)),
        }

    run(first)
    run(second)


def test_a_barrier_that_is_through_the_last_stage_is_forgotten(run: Run) -> None:
    """A token that comes again later stands for nothing, and leaves no trace."""

    async def scenario(hub: Any) -> None:
        x = barrier(merge("x"))
        await hub.barriers.open([merge("x")])
        await hub.barriers.finish("route", x, is_last=True)
        await hub.barriers.finish("route", x, is_last=True)
        await hub.barriers.arrive("route", x, message("x"))
        await hub.barriers.stop([x])

        assert await numbers(hub) == {}
        assert await hub.barriers.reopen(message("x")) is None

    run(scenario)


def test_a_stopped_barrier_holds_nobody_and_can_be_opened_once_more(run: Run) -> None:
    """A merge in quarantine: its two persons go on; a person mends it, and then it waits for what came meanwhile."""

    async def scenario(hub: Any) -> None:
        x = merge("x")
        await hub.barriers.open([x])
        await hub.barriers.arrive("transform", barrier(x), message("x"))
        await hub.barriers.stop([barrier(x)])
        assert await numbers(hub) == {}
        await hub.barriers.open([merge("y")])

        assert await hub.barriers.reopen(message("x")) == x
        assert await hub.barriers.reopen(message("y")) is None
        opened = await hub.barriers.opened(NOON + timedelta(days=1))
        assert [(one.barrier.message, one.arrived) for one in opened] == [
            (message("y"), frozenset()),
            (message("x"), frozenset()),
        ]

    run(scenario)


def test_barriers_are_found_by_when_they_were_opened(run: Run) -> None:
    """The timer looks at those that are old; the young are on their way."""

    async def scenario(hub: Any) -> None:
        await hub.barriers.open([merge("x")])
        assert await hub.barriers.opened(NOON) == []
        assert len(await hub.barriers.opened(NOON + timedelta(seconds=1))) == 1

    run(scenario)
