"""With Microsoft's own packages at the other end: hyco-https 1.4.5 and hyco-ws 1.0.5, as listener and as sender."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from relay import RelayedResponse
from tests.doubles.packages import PackageMissing
from tests.relay.node_packages import installed_hyco

SCRIPTS = Path(__file__).parent / "node"


@pytest.fixture(scope="session")
def packages() -> Path:
    try:
        return installed_hyco()
    except PackageMissing as reason:
        pytest.skip(f"Microsoft's npm packages: {reason}")


@pytest.fixture
async def node(packages):
    """Runs one of the scripts; ends it with the test."""
    running = []

    async def start(script: str, *arguments: object) -> asyncio.subprocess.Process:
        modules = packages / script.partition("_")[0] / "node_modules"
        process = await asyncio.create_subprocess_exec(
            "node", str(SCRIPTS / script), *map(str, arguments),
            env={**os.environ, "NODE_PATH": str(modules), "NODE_NO_WARNINGS": "1"},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        running.append(process)
        return process

    yield start
    for process in running:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process) -> str:
    async with asyncio.timeout(30):
        return (await process.stdout.readline()).decode().strip()


@pytest.fixture
def url(setting) -> str:
    return f"ws://127.0.0.1:{setting.relay.port}/$hc/ward"


@pytest.mark.parametrize(
    ("method", "target", "size", "said"),
    [
        ("GET", "/a?b=c", 0, "GET /ward/a?b=c 0"),
        ("POST", "", 1000, "POST /ward 1000"),
        ("POST", "/large", 300_000, "POST /ward/large 300000"),
    ],
)
async def test_our_sender_reaches_their_https_listener(setting, node, url, method, target, size, said):
    """Small over the control channel, large over a rendezvous, as their own code does it."""
    assert await line_of(await node("https_listener.js", url, "root", "c2VjcmV0")) == "LISTENING"
    async with setting.sender().request(method, target, body=b"q" * size) as answer:
        assert (answer.status, answer.headers["X-Node"], await answer.text()) == (202, "1", said)


@pytest.mark.parametrize(("target", "size"), [("/big", 0), ("/echo", 50_000), ("/echo", 200_000)])
async def test_our_sender_gets_large_answers_of_their_https_listener(setting, node, url, target, size):
    """Their listener upgrades by itself when it has written enough."""
    assert await line_of(await node("https_listener.js", url, "root", "c2VjcmV0")) == "LISTENING"
    async with setting.sender().request("POST", target, body=b"q" * size) as answer:
        assert len(await answer.read()) == (size or 400_000)


@pytest.mark.parametrize("size", [0, 1000, 300_000])
async def test_their_sender_reaches_our_https_listener(setting, node, size):
    """With a token that their package signed."""

    async def describe(request):
        body = await request.body.read(1_000_000)
        return RelayedResponse(201, f"{request.method} {len(body)}".encode(), {"X-Seen": "yes"})

    await setting.listener(on_request=describe)
    place = setting.place().request_url()
    said = json.loads(await line_of(await node("https_sender.js", place, "send", "s", "POST", size)))
    assert (said["status"], said["seen"], said["body"]) == (201, "yes", f"POST {size}")


async def test_our_sender_reaches_their_websocket_listener(setting, node, url):
    """Text and binary, there and back, and the end."""
    listener = await node("ws_listener.js", url, "root", "c2VjcmV0")
    assert await line_of(listener) == "LISTENING"
    opened = await setting.sender().connect()
    await opened.send("hello")
    assert await opened.receive() == "node:hello"
    await opened.send(b"\x00" * 100_000)
    assert await opened.receive() == b"\x00" * 100_000
    await opened.finish()
    assert await opened.receive() is None
    assert await line_of(listener) == "CLOSED"


async def test_their_websocket_sender_reaches_our_listener(setting, node, url):
    """They close; we hear it, and they hear ours."""

    async def echo(offer):
        opened = await offer.accept()
        async for message in opened:
            await opened.send(message)
        await opened.finish()

    await setting.listener(on_offer=echo)
    said = json.loads(await line_of(await node("ws_sender.js", url, "send", "s", 100_000)))
    assert said == {"back": ["hello", 100_000], "code": 1000}


async def test_their_websocket_sender_reaches_their_listener_through_our_relay(setting, node, url):
    """The local relay stands in for the service itself."""
    assert await line_of(await node("ws_listener.js", url, "listen", "l")) == "LISTENING"
    said = json.loads(await line_of(await node("ws_sender.js", url, "send", "s", 10)))
    assert said == {"back": ["node:hello", 10], "code": 1000}
