"""`smoke`: a message of nobody, followed to its end; on a hub that says what a test tells it to, and on a real one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import smoke as command
from cli.failure import CommandFailed
from cli.smoke import INTERFACE, gateway_headers
from local.laptop import Laptop
from shared.hl7 import parse
from shared.registry import load_registry
from tests.doubles.laptop import own_laptop

INTERFACES = Path(__file__).parents[2] / "interfaces"
ACK = b"MSH|^~\\&|HUB|HERE|||20260101||ACK|A1|T|2.5.1\rMSA|%s|%s\r"


@pytest.fixture
def sent(hub, monkeypatch):
    """A hub that acknowledges; the id of the message is known beforehand."""

    class Uuid:
        hex = "0123456789abcdef"

    monkeypatch.setattr(command, "uuid4", Uuid)
    monkeypatch.setattr(command, "_LOOK_EVERY_SECONDS", 0.01)
    hub.answer(f"/ingest/{INTERFACE}", ACK % (b"AA", b"SMOKE0123456789AB"))
    return hub


def follow(hub, state, deliveries, code=""):
    hub.answer(
        "/hub/messages/SMOKE0123456789AB",
        {
            "message": {"state": state, "code": code},
            "deliveries": [{"state": one, "code": "X-1"} for one in deliveries],
        },
    )


def test_a_message_that_arrives_is_exit_code_0_and_two_times(sent, run):
    """A pipeline asks the code, a person the times."""
    follow(sent, "routed", ["accepted"])
    ran = run("smoke", sent.url, "--json")
    assert ran.code == 0
    assert (ran.json["outcome"], ran.json["is_well"]) == ("accepted", True)
    assert ran.json["delivered_milliseconds"] >= ran.json["acknowledged_milliseconds"] > 0


@pytest.mark.parametrize(
    ("state", "deliveries", "outcome"),
    [("quarantined", [], "quarantined"), ("routed", ["quarantined"], "quarantined"), ("filtered", [], "filtered")],
)
def test_a_message_that_is_stopped_is_exit_code_1_and_names_where(sent, run, state, deliveries, outcome):
    """A hub that acknowledges and does not deliver is the failure a health check misses."""
    follow(sent, state, deliveries)
    ran = run("smoke", sent.url, "--json")
    assert (ran.code, ran.json["outcome"]) == (1, outcome)


def test_a_message_that_is_late_is_exit_code_1_and_says_how_to_find_it(sent, run):
    """It was acknowledged, so it is somewhere."""
    follow(sent, "queued", [])
    ran = run("smoke", sent.url, "--timeout", "1")
    assert ran.code == 1
    assert f"caduceus trace SMOKE0123456789AB --hub {sent.url}" in ran.out


def test_a_message_that_is_refused_is_exit_code_1_with_the_hubs_word(sent, run):
    """A hub without the interface answers AR."""
    sent.answer(f"/ingest/{INTERFACE}", ACK % (b"AR", b"SMOKE0123456789AB"), 422)
    ran = run("smoke", sent.url, "--json")
    assert (ran.code, ran.json["outcome"], ran.json["delivered_milliseconds"]) == (1, "AR", None)


def test_nobody_there_is_exit_code_2(run):
    """Not done is not the same as refused."""
    assert run("smoke", "http://127.0.0.1:9").code == 2


def test_a_key_comes_from_a_file_and_goes_with_every_call(tmp_path):
    """On a command line every user of the machine reads it."""
    (tmp_path / "key").write_text("k3y\n")
    assert gateway_headers(None, tmp_path / "key") == {"Ocp-Apim-Subscription-Key": "k3y"}
    with pytest.raises(CommandFailed, match="--key-file"):
        gateway_headers(None, tmp_path / "none")


@pytest.mark.parametrize("stage", ["laptop", "dev", "test", "prod"])
def test_the_message_belongs_to_the_smoke_interface_and_ends_at_a_null_destination(stage):
    """Promise 8: a smoke message reaches no receiver, in no stage."""
    registry = load_registry(INTERFACES, stage)
    text = "".join(line.format(now="20260101120000+0000", id="SMOKE1") + "\r" for line in command._LINES)
    interface = registry.match(parse(text.encode()))
    assert interface is not None
    assert interface.id == INTERFACE
    assert [registry.destinations[route.to].kind for route in interface.routes] == ["null"]


def test_the_message_is_the_sample_of_its_interface():
    """The sample is checked field by field; what is sent must be the same but for time and id."""
    sample = (INTERFACES / INTERFACE / "samples" / "01-smoke.hl7").read_text("utf-8").replace("\r", "\n").strip()
    sent = "\n".join(line.format(now="20260101120000+0000", id="SMOKE-0") for line in command._LINES)
    assert sample == sent


@pytest.fixture
def laptop(tmp_path, monkeypatch) -> Iterator[str]:
    """The URL of a hub that really runs, beside the test."""
    options = own_laptop(tmp_path, monkeypatch)
    running, ending, places = threading.Event(), threading.Event(), []

    async def serve() -> None:
        laptop = Laptop(options)
        await laptop.start()
        try:
            places.append(f"http://127.0.0.1:{laptop.host.port}")
            running.set()
            while not ending.is_set():  # noqa: ASYNC110  # a thread sets it
                await asyncio.sleep(0.05)
        finally:
            await laptop.stop()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert running.wait(60)
    yield places[0]
    ending.set()
    thread.join()


def test_a_real_hub_carries_it_the_whole_way(laptop, run):
    """Through ingest, transform, route and deliver, over HTTP alone."""
    ran = run("smoke", laptop, "--json")
    assert ran.code == 0, ran.out + ran.err
    assert ran.json["outcome"] == "accepted"
