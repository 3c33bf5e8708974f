"""A destination of v2 that gets the canonical record, not what the sender wrote."""

from __future__ import annotations

from shared.hl7 import parse
from tests.pipeline.messages import adt, merge


async def test_a_receiver_of_v2_gets_the_canonical_record_and_the_trace_says_what_it_lacks(start_hub):
    """Whatever a sender's dialect was, this receiver reads 2.5.1; a consent has no segment in its admission."""
    hub = await start_hub("store", "rendered")
    await hub.take(adt("A1") + b"CON|1|059^Photograph^HL70496|||||||||A\r")
    await hub.work()
    ((_, body),) = hub.receivers["rendered"].sent
    message = parse(body)
    assert (message.type, message.structure, message.version) == ("ADT^A01", "ADT_A01", "2.5.1")
    record = await hub.record("A1")
    assert (message.get("PID-3.1"), message.get("PID-8")) == ("70001", "F")
    hops, _ = await hub.hub.adapters.ledger.trace(record.message)
    assert [hop.detail for hop in hops if hop.code == "shaped"] == ["rendered: resource_not_carried Consent"]


async def test_a_message_that_cannot_be_rendered_waits_for_a_person_and_nobody_else_does(start_hub):
    """Two merges in one message: who gave way to whom would be a guess, and quarantine is better (RENDER-003)."""
    hub = await start_hub("store", "rendered", "keyed")
    numbers = ("70001", "70002", "70003", "70004")
    for count, number in enumerate(numbers, 1):
        await hub.take(adt(f"A{count}", number=f"{number}^^^GENERAL^MR", visit=f"V{count}"))
    pair = b"PID|1||70003^^^GENERAL^MR||Example^Berta||19810101|F\rMRG|70004^^^GENERAL^MR\r"
    await hub.take(merge("M1", survivor="70001", prior="70002") + pair)
    await hub.work()
    states = await hub.states("M1")
    assert states["rendered"] == "quarantined"
    assert states["keyed"] == states["store"] == "accepted"
