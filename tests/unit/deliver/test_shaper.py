"""Shaping as another process does it."""

from __future__ import annotations

import pickle
from pathlib import Path

from shared.adapters.by_kind import ByKind
from shared.deliver.shaper import ShapeJob, Shaper
from shared.message.identifiers import DestinationId, InterfaceId, SessionId
from shared.registry import load_registry
from tests.doubles.samples import delivery, item
from tests.pipeline.hub_in_process import write_interfaces
from tests.pipeline.messages import adt


def test_shaper_works_where_it_is_unpickled_and_gives_the_same_bytes(tmp_path: Path) -> None:
    """A retry may be shaped by another process, and a destination must not get a message in two ways (rule R4)."""
    registry = load_registry(write_interfaces(tmp_path, ["wire"]), "laptop")
    here = ByKind({ShapeJob: Shaper(registry)})
    there = pickle.loads(pickle.dumps(here))  # our own
    sent = item(1, destination=DestinationId("wire"), interface=InterfaceId("adt"), type="ADT^A08")
    job = ShapeJob(delivery(1, session=SessionId("wire.0"), item=sent), adt("A1", "A08"), None)

    shaped = here(job)

    assert b"|ADT^A08" in shaped.body
    assert there(pickle.loads(pickle.dumps(job))) == shaped
