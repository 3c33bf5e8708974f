"""Memory of the hub: what a 10 MB message costs on its way, and whether a dead destination lets anything grow.

The hub runs as `caduceus up` in a process of its own. The kernel counts: VmRSS is what it holds, VmHWM the most it held
since the mark was set back (`/proc/PID/clear_refs`, Linux only).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import uvloop

from bench.measure import Row
from bench.messages import document
from bench.mllp_peers import END, START, receiver, send
from bench.pipeline import Hub, await_settled, refusing_port, running_hub

MEGABYTE = 1024 * 1024
DOCUMENT_BYTES = 10_000_000
GOAL_TIMES_SIZE = 4.0
WARM_UP = 400

FEW, MANY = 5_000, 20_000
# SQLite's pages fill their last 2 MB, and the allocator's holes move by some; 15,000 messages would be 15 MB.
GOAL_GROWTH_MEGABYTES = 8


def run() -> list[Row]:
    """Return the rows of the large message and of the dead destination."""
    return [uvloop.run(_large_message()), uvloop.run(_dead_destination())]


async def _large_message() -> Row:
    message = document(DOCUMENT_BYTES)
    async with receiver() as port:
        with running_hub(port) as hub:
            await send(hub.mllp_port, range(WARM_UP))
            await asyncio.to_thread(await_settled, hub, WARM_UP)
            before = {pid: _forget_peak(pid) for pid in hub.processes()}
            await _send_one(hub, message)
            await asyncio.to_thread(await_settled, hub, WARM_UP + 1)
            peaks = [_bytes(pid, "VmHWM") - held for pid, held in before.items()]
            kept = sum(_bytes(pid, "VmRSS") - held for pid, held in before.items())
    times = max(peaks) / len(message)
    each = ", ".join(f"{peak / len(message):.1f}" for peak in peaks)
    return Row(
        what="a 10 MB message (OBX-5, base64), MLLP to store and second destination",
        ours=f"{each} times its size more at the peak (hub, conversion, store), {kept / MEGABYTE:.0f} MB after",
        against="",
        ratio=None,
        goal=f"at most {GOAL_TIMES_SIZE:.0f} times its size in any process",
        met=times <= GOAL_TIMES_SIZE,
    )


async def _dead_destination() -> Row:
    with running_hub(refusing_port()) as hub:
        held = [await _held_after(hub, numbers) for numbers in (range(FEW), range(FEW, MANY))]
    growth = (held[1] - held[0]) / 1024
    return Row(
        what=f"a destination that is dead, {FEW:,} and {MANY:,} messages waiting for it",
        ours=f"{held[0] / 1024:.0f} MB, then {held[1] / 1024:.0f} MB",
        against="",
        ratio=None,
        goal=f"grows by less than {GOAL_GROWTH_MEGABYTES} MB",
        met=growth < GOAL_GROWTH_MEGABYTES,
    )


async def _held_after(hub: Hub, numbers: range) -> int:
    """Send, let the other destination take everything, and return the kilobytes the hub then holds."""
    await send(hub.mllp_port, numbers)
    await asyncio.to_thread(_await_only_second, hub, numbers.stop)
    return _bytes(str(hub.process.pid), "VmRSS") // 1024


def _await_only_second(hub: Hub, count: int) -> None:
    while hub.ask("/hub/summary")["waiting"] != {"second": count}:
        time.sleep(0.2)


async def _send_one(hub: Hub, message: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.mllp_port)
    writer.write(START + message + END)
    answer = await reader.readuntil(END)
    writer.close()
    if b"MSA|AA|" not in answer:
        raise RuntimeError("the large message was not accepted")


def _forget_peak(pid: str) -> int:
    """Set a process's peak back to what it holds now; return that, in bytes."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _bytes(pid, "VmRSS")


def _bytes(pid: str, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this kernel does not tell {name}")
