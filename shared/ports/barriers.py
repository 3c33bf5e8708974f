"""The port for messages that are in order with several ordering keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from shared.message.barrier import Barrier
from shared.message.envelope import Item
from shared.message.identifiers import MessageId


class Opened(NamedTuple):
    """A barrier that is not through transform and route.

    Attributes:
        number: Barriers that have a key in common run in this order.
        arrived: The parts that stand first in their lines, by stage.
        passed: The stages it is through.
        item: The message, without its body.
    """

    number: int
    item: Item
    opened: datetime
    arrived: frozenset[tuple[str, MessageId]] = frozenset()
    passed: frozenset[str] = frozenset()

    @property
    def barrier(self) -> Barrier:
        """Its parts."""
        assert self.item.barrier is not None
        return self.item.barrier


class Line(NamedTuple):
    """What waits in one partition of a stage.

    Attributes:
        parked: Messages and tokens in the order they came, those of all keys.
        opened: All barriers of the hub that are not through.
    """

    parked: tuple[Item, ...]
    opened: tuple[Opened, ...]


class Barriers(Protocol):
    """Messages in order with several ordering keys, and what waits for them in transform and route (rule R7)."""

    async def open(self, items: Sequence[Item]) -> list[Item]:
        """Number barriers and record them; return the items, each with the barrier it was first opened with."""
        ...

    async def reopen(self, message: MessageId) -> Item | None:
        """Number a stopped barrier anew, because a person resends it; None: the message is no stopped barrier."""
        ...

    async def park(self, stage: str, items: Sequence[Item]) -> None:
        """Add messages and tokens of one partition to the end of its line; what is in it already stays where it is."""
        ...

    async def unpark(self, stage: str, items: Sequence[Item]) -> None:
        """Take messages and tokens of one partition out of its line."""
        ...

    async def waits(self, stage: str, partition: int, *, is_told: bool) -> bool:
        """Tell whether anything is parked or held in a partition; asked for every invocation.

        Args:
            is_told: Somebody else says that there may be: an answer that is a moment old does not do.
        """
        ...

    async def line(self, stage: str, partition: int) -> Line: ...

    async def arrive(self, stage: str, barrier: Barrier, part: MessageId) -> None:
        """Record that a part stands first in its line."""
        ...

    async def finish(self, stage: str, barrier: Barrier, *, is_last: bool) -> None:
        """Record that a barrier is through a stage; after the last one it is forgotten."""
        ...

    async def stop(self, barriers: Sequence[Barrier]) -> None:
        """Record that nothing waits for these barriers any more, because their messages come no further."""
        ...

    async def lines(self) -> list[tuple[str, int]]:
        """Return the stages and partitions in which something is parked or held."""
        ...

    async def opened(self, before: datetime) -> list[Opened]:
        """Return the barriers that were opened before then and are not through."""
        ...
