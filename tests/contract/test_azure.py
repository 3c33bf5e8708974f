"""What the contracts cannot say of one process: several processes of the hub at work on the same tables and queues."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.azure import counts
from shared.adapters.azure.identities import FRESH_SECONDS
from shared.adapters.azure.open import AzureAdapters
from shared.adapters.azure.table import RowConflict, Table
from shared.message.delivery import Attempt, Delivery, Verdict
from shared.message.errors.connector import StreamOutOfStep
from shared.message.errors.storage import AzureUnavailable, OwnershipLost
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.replay import Selection
from shared.message.state import DeliveryState, MessageState
from shared.ports import IdentityClaim, Outgoing
from tests.contract.azure_world import AzureWorld
from tests.doubles.clock import NOON
from tests.doubles.samples import ARCHIVE, LAB, SESSION, arrival, delivery, message_id, step

Two = Callable[[Callable[[Any, Any], Awaitable[None]]], None]
WINDOW = 3600.0


@pytest.fixture
def two(azure_world: AzureWorld) -> Two:
    """Run a scenario with two processes of the hub, as far as the tables can tell."""

    def run_scenario(scenario: Callable[[Any, Any], Awaitable[None]]) -> None:
        async def play() -> None:
            one, other = await azure_world.open(), await azure_world.open()
            try:
                await scenario(one, other)
            finally:
                await one.close()
                await other.close()

        asyncio.run(play())

    return run_scenario


async def take(hub: AzureAdapters, *offered: Delivery, deadline: float | None = None) -> Any:
    until = None if deadline is None else NOON + timedelta(seconds=deadline)
    return await hub.lanes.take(SESSION, offered, NOON, until, 100)


def accepted(row: Delivery) -> Delivery:
    return row._replace(state=DeliveryState.ACCEPTED, code="AA", send_deadline=None, settled=NOON)


def test_a_worker_that_lost_its_session_to_another_process_writes_nothing(two: Two) -> None:
    """Rule R3: the broker's lock does not stop it; the owner row does, whatever it has in memory."""

    async def scenario(one: Any, other: Any) -> None:
        first = await take(one, delivery(1))
        second = await take(other)
        with pytest.raises(OwnershipLost):
            await one.lanes.write(first.ownership, [accepted(first.ready[0])])
        await other.lanes.write(second.ownership, [accepted(second.ready[0])])

        assert (await take(one)).ready == ()
        assert [row.state for row in await one.lanes.deliveries(message_id(1))] == [DeliveryState.ACCEPTED]

    two(scenario)


def test_an_operator_elsewhere_does_not_shut_out_the_owner(two: Two) -> None:
    """A resend from the console, in another process, must not cost the worker what it has just sent."""

    async def scenario(one: Any, other: Any) -> None:
        turn = await take(one, delivery(1, "a"), delivery(2, "b"))
        stopped = turn.ready[0]._replace(state=DeliveryState.QUARANTINED, holds=True, code="AR")
        await one.lanes.write(turn.ownership, [stopped])
        await other.lanes.reopen(stopped, DeliveryState.PARKED)
        await one.lanes.write(turn.ownership, [accepted(turn.ready[1])])

        [waiting] = (await take(one)).ready
        assert waiting.item.message == message_id(1)
        assert await other.lanes.waiting() == {ARCHIVE: 1}

    two(scenario)


def test_what_was_settled_by_another_process_is_not_taken_again(two: Two) -> None:
    """Rule R4, when the broker redelivers to somebody else."""

    async def scenario(one: Any, other: Any) -> None:
        turn = await take(one, delivery(1), delivery(2), deadline=12)
        await one.lanes.write(turn.ownership, [accepted(row) for row in turn.ready])

        assert (await take(other, delivery(1), delivery(2), delivery(3), deadline=12)).ready[
            0
        ].item.message == message_id(3)

    two(scenario)


def test_more_deliveries_than_a_transaction_holds_are_taken_and_settled(two: Two) -> None:
    """A hundred rows are the limit of a transaction; a turn may hold more."""

    async def scenario(one: Any, other: Any) -> None:
        offered = [delivery(n, f"lane-{n % 7}") for n in range(1, 131)]
        turn = await one.lanes.take(SESSION, offered, NOON, NOON + timedelta(seconds=12), 200)
        assert len(turn.ready) == 130
        await one.lanes.write(turn.ownership, [accepted(row) for row in turn.ready])

        assert (await take(other)).ready == ()
        assert await other.lanes.waiting() == {}

    two(scenario)


def test_a_source_is_numbered_without_gaps_by_two_processes(two: Two) -> None:
    """The numbering is a row with a version: who was overtaken numbers again."""

    async def scenario(one: Any, other: Any) -> None:
        calls = [
            hub.ledger.reserve([arrival(2 * n + k)], WINDOW) for n in range(10) for k, hub in enumerate((one, other))
        ]
        reserved = [each for call in await asyncio.gather(*calls) for each in call]

        assert sorted(each.record.sequence.n for each in reserved) == list(range(1, 21))
        assert await one.ledger.counts() == {"reserved": 20}

    two(scenario)


def test_a_message_sent_to_two_processes_at_once_is_taken_once(two: Two) -> None:
    """A sender that is not sure sends again, by another gateway."""

    async def scenario(one: Any, other: Any) -> None:
        copies = [arrival(1, b"same", duplicate_key="d"), arrival(2, b"same", duplicate_key="d")]
        outcomes = await asyncio.gather(
            one.ledger.reserve(copies[:1], WINDOW), other.ledger.reserve(copies[1:], WINDOW)
        )

        assert sorted(each.is_new for [each] in outcomes) == [False, True]
        assert len({each.record.message for [each] in outcomes}) == 1

    two(scenario)


def test_two_processes_move_one_message_forward_and_count_it_once(two: Two) -> None:
    """Ingest marks `queued` while another process has transformed it."""

    async def scenario(one: Any, other: Any) -> None:
        await one.ledger.reserve([arrival(1)], WINDOW)
        await asyncio.gather(
            one.ledger.progress([step(1, MessageState.QUEUED)]),
            other.ledger.progress([step(1, MessageState.TRANSFORMED)]),
        )

        assert await one.ledger.counts() == await other.ledger.counts() == {"transformed": 1}

    two(scenario)


def test_counters_that_were_added_up_are_counted_once(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process that ever ran leaves a counter; added up, a process that is still alive must not count twice."""
    monkeypatch.setattr(counts, "FOLD_FROM", 2)

    async def scenario(one: Any, other: Any) -> None:
        await one.ledger.reserve([arrival(1)], WINDOW)
        await other.ledger.reserve([arrival(2)], WINDOW)
        assert await one.ledger.counts() == {"reserved": 2}  # and adds up the other's
        await other.ledger.reserve([arrival(3)], WINDOW)

        assert await one.ledger.counts() == await other.ledger.counts() == {"reserved": 3}

    two(scenario)


def test_a_merge_is_seen_by_the_other_process(two: Two) -> None:
    """Its memory of who is who must not outlive the truth."""

    async def scenario(one: Any, other: Any) -> None:
        claims = [IdentityClaim(("mr-1",), "one"), IdentityClaim(("mr-2",), "two")]
        await one.identities.resolve(claims)
        assert [each.resource for each in await other.identities.resolve(claims)] == ["one", "two"]
        assert await one.identities.merge("one", "two")
        await asyncio.sleep(FRESH_SECONDS)

        assert [each.resource for each in await other.identities.resolve(claims)] == ["two", "two"]

    two(scenario)


def test_two_merges_at_once_never_close_a_circle(two: Two) -> None:
    """Each of them alone would be right."""

    async def scenario(one: Any, other: Any) -> None:
        await one.identities.resolve([IdentityClaim((f"mr-{n}",), n) for n in ("one", "two")])
        outcomes = await asyncio.gather(one.identities.merge("one", "two"), other.identities.merge("two", "one"))

        assert sorted(outcomes) == [False, True]

    two(scenario)


def test_what_comes_together_shares_its_requests(two: Two) -> None:
    """The bill is made of requests, not of messages."""

    async def scenario(one: Any, other: Any) -> None:
        del other
        await one.ledger.reserve([arrival(0)], WINDOW)
        before = one.operations.table_writes, one.operations.blob_writes
        await asyncio.gather(*(one.ledger.reserve([arrival(n)], WINDOW) for n in range(1, 21)))
        await asyncio.gather(*(one.archive.put(LAB, [b"%d" % n]) for n in range(20)))

        assert one.operations.table_writes - before[0] <= 2
        assert one.operations.blob_writes - before[1] <= 2

    two(scenario)


def test_an_output_takes_little_room_and_comes_back_whole_elsewhere(two: Two) -> None:
    """Canonical records are most of what a hub keeps; another process has none of them in memory."""
    record = b'{"resourceType":"Encounter","status":"finished"}' * 300

    async def scenario(one: Any, other: Any) -> None:
        named = [(f"0-{n}/0/canonical", b"%d" % n + record) for n in range(3)]
        refs = await one.archive.keep(LAB, named)

        assert [await other.archive.get(ref) for ref in refs] == [body for _, body in named]
        name = refs[0].at.partition("@")[0]
        blob = one.clients.blobs.get_blob_client(one.container_name, name)
        assert (await blob.get_blob_properties()).size < len(record)

    two(scenario)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the SDK leaves the broken socket
def test_a_broken_connection_is_opened_again_and_nothing_comes_twice(two: Two, azure_world: AzureWorld) -> None:
    """An idle link drops; the id is stable, so that a copy is dropped by the broker."""

    async def scenario(one: Any, other: Any) -> None:
        await one.queue.send("transform", [Outgoing(b"a", "0", "a")])
        azure_world.service_bus.drop_connections()
        await one.queue.send("transform", [Outgoing(b"a", "0", "a"), Outgoing(b"b", "0", "b")])

        lock = await other.queue.accept_session("transform")
        received = await other.queue.receive(lock, 10)
        assert [each.body for each in received] == [b"a", b"b"]

    two(scenario)
    gc.collect()  # or the next test is told of the socket


def test_a_message_too_large_for_the_broker_is_named_and_not_half_sent(two: Two) -> None:
    """The claim check belongs to the envelope (rule R2): what does not fit is an error of ours."""

    async def scenario(one: Any, other: Any) -> None:
        del other
        with pytest.raises(AzureUnavailable, match="a message of 300000 bytes"):
            await one.queue.send("transform", [Outgoing(os.urandom(300_000), "0", "a")])

    two(scenario)


def test_a_full_envelope_is_one_operation_and_comes_as_it_was_sent(two: Two) -> None:
    """Service Bus is paid by the 64 kB; HL7 says most things many times."""
    body = b"{" + b"PID|1||1000^^^NORTHGATE^MR||MUSTER^MARIA\r" * 4000

    async def scenario(one: Any, other: Any) -> None:
        await one.queue.send("transform", [Outgoing(body, "0", "a"), Outgoing(b"x", "0", "b")])
        lock = await other.queue.accept_session("transform")
        assert [each.body for each in await other.queue.receive(lock, 10)] == [body, b"x"]
        assert (len(body) > 150_000, one.operations.bus_sent) == (True, 2)

    two(scenario)


@pytest.fixture
def lose_one_answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes the next transaction take effect and look like a conflict.

    That is what the SDK sees when an answer is lost on its way: it asks again, and meets its own rows.
    """
    transact = Table.transact

    def lose() -> None:
        left = [1]

        async def once(table: Table, partition: str, steps: Any) -> list[str]:
            tags = await transact(table, partition, steps)
            if left:
                left.pop()
                raise RowConflict(0)
            return tags

        monkeypatch.setattr(Table, "transact", once)

    return lose


def test_a_turn_whose_answer_was_lost_is_written_once(two: Two, lose_one_answer: Callable[[], None]) -> None:
    """The delivery was accepted, and must not look as if it had not been."""

    async def scenario(one: Any, other: Any) -> None:
        turn = await take(one, delivery(1), delivery(2))
        lose_one_answer()
        await one.lanes.write(turn.ownership, [accepted(row) for row in turn.ready])

        assert await other.lanes.waiting() == {}
        assert [row.state for row in await other.lanes.deliveries(message_id(2))] == [DeliveryState.ACCEPTED]

    two(scenario)


def test_an_attempt_whose_answer_was_lost_is_noted_once(two: Two, lose_one_answer: Callable[[], None]) -> None:
    """What was tried is counted in the trace; a row that waits on keeps it, and is written again."""

    async def scenario(one: Any, other: Any) -> None:
        turn = await take(one, delivery(1))
        [row] = turn.ready
        tried = Attempt(row.id, 1, NOON, NOON, Verdict.TRANSIENT, "refused")
        lose_one_answer()
        await one.lanes.write(turn.ownership, [row._replace(attempts=1)], [tried])

        assert await other.lanes.attempts(message_id(1)) == [tried]

    two(scenario)


def test_a_reservation_whose_answer_was_lost_is_the_same_message(two: Two, lose_one_answer: Callable[[], None]) -> None:
    """Taken twice it would be sent twice; its number would be a gap."""

    async def scenario(one: Any, other: Any) -> None:
        await one.ledger.reserve([arrival(0)], WINDOW)
        lose_one_answer()
        [again] = await one.ledger.reserve([arrival(1)], WINDOW)

        assert (again.record.message, again.record.sequence.n) == (message_id(1), 2)
        assert again.record.state is MessageState.RESERVED  # ingest sends what is reserved
        assert (await other.ledger.reserve([arrival(2)], WINDOW))[0].record.sequence.n == 3
        assert await one.ledger.counts() == {"reserved": 3}

    two(scenario)


def test_progress_whose_answer_was_lost_is_noted_once(two: Two, lose_one_answer: Callable[[], None]) -> None:
    """A trace that says everything twice is a trace nobody believes."""

    async def scenario(one: Any, other: Any) -> None:
        await one.ledger.reserve([arrival(1)], WINDOW)
        lose_one_answer()
        await one.ledger.progress([step(1, MessageState.QUEUED)])
        await one.ledger.progress([step(1, MessageState.ROUTED)])

        hops, _ = await other.ledger.trace(message_id(1))
        assert [hop.code for hop in hops] == ["queued", "routed"]
        assert await other.ledger.counts() == {"routed": 1}

    two(scenario)


def test_an_output_whose_answer_was_lost_is_the_one_that_is_kept(two: Two, lose_one_answer: Callable[[], None]) -> None:
    """Rule R4: what is under the name is what is sent, now and at the retry."""

    async def scenario(one: Any, other: Any) -> None:
        lose_one_answer()
        [ref] = await one.archive.keep(LAB, [("0-1/0/canonical", b"first")])
        assert await other.archive.find(["0-1/0/canonical"]) == [ref]

    two(scenario)


def test_a_person_whose_answer_was_lost_is_bound_once(two: Two, lose_one_answer: Callable[[], None]) -> None:
    """The second try meets the keys of the first."""

    async def scenario(one: Any, other: Any) -> None:
        lose_one_answer()
        [known] = await one.identities.resolve([IdentityClaim(("mr-1", "ss-1"), "one", "family")])
        assert known.resource == "one"
        assert await other.identities.lookup(["mr-1", "ss-1"]) == ["one", "one"]

    two(scenario)


def test_a_stream_goes_on_in_any_process(two: Two) -> None:
    """Rule R1: a connector's requests reach whichever worker is free, and each remembers how far the stream was."""

    async def scenario(one: Any, other: Any) -> None:
        for n in range(1, 9):
            hub, late = (one, other) if n % 2 else (other, one)
            await hub.ledger.follow(SourceSequence("north/adt", 7, n), [arrival(n)], WINDOW)
            (again,) = await late.ledger.follow(SourceSequence("north/adt", 7, n), [arrival(100 + n)], WINDOW)
            assert again is not None
            assert again.record.message == message_id(n)
        (newer,) = await one.ledger.follow(SourceSequence("north/adt", 8, 1), [arrival(20)], WINDOW)
        (back,) = await other.ledger.follow(SourceSequence("north/adt", 7, 9), [arrival(21)], WINDOW)
        with pytest.raises(StreamOutOfStep):
            await other.ledger.follow(SourceSequence("north/adt", 7, 11), [arrival(22)], WINDOW)
        assert (newer.is_late, back.is_late) == (False, True)

    two(scenario)


def test_numbers_of_a_source_rise_whichever_process_takes_its_messages(two: Two) -> None:
    """Their clocks differ by seconds; a replay goes by the numbers, and must keep the source's own order."""

    async def scenario(one: Any, other: Any) -> None:
        await one.ledger.reserve([arrival(5)], WINDOW)
        await other.ledger.reserve([arrival(1), arrival(3)], WINDOW)  # of a clock that is behind
        await one.ledger.reserve([arrival(2)], WINDOW)

        found = await other.history.of_key(arrival(1).key)
        assert [row.record.sequence.n for row in found] == [1, 2, 3, 4]
        assert [row.record.message for row in found] == [message_id(n) for n in (5, 1, 3, 2)]
        selected = await one.history.select(Selection(interface=LAB, since=arrival(2).received))
        assert [row.record.message for row in selected] == [message_id(n) for n in (5, 3, 2)]

    two(scenario)


def test_two_processes_chain_what_they_take_each_for_itself(two: Two) -> None:
    """One chain for all would have them fail on each other; both are checked."""

    async def scenario(one: Any, other: Any) -> None:
        await asyncio.gather(*(hub.ledger.reserve([arrival(n)], WINDOW) for n, hub in enumerate((one, other) * 3)))

        report = await one.chain.verify()
        assert (report.faults, report.messages, len(report.heads)) == ((), 6, 2)

    two(scenario)
