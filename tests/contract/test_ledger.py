"""The contract of `Ledger`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.message.finding import Finding
from shared.message.identifiers import InterfaceId, MessageId, RunId, new_message_id
from shared.message.record import Hop, Progress
from shared.message.state import MessageState
from tests.contract.conftest import Run
from tests.doubles.clock import NOON
from tests.doubles.samples import LAB, arrival, hop, message_id, step

WINDOW = 3600.0
S = MessageState


def test_reserve_numbers_a_source_in_the_order_of_arrival_without_gaps(run: Run) -> None:
    """The number is the order in which every destination gets the messages."""

    async def scenario(hub: Any) -> None:
        arrivals = [arrival(1), arrival(2), arrival(3, source="other"), arrival(4)]
        reserved = await hub.ledger.reserve(arrivals, WINDOW)
        later = await hub.ledger.reserve([arrival(5)], WINDOW)

        places = [(each.record.sequence.source, each.record.sequence.n) for each in [*reserved, *later]]
        assert places == [("lab", 1), ("lab", 2), ("other", 1), ("lab", 3), ("lab", 4)]
        assert len({each.record.sequence.epoch for each in [*reserved, *later]}) == 1

    run(scenario)


def test_a_duplicate_takes_no_number(run: Run) -> None:
    """A gap would be taken for a lost message."""

    async def scenario(hub: Any) -> None:
        arrivals = [arrival(1), arrival(2, b"1", duplicate_key="duplicate-1"), arrival(3)]
        reserved = await hub.ledger.reserve(arrivals, WINDOW)

        assert [each.is_new for each in reserved] == [True, False, True]
        assert [each.record.sequence.n for each in reserved] == [1, 1, 2]

    run(scenario)


def test_numbers_of_concurrent_reservations_have_no_gap(run: Run) -> None:
    """Senders do not wait for one another."""

    async def scenario(hub: Any) -> None:
        calls = [hub.ledger.reserve([arrival(2 * n), arrival(2 * n + 1)], WINDOW) for n in range(50)]
        reserved = await asyncio.gather(*calls)

        pairs = [(first.record.sequence.n, second.record.sequence.n) for first, second in reserved]
        assert sorted(n for pair in pairs for n in pair) == list(range(1, 101))
        assert all(second == first + 1 for first, second in pairs)

    run(scenario)


def test_a_reserved_message_is_recorded_as_it_arrived(run: Run) -> None:
    """Everything later about a message starts from this row."""

    async def scenario(hub: Any) -> None:
        came = arrival(1)
        (reservation,) = await hub.ledger.reserve([came], WINDOW)
        record, missing = await hub.ledger.messages([came.message, message_id(9)])

        assert reservation.is_new
        assert not reservation.reuses_key
        assert record == reservation.record
        assert missing is None
        kept = (record.interface, record.key, record.mapping, record.raw, record.control_id, record.type)
        assert kept == (came.interface, came.key, came.mapping, came.raw, came.control_id, came.type)
        assert record.received == came.received
        assert record.state is S.RESERVED

    run(scenario)


def test_the_same_bytes_under_the_same_key_are_the_message_taken_before(run: Run) -> None:
    """A source that missed our AA resends; it must not create a second message."""

    async def scenario(hub: Any) -> None:
        (first,) = await hub.ledger.reserve([arrival(1)], WINDOW)
        await hub.ledger.progress([step(1, S.ROUTED)])
        (again,) = await hub.ledger.reserve([arrival(2, b"1", duplicate_key="duplicate-1")], WINDOW)

        assert not again.is_new
        assert again.record.message == first.record.message
        assert again.record.state is S.ROUTED
        assert await hub.ledger.messages([message_id(2)]) == [None]

    run(scenario)


def test_other_bytes_under_the_same_key_are_taken_and_said(run: Run) -> None:
    """MSH-10 is not unique in the wild: dropping the second would lose a message."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        (other,) = await hub.ledger.reserve([arrival(2, b"other", duplicate_key="duplicate-1")], WINDOW)

        assert other.is_new
        assert other.reuses_key

    run(scenario)


@pytest.mark.parametrize(("seconds_later", "is_new"), [(3600, False), (3601, True)])
def test_a_duplicate_is_one_within_the_window_only(run: Run, seconds_later: int, is_new: bool) -> None:
    """Some senders begin MSH-10 anew each day, with the same heartbeat."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(0, b"0")], WINDOW)
        late = NOON + timedelta(seconds=seconds_later)
        (again,) = await hub.ledger.reserve(
            [arrival(1, b"0", duplicate_key="duplicate-0", received=late)], window_seconds=WINDOW
        )
        assert again.is_new is is_new

    run(scenario)


@pytest.mark.parametrize("state", [S.REFUSED, S.DISCARDED])
def test_what_was_refused_or_discarded_is_new_when_it_comes_again(run: Run, state: MessageState) -> None:
    """Only what was accepted is remembered: the sender of a refused message corrects us, not itself."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        await hub.ledger.progress([step(1, state)])
        (again,) = await hub.ledger.reserve([arrival(2, b"1", duplicate_key="duplicate-1")], WINDOW)

        assert again.is_new
        assert again.record.sequence.n == 2

    run(scenario)


@pytest.mark.parametrize(
    ("first", "then", "left"),
    [
        (S.QUEUED, S.TRANSFORMED, S.TRANSFORMED),
        (S.TRANSFORMED, S.QUEUED, S.TRANSFORMED),
        (S.ROUTED, S.TRANSFORMED, S.ROUTED),
        (S.QUARANTINED, S.QUEUED, S.QUARANTINED),
        (S.TRANSFORMED, S.QUARANTINED, S.QUARANTINED),
        (S.QUARANTINED, S.DISCARDED, S.DISCARDED),
    ],
)
def test_a_message_only_moves_forward(run: Run, first: MessageState, then: MessageState, left: MessageState) -> None:
    """Marks come late and twice: ingest marks `queued` when transform may be done already."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        await hub.ledger.progress([step(1, first)])
        await hub.ledger.progress([step(1, then)])

        (record,) = await hub.ledger.messages([message_id(1)])
        hops, _ = await hub.ledger.trace(message_id(1))
        assert record.state is left
        assert [each.code for each in hops] == [first, then]

    run(scenario)


def test_progress_keeps_the_code_and_the_findings(run: Run) -> None:
    """An operator at 3 a.m. reads these two first."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        findings = (Finding("date_invalid", "PID-7", "8 digits"), Finding("code_unmapped", "OBX(2)-3.1"))
        failed = step(1, S.QUARANTINED, code="HL7-100", findings=findings)
        await hub.ledger.progress([failed, step(1, S.QUEUED, code="late")])
        await hub.ledger.progress([failed])  # a redelivery finds the same again

        (record,) = await hub.ledger.messages([message_id(1)])
        _, found = await hub.ledger.trace(message_id(1))
        assert record.code == "HL7-100"
        assert found == [("date_invalid", "PID-7", "8 digits"), ("code_unmapped", "OBX(2)-3.1", "")]

    run(scenario)


def test_note_adds_to_the_trace_alone(run: Run) -> None:
    """Deliveries leave a mark on a message that has long been routed."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        await hub.ledger.note([hop(1, "first"), hop(1, "second")])
        await hub.ledger.note([hop(1, "third")])

        hops, _ = await hub.ledger.trace(message_id(1))
        (record,) = await hub.ledger.messages([message_id(1)])
        assert hops == [hop(1, "first"), hop(1, "second"), hop(1, "third")]
        assert record.state is S.RESERVED

    run(scenario)


def test_a_trace_holds_one_message(run: Run) -> None:
    """Somebody else's hops would send the operator after the wrong message."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.note([hop(1), hop(2)])
        hops, findings = await hub.ledger.trace(message_id(2))
        assert hops == [hop(2)]
        assert findings == []

    run(scenario)


def test_a_person_may_set_a_quarantined_message_back(run: Run) -> None:
    """After the cause is gone the message goes its way as if it had just come."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        await hub.ledger.progress([step(1, S.QUARANTINED, code="HL7-100")])
        await hub.ledger.count_attempt([message_id(1)], "transform")
        await hub.ledger.reopen(message_id(1), S.QUEUED, hop(1, "resend"))

        (record,) = await hub.ledger.messages([message_id(1)])
        hops, _ = await hub.ledger.trace(message_id(1))
        assert (record.state, record.code) == (S.QUEUED, "")
        assert hops[-1] == hop(1, "resend")
        # What was tried before the repair is not held against it.
        assert await hub.ledger.count_attempt([message_id(1)], "transform") == [1]

    run(scenario)


def test_reopen_leaves_a_message_alone_that_is_not_in_quarantine(run: Run) -> None:
    """Two operators press the button: the second must not undo what has happened since."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        await hub.ledger.progress([step(1, S.ROUTED)])
        await hub.ledger.reopen(message_id(1), S.QUEUED, hop(1, "resend"))

        (record,) = await hub.ledger.messages([message_id(1)])
        assert record.state is S.ROUTED

    run(scenario)


def test_attempts_are_counted_by_message_and_stage(run: Run) -> None:
    """Rule R5: the third unfinished attempt quarantines this message, and no other."""

    async def scenario(hub: Any) -> None:
        one, two = message_id(1), message_id(2)
        assert await hub.ledger.count_attempt([one, two], "transform") == [1, 1]
        assert await hub.ledger.count_attempt([two], "transform") == [2]
        assert await hub.ledger.count_attempt([one, two], "transform") == [2, 3]
        assert await hub.ledger.count_attempt([one], "route") == [1]

    run(scenario)


def test_finished_attempt_is_counted_no_more(run: Run) -> None:
    """A sound message beside a poisonous one is delivered as often as that one; it must not be put aside with it."""

    async def scenario(hub: Any) -> None:
        one, two = message_id(1), message_id(2)
        await hub.ledger.count_attempt([one, two], "transform")
        await hub.ledger.count_attempt([one], "route")

        await hub.ledger.finish_attempt([one], "transform")

        assert await hub.ledger.count_attempt([one, two], "transform") == [1, 2]
        assert await hub.ledger.count_attempt([one], "route") == [2]

    run(scenario)


def test_attempts_outlive_the_process(run: Run) -> None:
    """A message that kills its worker is counted by nothing else."""

    async def first(hub: Any) -> None:
        await hub.ledger.count_attempt([message_id(1)], "transform")

    async def second(hub: Any) -> None:
        assert await hub.ledger.count_attempt([message_id(1)], "transform") == [2]

    run(first)
    run(second)


def test_messages_are_found_by_control_id_newest_first(run: Run) -> None:
    """MSH-10 is what the sender's log shows, and it is not unique."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(n, control_id="C" if n != 3 else "D") for n in range(1, 6)], WINDOW)

        found = await hub.ledger.by_control_id("C", limit=3)
        assert [record.message for record in found] == [message_id(5), message_id(4), message_id(2)]
        assert await hub.ledger.by_control_id("E") == []

    run(scenario)


def test_whatever_is_asked_for_is_found_or_not(run: Run) -> None:
    """People type what they have, and others what they should not: neither an error nor somebody else's messages."""
    odd = ["O'Brien", "a/b#c?d%e", "x" * 5000, "", "\x00\n", "' or RowKey ge '", "Müller-9"]

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1, control_id="O'Brien/1#?")], WINDOW)
        assert await hub.ledger.messages([MessageId(text) for text in odd]) == [None] * len(odd)
        for text in odd:
            assert await hub.ledger.recent(interface=InterfaceId(text)) == []
            assert await hub.ledger.recent(interface=InterfaceId(text), state=S.RESERVED) == []
            assert await hub.ledger.by_control_id(text) == []
            assert await hub.lanes.deliveries(MessageId(text)) == []
        assert [one.message for one in await hub.ledger.by_control_id("O'Brien/1#?")] == [message_id(1)]

    run(scenario)


def test_many_findings_and_a_long_reason_are_kept(run: Run) -> None:
    """A result with thousands of observations must not be stopped by what was noticed about it."""
    findings = tuple(Finding("code_unmapped", f"OBX({n})-3.1", "L") for n in range(3000))

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1)], WINDOW)
        long = hop(1)._replace(detail="billing yes: all; " * 300)
        await hub.ledger.progress([step(1, S.ROUTED, findings=findings, hop=long)])
        hops, found = await hub.ledger.trace(message_id(1))

        assert len(found) == 3000
        assert hops == [long]

    run(scenario)


def test_the_newest_messages_come_first_and_can_be_chosen(run: Run) -> None:
    """What has just come is what people ask for."""

    async def scenario(hub: Any) -> None:
        xray = InterfaceId("xray")
        arrivals = [arrival(n, interface=xray if n % 2 else LAB) for n in range(1, 7)]
        await hub.ledger.reserve(arrivals, WINDOW)
        await hub.ledger.progress([step(3, S.QUARANTINED), step(4, S.QUARANTINED), step(5, S.ROUTED)])

        async def numbers(**chosen: Any) -> list[int]:
            wanted = {message_id(n): n for n in range(1, 7)}
            return [wanted[record.message] for record in await hub.ledger.recent(**chosen)]

        assert await numbers(limit=4) == [6, 5, 4, 3]
        assert await numbers(state=S.QUARANTINED) == [4, 3]
        assert await numbers(state=S.ROUTED) == [5]
        assert await numbers(interface=xray) == [5, 3, 1]
        assert await numbers(state=S.QUARANTINED, interface=xray) == [3]

    run(scenario)


def began(n: int, minutes_ago: float) -> Any:
    when = NOON - timedelta(minutes=minutes_ago)
    return arrival(n)._replace(message=new_message_id(n % 4, when, bytes([n]) * 10), received=when)


def test_what_was_reserved_long_ago_is_abandoned_and_nothing_else(run: Run) -> None:
    """Ingest ended in between, and no copy came: found without looking at every message, each once."""

    async def scenario(hub: Any) -> None:
        async def found() -> list[str]:
            return sorted(one.message for one in await hub.ledger.abandon(NOON - timedelta(minutes=15), NOON, "X-1"))

        old, older, moved, young = (began(n, minutes) for n, minutes in enumerate((16, 3000, 20, 14)))
        await hub.ledger.reserve([older, moved, old, young], WINDOW)
        await hub.ledger.progress([Progress(moved.message, S.QUEUED, Hop(moved.message, NOON, "ingest", "queued"))])

        assert await found() == sorted([old.message, older.message])
        assert await found() == []
        states = {one.message: (one.state, one.code) for one in await hub.ledger.recent()}
        assert [states[one.message] for one in (old, older)] == [("abandoned", "X-1")] * 2
        assert [states[one.message] for one in (moved, young)] == [("queued", ""), ("reserved", "")]
        assert {one.message for one in await hub.ledger.recent(state=S.ABANDONED)} == {old.message, older.message}
        assert len(await hub.ledger.unsettled()) == 4
        assert await hub.ledger.counts() == {"abandoned": 2, "queued": 1, "reserved": 1}

    run(scenario)


def test_a_sweep_that_comes_later_finds_what_was_too_young_for_the_one_before(run: Run) -> None:
    """Whatever the last sweep had seen, nothing stays reserved for ever; over a restart too."""

    async def first(hub: Any) -> None:
        await hub.ledger.reserve([began(1, 20), began(2, 5)], WINDOW)
        assert len(await hub.ledger.abandon(NOON - timedelta(minutes=15), NOON, "X-1")) == 1

    async def second(hub: Any) -> None:
        [one] = await hub.ledger.abandon(NOON - timedelta(minutes=2), NOON, "X-1")
        assert one.message == began(2, 5).message

    run(first)
    run(second)


def test_an_abandoned_message_is_the_original_of_its_copy_and_moves_on(run: Run) -> None:
    """The copy finishes it under its own number; and one that was in the queue all the same is no ghost."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([began(1, 20)], WINDOW)
        await hub.ledger.abandon(NOON - timedelta(minutes=15), NOON, "X-1")
        copy = arrival(9, b"1", duplicate_key="duplicate-1")
        [again] = await hub.ledger.reserve([copy], WINDOW)
        assert (again.is_new, again.record.message, again.record.state) == (False, began(1, 20).message, S.ABANDONED)

        hop = Hop(again.record.message, NOON, "transform", "transformed")
        await hub.ledger.progress([Progress(again.record.message, S.TRANSFORMED, hop)])
        [record] = await hub.ledger.messages([again.record.message])
        assert (record.state, record.code) == (S.TRANSFORMED, "")
        assert await hub.ledger.recent(state=S.ABANDONED) == []
        assert await hub.ledger.counts() == {"transformed": 1}

    run(scenario)


def test_counts_follow_every_step(run: Run) -> None:
    """The first number on the operator's page."""

    async def scenario(hub: Any) -> None:
        assert await hub.ledger.counts() == {}
        await hub.ledger.reserve([arrival(n) for n in range(1, 5)], WINDOW)
        await hub.ledger.progress([step(1, S.QUEUED), step(2, S.ROUTED), step(2, S.QUEUED), step(3, S.QUARANTINED)])
        assert await hub.ledger.counts() == {"reserved": 1, "queued": 1, "routed": 1, "quarantined": 1}

        await hub.ledger.reopen(message_id(3), S.QUEUED, hop(3))
        assert await hub.ledger.counts() == {"reserved": 1, "queued": 2, "routed": 1}

    run(scenario)


def test_the_ledger_survives_a_restart(run: Run) -> None:
    """What was acknowledged is here, and the numbering goes on where it was."""

    async def first(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1), arrival(2)], WINDOW)
        await hub.ledger.progress([step(1, S.QUEUED)])

    async def second(hub: Any) -> None:
        (reservation,) = await hub.ledger.reserve([arrival(3)], WINDOW)
        assert reservation.record.sequence.n == 3
        assert await hub.ledger.counts() == {"queued": 1, "reserved": 2}

    run(first)
    run(second)


def test_a_replay_that_fails_does_not_undo_that_a_message_came_through(run: Run) -> None:
    """It was delivered; that it could not be mapped anew is in its trace."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(1), arrival(2)], WINDOW)
        await hub.ledger.progress([step(1, S.ROUTED), step(2, S.QUEUED)])
        failed = [step(n, S.QUARANTINED)._replace(run=RunId("run-1"), code="HL7-105") for n in (1, 2)]
        await hub.ledger.progress(failed)

        records = await hub.ledger.messages([message_id(1), message_id(2)])
        assert [one.state for one in records] == [S.ROUTED, S.QUARANTINED]
        hops, _ = await hub.ledger.trace(message_id(1))
        assert len(hops) == 2

    run(scenario)


def test_unsettled_is_what_was_not_routed_and_what_waits_for_a_person(run: Run) -> None:
    """Their payloads are kept, however old."""

    async def scenario(hub: Any) -> None:
        await hub.ledger.reserve([arrival(n) for n in range(1, 7)], WINDOW)
        states = {2: S.QUEUED, 3: S.TRANSFORMED, 4: S.ROUTED, 5: S.QUARANTINED, 6: S.DISCARDED}
        await hub.ledger.progress([step(n, state) for n, state in states.items()])

        unsettled = await hub.ledger.unsettled()
        assert {one.message for one in unsettled} == {message_id(n) for n in (1, 2, 3, 5)}

    run(scenario)
