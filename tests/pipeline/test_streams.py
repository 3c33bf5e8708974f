"""What a connector hears of its numbers, and what the hub then has (rule R1)."""

from __future__ import annotations

import asyncio
import re

import pytest

from shared.hl7.echo import write_echo
from shared.message.beat import Beat
from shared.message.identifiers import Sequence
from shared.message.state import MessageState
from tests.pipeline.hub_in_process import Crash, HubInProcess, write_interfaces
from tests.pipeline.messages import adt, batch

STREAM = "north/adt"


def header(n, count=1, epoch=7, more=""):
    return f"{STREAM}; epoch={epoch}; n={n}; count={count}{more}"


def send(hub, n, *bodies, epoch=7, caller="north's"):
    """Return what the hub says to consecutive messages of the stream."""
    return hub.hub.ingest.take_stream(header(n, len(bodies), epoch), b"".join(bodies), caller)


def void(hub, n, epoch=7):
    return hub.hub.ingest.take_stream(header(n, epoch=epoch, more="; void"), b"", "north's")


def codes(reply):
    return [code.decode() for code in re.findall(rb"\rMSA\|(\w\w)", reply.body)]


async def test_messages_are_taken_under_their_numbers(start_hub):
    """The connector numbered them at its own commit: the hub never numbers them again."""
    hub = await start_hub("keyed")
    reply = await send(hub, 1, adt("A1"), adt("A2", "A08"))
    await hub.work()

    assert (reply.status, codes(reply)) == (200, ["AA", "AA"])
    assert reply.headers == {"Caduceus-Stream": header(1, 2)}
    assert [(await hub.record(name)).sequence for name in ("A1", "A2")] == [
        Sequence(STREAM, 7, 1), Sequence(STREAM, 7, 2),
    ]  # fmt: skip
    assert len(hub.receivers["keyed"].sent) == 2


async def test_a_number_that_came_before_hears_the_first_acknowledgement_byte_for_byte(start_hub):
    """An answer that was lost, or a spool that came back from a backup: at once, or days later."""
    hub = await start_hub("keyed")
    first = await send(hub, 1, adt("A1"), adt("A2", "A08"))
    at_once = await send(hub, 1, adt("A1"), adt("A2", "A08"))
    await hub.work()
    hub.clock.advance(400 * 86_400)
    later = await send(hub, 1, adt("A1"), adt("A2", "A08"))
    await hub.work()

    assert first.body == at_once.body == later.body
    assert len(hub.receivers["keyed"].sent) == 2


async def test_a_gap_is_refused_and_nothing_of_it_taken(start_hub):
    """The number before was acknowledged on premises: taking the next would hide that it is lost."""
    hub = await start_hub()
    await send(hub, 1, adt("A1"))
    reply = await send(hub, 3, adt("A3"))

    assert (reply.status, reply.body) == (409, b"")
    assert (await send(hub, 2, adt("A2"))).status == 200
    assert [one.control_id for one in await hub.hub.adapters.ledger.recent()] == ["A2", "A1"]


async def test_a_void_number_stays_empty_and_is_passed(start_hub):
    """Its sender heard AE: it comes again, under another number."""
    hub = await start_hub()
    assert (await void(hub, 1)).status == 200
    assert (await void(hub, 1)).status == 200
    assert (await send(hub, 1, adt("A1"))).status == 410
    assert codes(await send(hub, 2, adt("A1"))) == ["AA"]
    assert (await void(hub, 2)).status == 200  # it is taken, and stays so
    assert [one.sequence.n for one in await hub.hub.adapters.ledger.recent()] == [2]


async def test_what_is_refused_fills_its_number(start_hub, home):
    """Its sender heard AR and the next number comes: that is no gap. What was refused once is not taken later."""
    hub = await start_hub()
    reply = await send(hub, 1, adt("A1", application="STRANGER"), adt("A2", processing="T"), adt("A3"))
    assert (reply.status, codes(reply)) == (422, ["AR", "AR", "AA"])

    await hub.stop()
    write_interfaces(home / "0" / "interfaces", ["store"], accepts='["P", "T"]')
    await hub.start()
    again = await send(hub, 1, adt("A1", application="STRANGER"), adt("A2", processing="T"), adt("A3"))
    await hub.work()

    assert codes(again) == ["AR", "AR", "AA"]
    states = {one.control_id: one.state for one in await hub.hub.adapters.ledger.recent()}
    assert states == {"A2": MessageState.REFUSED, "A3": MessageState.ROUTED}


async def test_an_old_epoch_comes_late_and_sets_nothing_back(start_hub):
    """A spool from a backup brings what the hub never had: it is kept, and what is newer stays as it is."""
    hub = await start_hub()
    await send(hub, 1, adt("A1"))
    await send(hub, 1, adt("A3", "A08", name="Newest^Anna"), epoch=8)
    await hub.work()
    reply = await send(hub, 2, adt("A2", "A08", name="Older^Anna"))
    await hub.work()

    assert codes(reply) == ["AA"]
    assert await hub.findings("A2") == {"message_late"}
    assert [one["name"][0]["family"] for one in await hub.resources("Patient")] == ["Newest"]


async def test_an_echo_is_heard_and_takes_its_number_empty(start_hub):
    """It proves spool, stream, line and hub; it is no message, and no interface has to take it."""
    hub = await start_hub()
    beat = Beat("north", "0.1.0", hub.clock.now(), 300, waiting=2)
    reply = await send(hub, 1, adt("A1"), write_echo(beat), adt("A2", "A08"))
    again = await send(hub, 2, write_echo(beat._replace(waiting=9)))

    assert (codes(reply), codes(again)) == (["AA", "AA", "AA"], ["AA"])
    assert [one.sequence.n for one in await hub.hub.adapters.ledger.recent()] == [3, 1]
    (listed,) = (await hub.hub.connectors.list())["connectors"]
    assert (listed["name"], listed["waiting"]) == ("north", 9)


async def test_nobody_beats_for_another(start_hub):
    """An echo counts in a stream of the connector that it names; anywhere else it is a message nobody knows."""
    hub = await start_hub()
    beat = Beat("south", "0.1.0", hub.clock.now(), 300)

    assert codes(await send(hub, 1, write_echo(beat))) == ["AR"]
    assert codes(await hub.take(write_echo(beat))) == ["AR"]
    assert await hub.hub.connectors.list() == {"connectors": []}


async def test_the_streams_of_a_connector_belong_to_the_caller_who_opened_them(start_hub):
    """Another one under its name would take its numbers, and what comes under them later would be dropped as known."""
    hub = await start_hub()
    await send(hub, 1, adt("A1"))
    beat = Beat("north", "0.1.0", hub.clock.now(), 300)
    for body in (adt("B1"), write_echo(beat)):
        reply = await send(hub, 2, body, caller="south's")
        assert (reply.status, reply.body, reply.headers) == (403, b"", {"Caduceus-Stream": header(2)})
    reply = await hub.hub.ingest.take_stream("north/lab; epoch=1; n=1; count=1", adt("B2"), "south's")

    assert reply.status == 403  # nor a stream of it that nobody has opened yet
    assert await hub.hub.connectors.list() == {"connectors": []}
    assert codes(await send(hub, 2, adt("A2"))) == ["AA"]
    assert [one.control_id for one in await hub.hub.adapters.ledger.recent()] == ["A2", "A1"]


async def test_a_connector_with_a_new_identity_goes_on_once_a_person_has_said_so(start_hub):
    """Its registration was replaced, or it goes through a relay now: the numbers go on where they were."""
    hub = await start_hub()
    await send(hub, 1, adt("A1"))
    assert (await send(hub, 2, adt("A2"), caller="north's new one")).status == 403
    await hub.hub.connectors.forget("north")

    assert codes(await send(hub, 2, adt("A2"), caller="north's new one")) == ["AA"]
    assert (await send(hub, 3, adt("A3"))).status == 403


@pytest.mark.parametrize(
    ("stream", "body"),
    [
        ("north", adt("A1")),
        ("north/adt; epoch=7; n=0; count=1", adt("A1")),
        ("north/adt; epoch=7; n=1; count=0", b""),
        ("north/adt; epoch=7; n=1; count=2", adt("A1")),
        ("north/adt; epoch=7; n=1; count=2", adt("A1") + adt("A2") + adt("A3")),
        ("north/adt; epoch=7; n=1; count=501", adt("A1")),
        ("north/adt; epoch=7; n=1; count=2; void", b""),
        ("north/adt; epoch=7; n=1; count=1; void", adt("A1")),
        ("north/../adt; epoch=7; n=1; count=1", adt("A1")),
        ("north/adt; epoch=7; n=1; count=1", adt("A1") + adt("A2")),
        ("north/adt; epoch=7; n=1; count=1", batch(adt("A1"))),
        ("north/adt; epoch=7; n=1; count=1", b"PID|1"),
        ("north/adt; epoch=7; n=1; count=1", b""),
        ("north/adt; epoch=99999999999999999999; n=1; count=1", adt("A1")),
    ],
)
async def test_a_request_that_contradicts_itself_takes_no_number(start_hub, stream, body):
    """One message, one number: anything else would shift all that come after it."""
    hub = await start_hub()
    reply = await hub.hub.ingest.take_stream(stream, body, "north's")

    assert (reply.status, reply.body) == (400, b"")
    assert await hub.hub.adapters.ledger.recent() == []
    assert (await send(hub, 1, adt("A1"))).status == 200


async def test_a_process_that_ends_anywhere_takes_each_number_once_and_in_order(home):
    """The same request again after every possible end: what was acknowledged arrives once, under its number."""
    hub = HubInProcess(home / "count", write_interfaces(home / "interfaces", ("keyed",)))
    await hub.start()
    await _play(hub)
    calls = len(hub.faults.made)
    await hub.crash()

    for crash_after in range(1, calls + 1):
        hub = HubInProcess(home / f"{crash_after}", write_interfaces(home / "interfaces", ("keyed",)))
        hub.faults.crash_after = crash_after
        await hub.start()
        while not await _survives(hub):
            pass
        records = sorted(await hub.hub.adapters.ledger.recent(), key=lambda one: one.sequence)
        assert [(one.control_id, one.sequence.n) for one in records] == [("A1", 1), ("A2", 2), ("A4", 4)]
        assert all(one.state is MessageState.ROUTED for one in records)
        accepted = [delivery.item.sequence.n for delivery in hub.receivers["keyed"].accepted]
        assert list(dict.fromkeys(accepted)) == [1, 2, 4]  # it is idempotent: an answer that was lost is asked again
        await hub.crash()


async def _play(hub):
    """Send what a connector sends, each request until it is answered; the stages run in between."""
    await send(hub, 1, adt("A1"), adt("A2", "A08"))
    await hub.work()
    await void(hub, 3)
    await send(hub, 4, adt("A4", "A08"))
    await hub.work()


async def _survives(hub):
    try:
        await _play(hub)
        await asyncio.sleep(0)
        if not hub.faults.has_crashed:
            await hub.pass_time(60, step=20)
            await hub.hub.deliver.wake_overdue()
            await hub.work()
            return True
    except (Crash, asyncio.CancelledError):
        pass
    await hub.crash()
    await hub.start()
    return False
