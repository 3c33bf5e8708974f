"""How a stage takes queue messages: as items, in order, once each, and a poisonous one alone (rule R5)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.message.envelope import Item, decode_envelope
from shared.message.identifiers import MessageId

ATTEMPT_LIMIT = 3
# A process that ends takes innocents along: what it was at counts for less than an error of the message's own, or three
# restarts in a row would put aside whatever was under way.
ENDS_FOR_AN_ATTEMPT = 3
BATCH_BYTES = 8 * 1024 * 1024  # of payload that a worker holds at once

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Offer:
    """One message of a queue, as the trigger gives it.

    Attributes:
        delivery_count: 1 on the first delivery; more: a worker before us did not finish.
    """

    body: bytes
    session: str = ""
    delivery_count: int = 1


def items_of(offers: Iterable[Offer]) -> list[Item]:
    """Return the items of all envelopes, in order; wakes carry none."""
    return contents_of(offers)[0]


def contents_of(offers: Iterable[Offer]) -> tuple[list[Item], bool]:
    """Return the items of all envelopes, in order, and whether a wake was among the queue messages."""
    found: list[Item] = []
    is_woken = False
    for offer in offers:
        content = decode_envelope(offer.body)
        if isinstance(content, tuple):
            found += content
        else:
            is_woken = True
    return found, is_woken


def batches_by_size(items: Sequence[T], size_of: Callable[[T], int], limit_bytes: int) -> Iterator[list[T]]:
    """Yield the items in order, in batches of at most ``limit_bytes``; a larger item is a batch of its own."""
    batch: list[T] = []
    room = limit_bytes
    for item in items:
        size = size_of(item)
        if batch and size > room:
            yield batch
            batch, room = [], limit_bytes
        batch.append(item)
        room -= size
    if batch:
        yield batch


async def work_through(
    offers: Sequence[Offer],
    process: Callable[[Sequence[Item]], Awaitable[None]],
    attempt: Callable[[MessageId], Awaitable[int]],
    finish: Callable[[MessageId], Awaitable[None]],
    give_up: Callable[[Item], Awaitable[None]],
) -> None:
    """Process envelopes: all at once the first time; one item at a time after a failure.

    From the second delivery each item is counted before it is processed, so that a message that kills its worker is
    found and put aside alone, and its neighbours go on.

    Args:
        process: Must do nothing new for an item that it finished before.
        attempt: Counts the item and returns how often it was begun and not finished.
        finish: Forgets the count: an item before the poisonous one comes again as often as that one, and is sound.
        give_up: Takes an item that raised `ATTEMPT_LIMIT` times, or whose process ended `ENDS_FOR_AN_ATTEMPT` times as
            often.
    """
    if all(offer.delivery_count <= 1 for offer in offers):
        await process(items_of(offers))
        return
    for item in items_of(offers):
        await work_on(item, process, attempt, finish, give_up)


async def work_on(
    item: Item,
    process: Callable[[Sequence[Item]], Awaitable[None]],
    attempt: Callable[[MessageId], Awaitable[int]],
    finish: Callable[[MessageId], Awaitable[None]],
    give_up: Callable[[Item], Awaitable[None]],
) -> None:
    """Process one item, counted: see `work_through`."""
    if await attempt(item.message) > ATTEMPT_LIMIT * ENDS_FOR_AN_ATTEMPT:
        await give_up(item)
    else:
        await _process_counted(item, process, attempt)
        await finish(item.message)


async def _process_counted(
    item: Item, process: Callable[[Sequence[Item]], Awaitable[None]], attempt: Callable[[MessageId], Awaitable[int]]
) -> None:
    try:
        await process([item])
    except Exception:
        for _ in range(ENDS_FOR_AN_ATTEMPT - 1):
            await attempt(item.message)
        raise
