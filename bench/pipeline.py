"""The whole hub, durable end to end: MLLP in, FHIR store and a second destination settled.

The hub runs as `caduceus up` in a process of its own, the sending and the receiving system in this one. What it is held
against is the disk's own group commit: the same bytes appended and synced by as many writers, without any hub.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench.measure import Row
from bench.messages import admission
from bench.mllp_peers import CONNECTIONS, RECEIVER_ADDRESS, receiver, send

MESSAGES = 4000
GOAL_PER_SECOND = 800
GOAL_P99_MILLISECONDS = 50
# Open Integration Engine with PostgreSQL, MLLP to MLLP, on two cores of the same kind: 287 to 346 a second.
ENGINE_PER_SECOND = 346

INTERFACE = """
title = "Measured feed"
owner = "bench"
contact = "bench"
assigner = "BENCH"
accepts = ["T"]
[[match]]
types = ["ADT^A01", "ORU^R01"]
sending_application = "BENCH"
[[routes]]
to = "store"
shape = "fhir"
[[routes]]
to = "second"
shape = "hl7"
version = "2.3"
"""

STORE = 'title = "Store"\nkind = "fhir_store"\n'
SECOND = """
title = "Second destination"
kind = "mllp"
order = "key"
connections = 8
on_ambiguous = "resend"
[address]
laptop = "mllp://127.0.0.2:{port}"
"""


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub."""

    http: str
    mllp_port: int
    process: subprocess.Popen[bytes]

    def ask(self, path: str) -> dict[str, object]:
        """Return an answer of the hub's own API."""
        with urllib.request.urlopen(self.http + path, timeout=30) as answer:
            found: dict[str, object] = json.load(answer)
            return found

    def cpu_seconds(self) -> float:
        """Return the processor time the hub and its worker processes have used."""
        return sum(_cpu_seconds_of(each) for each in self.processes())

    def processes(self) -> list[str]:
        """Return the ids of the hub's own process and of those that work for it."""
        pid = str(self.process.pid)
        return [pid, *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextmanager
def running_hub(second_port: int, write: Callable[[Path, int], Path] | None = None) -> Iterator[Hub]:
    """Start the hub with the measured interface, or with what ``write`` puts into a folder; it ends with the block."""
    http_port, mllp_port = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="caduceus-bench-") as folder:
        interfaces = (write or write_interfaces)(Path(folder) / "interfaces", second_port)
        command = [sys.executable, "-m", "cli", "up", "--no-seed", "--home", f"{folder}/home"]
        command += ["--http-port", str(http_port), "--mllp-port", str(mllp_port)]
        environment = {**os.environ, "CADUCEUS_INTERFACES": str(interfaces)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
            hub = Hub(f"http://127.0.0.1:{http_port}", mllp_port, process)
            try:
                _await_health(hub)
                yield hub
            finally:
                process.terminate()


def run() -> list[Row]:
    """Return the rows of throughput and of acknowledgement."""
    return uvloop.run(_measure())


async def _measure() -> list[Row]:
    async with receiver() as port:
        with running_hub(port) as hub:
            await send(hub.mllp_port, range(-200, 0))  # the first messages compile schemas and open connections
            await asyncio.to_thread(await_settled, hub, 200)
            cpu, began = hub.cpu_seconds(), time.perf_counter()
            waits = sorted(await send(hub.mllp_port, range(MESSAGES)))
            seconds = await asyncio.to_thread(await_settled, hub, MESSAGES + 200) - began
            cpu = hub.cpu_seconds() - cpu
    rate, p99 = MESSAGES / seconds, waits[int(len(waits) * 0.99)] * 1000
    return [
        Row(
            what=f"durable end to end, {CONNECTIONS} connections",
            ours=f"{rate:,.0f} msg/s, {cpu / MESSAGES * 1000:.2f} ms CPU each",
            against=f"Open Integration Engine + PostgreSQL {ENGINE_PER_SECOND} msg/s (published, see DESIGN)",
            ratio=rate / ENGINE_PER_SECOND,
            goal=f"at least {GOAL_PER_SECOND} msg/s",
            met=rate >= GOAL_PER_SECOND,
        ),
        Row(
            what="acknowledged after commit, p99",
            ours=f"{p99:.1f} ms, median {waits[len(waits) // 2] * 1000:.1f} ms",
            against="",
            ratio=None,
            goal=f"under {GOAL_P99_MILLISECONDS} ms",
            met=p99 < GOAL_P99_MILLISECONDS,
        ),
    ]


def await_settled(hub: Hub, count: int) -> float:
    """Return when every message was routed and every delivery settled, by `time.perf_counter`.

    A delivery is routed for a moment before it waits, so the first of two looks in a row that find nothing left is
    believed.
    """
    settled = 0.0
    while True:
        looked = time.perf_counter()
        summary = hub.ask("/hub/summary")
        is_settled = summary["messages"] == {"routed": count} and not any(summary["waiting"].values())  # type: ignore[attr-defined]
        if settled and is_settled:
            return settled
        settled = looked if is_settled else 0.0
        time.sleep(0.05)


def _await_health(hub: Hub) -> None:
    for _ in range(200):
        try:
            hub.ask("/health")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the hub did not start")


def write_interfaces(folder: Path, second_port: int) -> Path:
    """Return the folder with one interface, which brings what ``admission`` makes to a store and a second place."""
    (folder / "bench" / "samples").mkdir(parents=True)
    (folder / "bench" / "samples" / "01-admission.hl7").write_bytes(admission(0))
    (folder / "destinations").mkdir()
    (folder / "bench" / "interface.toml").write_text(INTERFACE)
    (folder / "destinations" / "store.toml").write_text(STORE)
    (folder / "destinations" / "second.toml").write_text(SECOND.format(port=second_port))
    return folder


def _cpu_seconds_of(pid: str) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def refusing_port() -> int:
    """Return a port of the receiver's address that nobody listens on."""
    return _free_port(RECEIVER_ADDRESS)


def _free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
