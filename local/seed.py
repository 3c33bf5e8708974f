"""The first messages of a new home: the samples of every interface, sent over MLLP as any sender sends them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cli.lines import open_target
from cli.sender import Sender

ANSWER_TIMEOUT_SECONDS = 30.0


async def send_samples(interfaces: Path, mllp_port: int) -> str:
    """Send all samples, in order, on one line; return what went wrong, empty when nothing did."""
    sender = Sender(open_target(f"mllp://127.0.0.1:{mllp_port}", ANSWER_TIMEOUT_SECONDS), as_is=False)
    await asyncio.to_thread(sender.run, find_samples(interfaces), 1, lambda _answer, _is_last: None)
    return sender.failure


def find_samples(interfaces: Path) -> list[Path]:
    """Return the sample files, interface by interface, each in the order of their names."""
    return sorted(interfaces.glob("*/samples/*.hl7"))
