"""The queues between the stages: each has the name of the stage that takes from it. Ingest has none: it is called."""

from __future__ import annotations

from typing import Final

TRANSFORM_QUEUE: Final = "transform"
ROUTE_QUEUE: Final = "route"
DELIVER_QUEUE: Final = "deliver"
