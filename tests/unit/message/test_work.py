"""How a stage takes queue messages (rule R5)."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from shared.message.envelope import Item, encode_envelope
from shared.message.work import ATTEMPT_LIMIT, ENDS_FOR_AN_ATTEMPT, Offer, batches_by_size, work_through

from .test_envelope import item


class Worker:
    """Processes items, dies on those it is told to, and counts attempts as the ledger does."""

    def __init__(self, poison: set[str]) -> None:
        self.poison = poison
        self.done: list[str] = []
        self.given_up: list[str] = []
        self.calls = 0
        self.attempts: Counter[str] = Counter()

    async def process(self, items: list[Item]) -> None:
        self.calls += 1
        for one in items:
            if one.message in self.poison:
                raise MemoryError
            self.done.append(one.message)

    async def attempt(self, message: str) -> int:
        self.attempts[message] += 1
        return self.attempts[message]

    async def finish(self, message: str) -> None:
        del self.attempts[message]

    async def give_up(self, one: Item) -> None:
        self.given_up.append(one.message)

    def run(self, items: list[Item], delivery_count: int) -> None:
        offers = [Offer(encode_envelope(items), "3", delivery_count)]
        asyncio.run(work_through(offers, self.process, self.attempt, self.finish, self.give_up))


def test_a_first_delivery_is_processed_in_one_go():
    """One ledger write for a batch is what makes the hub cheap; singly is for trouble only."""
    worker = Worker(set())
    worker.run([item(1), item(2)], delivery_count=1)
    assert worker.calls == 1
    assert worker.done == [item(1).message, item(2).message]
    assert not worker.attempts


def test_a_poisonous_message_is_put_aside_alone_after_three_unfinished_attempts():
    """It must not take its envelope along: the neighbour behind it is processed in the end."""
    bad, good = item(1), item(2)
    worker = Worker({bad.message})
    for delivery in range(1, ATTEMPT_LIMIT + 2):
        with pytest.raises(MemoryError):
            worker.run([bad, good], delivery)
    worker.run([bad, good], ATTEMPT_LIMIT + 2)
    assert worker.given_up == [bad.message]
    assert worker.done == [good.message]


def test_a_process_that_ends_is_held_against_a_message_less_than_an_error():
    """Three restarts in a row would otherwise put aside whatever was at work; a real killer is found all the same."""

    class Killed(BaseException):
        """The process ends."""

    class Dying(Worker):
        async def process(self, items: list[Item]) -> None:
            raise Killed

    worker = Dying(set())
    deaths = 0
    while not worker.given_up:
        try:
            worker.run([item(1)], 2)
        except Killed:
            deaths += 1
    assert deaths == ATTEMPT_LIMIT * ENDS_FOR_AN_ATTEMPT


def test_a_sound_message_before_the_poisonous_one_is_never_put_aside():
    """It comes again as often as the other, and finishes every time."""
    good, bad = item(1), item(2)
    worker = Worker({bad.message})
    for delivery in range(1, ATTEMPT_LIMIT + 2):
        with pytest.raises(MemoryError):
            worker.run([good, bad], delivery)
    worker.run([good, bad], ATTEMPT_LIMIT + 2)
    assert worker.given_up == [bad.message]


def test_batches_keep_the_order_and_hold_no_more_than_the_limit():
    """64 messages of 10 MB in one batch would be more memory than a worker has."""
    batches = list(batches_by_size([3, 4, 5, 20, 1, 1], lambda size: size, 8))
    assert batches == [[3, 4], [5], [20], [1, 1]]
