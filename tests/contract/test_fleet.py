"""The contract of `Fleet`."""

from __future__ import annotations

import asyncio
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


def test_a_name_belongs_to_the_caller_who_came_first(run: Run) -> None:
    """Its streams go with it: nobody else may take their numbers; at once, or after a restart."""

    async def claim(hub: Any) -> None:
        callers = ["a", "b", "c"]
        owners = await asyncio.gather(*(hub.fleet.claim("north", each) for each in callers))
        assert len(set(owners)) == 1
        assert owners[0] in callers
        assert await hub.fleet.claim("south", "b") == "b"
        assert await hub.fleet.claim("south", "a") == "b"
        assert await hub.fleet.connectors() == []  # nobody was heard

    async def look(hub: Any) -> None:
        assert await hub.fleet.claim("south", "a") == "b"

    run(claim)
    run(look)


def test_the_name_of_a_forgotten_connector_is_free(run: Run) -> None:
    """It was registered anew: a person says so."""

    async def scenario(hub: Any) -> None:
        assert await hub.fleet.claim("north", "a") == "a"
        assert await hub.fleet.forget("north")
        assert await hub.fleet.claim("north", "b") == "b"
        assert not await hub.fleet.forget("west")

    run(scenario)


def test_what_was_heard_is_there_after_a_restart(run: Run) -> None:
    """A hub that forgot its connectors could not miss one."""

    async def hear(hub: Any) -> None:
        await hub.fleet.hear(heard("north"))

    async def look(hub: Any) -> None:
        assert await hub.fleet.connectors() == [heard("north")]

    run(hear)
    run(look)
