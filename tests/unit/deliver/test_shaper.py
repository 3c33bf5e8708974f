"""Shaping as another process does it."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path

from shared.adapters.by_kind import ByKind
from shared.deliver.shaper import ShapeJob, Shaper
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
)
from shared.message.state import DeliveryState
from shared.registry import load_registry
from tests.pipeline.hub_in_process import write_interfaces
from tests.pipeline.messages import adt

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_shaper_works_where_it_is_unpickled_and_gives_the_same_bytes(tmp_path: Path) -> None:
    """A retry may be shaped by another process, and a destination must not get a message in two ways (rule R4)."""
    registry = load_registry(write_interfaces(tmp_path, ["wire"]), "laptop")
    here = ByKind({ShapeJob: Shaper(registry)})
    there = pickle.loads(pickle.dumps(here))  # our own
    job = ShapeJob(_row(), adt("A1", "A08"), None)

    shaped = here(job)

    assert b"|ADT^A08" in shaped.body
    assert there(pickle.loads(pickle.dumps(job))) == shaped


def _row() -> Delivery:
    message, wire = MessageId("0-1"), DestinationId("wire")
    item = Item(
        message=message,
        interface=InterfaceId("adt"),
        sequence=Sequence("adt", 1, 1),
        key=OrderingKey("k"),
        run=LIVE,
        type="ADT^A08",
        mapping="1",
        raw=ArchiveRef("0" * 64, 1, "adt/raw/00000001@12"),
        destination=wire,
    )
    session = SessionId("wire.0")
    return Delivery(delivery_id(message, wire, LIVE), session, "feed", item, DeliveryState.PARKED, NOON)
