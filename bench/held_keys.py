"""Half of 10,000 persons wait behind a dead destination: what the messages of the others lose by it.

Two interfaces, each with a destination of its own. The one that lives is measured three times: before anything waits,
while a message of each of 5,000 persons waits for the other, and after all of those have arrived.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import uvloop

from bench.measure import Row
from bench.messages import admission
from bench.mllp_peers import receiver, send
from bench.pipeline import Hub, refusing_port, running_hub

HALF = 5_000
WARM_UP = 400
GOAL = 0.9

INTERFACE = """
title = "Measured feed"
owner = "bench"
contact = "bench"
assigner = "BENCH"
accepts = ["T"]
[[match]]
sending_application = "{name}"
[[routes]]
to = "{to}"
shape = "hl7"
"""
DESTINATION = """
title = "{to}"
kind = "mllp"
order = "key"
on_ambiguous = "resend"
[address]
laptop = "mllp://127.0.0.2:{port}"
[retry]
cap_seconds = 2.0
"""


def run() -> list[Row]:
    """Return the row of those who do not wait."""
    return [uvloop.run(_measure())]


async def _measure() -> Row:
    dead = refusing_port()
    async with receiver() as port:
        with running_hub(port, lambda folder, second: _write_interfaces(folder, second, dead)) as hub:
            await _rate(hub, range(WARM_UP))
            before = await _rate(hub, range(WARM_UP, WARM_UP + HALF))
            await send(hub.mllp_port, range(HALF), _of_the_dead)
            await asyncio.to_thread(_await_waiting, hub, {"dead": HALF})
            held = await _rate(hub, range(WARM_UP + HALF, WARM_UP + 2 * HALF), {"dead": HALF})
            async with receiver(dead):
                await asyncio.to_thread(_await_waiting, hub, {})
                after = await _rate(hub, range(WARM_UP + 2 * HALF, WARM_UP + 3 * HALF))
    undisturbed = 2 / (1 / before + 1 / after)
    return Row(
        what=f"{HALF:,} persons' messages while those of {HALF:,} others wait for a dead destination",
        ours=f"{held:,.0f} msg/s",
        against=f"{before:,.0f} msg/s before, {after:,.0f} after",
        ratio=held / undisturbed,
        goal=f"at least {GOAL}x",
        met=held >= GOAL * undisturbed,
    )


async def _rate(hub: Hub, numbers: range, held: dict[str, int] | None = None) -> float:
    """Return how many messages a second are sent and delivered; each is of another person than its neighbours."""
    began = time.perf_counter()
    await send(hub.mllp_port, numbers, lambda number: admission(number, HALF))
    await asyncio.to_thread(_await_waiting, hub, held or {})
    return len(numbers) / (time.perf_counter() - began)


def _of_the_dead(number: int) -> bytes:
    """Return a message of one of the other half, for the other destination."""
    return admission(HALF + number, 2 * HALF).replace(b"|BENCH|", b"|DEAD|", 1)


def _await_waiting(hub: Hub, held: dict[str, int]) -> None:
    """Return when all messages are routed, and these deliveries wait and no others; two looks in a row are believed."""
    looks = 0
    while looks < 2:
        summary = hub.ask("/hub/summary")
        is_so = list(summary["messages"]) == ["routed"] and summary["waiting"] == held  # type: ignore[call-overload]
        looks = looks + 1 if is_so else 0
        time.sleep(0.05)


def _write_interfaces(folder: Path, living: int, dead: int) -> Path:
    (folder / "destinations").mkdir(parents=True)
    for name, to, port in (("BENCH", "living", living), ("DEAD", "dead", dead)):
        (folder / to / "samples").mkdir(parents=True)
        (folder / to / "samples" / "01-admission.hl7").write_bytes(
            admission(0).replace(b"|BENCH|", f"|{name}|".encode(), 1)
        )
        (folder / to / "interface.toml").write_text(INTERFACE.format(name=name, to=to))
        (folder / "destinations" / f"{to}.toml").write_text(DESTINATION.format(to=to, port=port))
    return folder
