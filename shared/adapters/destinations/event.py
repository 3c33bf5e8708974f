"""A destination that hears of a message by a thin CloudEvent."""

from __future__ import annotations

import asyncio
from datetime import datetime

import orjson

from shared.deliver.answer import answer_to_silence
from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.errors.pipeline import EventNotTaken
from shared.message.silence import Silence
from shared.ports import Clock, Publisher


class EventDestination:
    """Publishes one event for each delivery.

    Subscribers know an event by its ``id``, so a second copy does no harm: not taken is always worth another try.
    """

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        try:
            async with asyncio.timeout((deadline - self._clock.now()).total_seconds()):
                await self._publisher.publish((orjson.loads(body),))
        except TimeoutError:
            return answer_to_silence(Silence.TIMED_OUT)
        except EventNotTaken as error:
            return Answer(Verdict.TRANSIENT, error.where)
        return Answer(Verdict.ACCEPTED, "published")

    async def close(self) -> None:
        """The publisher belongs to the hub."""
