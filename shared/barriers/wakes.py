"""Wakes for partitions of transform and route."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from shared.message.envelope import Wake, encode_wake
from shared.ports import Outgoing, Queue


async def send_wakes(queue: Queue, lines: Sequence[tuple[str, int]]) -> None:
    """Make somebody look at these partitions of these stages."""
    for stage in dict.fromkeys(stage for stage, _ in lines):
        # A fresh id each time: the broker's duplicate detection must never swallow a wake.
        wakes = [
            Outgoing(encode_wake(Wake()), str(partition), secrets.token_hex(16))
            for name, partition in lines
            if name == stage
        ]
        await queue.send(stage, wakes)
