"""The contract of `Ledger.follow`: a connector's numbers (rule R1)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.message.errors.connector import StreamOutOfStep
from shared.message.identifiers import Sequence
from shared.message.state import MessageState
from tests.contract.conftest import Run
from tests.doubles.samples import arrival, message_id, step

WINDOW = 3600.0
STREAM = "north/adt"


def at(n: int, epoch: int = 7, source: str = STREAM) -> Sequence:
    return Sequence(source, epoch, n)


def messages(reserved: list[Any]) -> list[str | None]:
    return [each.record.message if each else None for each in reserved]


def test_a_message_has_the_place_its_connector_gave_it(run: Run) -> None:
    """The order was decided at the connector's first durable commit, and nowhere else."""

    async def scenario(hub: Any) -> None:
        reserved = await hub.ledger.follow(at(1), [arrival(1), arrival(2)], WINDOW)
        reserved += await hub.ledger.follow(at(3), [arrival(3)], WINDOW)

        assert [each.record.sequence for each in reserved] == [at(1), at(2), at(3)]
        assert all(each.is_new and not each.is_late for each in reserved)
        assert [each.sequence for each in await hub.ledger.messages([message_id(3)])] == [at(3)]

    run(scenario)


def test_a_number_that_is_taken_answers_with_its_message(run: Run) -> None:
    """The connector missed our answer, and asks again: nothing is taken twice, however long ago that was."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.follow(at(1), [arrival(1), arrival(2)], 0)
        await hub.ledger.progress([step(2, MessageState.ROUTED)])
        again = await hub.ledger.follow(at(1), [arrival(11), arrival(12), arrival(13)], 0)

        assert messages(again) == [message_id(1), message_id(2), message_id(13)]
        assert [each.is_new for each in again] == [False, False, True]
        assert again[1].record.state is MessageState.ROUTED
        assert await hub.ledger.messages([message_id(11), message_id(12)]) == [None, None]

    run(scenario)


def test_what_was_refused_or_discarded_under_a_number_is_not_taken_under_it_again(run: Run) -> None:
    """A spool that comes back from a backup would bring back what a person threw away."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.follow(at(1), [arrival(1), arrival(2)], WINDOW)
        await hub.ledger.progress([step(1, MessageState.REFUSED), step(2, MessageState.DISCARDED)])
        again = await hub.ledger.follow(at(1), [arrival(11, b"1"), arrival(12, b"2")], WINDOW)

        assert messages(again) == [message_id(1), message_id(2)]

    run(scenario)


@pytest.mark.parametrize("n", [2, 3, 1000])
def test_a_gap_is_refused(run: Run, n: int) -> None:
    """The number before was acknowledged by the connector: going on would hide that it is lost."""

    async def scenario(hub: Any) -> None:
        with pytest.raises(StreamOutOfStep):
            await hub.ledger.follow(at(n), [arrival(1)], WINDOW)
        await hub.ledger.follow(at(1), [arrival(2)], WINDOW)
        with pytest.raises(StreamOutOfStep):
            await hub.ledger.follow(at(n + 1), [arrival(3)], WINDOW)

        assert await hub.ledger.messages([message_id(1), message_id(3)]) == [None, None]

    run(scenario)


def test_a_number_may_stay_empty_and_then_does(run: Run) -> None:
    """Its sender heard AE and sends the message anew: under the old number it would come twice."""

    async def scenario(hub: Any) -> None:
        assert await hub.ledger.follow(at(1), [None], WINDOW) == [None]
        assert await hub.ledger.follow(at(1), [arrival(1)], WINDOW) == [None]
        assert messages(await hub.ledger.follow(at(2), [arrival(2), None, arrival(4)], WINDOW)) == [
            message_id(2), None, message_id(4),
        ]  # fmt: skip
        assert messages(await hub.ledger.follow(at(2), [None], WINDOW)) == [message_id(2)]  # it was not empty

    run(scenario)


def test_a_duplicate_by_key_fills_its_number_too(run: Run) -> None:
    """A sender that missed the connector's AA sends again: one message, and two numbers that name it."""

    async def scenario(hub: Any) -> None:
        first = await hub.ledger.follow(at(1), [arrival(1), arrival(2, b"1", duplicate_key="duplicate-1")], WINDOW)
        later = await hub.ledger.follow(at(2), [arrival(3), arrival(4)], WINDOW)

        assert messages(first) == [message_id(1), message_id(1)]
        assert [each.is_new for each in first] == [True, False]
        assert messages(later) == [message_id(1), message_id(4)]

    run(scenario)


def test_every_life_of_a_connector_counts_from_one(run: Run) -> None:
    """Each start is a new epoch: a copy of a spool can never give a number away twice."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.follow(at(1), [arrival(1)], WINDOW)
        (newer,) = await hub.ledger.follow(at(1, epoch=8), [arrival(2)], WINDOW)

        assert newer.is_new
        assert not newer.is_late
        with pytest.raises(StreamOutOfStep):
            await hub.ledger.follow(at(2, epoch=9), [arrival(3)], WINDOW)

    run(scenario)


def test_old_messages_of_a_spool_that_came_back_are_known_or_late(run: Run) -> None:
    """A backup of the spool holds some that the hub has, and some that it never had: these are taken, and say so."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.follow(at(1), [arrival(1), arrival(2)], WINDOW)
        await hub.ledger.follow(at(1, epoch=8), [arrival(10)], WINDOW)
        back = await hub.ledger.follow(at(2), [arrival(20), arrival(21)], WINDOW)
        on = await hub.ledger.follow(at(4), [arrival(22)], WINDOW)

        assert messages([*back, *on]) == [message_id(2), message_id(21), message_id(22)]
        assert [(each.is_new, each.is_late) for each in [*back, *on]] == [(False, True), (True, True), (True, True)]
        with pytest.raises(StreamOutOfStep):
            await hub.ledger.follow(at(6), [arrival(23)], WINDOW)
        (newest,) = await hub.ledger.follow(at(2, epoch=8), [arrival(11)], WINDOW)
        assert newest.is_new
        assert not newest.is_late

    run(scenario)


def test_streams_do_not_know_one_another(run: Run) -> None:
    """Each listener of each connector counts for itself."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.follow(at(1), [arrival(1)], WINDOW)
        (other,) = await hub.ledger.follow(at(1, source="north/lab"), [arrival(2)], WINDOW)
        (lane,) = await hub.ledger.follow(at(1, source="north/adt.1"), [arrival(3)], WINDOW)
        (hubs,) = await hub.ledger.reserve([arrival(4)], WINDOW)

        assert [each.record.sequence.n for each in (other, lane, hubs)] == [1, 1, 1]

    run(scenario)


def test_a_long_request_is_taken_whole_and_in_order(run: Run) -> None:
    """A night's backlog goes up in requests of many messages."""

    async def scenario(hub: Any) -> None:
        reserved = await hub.ledger.follow(at(1), [arrival(number) for number in range(100)], WINDOW)
        again = await hub.ledger.follow(at(50), [arrival(200 + number) for number in range(60)], WINDOW)

        assert [each.record.sequence.n for each in reserved] == list(range(1, 101))
        assert messages(again) == [*map(message_id, range(49, 100)), *map(message_id, range(251, 260))]
        assert await hub.ledger.counts() == {"reserved": 109}

    run(scenario)


def test_the_same_numbers_twice_at_once_are_one_message_each(run: Run) -> None:
    """A request that timed out is perhaps still at work when it comes again."""

    async def scenario(hub: Any) -> None:
        calls = [hub.ledger.follow(at(1), [arrival(10 * call), arrival(10 * call + 1)], 0) for call in range(5)]
        answers = await asyncio.gather(*calls)

        assert len({tuple(messages(each)) for each in answers}) == 1
        assert sum(each.is_new for answer in answers for each in answer) == 2

    run(scenario)
