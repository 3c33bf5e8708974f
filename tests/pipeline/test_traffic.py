"""What an alert on silence looks for: a line of the log for each interface that speaks."""

from __future__ import annotations

import json
import logging

import pytest

from tests.pipeline.hub_in_process import write_interfaces
from tests.pipeline.messages import adt

EXPECTS = "[traffic]\nmessages_per_hour = 60\nsilent_after_minutes = 30\n"


@pytest.fixture
def heard(caplog):
    """The interfaces that were said to speak, in order."""
    caplog.set_level(logging.INFO, logger="caduceus")

    def read(field="interface"):
        told = [json.loads(one.getMessage()) for one in caplog.records if one.name == "caduceus"]
        return [one[field] for one in told if one["event"] == "interface_heard"]

    return read


@pytest.fixture
async def hub(start_hub, home):
    """A hub whose one interface expects traffic."""
    hub = await start_hub("keyed")
    await hub.stop()
    write_interfaces(home / "0" / "interfaces", ["keyed"], more=EXPECTS)
    await hub.start()
    return hub


async def test_a_message_that_names_no_interface_is_traffic_of_the_one_that_takes_it(hub, heard):
    """Its address is /ingest alone: a rule that looked at addresses would call the interface silent for ever."""
    await hub.take(adt("A1"))
    assert heard() == ["adt"]


async def test_a_connectors_listener_without_interface_is_heard(hub, heard):
    """Its requests are /ingest too, with many messages each; an empty number is no message."""
    ingest = hub.hub.ingest
    await ingest.take_stream("north/any; epoch=7; n=1; count=1; void", b"", "north's")
    assert heard() == []
    await ingest.take_stream("north/any; epoch=7; n=2; count=1", adt("A1"), "north's")
    assert heard() == ["adt"]


async def test_an_interface_is_spoken_of_once_a_minute(hub, heard):
    """Each line is paid; the shortest window of an alert is five minutes."""
    for number, seconds in enumerate((0, 59, 1, 59)):  # at 0, 59, 60 and 119 s
        hub.clock.advance(seconds)
        await hub.take(adt(f"A{number}"))
    assert heard() == ["adt", "adt"]
    assert heard("count") == [1, 2]  # the workbook adds them up; the fourth is told with whatever comes next


async def test_what_no_interface_takes_is_nobodys_traffic(hub, heard):
    """A stranger that sends all night must not hide that the feed has stopped."""
    await hub.take(adt("A1", application="STRANGER"))
    assert heard() == []


async def test_an_interface_that_expects_no_traffic_is_heard_too(start_hub, heard):
    """No rule looks for it, and the workbook shows how much it sends."""
    await (await start_hub("keyed")).take(adt("A1"))
    assert (heard(), heard("count")) == (["adt"], [1])


async def test_an_interface_is_heard_though_the_clock_went_back(hub, heard):
    """A clock that is set back by an hour would make every interface silent for that hour, and call people for it."""
    await hub.take(adt("A1"))
    hub.clock.advance(-3600)
    await hub.take(adt("A2"))
    assert heard() == ["adt", "adt"]
