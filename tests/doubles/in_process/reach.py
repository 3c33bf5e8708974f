"""The way from a client of an SDK to the service: where a test may let a call take time, or go wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol


class Reach(Protocol):
    """Makes a call of a service, by its name: ``ledger.transact``, ``blob.get``, ``queue.send``."""

    async def __call__(self, name: str, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any: ...


async def at_once(name: str, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    """Return what the service returns."""
    del name
    return await work(*arguments)
