"""Connectors: who of them was heard, and whose each name is."""

from __future__ import annotations

from typing import Protocol

from shared.message.beat import Heard


class Fleet(Protocol):
    """The connectors that the hub has heard of: the newest beat of each, and who may send under its name."""

    async def claim(self, connector: str, caller: str) -> str:
        """Return whose the name is, and its streams with it: the first caller's, durably, until it is forgotten.

        Who was told so may be remembered for a minute.
        """
        ...

    async def hear(self, heard: Heard) -> None:
        """Keep a beat in the place of the connector's last one; durable on return."""
        ...

    async def connectors(self) -> list[Heard]:
        """Return the newest beat of every connector, by name."""
        ...

    async def forget(self, connector: str) -> bool:
        """Tell whether a connector was there; it is there no more, and its name is free."""
        ...
