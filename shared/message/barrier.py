"""A message that is in order with several ordering keys, as a merge is (rule R7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from shared.message.identifiers import MessageId, OrderingKey, partition_for, token_id


class Part(NamedTuple):
    """What stands for a barrier in line with one of its keys: the message itself, or a token."""

    key: OrderingKey
    message: MessageId


class Barrier(NamedTuple):
    """Which ordering keys a message is in order with, where it is more than one.

    Attributes:
        parts: The message itself first, under its own key; then a token for each other key.
    """

    parts: tuple[Part, ...]

    @property
    def message(self) -> MessageId:
        """The message, which its tokens stand for."""
        return self.parts[0].message

    def written(self) -> list[tuple[str, str]]:
        """Return the parts as JSON has them; `read_barrier` reads them."""
        return [(part.key, part.message) for part in self.parts]


def barrier_of(message: MessageId, keys: Iterable[OrderingKey], partitions: int) -> Barrier | None:
    """Return the barrier of a message over these keys, its own first; None where they are all the same."""
    own, *others = dict.fromkeys(keys)
    if not others:
        return None
    tokens = [Part(key, token_id(message, key, partition_for(key, partitions))) for key in sorted(others)]
    return Barrier((Part(own, message), *tokens))


def read_barrier(written: Iterable[Sequence[str]]) -> Barrier:
    """Return the barrier that was written as these parts."""
    return Barrier(tuple(Part(OrderingKey(key), MessageId(message)) for key, message in written))
