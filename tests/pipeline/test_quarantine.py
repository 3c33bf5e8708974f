"""What was stopped, and what a person does with it (promise 4)."""

from __future__ import annotations

import base64

import orjson
import pytest

from shared.message.errors.pipeline import NotFound, NotStopped, RequestInvalid
from shared.message.state import MessageState
from tests.pipeline.hub_in_process import REJECTED, SILENT, Crash
from tests.pipeline.messages import adt

WHY = orjson.dumps({"reason": "asked the ward"})
BAD = adt("A1").replace(b"Example", b"Ex\xffmple").replace(b"|2.5.1", b"|2.5.1||||||UNICODE UTF-8")


def corrected(body):
    return orjson.dumps({"reason": "asked the ward", "message": base64.b64encode(body).decode()})


@pytest.fixture
async def hub(start_hub):
    """A hub with a message whose text cannot be read, and a later one of the same patient that was delivered."""
    hub = await start_hub("keyed")
    await hub.take(BAD)
    await hub.take(adt("A2", "A08"))
    await hub.work()
    assert (await hub.record("A1")).code == "HL7-105"
    return hub


async def test_the_list_says_why_and_what_can_be_done(hub):
    """At 3 a.m. nobody reads the source."""
    [message] = (await hub.hub.console.quarantine({}))["messages"]

    assert "charset" in message["reason"]
    assert message["orders"] == ["resend", "correct", "discard"]
    assert (await hub.hub.console.message("A1"))["orders"] == message["orders"]
    assert (await hub.hub.console.message("A2"))["orders"] == []


async def test_what_a_list_leaves_out_is_said(hub):
    """A full quarantine looks like a short one to whoever sees its first page only."""
    assert (await hub.hub.console.quarantine({"limit": "1"}))["more"] is False

    await hub.take(BAD.replace(b"A1", b"A3"))
    await hub.work()

    listed = await hub.hub.console.quarantine({"limit": "1"})
    assert ([row["control_id"] for row in listed["messages"]], listed["more"]) == (["A3"], True)
    with pytest.raises(RequestInvalid, match="limit is a number"):
        await hub.hub.console.quarantine({"limit": "all"})


async def test_quarantine_never_expires(hub):
    """A year later it is still there: nothing expires in silence."""
    hub.clock.advance(366 * 24 * 3600)
    await hub.hub.deliver.wake_overdue()
    await hub.work()

    assert len((await hub.hub.console.quarantine({}))["messages"]) == 1


async def test_a_corrected_copy_is_a_new_message_and_each_names_the_other(hub):
    """The bytes as received stay as they were; who corrected them, and why, stays with both."""
    old = await hub.record("A1")
    told = await hub.hub.quarantine.correct(old.message, corrected(adt("A1")), "ann")
    await hub.work()

    new = await hub.record("A1")
    assert told["corrected"] == new.message != old.message
    assert hub.receivers["keyed"].messages[-1] == new.message
    assert (await hub.hub.adapters.archive.get(old.raw)) == BAD
    [before] = await hub.hub.adapters.ledger.messages([old.message])
    assert before.state is MessageState.DISCARDED
    hops, _ = await hub.hub.adapters.ledger.trace(old.message)
    assert (hops[-1].code, hops[-1].detail) == ("corrected", f"as {new.message}: asked the ward")
    hops, _ = await hub.hub.adapters.ledger.trace(new.message)
    assert ("corrects", old.message) in [(hop.code, hop.detail) for hop in hops]
    [entry] = (await hub.hub.affected.audited())["audit"]
    assert (entry["who"], entry["act"], entry["what"]) == ("ann", "correct", old.message)


async def test_a_correction_that_changes_nothing_is_refused(hub):
    """It would be stopped again."""
    message = (await hub.record("A1")).message
    for request in (corrected(BAD), corrected(b"no HL7"), corrected(adt("A1", processing="T")), WHY):
        with pytest.raises(RequestInvalid):
            await hub.hub.quarantine.correct(message, request, "ann")
    assert (await hub.record("A1")).state is MessageState.QUARANTINED


async def test_a_message_that_was_taken_before_corrects_nothing(hub):
    """Somebody took the file of another patient: the stopped message would have been given up for it."""
    hub.clock.advance(3600)
    await hub.take(BAD.replace(b"A1", b"A3"))
    await hub.work()
    with pytest.raises(RequestInvalid, match="taken before the stopped one"):
        await hub.hub.quarantine.correct((await hub.record("A3")).message, corrected(adt("A2", "A08")), "ann")
    assert (await hub.record("A3")).state is MessageState.QUARANTINED


async def test_discarding_needs_a_reason_and_something_that_is_stopped(hub):
    """What was delivered cannot be made undelivered."""
    quarantine = hub.hub.quarantine
    with pytest.raises(RequestInvalid):
        await quarantine.discard((await hub.record("A1")).message, b"{}", "ann")
    with pytest.raises(NotStopped):
        await quarantine.discard((await hub.record("A2")).message, WHY, "ann")
    with pytest.raises(NotFound):
        await quarantine.discard("none", WHY, "ann")

    await quarantine.discard((await hub.record("A1")).message, WHY, "ann")
    assert (await hub.record("A1")).state is MessageState.DISCARDED
    assert (await hub.hub.console.quarantine({}))["messages"] == []


async def test_a_discarded_message_that_comes_again_is_new(hub):
    """Its sender mended something else; it was never accepted."""
    old = (await hub.record("A1")).message
    await hub.hub.quarantine.discard(old, WHY, "ann")
    await hub.take(BAD)

    assert (await hub.record("A1")).message != old


async def test_what_waited_behind_a_discarded_delivery_goes_on(start_hub):
    """``hold_key`` holds until a person acts, and no longer."""
    hub = await start_hub("keyed")
    hub.receivers["keyed"].answers(REJECTED)
    await hub.take(adt("A1"))
    await hub.take(adt("A2", "A08"))
    await hub.work()
    assert hub.receivers["keyed"].messages == []

    told = await hub.hub.quarantine.discard((await hub.record("A1")).message, WHY, "ann")
    await hub.work()

    assert told["destinations"] == ["keyed"]
    assert await hub.states("A1") == {"keyed": "discarded"}
    assert hub.receivers["keyed"].messages == [(await hub.record("A2")).message]


async def test_a_delivery_that_arrived_after_all_is_settled_by_discarding_it(start_hub):
    """Review: the person looked, and it is there."""
    hub = await start_hub("careful")
    hub.receivers["careful"].answers(SILENT)
    await hub.take(adt("A1"))
    await hub.work()
    [row] = (await hub.hub.console.quarantine({}))["deliveries"]
    assert row["orders"] == ["discard", "resend"]
    assert (await hub.hub.console.message(row["message"]))["orders"] == ["discard", "resend"]
    assert (row["type"], row["control_id"]) == ("ADT^A01", "A1")  # as its sender names it

    await hub.hub.quarantine.discard((await hub.record("A1")).message, WHY, "ann")
    await hub.work()
    assert len(hub.receivers["careful"].sent) == 1
    assert (await hub.hub.console.quarantine({}))["deliveries"] == []


async def test_a_resend_says_what_was_delivered_since(hub):
    """Stale by then: a destination that does not know old from new is set back (rule R8)."""
    told = await hub.hub.orders.resend((await hub.record("A1")).message, WHY)

    assert told["delivered_since"] == {"keyed": 1}


async def test_a_resend_that_a_crash_cut_off_can_be_ordered_again(hub):
    """Out of quarantine and in no queue, nobody would ever see the message again."""
    message = (await hub.record("A1")).message
    hub.faults.crash_after = "ledger.reopen"
    with pytest.raises(Crash):
        await hub.hub.orders.resend(message, WHY)
    await hub.crash()
    await hub.start()
    await hub.work()

    await hub.hub.orders.resend(message, WHY)
    await hub.work()
    assert [(hop.stage, hop.code) for hop in (await hub.hub.adapters.ledger.trace(message))[0]][-1] == (
        "transform",
        "HL7-105",
    )


async def test_a_message_that_is_on_its_way_is_not_sent_again(hub):
    """Of what nobody stopped a resend would only make copies in the queues."""
    await hub.take(adt("A3", "A08"))
    with pytest.raises(NotStopped):
        await hub.hub.orders.resend((await hub.record("A3")).message, WHY)
