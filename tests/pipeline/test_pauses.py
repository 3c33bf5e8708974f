"""A person stops an interface: its messages are taken all the same, wait in order, and go on when it does."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from shared.barriers import hold
from shared.message.envelope import Wake, encode_wake
from shared.message.errors.pipeline import NotFound
from shared.message.identifiers import InterfaceId, partition_of
from shared.message.work import Offer
from tests.pipeline.hub_in_process import Crash
from tests.pipeline.messages import adt, batch, merge

ADT, LAB = InterfaceId("adt"), InterfaceId("lab")
ANNA, BERT, CARL = (f"7000{n}^^^GENERAL^MR" for n in (1, 2, 3))


@pytest.fixture
async def hub(start_hub):
    """Return a hub with two interfaces: application EHR belongs to ``adt``, LAB to ``lab``."""
    started = await start_hub("keyed")
    await started.crash()
    add_laboratory(Path(started.hub.settings.interfaces))
    await started.start()
    return started


def add_laboratory(folder, more=""):
    text = (folder / "adt" / "interface.toml").read_text("utf-8").replace('"EHR"', '"LAB"')
    (folder / "lab" / "samples").mkdir(parents=True, exist_ok=True)
    (folder / "lab" / "samples" / "01-result.hl7").write_bytes(adt("SAMPLE", application="LAB"))
    (folder / "lab" / "interface.toml").write_text(more + text, "utf-8")


async def send(hub, *control_ids, number=ANNA, application="LAB"):
    """Send messages about one person, hear AA for each, and run what can run now."""
    for name in control_ids:
        reply = await hub.take(adt(name, "A08", number=number, visit=None, application=application))
        assert reply.body.split(b"\rMSA|")[1].startswith(b"AA")
    await hub.work()


async def end_after(hub, calls):
    """Work until the process ends after so many calls of a port, and start again."""
    hub.faults.crash_after = len(hub.faults.made) + calls
    with suppress(Crash):
        await hub.work()
    hub.faults.crash_after = None
    await hub.crash()
    await hub.start()


async def arrived(hub):
    messages = hub.receivers["keyed"].messages
    return [one.control_id for one in await hub.hub.adapters.ledger.messages(messages)]


async def test_a_paused_interface_takes_messages_and_nothing_of_them_goes_on_until_it_is_resumed(hub):
    """Its mapping turned out wrong: what comes must neither be lost nor sent, over restarts too."""
    await hub.hub.pauses.order(LAB, "pause")
    await send(hub, "L1", "L2")
    await hub.crash()
    await hub.start()
    await send(hub, "L3")
    await hub.pass_time(300, step=30)

    assert await arrived(hub) == []
    record = await hub.record("L3")
    hops, _ = await hub.hub.adapters.ledger.trace(record.message)
    assert record.state == "queued"
    assert [hop.detail for hop in hops if hop.code == "held"] == ["lab is paused"]
    summary = await hub.hub.console.summary()
    assert (summary["paused"], summary["held"]) == (["lab"], {"lab": 3})

    await hub.hub.pauses.order(LAB, "resume")
    await hub.work()
    await send(hub, "L4")
    assert await arrived(hub) == ["L1", "L2", "L3", "L4"]
    summary = await hub.hub.console.summary()
    assert (summary["paused"], summary["held"]) == ([], {})


async def test_other_interfaces_go_on_but_for_what_is_in_order_behind_a_held_message(hub):
    """One ordering key is one line, whoever sends into it: what follows a held result of Anna waits, Bert does not."""
    await send(hub, "E0", application="EHR")
    await hub.hub.pauses.order(LAB, "pause")
    await send(hub, "L1")
    await send(hub, "E1", application="EHR")
    await send(hub, "B1", number=BERT, application="EHR")
    assert await arrived(hub) == ["E0", "B1"]

    await hub.hub.pauses.order(LAB, "resume")
    await hub.work()
    assert await arrived(hub) == ["E0", "B1", "L1", "E1"]


async def test_two_paused_interfaces_go_on_one_by_one_and_never_past_one_another(hub):
    """The first to be resumed lets go on what nothing of the other stands before."""
    for name in (ADT, LAB):
        await hub.hub.pauses.order(name, "pause")
    await send(hub, "L1")
    await send(hub, "E2", application="EHR")
    await send(hub, "L3")
    await send(hub, "B1", number=BERT)

    await hub.hub.pauses.order(LAB, "resume")
    await hub.work()
    assert set(await arrived(hub)) == {"L1", "B1"}
    await hub.hub.pauses.order(ADT, "resume")
    await hub.work()
    assert [one for one in await arrived(hub) if one != "B1"] == ["L1", "E2", "L3"]


async def test_a_merge_is_held_under_both_numbers(hub):
    """What comes after it under the number that it gives up must not be read before it."""
    for n, number in enumerate((ANNA, BERT)):
        await send(hub, f"A{n}", number=number)
    await hub.hub.pauses.order(LAB, "pause")
    await hub.take(merge("M", survivor="70001", prior="70002").replace(b"|EHR|", b"|LAB|"))
    await send(hub, "P1", number=BERT, application="EHR")
    await send(hub, "C1", number=CARL, application="EHR")
    await hub.pass_time(300, step=30)
    assert await arrived(hub) == ["A0", "A1", "C1"]

    await hub.hub.pauses.order(LAB, "resume")
    await hub.pass_time(120, step=30)
    assert await arrived(hub) == ["A0", "A1", "C1", "M", "P1"]


async def test_an_interface_that_its_file_pauses_stands_still_whatever_is_ordered(hub):
    """The kill switch that is reviewed and versioned; taken out of the file, the timer finds what waits."""
    await hub.crash()
    add_laboratory(Path(hub.hub.settings.interfaces), "paused = true\n")
    await hub.start()
    assert (await hub.hub.pauses.order(LAB, "resume"))["paused"] is True
    await send(hub, "L1")
    await hub.pass_time(60, step=30)
    assert await arrived(hub) == []

    await hub.crash()
    add_laboratory(Path(hub.hub.settings.interfaces))
    await hub.start()
    await hub.tick()
    await hub.work()
    assert await arrived(hub) == ["L1"]


async def test_what_was_held_goes_on_once_and_in_order_wherever_the_process_ends(hub):
    """Every call between the order to go on and the last delivery, each the last of a process."""
    await hub.hub.pauses.order(LAB, "pause")
    names = [f"L{n}" for n in range(4)]
    await send(hub, *names)
    await hub.hub.pauses.order(LAB, "resume")
    for call in range(1, 60, 3):
        await end_after(hub, call)
    await hub.pass_time(120, step=30)
    assert await arrived(hub) == names


async def test_what_came_before_a_held_message_never_waits_behind_it_wherever_the_process_ends(hub):
    """They lay in one batch: held first, the younger one would stand before the older one for good (promise 3)."""
    await hub.hub.pauses.order(LAB, "pause")
    pairs = [(f"E{call}", f"L{call}") for call in range(1, 21)]
    for call, (before, behind) in enumerate(pairs, 1):
        number = f"71{call:03}^^^GENERAL^MR"
        for name, application in ((before, "EHR"), (behind, "LAB")):
            await hub.take(adt(name, "A08", number=number, visit=None, application=application))
        await end_after(hub, call)
        await hub.pass_time(120, step=60)
    await hub.hub.pauses.order(LAB, "resume")
    await hub.pass_time(120, step=60)

    place = {name: at for at, name in enumerate(await arrived(hub))}
    assert len(place) == 2 * len(pairs)
    assert [pair for pair in pairs if place[pair[0]] > place[pair[1]]] == []


async def test_a_long_line_goes_on_a_part_at_a_time(hub, monkeypatch):
    """A worker's lock on a partition does not last for ever: another wake goes on where the first one ended."""
    monkeypatch.setattr(hold, "PAGE", 3)
    monkeypatch.setattr(hold, "DRAIN_LIMIT", 6)
    await hub.hub.pauses.order(LAB, "pause")
    names = [f"L{n:02}" for n in range(20)]
    await hub.take(batch(*(adt(name, "A08", visit=None, application="LAB") for name in names)))
    await hub.work()
    await hub.hub.pauses.order(LAB, "resume")
    await hub.work()
    assert await arrived(hub) == names


async def test_poison_among_what_was_held_is_put_aside_alone(hub, monkeypatch):
    """It was held before anybody had read it: the wake that lets it go comes again, and counts."""
    await hub.hub.pauses.order(LAB, "pause")
    await send(hub, "L1", "POISON", "L2")
    partition = str(partition_of((await hub.record("L1")).message))
    monkeypatch.setattr("shared.transform.stage.read_message", _failing_for(b"POISON"))
    await hub.hub.adapters.holds.set_paused(LAB, False)
    for count in range(1, 6):
        with suppress(ValueError):
            await hub.run_stage("transform", [Offer(encode_wake(Wake()), partition, count)])
    await hub.work()
    assert (await hub.record("POISON")).code == "TRANSFORM-002"
    assert await arrived(hub) == ["L1", "L2"]


def _failing_for(name):
    from shared.transform.reading import read_message

    def read(item, body, interface):
        if name in body:
            raise ValueError("an error of ours")
        return read_message(item, body, interface)

    return read


async def test_only_interfaces_that_exist_are_told_and_only_what_they_understand(hub):
    """A typing error must not look like a stop."""
    for name, word in (("nobody", "pause"), ("lab", "stop")):
        with pytest.raises(NotFound):
            await hub.hub.pauses.order(InterfaceId(name), word)
