"""The two images, without a container engine: their files alone, what they install alone, and they do their work."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from contextlib import suppress

import aiohttp
import pytest

from relay import HybridConnection, SasTokens, Sender
from relay.local_access import Access, Key
from relay.local_relay import LocalRelay
from tests.connector.conftest import free_port
from tests.connector.peers import admission
from tests.doubles.image import REPOSITORY, Image

RELAY, CONNECTOR = "relay/service/Containerfile", "connector/service/Containerfile"
each_image = pytest.mark.parametrize("containerfile", [RELAY, CONNECTOR])


@pytest.fixture
def image(containerfile, tmp_path):
    """The files of one image."""
    return Image(containerfile, tmp_path / "image")


@each_image
def test_an_image_holds_what_its_process_imports_and_little_else(image):
    """A module that is missing shows when the container starts, in Azure; one too many is one more to be patched."""
    ran = subprocess.run(image.command("--help"), cwd=image.folder, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    imported = image.imported()
    idle = {
        source
        for source in image.sources
        if not any(file == source or file.startswith(f"{source}/") for file in imported)
    }
    assert idle == {"LICENSE", next(one for one in image.sources if one.endswith("requirements.txt"))}


@each_image
def test_an_image_can_sign_in_to_entra_with_what_it_installs(image):
    """It is imported on first use, where no start would show that it is missing."""
    ran = subprocess.run(image.run("azure.identity.aio"), cwd=image.folder, capture_output=True, text=True, check=False)
    assert "is a package and cannot be directly executed" in ran.stderr, ran.stderr  # it was imported, and has no main


@pytest.mark.parametrize("containerfile", [RELAY])
def test_what_is_not_in_an_image_is_not_in_sight(image):
    """The guard must be as strict as a container, or the tests above prove nothing."""
    for module in ("pydantic", "connector"):
        ran = subprocess.run(image.run(module), cwd=image.folder, capture_output=True, text=True, check=False)
        assert f"No module named {module}" in ran.stderr.replace("'", "")


@each_image
def test_an_image_runs_as_nobody_on_a_base_that_can_be_pinned(containerfile):
    """A number, for Kubernetes looks at no name; and whoever builds it says on which bytes."""
    text = (REPOSITORY / containerfile).read_text("utf-8")
    assert re.search(r"^USER [1-9]\d+$", text, re.MULTILINE)
    assert text.index("\nUSER ") > text.rindex("\nRUN ")
    assert re.findall(r"^(?:ARG|FROM) .*$", text, re.MULTILINE)[-1] == "FROM ${PYTHON_IMAGE}"
    assert not re.search(r"^(ADD|ENV) |SECRET|TOKEN|PASSWORD", text, re.MULTILINE)


def test_a_build_sees_only_what_the_images_are_made_of():
    """The folder holds the data of a laptop's hub, and its history: none of it may reach a builder."""
    lines = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    seen = {line[1:] for line in rules if line.startswith("!")}
    copied = {source.partition("/")[0] for file in (RELAY, CONNECTOR) for source in _sources(file)}
    assert rules[0] == "*"
    assert seen == copied


def _sources(containerfile):
    text = (REPOSITORY / containerfile).read_text("utf-8")
    return [source for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for source in line.split()[:-1]]


@pytest.mark.parametrize("containerfile", [RELAY])
async def test_the_listeners_image_passes_a_message_on_and_says_whether_it_can(image, hospital, tmp_path):
    """Started as the container starts: a probe hears 503, then 200; a message arrives; SIGTERM ends it."""
    (tmp_path / "key").write_text("k")
    relay, port, health = LocalRelay({"up": True}, Access({"root": Key("k")})), free_port(), free_port()
    place = HybridConnection.parse(f"http://127.0.0.1:{port}/up")
    command = image.command(
        "--relay", f"http://127.0.0.1:{port}/up", "--hub", f"http://127.0.0.1:{hospital.hub.port}",
        "--key-name", "root", "--key-file", str(tmp_path / "key"), "--health-port", str(health),
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(*command, cwd=image.folder, stdout=asyncio.subprocess.DEVNULL)
    try:
        await _hear(process, health, 503)
        await relay.start(port)
        hospital.keep(relay.stop)
        await _hear(process, health, 200)
        sender = Sender(place, SasTokens(place.resource, "root", "k"))
        hospital.keep(sender.close)
        stream = {"Caduceus-Stream": "north/adt; epoch=1; n=1; count=1"}
        async with sender.request("POST", "/ingest", body=admission("M1"), headers=stream) as answer:
            assert (answer.status, b"MSA|AA|M1" in await answer.read()) == (200, True)
        assert hospital.hub.control_ids == ["M1"]
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def _hear(process, port, status):
    """Return once the probe hears this status."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while process.returncode is None:
            with suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/") as answer:
                    if answer.status == status:
                        return
            await asyncio.sleep(0.05)
    raise AssertionError("it has ended")
