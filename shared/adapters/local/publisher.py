"""Publisher on one machine: subscribers in the process hear of each event.

A web hook is not a subscriber but a destination of its own, with its own lanes, retries and breaker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

Subscriber = Callable[[Mapping[str, Any]], Awaitable[None]]


class LocalPublisher:
    """Brings each event to every subscriber, in order."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call the subscriber with every event from now on; it raises `EventNotTaken` to be asked again."""
        self._subscribers.append(subscriber)

    async def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Return once every subscriber has taken every event.

        Raises:
            EventNotTaken: a subscriber did not; publish again, subscribers know an event by its ``id``.
        """
        for event in events:
            for subscriber in self._subscribers:
                await subscriber(event)
