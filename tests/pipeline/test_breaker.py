"""The breaker of a destination, and the lease of the one who probes it (rule R9)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from shared.deliver.breaker import FAILURES
from shared.message.identifiers import DestinationId
from tests.pipeline.hub_in_process import ACCEPTED, REFUSED, SILENT, Receiver
from tests.pipeline.messages import adt

KEYED = DestinationId("keyed")
LEASE_SECONDS = 10 + 10 + 2  # begins within one time-out, ends within another, and the skew of clocks
MESSAGES = 24


class Hanging(Receiver):
    """It answers nothing until it is told to."""

    def __init__(self):
        super().__init__()
        self.under_way = []

    async def send(self, delivery, body, media_type, deadline):
        self.sent.append((delivery, body))
        self.under_way.append(asyncio.get_running_loop().create_future())
        answer = await self.under_way[-1]
        self.accepted.append(delivery)
        return answer


@pytest.fixture
async def hub(start_hub):
    """A hub whose destination refused everything until nobody tried it any more."""
    hub = await start_hub("keyed")
    hub.receivers["keyed"].answer = lambda delivery, body: REFUSED
    for number in range(MESSAGES):
        await hub.take(adt(f"A{number}", "A08", number=f"{80000 + number}^^^GENERAL^MR", visit=None))
    await hub.work()
    assert (await status(hub)).failures >= FAILURES
    return hub


async def status(hub):
    return await hub.hub.adapters.lanes.status(KEYED)


async def all_probe(hub, hanging):
    """Let every session try once; return the workers that wait for an answer when the others have ended."""
    sessions = await hub.hub.adapters.lanes.sessions(KEYED)
    assert len(sessions) > 1
    waiting = {asyncio.create_task(hub.hub.deliver.run(session, [])) for session in sessions}
    while len(waiting) > hanging:
        done, waiting = await asyncio.wait(waiting, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert done, f"{len(waiting)} probe at once"
        assert all(worker.exception() is None for worker in done)
    return list(waiting)


async def hang(hub):
    """Let the time of the breaker pass, and the destination answer nothing from then on."""
    hub.clock.advance(((await status(hub)).open_until - hub.clock.now()).total_seconds() + 1)
    receiver = hub.receivers["keyed"] = Hanging()
    hub.hub.deliver._destinations[KEYED] = receiver
    return receiver


async def test_one_probes_and_everybody_else_waits_for_it(hub):
    """Rule R9: a system that has just come back is not met by all of its senders at once."""
    receiver = await hang(hub)
    [prober] = await all_probe(hub, 1)

    assert len(receiver.sent) == 1
    receiver.under_way[0].set_result(ACCEPTED)
    hub.hub.deliver._destinations[KEYED] = well = Receiver()
    await prober
    await hub.work()
    assert len(receiver.accepted) + len(well.accepted) == MESSAGES  # at once: nobody slept until the lease ended
    assert (await status(hub)).failures == 0


async def test_probe_that_dies_with_its_worker_is_made_by_another_when_its_lease_ends(hub):
    """Or one crash would leave a destination that is well without a message for ever."""
    receiver = await hang(hub)
    [prober] = await all_probe(hub, 1)
    prober.cancel()
    await asyncio.wait([prober])
    leased_until = (await status(hub)).open_until
    assert leased_until == hub.clock.now() + timedelta(seconds=LEASE_SECONDS)

    hub.clock.advance(LEASE_SECONDS - 1)
    assert await all_probe(hub, 0) == []
    assert len(receiver.sent) == 1

    hub.clock.advance(2)
    [successor] = await all_probe(hub, 1)
    assert len(receiver.sent) == 2
    receiver.under_way[1].set_result(REFUSED)
    receiver.accepted.clear()
    await successor
    now = await status(hub)
    assert now.failures > FAILURES
    assert now.open_until > hub.clock.now()


@pytest.mark.parametrize("is_at_once", [True, False])
async def test_silence_opens_the_breaker_as_refusal_does(start_hub, is_at_once):
    """A destination that takes a connection and says nothing costs ten seconds a message: decision 0126."""
    hub = await start_hub("careful")
    careful = hub.receivers["careful"]
    careful.answer = lambda delivery, body: SILENT
    for number in range(MESSAGES):
        await hub.take(adt(f"A{number}", "A08", number=f"{80000 + number}^^^GENERAL^MR", visit=None))
        if not is_at_once:
            await hub.work()
    await hub.work()

    # Each of them waits for a person; the others were spared, but for those under way on the other connections.
    connections = hub.hub.registry.destinations[DestinationId("careful")].connections
    assert FAILURES <= len(careful.sent) < FAILURES + connections
    states = [(await hub.states(f"A{number}"))["careful"] for number in range(MESSAGES)]
    assert sorted(states) == ["parked"] * (MESSAGES - len(careful.sent)) + ["review"] * len(careful.sent)


async def test_late_word_of_a_failure_does_not_close_a_breaker_that_is_open(hub):
    """Two workers of one destination write what they saw one after the other: neither undoes the other."""
    opened = await status(hub)
    hub.clock.advance(-1)
    verdict = REFUSED.verdict
    breaker = hub.hub.deliver._breaker
    long_ago = type(opened)(KEYED)  # when this worker looked, nothing was amiss

    await breaker.judge(long_ago, [verdict], hub.hub.registry.destinations[KEYED].retry, lambda low, high: low)

    now = await status(hub)
    assert now.failures == opened.failures + 1
    assert now.open_until >= opened.open_until
