"""A hub that works until it is killed, and says what it was told is durable: one line for each message."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path
from typing import Any

from shared.adapters.local.clock import SystemClock
from shared.message.identifiers import InterfaceId
from shared.message.state import MessageState
from shared.ports import Outgoing
from tests.contract.conftest import local
from tests.doubles.samples import arrival, message_id, step


async def write(hub: Any, numbers: itertools.count[int], interface: InterfaceId) -> None:
    while True:
        number = next(numbers)
        body = b"%d " % number * 200
        (ref,) = await hub.archive.put(interface, [body])
        await hub.ledger.reserve([arrival(number, raw=ref)], 0)
        await hub.queue.send("transform", [Outgoing(body, str(interface), message_id(number))])
        await hub.archive.keep(interface, [(f"out/{number}", body)])
        await hub.ledger.progress([step(number, MessageState.QUEUED)])
        print(number, flush=True)


async def main(home: str, first: str) -> None:
    hub = local(Path(home), SystemClock())
    numbers = itertools.count(int(first))
    await asyncio.gather(*(write(hub, numbers, InterfaceId(f"interface-{n}")) for n in range(8)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
