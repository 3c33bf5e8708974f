"""Promise 1, with the process killed at any moment: nothing acknowledged is lost, and nothing is torn.

On the laptop's files only: what a service in Azure has acknowledged does not end with a process of the hub.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from shared.adapters.local.clock import SystemClock
from shared.message.state import MessageState
from tests.contract.conftest import local
from tests.doubles.samples import message_id

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 4


def kill_after(seconds: float, home: Path, first: int) -> list[int]:
    """Run the writer for a while, kill it, and return the numbers it was told are durable."""
    command = [sys.executable, "-m", "tests.contract.crash_writer", str(home), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline()]  # it is at work
        time.sleep(seconds)
        writer.kill()
        lines += writer.stdout.readlines()
    return [int(line) for line in lines if line.endswith("\n")]


async def check(hub: Any, numbers: list[int]) -> None:
    ids = [message_id(number) for number in numbers]
    records = await hub.ledger.messages(ids)
    outputs = await hub.archive.find([f"out/{number}" for number in numbers])
    for number, record, output in zip(numbers, records, outputs, strict=True):
        assert record.state is MessageState.QUEUED
        body = b"%d " % number * 200
        assert [await hub.archive.get(ref) for ref in (record.raw, output)] == [body, body]


async def receive_all(hub: Any) -> list[str]:
    found: list[str] = []
    while (lock := await hub.queue.accept_session("transform")) is not None:
        while received := await hub.queue.receive(lock, 500):
            found += [message.message_id for message in received]
            await hub.queue.complete(lock, received)
        await hub.queue.release(lock)
    return found


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    """`AA` tells the sender to forget the message."""
    durable: list[int] = []

    async def look() -> list[str]:
        hub = local(tmp_path, SystemClock())
        try:
            await check(hub, durable)
            recent = await hub.ledger.recent(limit=100_000)
            assert sorted(record.sequence.n for record in recent) == list(range(1, len(recent) + 1))
            return await receive_all(hub)
        finally:
            await hub.close()

    received: list[str] = []
    for number in range(ROUNDS):
        durable += kill_after(0.05 + 0.1 * number, tmp_path, 100_000 * number)
        received += asyncio.run(look())

    assert len(durable) >= ROUNDS
    assert {message_id(number) for number in durable} <= set(received)
    assert len(received) == len(set(received))
