"""Workers that are this process: for tests, and for hosts that run several processes themselves, as Azure does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from shared.message.errors.base import IntegrationError

J = TypeVar("J")
R = TypeVar("R")


class InlineWorkers(Generic[J, R]):
    """Runs a pure function on the event loop, job by job."""

    def __init__(self, function: Callable[[J], R]) -> None:
        self._function = function

    async def run(self, jobs: Sequence[J]) -> list[R | IntegrationError]:
        """Return the result of each job, in order; the error instead where the function names one."""
        results: list[R | IntegrationError] = []
        for job in jobs:
            results.append(result_of(self._function, job))
            await asyncio.sleep(0)  # an acknowledgement waits for one message at most, never for a batch
        return results

    async def prepare(self) -> None:
        """Nothing has to be started."""

    async def close(self) -> None:
        """Nothing was started."""


def result_of(function: Callable[[J], R], job: J) -> R | IntegrationError:
    """Return what the function gives, or the error that it names."""
    try:
        return function(job)
    except IntegrationError as error:
        return error
