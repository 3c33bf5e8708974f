"""What a partition of a stage does next: one decision about its line, the same for transform and route. No I/O.

A barrier stands in line with each of its keys, in one or several partitions: as the message under its own key, as a
token under each other. Whatever of a key comes behind it waits. A part has *arrived* once nothing before it in its line
goes first; the message is processed once all of its parts have arrived.

A part may pass a part of a higher number, and what stands behind that. Numbers are given before the first part is sent:
the other barrier was numbered after ours had begun, so nothing behind it was acknowledged before ours began. All waits
then go to lower numbers, and crossed merges cannot hold each other up, in whatever order their parts come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.message.envelope import Item
from shared.message.identifiers import MessageId, OrderingKey
from shared.ports import Line, Opened


@dataclass(frozen=True, slots=True)
class Drop:
    """Take these out of the line: the barrier they stood for is through."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Arrive:
    """Record that a part stands first in its line, and tell the partition of its message."""

    part: Item


@dataclass(frozen=True, slots=True)
class Process:
    """Process a message whose turn has come."""

    item: Item


def next_step(line: Line, stage: str) -> Drop | Arrive | Process | None:
    """Return what to do next in a partition; None: everything that is parked waits for somebody else."""
    waiting = {one.barrier.message: one for one in line.opened if stage not in one.passed}
    gone = tuple(item for item in line.parked if item.barrier and item.barrier.message not in waiting)
    if gone:
        return Drop(gone)
    for queue in _by_key(line.parked):
        if queue[0].barrier is None:
            return Process(queue[0])
        for part in _first(queue, waiting):
            if (stage, part.message) not in waiting[_message(part)].arrived:
                return Arrive(part)
            if not part.is_token and _is_complete(waiting[part.message], stage):
                return Process(part)
    return None


def _by_key(parked: Sequence[Item]) -> list[list[Item]]:
    queues: dict[OrderingKey, list[Item]] = {}
    for item in parked:
        queues.setdefault(item.key, []).append(item)
    return list(queues.values())


def _first(queue: Sequence[Item], waiting: dict[MessageId, Opened]) -> list[Item]:
    """Return the parts of a key that nothing before them goes ahead of.

    Behind the first part, one of a lower number than all before it passes them, with what stands behind them.
    """
    first: list[Item] = []
    lowest: int | None = None
    for item in queue:
        number = waiting[_message(item)].number if item.barrier is not None else None
        if number is not None and (lowest is None or number < lowest):
            first.append(item)
            lowest = number
    return first


def _is_complete(opened: Opened, stage: str) -> bool:
    """Tell whether all parts of a barrier have arrived."""
    return all((stage, part.message) in opened.arrived for part in opened.barrier.parts)


def _message(part: Item) -> MessageId:
    assert part.barrier is not None
    return part.barrier.message
