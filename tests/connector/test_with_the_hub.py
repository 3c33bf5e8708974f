"""The connector and the real hub: its real `function_app.py`, hosted as on a laptop."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from connector import VERSION
from local.laptop import Laptop
from tests.connector.conftest import free_port
from tests.doubles.laptop import own_laptop, ward_admission
from tests.doubles.waiting import until


@pytest.fixture
def options(tmp_path, monkeypatch):
    """A laptop that comes back under its old address."""
    return own_laptop(tmp_path, monkeypatch, http_port=free_port(), mllp_port=free_port())


async def control_ids(port: int) -> list[str]:
    """Return MSH-10 of the messages that the hub has, sorted."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/hub/messages?limit=500") as answer,
    ):
        return sorted(row["control_id"] for row in (await answer.json())["messages"])


async def connectors(port: int) -> list[dict[str, Any]]:
    """Return the connectors that the hub has heard."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/hub/connectors") as answer:
        return (await answer.json())["connectors"]


def admission(number: int) -> bytes:
    return ward_admission(f"C{number:03}", 4000 + number % 5)


@pytest.mark.slow
async def test_the_hub_takes_what_a_connector_brings_and_what_waited_while_it_was_away(hospital, options):
    """Single messages, an echo, a night without the hub, and whole requests in the morning."""
    laptop = Laptop(options)
    await laptop.start()
    try:
        hub = {"url": f"http://127.0.0.1:{options.http_port}", "answer_seconds": 20}
        connector = await hospital.connector({"hybrid_seconds": 20}, hub=hub, heartbeat={"seconds": 20})
        source = await hospital.source(connector)
        for number in range(5):
            assert (await source.ask(admission(number))).code == "AA"
        await until(lambda: connector.heartbeat.answered is not None)
        (listed,) = await connectors(options.http_port)
        assert (listed["name"], listed["version"], listed["concerns"]) == ("north", VERSION, [])
    finally:
        await laptop.stop()
    for number in range(5, 60):
        assert (await source.ask(admission(number))).code == "AA"  # by the spool: the hub is away
    assert connector.line.is_up is False
    laptop = Laptop(options)
    await laptop.start()
    try:
        await until(lambda: connector.intakes["adt"].backlog().count == 0, 60)
        assert await control_ids(options.http_port) == [f"C{number:03}" for number in range(60)]
    finally:
        await laptop.stop()
