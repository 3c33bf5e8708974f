"""What is erased when its time is over, and what never is."""

from __future__ import annotations

import os

import orjson
import pytest

from shared.message.errors.pipeline import RequestInvalid
from shared.message.errors.storage import ArchivePurged
from shared.message.replay import ReplayState
from tests.pipeline.hub_in_process import REJECTED, SILENT
from tests.pipeline.messages import adt

WHY = orjson.dumps({"reason": "the ward closed"})
UNREADABLE = adt("A1").replace(b"Example", b"Ex\xffmple").replace(b"|2.5.1", b"|2.5.1||||||UNICODE UTF-8")
DAY = 24 * 3600


@pytest.fixture
async def hub(start_hub):
    return await start_hub("keyed", more="retention_days = 30")


def age(hub, days):
    """Let days pass: for the clock of the hub, and for the files that it wrote."""
    hub.clock.advance(days * DAY)
    then = (hub.clock.now().timestamp()) - days * DAY
    for path in (hub.hub.settings.home / "archive").glob("*/*/*"):
        os.utime(path, (then, then))


async def raw(hub, control_id):
    return await hub.hub.adapters.archive.get((await hub.record(control_id)).raw)


async def test_after_its_time_a_payload_is_erased_and_the_ledger_stays(hub):
    """The trace still says what came, when, and who took it; and the ledger verifies."""
    await hub.take(adt("A1"))
    await hub.work()
    age(hub, 31)
    await hub.hub.retention.purge_nightly()

    with pytest.raises(ArchivePurged):
        await raw(hub, "A1")
    record = await hub.record("A1")
    assert [row.state.value for row in await hub.hub.adapters.lanes.deliveries(record.message)] == ["accepted"]
    assert (await hub.hub.verification.verify(b""))["is_intact"]


async def test_before_its_time_nothing_is_erased(hub):
    """A day early is a day too early."""
    await hub.take(adt("A1"))
    await hub.work()
    age(hub, 29)
    await hub.hub.retention.purge_nightly()

    assert await raw(hub, "A1") == adt("A1")
    assert await hub.hub.adapters.audit.recent() == []


async def test_what_came_since_stays(hub):
    """The open segment is closed at night, so that what is old does not wait for what is new."""
    await hub.take(adt("A1"))
    await hub.work()
    await hub.hub.retention.purge_nightly()
    age(hub, 31)
    await hub.take(adt("A2", "A08"))
    await hub.work()
    await hub.hub.retention.purge_nightly()

    assert await raw(hub, "A2") == adt("A2", "A08")
    with pytest.raises(ArchivePurged):
        await raw(hub, "A1")


async def test_a_quarantined_message_is_never_purged(hub):
    """Nothing expires in silence (promise 4): a person may still correct it."""
    await hub.take(UNREADABLE)
    await hub.work()
    age(hub, 400)
    told = await hub.hub.retention.purge(WHY, "ann")

    assert await raw(hub, "A1") == UNREADABLE
    assert [one["kept_units"] for one in told["interfaces"]] == [1]


@pytest.mark.parametrize("answer", [REJECTED, SILENT], ids=["quarantined", "in review"])
async def test_what_a_stopped_delivery_needs_is_never_purged(start_hub, answer):
    """Released after a year it is sent as it was shaped."""
    hub = await start_hub("careful", more="retention_days = 30")
    hub.receivers["careful"].answers(answer)
    await hub.take(adt("A1"))
    await hub.work()
    record = await hub.record("A1")
    [row] = await hub.hub.adapters.lanes.deliveries(record.message)
    assert row.state.value in ("quarantined", "review")
    age(hub, 400)
    await hub.hub.retention.purge_nightly()

    await hub.hub.orders.resend(record.message, WHY)
    await hub.work()
    assert hub.receivers["careful"].messages[-1] == record.message


async def test_an_interface_on_hold_is_not_purged(start_hub):
    """A court asked for it; the plan says why."""
    hub = await start_hub("keyed", more='retention_days = 30\nlegal_hold = "case 7"')
    await hub.take(adt("A1"))
    await hub.work()
    age(hub, 400)
    told = await hub.hub.retention.purge(WHY, "ann")

    assert told == {"interfaces": [], "held": [{"id": "adt", "why": "case 7"}]}
    assert await raw(hub, "A1") == adt("A1")


async def test_nothing_is_purged_while_a_replay_is_under_way(hub):
    """It reads what is old."""
    await hub.take(adt("A1"))
    await hub.work()
    age(hub, 400)
    started = await hub.hub.replays.start(orjson.dumps({"message": "A1", "destinations": ["keyed"]}))
    assert started["state"] != ReplayState.DONE
    await hub.hub.retention.purge_nightly()

    assert await raw(hub, "A1") == adt("A1")


async def test_a_purge_is_in_the_audit_before_it_happens_and_needs_a_reason(hub):
    """Who erased it, and why, is asked years later."""
    await hub.take(adt("A1"))
    await hub.work()
    age(hub, 31)
    with pytest.raises(RequestInvalid):
        await hub.hub.retention.purge(b"{}", "ann")
    before = await hub.hub.retention.plan()
    assert await raw(hub, "A1") == adt("A1")
    told = await hub.hub.retention.purge(WHY, "ann")
    assert [one["id"] for one in before["interfaces"]] == [one["id"] for one in told["interfaces"]] == ["adt"]
    assert told["interfaces"][0]["units"] == 2  # raw, and what was made of it

    [entry] = await hub.hub.adapters.audit.recent()
    assert (entry.who, entry.act, entry.reason) == ("ann", "purge", "the ward closed")
    assert entry.what.startswith("interface=adt before=")


async def test_what_was_purged_is_told_apart_from_what_is_damaged_after_a_restart(hub):
    """The next segment keeps the number: what is written after a purge is never found under an old reference."""
    await hub.take(adt("A1"))
    await hub.work()
    age(hub, 31)
    await hub.hub.retention.purge_nightly()
    await hub.stop()
    await hub.start()
    await hub.take(adt("A2"))
    await hub.work()

    with pytest.raises(ArchivePurged):
        await raw(hub, "A1")
    assert await raw(hub, "A2") == adt("A2")
