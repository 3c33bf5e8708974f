"""Connectors: who of them was heard."""

from __future__ import annotations

from typing import Protocol

from shared.message.beat import Heard


class Fleet(Protocol):
    """The connectors that the hub has heard of: the newest beat of each."""

    async def hear(self, heard: Heard) -> None:
        """Keep a beat in the place of the connector's last one; durable on return."""
        ...

    async def connectors(self) -> list[Heard]:
        """Return the newest beat of every connector, by name."""
        ...

    async def forget(self, connector: str) -> bool:
        """Tell whether a connector was there; it is there no more."""
        ...
