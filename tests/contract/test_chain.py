"""The contract of `Chain`: what was settled can be proved to be as it was (rule R10)."""

from __future__ import annotations

from typing import Any

from shared.message.chain import ChainHead
from shared.message.state import DeliveryState
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
        assert after.heads[0].number == before.heads[0].number + 1
        [head] = after.heads
        assert len((await hub.chain.verify([head._replace(number=99)])).faults) == 1
        assert len((await hub.chain.verify([head._replace(digest="0" * 64)])).faults) == 1
        assert len((await hub.chain.verify([ChainHead(7, 1, "0" * 64)])).faults) == 1

    run(scenario)
