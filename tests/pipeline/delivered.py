"""A home whose messages were delivered once: taken by the real ingest, and what follows written as if it had run.

A test of many thousand messages that begins there waits for nothing that it does not look at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from shared.adapters.received import Received
from shared.message.delivery import Attempt, Delivery, Verdict
from shared.message.envelope import Item, decode_envelope
from shared.message.identifiers import LIVE, DestinationId, SessionId, deliver_session, delivery_id, partition_of
from shared.message.record import Hop, Progress
from shared.message.state import DeliveryState, MessageState
from tests.pipeline.hub_in_process import BATCH, HubInProcess
from tests.pipeline.messages import batch

SENT_TOGETHER = 5_000  # each write then holds much, and the disk is waited for seldom


async def write_delivered(home: Path, interfaces: Path, destination: str, messages: Sequence[bytes]) -> None:
    """Write a home that took these messages, routed each to one destination alone, and heard AA for all of them."""
    hub = HubInProcess(home, interfaces)
    await hub.start()
    try:
        for first in range(0, len(messages), SENT_TOGETHER):
            await hub.take(batch(*messages[first : first + SENT_TOGETHER]))
            await hub.hub.ingest.close()
            await _finish(hub, DestinationId(destination))
    finally:
        await hub.stop()


async def _finish(hub: HubInProcess, destination: DestinationId) -> None:
    """Empty the queue of what was taken, and record what transform, route and deliver would."""
    while (lock := await hub.queue.accept_session("transform")) is not None:
        while received := await hub.queue.receive(lock, BATCH):
            items = [item._replace(destination=destination) for item in _items(received)]
            now = hub.clock.now()
            routed = [
                Progress(one.message, MessageState.ROUTED, Hop(one.message, now, "route", "routed")) for one in items
            ]
            await hub.hub.adapters.ledger.progress(routed)
            await _accept(hub, items)
            await hub.queue.complete(lock, received)
        await hub.queue.release(lock)


def _items(received: Sequence[Received]) -> list[Item]:
    envelopes = [decode_envelope(one.body) for one in received]
    return [item for envelope in envelopes if isinstance(envelope, tuple) for item in envelope]


async def _accept(hub: HubInProcess, items: Sequence[Item]) -> None:
    """Offer the items to their sessions, and record that the destination accepted each at its first attempt."""
    concurrency = hub.hub.registry.destinations[items[0].destination].concurrency
    by_session: dict[SessionId, list[Item]] = defaultdict(list)
    for item in items:
        by_session[deliver_session(item.destination, partition_of(item.message), concurrency)].append(item)
    now, lanes = hub.clock.now(), hub.hub.adapters.lanes
    for session, its in by_session.items():
        offered = [_delivery(session, item, hub) for item in its]
        turn = await lanes.take(session, offered, now, None, len(offered))
        rows = [
            row._replace(
                state=DeliveryState.ACCEPTED, attempts=1, code="AA", output=row.item.raw.sha256, settled=now, due=None
            )
            for row in turn.ready
        ]
        attempts = [Attempt(row.id, 1, now, now + timedelta(milliseconds=5), Verdict.ACCEPTED, "AA") for row in rows]
        await lanes.write(turn.ownership, rows, attempts)


def _delivery(session: SessionId, item: Item, hub: HubInProcess) -> Delivery:
    return Delivery(
        id=delivery_id(item.message, item.destination, LIVE),
        session=session,
        lane=item.key,
        item=item.by_reference(),
        state=DeliveryState.PARKED,
        offered=hub.clock.now(),
    )
