"""Arrivals, items and deliveries of nobody in particular."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from shared.message.delivery import Delivery
from shared.message.envelope import ArchiveRef, Item
from shared.message.identifiers import (
    LIVE,
    DestinationId,
    InterfaceId,
    MessageId,
    OrderingKey,
    Sequence,
    SessionId,
    delivery_id,
    new_message_id,
)
from shared.message.record import Arrival, Hop, Progress
from shared.message.state import DeliveryState, MessageState
from tests.doubles.clock import NOON

LAB = InterfaceId("lab")
ARCHIVE = DestinationId("archive")
SESSION = SessionId("archive.0")


def message_id(number: int) -> MessageId:
    """Return the id of the message that was received so many seconds after noon."""
    return new_message_id(0, NOON + timedelta(seconds=number), number.to_bytes(10, "big"))


def ref_of(body: bytes) -> ArchiveRef:
    return ArchiveRef(hashlib.sha256(body).hexdigest(), len(body), "lab/raw/00000001@64")


def arrival(number: int, body: bytes = b"", **changes: Any) -> Arrival:
    """Return a message that nobody has seen, unless the changes say so."""
    fresh = Arrival(
        message=message_id(number),
        interface=LAB,
        source="lab",
        key=OrderingKey("key"),
        mapping="1",
        raw=ref_of(body or str(number).encode()),
        duplicate_key=f"duplicate-{number}",
        control_id=f"control-{number}",
        type="ADT^A01",
        received=NOON + timedelta(seconds=number),
    )
    return fresh._replace(**changes)


def hop(number: int, code: str = "moved") -> Hop:
    return Hop(message_id(number), NOON, "ingest", code)


def step(number: int, state: MessageState, **changes: Any) -> Progress:
    """Return the progress of a message to a state."""
    return Progress(message_id(number), state, hop(number, state))._replace(**changes)


def item(number: int, key: str = "key", destination: DestinationId = ARCHIVE, **changes: Any) -> Item:
    """Return a message on its way to a destination."""
    sent = Item(
        message=message_id(number),
        interface=LAB,
        sequence=Sequence("lab", 1, number),
        key=OrderingKey(key),
        run=LIVE,
        type="ADT^A01",
        mapping="1",
        raw=ref_of(b"raw"),
        canonical=ref_of(b"canonical"),
        destination=destination,
    )
    return sent._replace(**changes)


def delivery(number: int, lane: str = "key", session: SessionId = SESSION, **changes: Any) -> Delivery:
    """Return a delivery as it is offered to its session."""
    destination = DestinationId(session.rpartition(".")[0])
    offered = Delivery(
        id=delivery_id(message_id(number), destination, LIVE),
        session=session,
        lane=lane,
        item=item(number, lane, destination),
        state=DeliveryState.PARKED,
        offered=NOON,
    )
    return offered._replace(**changes)
