"""A destination that is no longer in the files, while deliveries wait for it: each stops for a person, none is sent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.errors.mapping import RouteGone
from shared.message.identifiers import DestinationId

if TYPE_CHECKING:
    from shared.registry import DestinationConfig


def config_of(destination: DestinationId) -> DestinationConfig:
    """Return what is sure of a destination that nobody describes: what may have been sent, a person looks at."""
    from shared.registry import DestinationConfig

    return DestinationConfig.model_validate({"id": destination, "title": destination, "kind": "https"})


class GoneDestination:
    """Nobody: no route leads here, so that nothing is shaped to be sent; and nothing would be."""

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        return Answer(Verdict.PERMANENT, RouteGone.code)

    async def close(self) -> None:
        """Nothing is open."""
