"""Wait for what another task brings about."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Return once the condition holds; it is looked at a hundred times a second.

    Raises:
        TimeoutError: it did not, in time.
    """
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # a test looks from outside; there is no event to wait for
            await asyncio.sleep(0.01)
