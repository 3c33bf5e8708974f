"""What the spool has acknowledged waits for company, and nothing else does (rule R2)."""

from __future__ import annotations

import asyncio

from tests.connector.peers import admission
from tests.doubles.waiting import until

LINGERING = {"linger_seconds": 2}


async def test_messages_of_one_moment_travel_in_one_request(hospital):
    """A request, an envelope, a row of a trace: what the hub pays, it pays for each of them, not for each message."""
    connector = await hospital.connector({"acknowledge": "spool"}, hub=LINGERING)
    source = await hospital.source(connector)
    for number in range(5):
        assert (await source.ask(admission(f"M{number}"))).code == "AA"
    await until(lambda: len(hospital.hub.control_ids) == 5)
    assert hospital.hub.requests == [5]


async def test_a_full_request_waits_no_longer(hospital):
    """At noon a request is full at once; only the last of a burst waits."""
    connector = await hospital.connector({"acknowledge": "spool"}, hub={**LINGERING, "batch_messages": 2})
    source = await hospital.source(connector)
    for number in range(5):
        await source.ask(admission(f"M{number}"))
    await until(lambda: len(hospital.hub.control_ids) == 5)
    assert hospital.hub.requests[0] == 2


async def test_who_waits_for_the_hubs_word_is_not_kept_waiting(hospital):
    """Hybrid: the sender hears the hub's refusal. Lingering, the spool would have promised it after half a second."""
    hospital.hub.refuses = {"M1"}
    connector = await hospital.connector({"acknowledge": "hybrid", "hybrid_seconds": 0.5}, hub=LINGERING)
    assert (await (await hospital.source(connector)).ask(admission("M1"))).code == "AR"


async def test_an_echo_takes_along_what_lingers(hospital):
    """It asks whether the way is open now; order holds, so what came before it goes now as well."""
    connector = await hospital.connector({"acknowledge": "spool"}, hub=LINGERING)
    intake = connector.intakes["adt"]
    await (await hospital.source(connector)).ask(admission("M1"))
    async with asyncio.timeout(10):
        assert await intake.echo(admission("E1"), 1.5)
    assert hospital.hub.control_ids == ["M1", "E1"]
