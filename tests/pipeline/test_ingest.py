"""What a sender hears, and what the hub then knows (rule R1, promises 1, 4 and 8)."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from shared.message.state import MessageState
from tests.pipeline.hub_in_process import Crash, write_interfaces
from tests.pipeline.messages import adt, batch


def codes(reply):
    """Return MSA-1 of every acknowledgement, in order."""
    return [code.decode() for code in re.findall(rb"\rMSA\|(\w\w)", reply.body)]


async def test_message_is_accepted_and_arrives(start_hub):
    """The whole way, once: AA, then every delivery settled and the resource in the store."""
    hub = await start_hub("store", "keyed")

    reply = await hub.take(adt("A1"))
    await hub.work()

    assert (reply.status, codes(reply)) == (200, ["AA"])
    assert (await hub.record("A1")).state is MessageState.ROUTED
    assert await hub.states("A1") == {"store": "accepted", "keyed": "accepted"}
    assert [one["birthDate"] for one in await hub.resources("Patient")] == ["1980-01-01"]


async def test_unknown_sender_is_rejected(start_hub):
    """Nobody may put data into the hub without an interface that answers for it."""
    hub = await start_hub()

    reply = await hub.take(adt("A1", application="STRANGER"))

    assert (reply.status, codes(reply)) == (422, ["AR"])
    assert b"STRANGER" not in reply.body.partition(b"\rMSA")[2]
    assert await hub.hub.adapters.ledger.recent() == []


async def test_wrong_processing_id_is_refused_and_taken_anew_once_the_interface_accepts_it(start_hub, home):
    """AR left the message with the sender: it is no duplicate when it comes again (promises 4 and 8)."""
    hub = await start_hub()

    reply = await hub.take(adt("A1", processing="T"))
    await hub.work()
    assert codes(reply) == ["AR"]
    assert (await hub.record("A1")).state is MessageState.REFUSED
    assert await hub.states("A1") == {}

    await hub.stop()
    write_interfaces(home / "0" / "interfaces", ["store"], accepts='["P", "T"]')
    await hub.start()
    reply = await hub.take(adt("A1", processing="T"))
    await hub.work()

    assert codes(reply) == ["AA"]
    assert (await hub.record("A1")).state is MessageState.ROUTED
    assert len(await hub.hub.adapters.ledger.by_control_id("A1")) == 2


@pytest.mark.parametrize("body", [b"", b"PID|1||4711", b"\x00\xff garbage", b"MSH", b"FHS|^~\\&\rBHS|^~\\&\rBTS|0\r"])
async def test_what_has_no_readable_header_is_answered_400(start_hub, body):
    """There is nobody to address an acknowledgement to: an MLLP listener closes the connection on it."""
    hub = await start_hub()

    reply = await hub.take(body)

    assert (reply.status, reply.body) == (400, b"")
    assert await hub.hub.adapters.ledger.recent() == []


async def test_bad_message_of_a_batch_is_refused_alone_and_in_its_place(start_hub):
    """One bad message must not cost the other thousand."""
    hub = await start_hub()

    reply = await hub.take(batch(adt("A1"), adt("A2", application="STRANGER"), adt("A3", number="70003^^^GENERAL^MR")))
    await hub.work()

    assert codes(reply) == ["AA", "AR", "AA"]
    assert reply.status == 422
    states = {one.control_id: one.state for one in await hub.hub.adapters.ledger.recent()}
    assert states == {"A1": MessageState.ROUTED, "A3": MessageState.ROUTED}


async def test_two_messages_in_one_frame_are_both_taken(start_hub):
    """No sender should do it, and one that does would send the frame again for ever if it were refused."""
    hub = await start_hub()

    reply = await hub.take(adt("A1") + adt("A2", number="70003^^^GENERAL^MR"))
    await hub.work()

    assert codes(reply) == ["AA", "AA"]
    states = {one.control_id: one.state for one in await hub.hub.adapters.ledger.recent()}
    assert states == {"A1": MessageState.ROUTED, "A2": MessageState.ROUTED}


async def test_second_copy_gets_the_first_acknowledgement_byte_for_byte(start_hub):
    """A source that missed our AA resends; it must not create a second message, at once or days later."""
    hub = await start_hub("store", "keyed")
    first = await hub.take(adt("A1"))
    at_once = await hub.take(adt("A1"))
    await hub.work()
    hub.clock.advance(timedelta(days=3).total_seconds())

    later = await hub.take(adt("A1"))
    await hub.work()

    assert first.body == at_once.body == later.body
    assert len(await hub.hub.adapters.ledger.recent()) == 1
    assert len(hub.receivers["keyed"].sent) == 1


async def test_same_control_id_with_other_bytes_is_a_new_message_with_a_finding(start_hub):
    """MSH-10 is not unique in the wild: dropping the second one would lose a message in silence."""
    hub = await start_hub()
    await hub.take(adt("A1"))
    reply = await hub.take(adt("A1", "A08", name="Example^Annemarie"))
    await hub.work()

    assert codes(reply) == ["AA"]
    assert len(await hub.hub.adapters.ledger.by_control_id("A1")) == 2
    assert "control_id_reused" in await hub.findings("A1")
    [patient] = await hub.resources("Patient")
    assert patient["name"][0]["given"] == ["Annemarie"]


async def test_copy_in_the_same_batch_is_one_message(start_hub):
    """Files are cut and joined by scripts: a message twice in one of them is still one message."""
    hub = await start_hub()

    reply = await hub.take(batch(adt("A1"), adt("A1")))
    await hub.work()

    assert codes(reply) == ["AA", "AA"]
    assert len(await hub.hub.adapters.ledger.recent()) == 1


async def test_message_reserved_and_never_sent_is_sent_by_its_own_duplicate(start_hub):
    """A crash between number and queue leaves no acknowledgement; the sender's second copy finishes the work (R1)."""
    hub = await start_hub()
    send = hub.hub.adapters.queue._port.send

    async def fail(*arguments):
        raise OSError

    hub.hub.adapters.queue._port.send = fail
    with pytest.raises(OSError):
        await hub.take(adt("A1"))
    assert (await hub.record("A1")).state is MessageState.RESERVED
    hub.hub.adapters.queue._port.send = send

    reply = await hub.take(adt("A1"))
    await hub.work()

    assert codes(reply) == ["AA"]
    assert await hub.states("A1") == {"store": "accepted"}
    assert len(await hub.hub.adapters.ledger.recent()) == 1


async def test_what_ingest_began_and_never_ended_is_named_and_still_finished_by_a_copy(start_hub):
    """Nobody was answered, so nothing is sent by itself: a person sees it, and its copy is no second message."""
    hub = await start_hub()
    hub.faults.crash_after = "ledger.reserve"
    with pytest.raises(Crash):
        await hub.take(adt("A1"))
    hub.faults.crash_after = None
    await hub.crash()
    await hub.start()

    await hub.tick()
    assert (await hub.record("A1")).state is MessageState.RESERVED
    await hub.pass_time(1000, step=500)
    await hub.tick()
    await hub.work()
    [stopped] = (await hub.hub.console.quarantine())["messages"]
    assert (stopped["state"], stopped["code"], stopped["orders"]) == ("abandoned", "INGEST-004", ["discard"])
    assert await hub.states("A1") == {}

    assert codes(await hub.take(adt("A1"))) == ["AA"]
    await hub.work()
    assert await hub.states("A1") == {"store": "accepted"}
    assert await hub.hub.adapters.ledger.counts() == {"routed": 1}


async def test_message_sent_again_beside_a_new_one_takes_it_along(start_hub):
    """A1 went to the queue, and its AA was lost with the process. It comes again and is committed together with A2.

    The broker must not drop both as what it has already.
    """
    hub = await start_hub("store")
    hub.faults.crash_after = 4
    with pytest.raises(Crash):
        await hub.take(adt("A1"))
    assert hub.faults.made[-1] == "queue.send"

    await hub.crash()
    await hub.start()
    replies = await asyncio.gather(hub.take(adt("A1")), hub.take(adt("A2", "A08")))
    await hub.work()

    assert [codes(reply) for reply in replies] == [["AA"], ["AA"]]
    for control_id in ("A1", "A2"):
        assert (await hub.record(control_id)).state is MessageState.ROUTED
        assert await hub.states(control_id) == {"store": "accepted"}
