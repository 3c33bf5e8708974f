"""The port for interfaces that a person stopped, and for what of them waits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from shared.message.envelope import Item
from shared.message.identifiers import InterfaceId, OrderingKey


class Held(NamedTuple):
    """A message or token that waits for an interface to go on.

    Attributes:
        place: Where it waits; what is behind it has a higher one.
        because: The interface that it waits for: its own, or that of what stands before it under its ordering key.
    """

    place: str
    item: Item
    because: InterfaceId


class Holds(Protocol):
    """Which interfaces stand still, and what waits for them before transform and route.

    `Barriers.waits` and `Barriers.lines` know of what is held, too: one question is asked for every invocation.
    """

    async def paused(self, *, is_told: bool) -> frozenset[InterfaceId]:
        """Return the interfaces that a person stopped; asked for every invocation.

        Args:
            is_told: Somebody says that it has changed: an answer that is a moment old does not do.
        """
        ...

    async def set_paused(self, interface: InterfaceId, paused: bool) -> None:
        """Stop an interface, or let it go on; durable on return."""
        ...

    async def hold(self, stage: str, items: Sequence[tuple[Item, InterfaceId]]) -> None:
        """Add items of one partition behind what is held of their keys, each with the interface it waits for.

        What is held already stays where it is.
        """
        ...

    async def keys(
        self, stage: str, partition: int, keys: Collection[OrderingKey]
    ) -> Mapping[OrderingKey, InterfaceId]:
        """Return those of the keys under which something is held, with the interface that it waits for."""
        ...

    async def counts(self, stage: str, partition: int) -> Mapping[InterfaceId, int]:
        """Return how much is held for each interface; those for which nothing is are left out."""
        ...

    async def held(self, stage: str, partition: int, after: str, limit: int) -> list[Held]:
        """Return what is held in places above ``after`` (empty: from the first), each key in order.

        Fewer than ``limit`` does not mean that there is no more; none does.
        """
        ...

    async def release(self, stage: str, held: Sequence[Held]) -> None:
        """Forget what is held of one partition: it went on. What is gone already is no error."""
        ...
