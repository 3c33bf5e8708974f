"""The connector's listener: against its disk, against python-hl7's, and with a million messages waiting."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.measure import Row
from bench.messages import admission

ROUNDS = 3
SECONDS = 2.0
CONNECTIONS = 64
BACKLOG = 1_000_000
LIMIT_MEGABYTES = 150


def run() -> list[Row]:
    """Return the rows of the connector."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_FOLDER", "/var/tmp")) as name:
        folder = Path(name)
        return [*_acknowledge(folder), _memory(folder)]


def _acknowledge(folder: Path) -> list[Row]:
    """Everything in turn, so that a busy disk is busy for all of them."""
    limit, ours, theirs, alone, sync = [], [], [], [], []
    with _connector(folder / "spool") as port, _python_hl7() as other:
        for _ in range(ROUNDS):
            limit.append(_group_commits(folder / "limit.db"))
            ours.append(_load(port, CONNECTIONS)["rate"])
            theirs.append(_load(other, CONNECTIONS)["rate"])
            alone.append(_load(port, 1)["p99_ms"])
            sync.append(_sync_ms(folder / "sync"))
    rate, most, slow = map(statistics.median, (ours, limit, theirs))
    return [
        Row(
            what=f"AA after the spool's commit, {CONNECTIONS} connections, 1 kB",
            ours=f"{rate:,.0f}/s",
            against=f"{most:,.0f}/s: the same bytes in group commits of {CONNECTIONS}, and nothing else",
            ratio=rate / most,
            goal="at least 0.5x",
            met=rate >= most / 2,
        ),
        Row(
            what="the same",
            ours=f"{rate:,.0f}/s",
            against=f"{slow:,.0f}/s: python-hl7's server, which keeps nothing",
            ratio=rate / slow,
            goal="at least 20x",
            met=rate >= 20 * slow,
        ),
        Row(
            what="AA after the spool's commit, 1 connection, p99",
            ours=f"{statistics.median(alone):.1f} ms",
            against=f"{statistics.median(sync):.1f} ms: p99 of a sync of 4 kB",
            ratio=None,
            goal="under 5 ms",
            met=statistics.median(alone) < 5,
        ),
    ]


def _memory(folder: Path) -> Row:
    """A night without the line: a million messages wait, and the next ones are taken as ever."""
    with _connector(folder / "small") as port:
        _load(port, CONNECTIONS)
        few = _resident_megabytes(port)
    _fill(folder / "small" / "spool.db", BACKLOG)
    with _connector(folder / "small") as port:
        _load(port, CONNECTIONS)
        many = _resident_megabytes(port)
    return Row(
        what=f"memory of the connector with {BACKLOG:,} messages waiting",
        ours=f"{many:.0f} MB",
        against=f"{few:.0f} MB with some thousand",
        ratio=None,
        goal=f"under {LIMIT_MEGABYTES} MB, and at most 1.2x",
        met=many < LIMIT_MEGABYTES and many <= 1.2 * few,
    )


@contextmanager
def _connector(folder: Path) -> Iterator[int]:
    """A connector whose line is down."""
    port = _free_port()
    file = folder.with_suffix(".toml")
    file.write_text(
        f'[connector]\nname = "bench"\nfolder = "{folder}"\n'
        '[hub]\nurl = "http://127.0.0.1:9"\nauthentication = "none"\n'
        f'[[listen]]\nname = "adt"\nport = {port}\nacknowledge = "spool"\n'
        "connections = 256\nconnections_per_sender = 256\n",
        "utf-8",
    )
    with _process(port, "-m", "connector", "run", "--config", str(file)):
        yield port


@contextmanager
def _python_hl7() -> Iterator[int]:
    port = _free_port()
    program = (
        "import asyncio\nfrom hl7.mllp import start_hl7_server\n"
        "async def serve(reader, writer):\n"
        "    while not reader.at_eof():\n"
        "        message = await reader.readmessage()\n"
        "        writer.writemessage(message.create_ack())\n        await writer.drain()\n"
        "async def main():\n"
        f"    server = await start_hl7_server(serve, '127.0.0.1', {port})\n"
        "    await server.serve_forever()\n"
        "asyncio.run(main())"
    )
    with _process(port, "-c", program):
        yield port


_running: dict[int, subprocess.Popen[bytes]] = {}


@contextmanager
def _process(port: int, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _running[port] = process
    try:
        _wait_for(port)
        yield
    finally:
        del _running[port]
        process.terminate()
        process.wait()


def _load(port: int, connections: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.mllp_load", str(port), str(connections), str(SECONDS)]
    said: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return said


def _group_commits(file: Path) -> float:
    """Return messages a second that SQLite makes durable in groups of as many as there are connections."""
    file.unlink(missing_ok=True)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE up (id INTEGER PRIMARY KEY, control_id TEXT, body BLOB)")
    rows = [(str(number), admission(number)) for number in range(CONNECTIONS)]
    count, end = 0, time.perf_counter() + SECONDS
    began = time.perf_counter()
    while time.perf_counter() < end:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO up (control_id, body) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        count += CONNECTIONS
    rate = count / (time.perf_counter() - began)
    connection.close()
    return rate


def _sync_ms(file: Path) -> float:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT)
    waits = []
    for _ in range(300):
        os.write(descriptor, bytes(4096))
        began = time.perf_counter()
        os.fdatasync(descriptor)
        waits.append(time.perf_counter() - began)
    os.close(descriptor)
    return statistics.quantiles(waits, n=100)[98] * 1e3


def _fill(file: Path, count: int) -> None:
    """Put messages into a spool that nobody uses, as if they had come in the night."""
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA synchronous=OFF")
    (stream,) = connection.execute("SELECT id FROM stream").fetchone()
    body = admission(1)[:200]
    rows = ((stream, 1, n, "spooled", 0.0, 1, 0, str(n), body) for n in range(1, count + 1))
    connection.executemany(
        "INSERT INTO up (stream, epoch, n, state, received, is_promised, is_barrier, control_id, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.commit()
    connection.close()


def _resident_megabytes(port: int) -> float:
    status = Path(f"/proc/{_running[port].pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on {port}")
