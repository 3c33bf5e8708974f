"""The contract of `Holds`: interfaces that stand still, and what waits for them."""

from __future__ import annotations

from typing import Any

from shared.message.envelope import Item
from shared.message.identifiers import LIVE, InterfaceId, MessageId, OrderingKey, RunId, Sequence
from tests.contract.conftest import Run
from tests.doubles.samples import LAB, ref_of

WARD = InterfaceId("ward")
A, B = OrderingKey("Patient/a"), OrderingKey("Patient/b")


def item(name: str, key: OrderingKey = A, partition: int = 0, run: RunId = LIVE) -> Item:
    message = MessageId(f"{partition}-{name}")
    return Item(message, LAB, Sequence("lab", 1, 1), key, run, "ORU^R01", "1", ref_of(b"raw"), body=b"raw")


async def names(hub: Any, key: OrderingKey | None = None, partition: int = 0) -> list[str]:
    found, after = [], ""
    while page := await hub.holds.held("transform", partition, after, 2):
        found += page
        after = page[-1].place
    return [one.item.message.partition("-")[2] for one in found if key in (None, one.item.key)]


def test_what_a_person_stopped_stands_still_after_a_restart_until_it_is_told_to_go_on(run: Run) -> None:
    """A kill switch that a restart undoes is none."""

    async def first(hub: Any) -> None:
        assert await hub.holds.paused(is_told=True) == frozenset()
        await hub.holds.set_paused(LAB, True)
        await hub.holds.set_paused(LAB, True)
        await hub.holds.set_paused(WARD, True)
        assert await hub.holds.paused(is_told=False) == {LAB, WARD}

    async def second(hub: Any) -> None:
        assert await hub.holds.paused(is_told=False) == {LAB, WARD}
        await hub.holds.set_paused(WARD, False)
        await hub.holds.set_paused(WARD, False)
        assert await hub.holds.paused(is_told=False) == {LAB}

    run(first)
    run(second)


def test_what_is_held_of_a_key_stays_in_the_order_it_came(run: Run) -> None:
    """Acknowledged, and not to be overtaken; it comes in several envelopes, and a page ends where it likes."""

    async def first(hub: Any) -> None:
        await hub.holds.hold("transform", [(item("1"), LAB), (item("2", B), LAB), (item("3"), WARD)])
        await hub.holds.hold("route", [(item("0"), LAB)])
        await hub.holds.hold("transform", [(item("9", partition=1), LAB)])

    async def second(hub: Any) -> None:
        await hub.holds.hold("transform", [(item("0"), LAB)])
        assert (await names(hub, A), await names(hub, B)) == (["1", "3", "0"], ["2"])
        [held] = await hub.holds.held("transform", 1, "", 5)
        assert (held.item, held.because) == (item("9", partition=1).by_reference(), LAB)

    run(first)
    run(second)


def test_what_is_held_already_stays_where_it_is(run: Run) -> None:
    """An envelope is delivered again after a crash; another run of the message is something else."""

    async def scenario(hub: Any) -> None:
        await hub.holds.hold("transform", [(item("1"), LAB), (item("2"), LAB)])
        await hub.holds.hold("transform", [(item("2"), LAB), (item("1"), LAB), (item("3"), LAB)])
        assert await names(hub) == ["1", "2", "3"]
        await hub.holds.hold("transform", [(item("1", run=RunId("r1")), LAB)])
        assert await names(hub) == ["1", "2", "3", "1"]
        assert await hub.holds.counts("transform", 0) == {LAB: 4}

    run(scenario)


def test_a_key_is_known_as_held_with_the_interface_it_waits_for(run: Run) -> None:
    """What comes behind it, of whatever interface, must wait for the same."""

    async def scenario(hub: Any) -> None:
        assert await hub.holds.keys("transform", 0, [A, B]) == {}
        await hub.holds.hold("transform", [(item("1"), WARD), (item("2"), LAB)])
        assert await hub.holds.keys("transform", 0, [A, B]) == {A: WARD}
        assert await hub.holds.keys("transform", 1, [A]) == {}
        assert await hub.holds.counts("transform", 0) == {WARD: 1, LAB: 1}

    run(scenario)


def test_what_went_on_is_held_no_more_and_may_be_told_twice(run: Run) -> None:
    """Two workers may let the same messages go: one of them had lost its session."""

    async def scenario(hub: Any) -> None:
        await hub.holds.hold("transform", [(item(str(n)), LAB) for n in range(120)])  # more than one transaction
        page = await hub.holds.held("transform", 0, "", 119)
        await hub.holds.release("transform", page)
        await hub.holds.release("transform", page)
        assert (await names(hub), await hub.holds.counts("transform", 0)) == (["119"], {LAB: 1})
        await hub.holds.release("transform", await hub.holds.held("transform", 0, "", 9))
        assert await hub.holds.counts("transform", 0) == {}
        await hub.holds.hold("transform", [(item("0"), LAB)])  # sent once more by a person
        assert await names(hub) == ["0"]

    run(scenario)


def test_a_line_in_which_something_is_held_is_one_that_waits(run: Run) -> None:
    """A worker asks one question about a partition, and the timer one about all of them."""

    async def scenario(hub: Any) -> None:
        assert not await hub.barriers.waits("transform", 3, is_told=False)
        await hub.holds.hold("transform", [(item("1", partition=3), InterfaceId("lab"))])
        assert await hub.barriers.waits("transform", 3, is_told=False)
        assert await hub.barriers.lines() == [("transform", 3)]
        assert (await hub.barriers.line("transform", 3)).parked == ()
        await hub.holds.release("transform", await hub.holds.held("transform", 3, "", 9))
        assert not await hub.barriers.waits("transform", 3, is_told=True)
        assert await hub.barriers.lines() == []

    run(scenario)
