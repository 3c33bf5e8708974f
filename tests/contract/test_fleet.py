"""The contract of `Fleet`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.message.beat import Beat, Certificate, Heard
from tests.contract.conftest import Run
from tests.doubles.clock import NOON


def heard(name: str, minutes: int = 0) -> Heard:
    at = NOON + timedelta(minutes=minutes)
    return Heard(Beat(name, "0.1.0", at, 300, waiting=minutes, certificates=(Certificate("adt", None),)), at)


def test_the_newest_beat_of_each_connector_is_kept(run: Run) -> None:
    """A list of who is there; the history is in the log."""

    async def scenario(hub: Any) -> None:
        assert await hub.fleet.connectors() == []
        for one in (heard("south"), heard("north"), heard("north", 5)):
            await hub.fleet.hear(one)
        assert await hub.fleet.connectors() == [heard("north", 5), heard("south")]

    run(scenario)


def test_a_connector_can_be_forgotten_and_comes_back(run: Run) -> None:
    """One that was taken out of use would alert for ever."""

    async def scenario(hub: Any) -> None:
        await hub.fleet.hear(heard("north"))
        assert await hub.fleet.forget("north")
        assert not await hub.fleet.forget("north")
        assert await hub.fleet.connectors() == []
        await hub.fleet.hear(heard("north", 1))
        assert await hub.fleet.connectors() == [heard("north", 1)]

    run(scenario)


def test_what_was_heard_is_there_after_a_restart(run: Run) -> None:
    """A hub that forgot its connectors could not miss one."""

    async def hear(hub: Any) -> None:
        await hub.fleet.hear(heard("north"))

    async def look(hub: Any) -> None:
        assert await hub.fleet.connectors() == [heard("north")]

    run(hear)
    run(look)
