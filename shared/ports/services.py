"""What keeps nothing of ours: time, events, secrets, workers, and the systems that take messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from shared.message.delivery import Answer, Delivery
from shared.message.errors.base import IntegrationError


class Clock(Protocol):
    """Time, as the stages see it: aware and UTC."""

    def now(self) -> datetime: ...

    async def sleep(self, seconds: float) -> None: ...


class Publisher(Protocol):
    """Thin CloudEvents 1.0: ids, never content."""

    async def publish(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Return once the broker of events has taken them."""
        ...


class SecretStore(Protocol):
    """Secrets by name."""

    async def get(self, name: str) -> str: ...


J = TypeVar("J", contravariant=True)
R = TypeVar("R")


class Workers(Protocol[J, R]):
    """One pure function, run here or in other processes: what it is given and gives back must be cheap to pickle."""

    async def run(self, jobs: Sequence[J]) -> list[R | IntegrationError]:
        """Return the result of each job, in order; the error instead where the function names one.

        Raises:
            WorkerLost: a process ended before it answered; one of the jobs may be why.
            Exception: what the function raised, where it is no `IntegrationError`.
        """
        ...

    async def prepare(self) -> None:
        """Begin to get ready for the first job, without waiting for it."""
        ...

    async def close(self) -> None:
        """End what was started; no job is under way any more."""
        ...


class Destination(Protocol):
    """A system that takes messages."""

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        """Send one shaped message and return what its answer means; it never raises for what a receiver does.

        Everything ends by the deadline: after it nothing more of this send reaches the destination.
        """
        ...

    async def close(self) -> None: ...
