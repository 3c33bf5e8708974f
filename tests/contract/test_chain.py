"""The contract of `Chain`: what was settled can be proved to be as it was (rule R10)."""

from __future__ import annotations

from typing import Any

from shared.message.chain import ChainHead
from shared.message.state import DeliveryState
from shared.recover.anchors import BEGINNING, Anchors
from tests.contract.conftest import Run
from tests.contract.test_lanes import accepted, held, take
from tests.doubles.samples import arrival, delivery

WINDOW = 3600.0


async def settle_some(hub: Any) -> None:
    """Take four messages, and settle three of their deliveries: one accepted, one discarded, one in quarantine."""
    await hub.ledger.reserve([arrival(1), arrival(2)], WINDOW)
    await hub.ledger.reserve([arrival(3), arrival(4), arrival(1)], WINDOW)
    turn = await take(hub, delivery(1, "a"), delivery(2, "b"), delivery(3, "c"))
    first, second, third = turn.ready
    await hub.lanes.write(turn.ownership, [accepted(first), held(second), held(third)])
    await hub.lanes.reopen(held(third), DeliveryState.DISCARDED)


def test_a_hub_that_nobody_touched_verifies(run: Run) -> None:
    """Else the alarm means nothing."""

    async def scenario(hub: Any) -> None:
        assert (await hub.chain.verify()).faults == ()
        await settle_some(hub)
        report = await hub.chain.verify()

        assert (report.faults, report.messages, report.deliveries) == ((), 4, 2)

    run(scenario)


def test_a_head_that_was_kept_is_on_the_chain_ever_after(run: Run) -> None:
    """Kept elsewhere, it is what a chain cut off at its end no longer has."""

    async def scenario(hub: Any) -> None:
        await settle_some(hub)
        before = await hub.chain.verify()
        await hub.ledger.reserve([arrival(5)], WINDOW)

        after = await hub.chain.verify(before.heads)
        assert after.faults == ()
        grown = [head for head in after.heads if head not in before.heads]
        assert sum(head.number for head in after.heads) == sum(head.number for head in before.heads) + 1
        [head] = grown
        assert len((await hub.chain.verify([head._replace(number=99)])).faults) == 1
        assert len((await hub.chain.verify([head._replace(digest="0" * 64)])).faults) == 1
        assert len((await hub.chain.verify([ChainHead("7", 1, "0" * 64)])).faults) == 1

    run(scenario)


def test_the_heads_are_those_that_a_check_finds(run: Run) -> None:
    """They are read without one, every night: a wrong one would be an alarm for nothing."""

    async def scenario(hub: Any) -> None:
        await settle_some(hub)

        assert sorted(await hub.chain.heads(BEGINNING)) == sorted((await hub.chain.verify()).heads)

    run(scenario)


def test_two_heads_of_one_place_are_never_both_right(run: Run) -> None:
    """Anchored before and after somebody rewrote the chain: the later one must not hide the earlier."""

    async def scenario(hub: Any) -> None:
        await settle_some(hub)
        head, *_ = (await hub.chain.verify()).heads

        for kept in ([head, head._replace(digest="0" * 64)], [head._replace(digest="0" * 64), head]):
            [fault] = (await hub.chain.verify(kept)).faults
            assert head.chain in fault

    run(scenario)


def test_an_anchor_has_what_has_grown_and_is_there_after_a_restart(run: Run) -> None:
    """One small record for each night in which something happened, and none for the others."""

    async def before(hub: Any) -> None:
        anchors = Anchors(hub.clock, hub.chain, hub.archive)
        await anchors.add()
        assert await anchors.read() == ([], [])
        await settle_some(hub)
        await anchors.add()
        await anchors.add()
        [one], _ = await anchors.read()
        assert sorted(one.heads) == sorted((await hub.chain.verify()).heads)

    async def after(hub: Any) -> None:
        anchors = Anchors(hub.clock, hub.chain, hub.archive)
        await hub.ledger.reserve([arrival(5)], WINDOW)
        await anchors.add()

        (_, second), faults = await anchors.read()
        assert (second.number, len(second.heads), faults) == (2, 1, [])
        assert (await hub.chain.verify(second.heads)).faults == ()

    run(before)
    run(after)
