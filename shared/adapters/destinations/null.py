"""A destination that takes everything and keeps nothing: for smoke tests and echo messages."""

from __future__ import annotations

from datetime import datetime

from shared.message.delivery import Answer, Delivery, Verdict


class NullDestination:
    """Accepts at once."""

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        return Answer(Verdict.ACCEPTED, "null")

    async def close(self) -> None:
        """Nothing is open."""
