"""The files a developer's `func start` begins with are made from the code, and are what it says now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from local.func_start import EMULATOR_CONFIG, EXAMPLE, emulator_text, prepare, queues, settings_text
from shared.adapters.azure.open import open_azure
from shared.settings import read_settings
from tests.doubles.azurite import azurite
from tests.doubles.packages import PackageMissing

REPOSITORY = Path(__file__).parents[2]
COMPOSE = (REPOSITORY / "compose.yaml").read_text("utf-8")


@pytest.fixture
def storage() -> Iterator[str]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(azurite())
        except PackageMissing as missing:
            pytest.skip(str(missing))


def test_the_example_of_local_settings_is_what_the_settings_say():
    """`python -m local.func_start --examples` writes it anew."""
    assert EXAMPLE.read_text("utf-8") == settings_text()


def test_a_hub_starts_with_the_example():
    """Every setting it needs is there, and each is one it takes."""
    settings = read_settings(json.loads(EXAMPLE.read_text("utf-8"))["Values"])
    assert (settings.adapters, settings.stage) == ("azure", "laptop")


def test_the_emulators_queues_are_those_of_the_functions():
    """`python -m local.func_start --examples` writes them anew."""
    assert EMULATOR_CONFIG.read_text("utf-8") == emulator_text()
    assert queues() == ["transform", "route", "deliver"]


def test_every_queue_of_the_emulator_has_sessions():
    """Without sessions there is no order, and the triggers would not start."""
    [namespace] = json.loads(emulator_text())["UserConfig"]["Namespaces"]
    assert all(queue["Properties"]["RequiresSession"] for queue in namespace["Queues"])


def test_compose_serves_the_ports_that_the_example_names():
    """A wrong port is an hour lost."""
    named = set(re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", EXAMPLE.read_text("utf-8")))
    served = set(re.findall(r'"127\.0\.0\.1:(\d+):\d+"', COMPOSE))
    assert named <= served
    assert "5672" in served
    assert f"./{EMULATOR_CONFIG.relative_to(REPOSITORY).as_posix()}:" in COMPOSE


def test_compose_opens_nothing_to_the_network():
    """Emulators have keys that everybody knows."""
    ports = re.findall(r'^ +- "([^"]+:\d+:\d+|\d+:\d+)"$', COMPOSE, re.MULTILINE)
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


async def test_preparing_a_machine_makes_what_the_hub_needs(storage: str) -> None:
    """In Azure it is Pulumi that makes tables; a second time does no harm."""
    values = {**json.loads(EXAMPLE.read_text("utf-8"))["Values"], "CADUCEUS_STORAGE_EMULATOR": storage}
    await prepare(values)
    await prepare(values)

    adapters = open_azure(read_settings(values))
    assert await adapters.ledger.counts() == {}
    assert await adapters.lanes.waiting() == {}
    await adapters.close()
