"""Our relay listener against Microsoft's own for Node, on the same local relay, in turn."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.measure import Row
from relay import HybridConnection, NoTokens, Sender
from tests.doubles.packages import PackageMissing
from tests.relay.node_packages import installed_hyco

ROUNDS = 15
REQUESTS = 800
WORKERS = 16
BODY = b"x" * 1024
REPOSITORY = Path(__file__).parents[1]

_RELAY = """
import asyncio, sys
from relay.local_access import Access, Key
from relay.local_relay import LocalRelay
async def main():
    relay = LocalRelay({"ours": False, "theirs": False}, Access({"root": Key("k")}))
    await relay.start()
    print(relay.port, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
_LISTENER = """
import asyncio, sys
import uvloop
from relay import HybridConnection, Listener, RelayedResponse, SasTokens
async def answer(request):
    body = await request.body.read(1 << 20)
    return RelayedResponse(202, b"%s %d" % (request.method.encode(), len(body)), {"Content-Type": "text/plain"})
async def main():
    place = HybridConnection.parse(sys.argv[1])
    listener = Listener(place, SasTokens(place.resource, "root", "k"), on_request=answer)
    await listener.start()
    await listener.wait_online()
    print("LISTENING", flush=True)
    await asyncio.Event().wait()
uvloop.run(main())
"""


def run() -> list[Row]:
    """Return the row of the relay; none where Node is missing."""
    try:
        packages = installed_hyco()
    except PackageMissing as reason:
        print(f"relay: not measured: {reason}", file=sys.stderr)
        return []
    with ExitStack() as stack:
        port = _start(stack, [sys.executable, "-c", _RELAY])
        _start(stack, [sys.executable, "-c", _LISTENER, f"http://127.0.0.1:{port}/ours"])
        script = REPOSITORY / "tests" / "relay" / "node" / "https_listener.js"
        modules = str(packages / "https" / "node_modules")
        _start(stack, ["node", str(script), f"ws://127.0.0.1:{port}/$hc/theirs", "root", "k"], NODE_PATH=modules)
        ours, theirs = asyncio.run(_measure(int(port)))
    return [
        Row(
            what=f"HTTP requests through the relay's control channel, {WORKERS} at a time, 1 kB",
            ours=f"{ours:,.0f}/s",
            against=f"{theirs:,.0f}/s: hyco-https 1.4.5 on the same relay",
            ratio=ours / theirs,
            goal="at least 1x",
            met=ours >= theirs,
        )
    ]


async def _measure(port: int) -> tuple[float, float]:
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    senders = {name: _sender(port, name) for name in rates}
    for _ in range(ROUNDS + 1):
        for name, sender in senders.items():
            rates[name].append(await _rate(sender))
    for sender in senders.values():
        await sender.close()
    ours, theirs = (statistics.median(values[1:]) for values in rates.values())  # the first round warms up
    return ours, theirs


def _sender(port: int, path: str) -> Sender:
    return Sender(HybridConnection.parse(f"http://127.0.0.1:{port}/{path}"), NoTokens())


async def _rate(sender: Sender) -> float:
    async def work() -> None:
        for _ in range(REQUESTS // WORKERS):
            async with sender.request("POST", body=BODY) as answer:
                assert answer.status == 202
                await answer.read()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return REQUESTS / (time.perf_counter() - began)


def _start(stack: ExitStack, command: list[str], **environment: str) -> str:
    """Start a process that ends with the measurement; return the line it prints when it is ready."""
    process = subprocess.Popen(
        command, cwd=REPOSITORY, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    assert process.stdout is not None, "it is a pipe"
    stack.callback(process.stdout.close)
    return process.stdout.readline().decode().strip()
