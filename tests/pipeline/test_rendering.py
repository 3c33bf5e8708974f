"""A destination of v2 that gets the canonical record, not what the sender wrote."""

from __future__ import annotations

from shared.hl7 import parse
from tests.pipeline.messages import adt, merge


async def test_a_receiver_of_v2_gets_the_canonical_record_and_the_trace_says_what_it_lacks(start_hub):
    """Whatever a sender's dialect was, this receiver reads 2.5.1; who changed a record last has no field there."""
    hub = await start_hub("store", "rendered")
    await hub.take(adt("A1", more="F" + "|" * 25 + "20260101120000+0000|GENERAL"))
    await hub.work()
    ((_, body),) = hub.receivers["rendered"].sent
    message = parse(body)
    assert (message.type, message.structure, message.version) == ("ADT^A01", "ADT_A01", "2.5.1")
    record = await hub.record("A1")
    assert (message.get("PID-3.1"), message.get("PID-8")) == ("70001", "F")
    hops, _ = await hub.hub.adapters.ledger.trace(record.message)
    assert [hop.detail for hop in hops if hop.code == "shaped"] == ["rendered: resource_not_carried Provenance"]


async def test_a_message_that_cannot_be_rendered_waits_for_a_person_and_nobody_else_does(start_hub):
    """A merge has no identifiers in the canonical record: quarantine is better than no MRG-1 (decision 0040)."""
    hub = await start_hub("store", "rendered", "keyed")
    for message in (adt("A1"), adt("A2", number="70002^^^GENERAL^MR", visit="V2")):
        await hub.take(message)
    await hub.take(merge("M1", survivor="70001", prior="70002"))
    await hub.work()
    states = await hub.states("M1")
    assert states["rendered"] == "quarantined"
    assert states["keyed"] == states["store"] == "accepted"
