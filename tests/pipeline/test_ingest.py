"""What a sender hears, and what the hub then knows (rule R1, promises 1, 4 and 8)."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from shared.ingest.commit import GROUPS_UNDER_WAY, Committer
from shared.message.state import MessageState
from tests.pipeline.hub_in_process import Crash, write_interfaces
from tests.pipeline.messages import adt, batch, result


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


@pytest.mark.parametrize(
    ("old", "new", "said", "code"),
    [
        (b"ADT^A08", b"ADT^A77", "AR", "INGEST-005"),
        (b"|2.5.1", b"|3.0", "AR", "INGEST-005"),
        (b"|70001^^^GENERAL^MR|", b"|UNKNOWN^^^GENERAL^MR|", "AE", "INGEST-006"),
    ],
)
async def test_what_ingest_finds_invalid_is_refused_where_the_interface_says_so(start_hub, old, new, said, code):
    """The sender keeps it and can correct it; corrected, it is no duplicate of what was refused."""
    hub = await start_hub("store", more='on_invalid = "nack"')
    good = adt("A1", "A08", visit=None)
    bad = good.replace(old, new)

    assert codes(await hub.take(bad)) == [said]
    await hub.work()
    record = await hub.record("A1")
    assert (record.state, record.code) == (MessageState.REFUSED, code)
    assert await hub.states("A1") == {}

    assert codes(await hub.take(good)) == ["AA"]
    assert codes(await hub.take(bad)) == [said]


async def test_what_ingest_finds_invalid_is_acknowledged_and_kept_where_it_says_nothing(start_hub):
    """The habit of the field: a sender that hears AE or AR may stop, or skip; here a person of the hub looks at it."""
    hub = await start_hub("store")
    reply = await hub.take(batch(adt("A1", "A77"), adt("A2", number="UNKNOWN^^^GENERAL^MR")))
    await hub.work()

    assert codes(reply) == ["AA", "AA"]
    states = [(await hub.record(name)).state for name in ("A1", "A2")]
    assert states == [MessageState.QUARANTINED, MessageState.ROUTED]


ORDER_KEY = '[duplicate]\nkey = ["MSH-10", "PID-3[1].1", "OBR-3"]\nwindow_hours = 1'


async def test_a_duplicate_is_known_by_the_fields_that_its_interface_names(start_hub):
    """A laboratory counts its MSH-10 by patient: the same number for another patient, or another order, is another."""
    hub = await start_hub("store", more=ORDER_KEY)
    first = result("7")
    another_patient = result("7", number="70002^^^GENERAL^MR")
    another_order = first.replace(b"F-1^LAB", b"F-2^LAB")
    reply = await hub.take(batch(first, another_patient, another_order, first))
    await hub.work()

    assert codes(reply) == ["AA"] * 4
    assert len(await hub.hub.adapters.ledger.by_control_id("7")) == 3
    assert "control_id_reused" not in await hub.findings("7")

    corrected = result("7", value="139")
    assert codes(await hub.take(corrected)) == ["AA"]
    await hub.work()
    [newest, *_] = await hub.hub.adapters.ledger.by_control_id("7")
    _, findings = await hub.hub.adapters.ledger.trace(newest.message)
    assert ("control_id_reused", "MSH-10, PID-3[1].1, OBR-3", "") in findings


async def test_the_same_bytes_after_the_window_are_a_new_message(start_hub):
    """How long the hub looks back is the interface's to say: some senders count from one every day."""
    hub = await start_hub("store", more=ORDER_KEY)
    await hub.take(result("7"))
    hub.clock.advance(3599)
    await hub.take(result("7"))
    assert len(await hub.hub.adapters.ledger.by_control_id("7")) == 1
    hub.clock.advance(2)
    await hub.take(result("7"))
    assert len(await hub.hub.adapters.ledger.by_control_id("7")) == 2


async def test_what_cannot_be_decoded_in_the_duplicate_key_is_a_key_all_the_same(start_hub):
    """One name in a wrong charset must not cost a batch its acknowledgement."""
    hub = await start_hub("store", more='[duplicate]\nkey = ["PID-5.1", "PID-5.2"]')
    broken = adt("A1", name="\\XFF\\").replace(b"|2.5.1", b"|2.5.1||||||UNICODE UTF-8")
    assert codes(await hub.take(batch(broken, adt("A2")))) == ["AA", "AA"]


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
    hub = await start_hub(is_in_two_steps=True)
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
    hub = await start_hub(is_in_two_steps=True)
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
    [stopped] = (await hub.hub.console.quarantine({}))["messages"]
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
    hub = await start_hub("store", is_in_two_steps=True)
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


async def test_a_message_that_comes_while_all_groups_end_is_committed(start_hub, monkeypatch):
    """On a quiet feed it would wait for the next message, and its sender for an acknowledgement."""
    hub = await start_hub()
    committer = hub.hub.ingest._committer
    told, asked = asyncio.get_running_loop().create_future(), asyncio.Semaphore(0)

    async def commit_when_told(self, taken):
        asked.release()
        await told

    async def come():
        await told  # behind the groups, in the same turn of the loop
        await committer.commit([])

    monkeypatch.setattr(Committer, "_commit", commit_when_told)
    coming = []
    for _ in range(GROUPS_UNDER_WAY):
        coming.append(asyncio.create_task(committer.commit([])))
        await asked.acquire()
    coming.append(asyncio.create_task(come()))
    await asyncio.sleep(0)
    told.set_result(None)

    async with asyncio.timeout(20):
        await asyncio.gather(*coming)
