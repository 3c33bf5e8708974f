"""The contract of `Lanes` (rules R3 and R6)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.message.barrier import Barrier, Part
from shared.message.delivery import Attempt, Delivery, Verdict
from shared.message.errors.storage import OwnershipLost
from shared.message.identifiers import DestinationId, MessageId, OrderingKey, SessionId
from shared.message.state import DeliveryState
from shared.ports import DestinationStatus, Ownership, Turn
from tests.contract.conftest import Run
from tests.doubles.clock import NOON
from tests.doubles.samples import ARCHIVE, SESSION, delivery, message_id

S = DeliveryState
NEVER = DestinationStatus(ARCHIVE)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


async def take(
    hub: Any,
    *offered: Delivery,
    at: float = 0,
    deadline: float | None = None,
    limit: int = 100,
    session: SessionId = SESSION,
) -> Turn:
    turn: Turn = await hub.lanes.take(session, offered, after(at), None if deadline is None else after(deadline), limit)
    return turn


def numbers(rows: Sequence[Delivery]) -> list[int]:
    wanted = {message_id(n): n for n in range(1000)}
    return [wanted[row.item.message] for row in rows]


def accepted(row: Delivery) -> Delivery:
    return row._replace(state=S.ACCEPTED, code="AA", send_deadline=None, settled=after(1))


def parked(row: Delivery, due: float) -> Delivery:
    return row._replace(state=S.PARKED, attempts=row.attempts + 1, due=after(due), send_deadline=None, code="refused")


def held(row: Delivery, state: DeliveryState = S.QUARANTINED) -> Delivery:
    return row._replace(state=state, holds=True, code="AR", send_deadline=None)


def test_offered_deliveries_are_ready_in_the_order_of_arrival(run: Run) -> None:
    """The lane is the order of one patient at one destination."""

    async def scenario(hub: Any) -> None:
        first = await take(hub, delivery(2), delivery(1))
        later = await take(hub, delivery(3))

        assert numbers(first.ready) == [2, 1]
        assert numbers(later.ready) == [2, 1, 3]
        positions = [row.position for row in later.ready]
        assert positions == sorted(set(positions))
        assert all(row.state is S.PARKED for row in later.ready)

    run(scenario)


def test_ready_rows_come_lane_by_lane(run: Run) -> None:
    """A worker drains lanes side by side and each of them serially."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1, "a"), delivery(2, "b"), delivery(3, "a"), delivery(4, "b"))
        assert numbers(turn.ready) == [1, 3, 2, 4]

    run(scenario)


def test_a_delivery_offered_again_is_known(run: Run) -> None:
    """Rule R4: a broker redelivery must not send again what was accepted."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2))
        await hub.lanes.write(turn.ownership, [accepted(turn.ready[0])])

        assert numbers((await take(hub, delivery(1), delivery(2))).ready) == [2]

    run(scenario)


def test_a_delivery_offered_twice_at_once_is_one(run: Run) -> None:
    """A worker that ended had sent it on; so did the one after it, in another envelope."""

    async def scenario(hub: Any) -> None:
        assert numbers((await take(hub, delivery(1), delivery(2), delivery(1))).ready) == [1, 2]

    run(scenario)


def test_a_row_comes_back_as_it_was_written(run: Run) -> None:
    """The next worker knows of an attempt what is in its row."""

    async def first(hub: Any) -> None:
        turn = await take(hub, delivery(1))
        row = parked(turn.ready[0], due=5)._replace(attempts=7, output="f" * 64)
        await hub.lanes.write(turn.ownership, [row])
        assert await hub.lanes.deliveries(message_id(1)) == [row]

    async def second(hub: Any) -> None:
        (row,) = (await take(hub, at=5)).ready
        assert (row.attempts, row.due, row.code, row.output) == (7, after(5), "refused", "f" * 64)
        assert row.item == delivery(1).item

    run(first)
    run(second)


def test_a_row_that_was_just_offered_keeps_its_body(run: Run) -> None:
    """The payload came with the envelope; fetching it again would cost a read for each message."""

    async def scenario(hub: Any) -> None:
        offered = delivery(1)
        offered = offered._replace(item=offered.item._replace(body=b"canonical"))
        assert (await take(hub, offered)).ready[0].item.body == b"canonical"

    run(scenario)


def test_settled_rows_leave_the_lane(run: Run) -> None:
    """The next message of the patient may go."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2), delivery(3))
        one, two, _ = turn.ready
        await hub.lanes.write(turn.ownership, [accepted(one), two._replace(state=S.QUARANTINED)])

        assert numbers((await take(hub)).ready) == [3]

    run(scenario)


def test_a_head_that_is_not_due_keeps_its_lane_waiting_and_no_other(run: Run) -> None:
    """Rule R6: younger messages never overtake one that waits for its retry; other keys are not held up."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1, "a"), delivery(2, "a"), delivery(3, "b"))
        await hub.lanes.write(turn.ownership, [parked(turn.ready[0], due=10)])

        assert numbers((await take(hub, delivery(4, "a"), at=9)).ready) == [3]
        assert numbers((await take(hub, at=10)).ready) == [3, 1, 2, 4]

    run(scenario)


def test_rows_beyond_one_that_must_wait_are_not_listed(run: Run) -> None:
    """The worker sends everything it is given."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2), delivery(3))
        await hub.lanes.write(turn.ownership, [parked(turn.ready[1], due=10)])
        assert numbers((await take(hub)).ready) == [1]

    run(scenario)


@pytest.mark.parametrize("state", [S.QUARANTINED, S.REVIEW])
def test_a_held_row_holds_its_lane_until_a_person_reopens_it(run: Run, state: DeliveryState) -> None:
    """`hold_key`: what comes after depends on what stopped."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2), delivery(3, "other"))
        row = held(turn.ready[0], state)
        await hub.lanes.write(turn.ownership, [row])
        assert numbers((await take(hub, at=1000)).ready) == [3]

        await hub.lanes.reopen(row, S.PARKED)
        (reopened,) = await hub.lanes.deliveries(message_id(1))
        assert (reopened.state, reopened.holds, reopened.due) == (S.PARKED, False, None)
        assert numbers((await take(hub, at=1000)).ready) == [1, 2, 3]

    run(scenario)


def test_discarding_a_held_row_lets_its_lane_move(run: Run) -> None:
    """The other way out of quarantine."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2))
        row = held(turn.ready[0])
        await hub.lanes.write(turn.ownership, [row])
        await hub.lanes.reopen(row._replace(settled=after(5)), S.DISCARDED)

        (discarded,) = await hub.lanes.deliveries(message_id(1))
        assert (discarded.state, discarded.settled) == (S.DISCARDED, after(5))
        assert numbers((await take(hub)).ready) == [2]

    run(scenario)


def test_reopening_what_is_no_longer_stopped_changes_nothing(run: Run) -> None:
    """Two operators press the button; the first resend has been accepted meanwhile."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1))
        stopped = held(turn.ready[0])
        await hub.lanes.write(turn.ownership, [accepted(turn.ready[0])])
        await hub.lanes.reopen(stopped, S.PARKED)

        assert (await take(hub)).ready == ()

    run(scenario)


def test_intents_are_recorded_with_the_turn_when_a_deadline_is_given(run: Run) -> None:
    """Rule R3: whoever comes after a crash must know what may have been sent."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2), deadline=12)

        rows = [row for n in (1, 2) for row in await hub.lanes.deliveries(message_id(n))]
        assert [row.state for row in turn.ready] == [S.PARKED, S.PARKED]  # as found
        assert [(row.state, row.send_deadline) for row in rows] == [(S.INTENT, after(12))] * 2

    run(scenario)


def test_a_lane_waits_while_a_send_of_a_worker_before_may_be_under_way(run: Run) -> None:
    """Rule R3: two sends of one lane at a time would arrive in any order."""

    async def scenario(hub: Any) -> None:
        await take(hub, delivery(1), delivery(2), deadline=12)
        assert numbers((await take(hub, delivery(3), delivery(4, "b"), at=11)).ready) == [4]

        turn = await take(hub, at=12)
        assert numbers(turn.ready) == [4, 1, 2, 3]
        assert {n: row.state for n, row in zip(numbers(turn.ready), turn.ready, strict=True)} == {
            4: S.PARKED,
            1: S.INTENT,
            2: S.INTENT,
            3: S.PARKED,
        }

    run(scenario)


def test_an_intent_anywhere_in_the_lane_makes_it_wait(run: Run) -> None:
    """The head was answered and parked; the worker before us was at the second row when it died."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2), deadline=12)
        await hub.lanes.write(turn.ownership, [parked(turn.ready[0], due=3)])

        assert (await take(hub, at=3)).ready == ()
        assert numbers((await take(hub, at=12)).ready) == [1, 2]

    run(scenario)


def test_an_intent_written_by_the_worker_counts_as_one_recorded_with_the_turn(run: Run) -> None:
    """Destinations that are not idempotent get one open intent at a time, just before its send."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2))
        await hub.lanes.write(turn.ownership, [turn.ready[0]._replace(state=S.INTENT, send_deadline=after(12))])
        assert (await take(hub, at=11)).ready == ()

        successor = await take(hub, at=12)
        assert [row.state for row in successor.ready] == [S.INTENT, S.PARKED]

    run(scenario)


def test_the_limit_cuts_a_lane_at_its_tail(run: Run) -> None:
    """A turn has a budget; what is left keeps its order."""

    async def scenario(hub: Any) -> None:
        offered = [delivery(1, "a"), delivery(2, "a"), delivery(3, "a"), delivery(4, "b")]
        turn = await take(hub, *offered, limit=2, deadline=12)

        assert numbers(turn.ready) == [1, 2]
        # What was not listed is no intent.
        assert [(await hub.lanes.deliveries(message_id(n)))[0].state for n in (3, 4)] == [S.PARKED, S.PARKED]

    run(scenario)


def test_with_a_limit_of_none_deliveries_are_only_recorded(run: Run) -> None:
    """A destination that is paused or broken takes nothing, and nothing is lost."""

    async def scenario(hub: Any) -> None:
        assert (await take(hub, delivery(1), limit=0, deadline=12)).ready == ()
        assert numbers((await take(hub)).ready) == [1]

    run(scenario)


def test_the_lanes_that_waited_longest_come_first(run: Run) -> None:
    """A stream of new patients must not starve the one that waits for its retry."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1, "old"))
        await hub.lanes.write(turn.ownership, [parked(turn.ready[0], due=10)])
        newer = [delivery(n, f"new-{n}", offered=after(11)) for n in (2, 3)]

        assert numbers((await take(hub, *newer, at=11, limit=1)).ready) == [1]

    run(scenario)


def test_every_turn_is_a_new_epoch_and_shuts_out_the_one_before(run: Run) -> None:
    """Rule R3: the session lock of the broker does not stop a worker that lost it."""

    async def scenario(hub: Any) -> None:
        first = await take(hub, delivery(1))
        second = await take(hub)
        assert second.ownership.epoch == first.ownership.epoch + 1

        attempt = Attempt(first.ready[0].id, 1, after(0), after(1), Verdict.ACCEPTED, "AA")
        with pytest.raises(OwnershipLost):
            await hub.lanes.write(first.ownership, [accepted(first.ready[0])], [attempt])
        with pytest.raises(OwnershipLost):
            await hub.lanes.schedule_wake(first.ownership, after(1))
        assert (await hub.lanes.deliveries(message_id(1)))[0].state is S.PARKED
        assert await hub.lanes.attempts(message_id(1)) == []
        await hub.lanes.write(second.ownership, [accepted(second.ready[0])])

    run(scenario)


def test_nobody_owns_a_session_that_was_never_taken(run: Run) -> None:
    """A made-up epoch opens nothing."""

    async def scenario(hub: Any) -> None:
        with pytest.raises(OwnershipLost):
            await hub.lanes.write(Ownership(SESSION, 1), [])

    run(scenario)


def test_sessions_are_independent(run: Run) -> None:
    """One destination must not shut another one out."""

    async def scenario(hub: Any) -> None:
        other = SessionId("lab-system.0")
        mine = await take(hub, delivery(1))
        turn = await take(hub, delivery(2, session=other), session=other)

        assert numbers(turn.ready) == [2]
        await hub.lanes.write(mine.ownership, [accepted(mine.ready[0])])

    run(scenario)


def test_next_due_is_when_the_first_lane_may_move(run: Run) -> None:
    """The wake is scheduled for it: too late delays every patient, too early asks in vain."""

    async def scenario(hub: Any) -> None:
        assert await hub.lanes.next_due(SESSION) is None
        turn = await take(hub, *(delivery(n, f"lane-{n}") for n in (1, 2, 3)))
        assert await hub.lanes.next_due(SESSION) == NOON  # at once, since it was offered

        one, two, three = turn.ready
        await hub.lanes.write(turn.ownership, [parked(one, due=20), parked(two, due=10), held(three)])
        assert await hub.lanes.next_due(SESSION) == after(10)
        await hub.lanes.write(turn.ownership, [accepted(one), accepted(two)])
        assert await hub.lanes.next_due(SESSION) is None

    run(scenario)


def test_next_due_waits_for_sends_that_may_be_under_way(run: Run) -> None:
    """After a crash the successor is due when the last send has ended."""

    async def scenario(hub: Any) -> None:
        await take(hub, delivery(1), deadline=12)
        assert await hub.lanes.next_due(SESSION) == after(12)

    run(scenario)


def test_the_turn_tells_the_confirmed_wake(run: Run) -> None:
    """A second wake for the same lanes would be work for nothing."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1))
        assert turn.wake is None
        await hub.lanes.schedule_wake(turn.ownership, after(30))
        assert (await take(hub)).wake == after(30)

        await hub.lanes.schedule_wake((await take(hub)).ownership, None)
        assert (await take(hub)).wake is None

    run(scenario)


def test_sessions_whose_wake_is_overdue_or_was_never_confirmed_are_found(run: Run) -> None:
    """Rule R6: a lost wake must not be the end of a lane."""

    async def scenario(hub: Any) -> None:
        assert await hub.lanes.overdue(NOON) == []
        turn = await take(hub, delivery(1))
        assert await hub.lanes.overdue(NOON) == [(SESSION, ARCHIVE)]

        await hub.lanes.schedule_wake(turn.ownership, after(30))
        assert await hub.lanes.overdue(after(29)) == []
        assert await hub.lanes.overdue(after(30)) == [(SESSION, ARCHIVE)]

    run(scenario)


def test_sessions_with_nothing_to_wake_for_are_not_overdue(run: Run) -> None:
    """Lanes that a person must open again do not move by being looked at."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1, "a"), delivery(2, "b"))
        await hub.lanes.write(turn.ownership, [accepted(turn.ready[0]), held(turn.ready[1])])
        assert await hub.lanes.overdue(after(1000)) == []

    run(scenario)


def test_the_sessions_of_a_destination_are_those_with_something_waiting(run: Run) -> None:
    """After a repair all of them are woken, held ones included."""

    async def scenario(hub: Any) -> None:
        sessions = [SessionId(f"archive.{n}") for n in range(3)]
        turns = [await take(hub, delivery(n, session=session), session=session) for n, session in enumerate(sessions)]
        await hub.lanes.write(turns[0].ownership, [accepted(turns[0].ready[0])])
        await hub.lanes.write(turns[1].ownership, [held(turns[1].ready[0])])

        assert await hub.lanes.sessions(ARCHIVE) == sessions[1:]
        assert await hub.lanes.sessions(DestinationId("lab-system")) == []

    run(scenario)


def test_every_delivery_and_every_send_of_a_message_is_found(run: Run) -> None:
    """The answer to "where is my message" names each destination and each attempt."""

    async def scenario(hub: Any) -> None:
        other = SessionId("lab-system.0")
        first = await take(hub, delivery(1), delivery(2))
        second = await take(hub, delivery(1, session=other), session=other)
        row, neighbour = first.ready
        tried = [
            Attempt(row.id, 1, after(0), after(1), Verdict.TRANSIENT, "refused"),
            Attempt(row.id, 2, after(5), after(6), Verdict.ACCEPTED, "AA"),
        ]
        unrelated = Attempt(neighbour.id, 1, after(7), after(8), Verdict.PERMANENT, "AR")
        await hub.lanes.write(first.ownership, [parked(row, due=5)], tried[:1])
        await hub.lanes.write(first.ownership, [accepted(row), held(neighbour)], [tried[1], unrelated])

        deliveries = await hub.lanes.deliveries(message_id(1))
        assert deliveries == [accepted(row), second.ready[0]]
        assert await hub.lanes.attempts(message_id(1)) == tried
        assert await hub.lanes.deliveries(message_id(3)) == []

    run(scenario)


def test_a_write_that_comes_again_tells_its_attempts_once(run: Run) -> None:
    """Its answer was lost: whoever writes next writes it again, and the message was not sent twice (promise 2)."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1))
        tried = Attempt(turn.ready[0].id, 1, after(0), after(1), Verdict.ACCEPTED, "AA")
        for _ in range(2):
            await hub.lanes.write(turn.ownership, [accepted(turn.ready[0])], [tried])

        assert await hub.lanes.attempts(message_id(1)) == [tried]

    run(scenario)


def test_stopped_deliveries_are_listed_newest_first(run: Run) -> None:
    """The page a person works through."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, *(delivery(n, f"lane-{n}") for n in range(1, 6)))
        one, two, three, four, _ = turn.ready
        passed = three._replace(state=S.QUARANTINED)
        await hub.lanes.write(turn.ownership, [held(one), held(two, S.REVIEW), passed, accepted(four)])

        assert numbers(await hub.lanes.stopped()) == [3, 2, 1]
        assert numbers(await hub.lanes.stopped(limit=2)) == [3, 2]

    run(scenario)


def test_waiting_counts_what_a_destination_has_not_settled(run: Run) -> None:
    """The backlog on the operator's page: quarantine is part of it, accepted and discarded are not."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, *(delivery(n, f"lane-{n}") for n in range(1, 6)))
        one, two, three, _, _ = turn.ready
        await hub.lanes.write(turn.ownership, [accepted(one), held(two), parked(three, due=10)])
        assert await hub.lanes.waiting() == {ARCHIVE: 4}

        await hub.lanes.reopen(held(two)._replace(settled=after(1)), S.DISCARDED)
        assert await hub.lanes.waiting() == {ARCHIVE: 3}

    run(scenario)


def test_a_destination_nobody_touched_is_open(run: Run) -> None:
    """No row is no obstacle."""

    async def scenario(hub: Any) -> None:
        assert await hub.lanes.status(ARCHIVE) == NEVER

    run(scenario)


def test_pausing_and_the_breaker_do_not_overwrite_each_other(run: Run) -> None:
    """A worker that closes the breaker must not undo the pause a person has just ordered."""
    opened = DestinationStatus(ARCHIVE, False, 3, after(60))

    async def first(hub: Any) -> None:
        assert await hub.lanes.set_breaker(NEVER, 3, after(60))
        await hub.lanes.set_paused(ARCHIVE, True)
        assert await hub.lanes.status(ARCHIVE) == DestinationStatus(ARCHIVE, True, 3, after(60))
        assert await hub.lanes.set_breaker(opened, 0, None)

    async def second(hub: Any) -> None:
        assert await hub.lanes.status(ARCHIVE) == DestinationStatus(ARCHIVE, True, 0, None)
        await hub.lanes.set_paused(ARCHIVE, False)
        assert await hub.lanes.status(ARCHIVE) == NEVER

    run(first)
    run(second)


def test_the_breaker_is_written_by_those_who_know_how_it_is(run: Run) -> None:
    """Rule R9: of two who want to probe at the same moment one gets it, and a late word does not undo a newer one."""
    opened, leased = DestinationStatus(ARCHIVE, False, 3, after(1)), DestinationStatus(ARCHIVE, False, 3, after(23))

    async def scenario(hub: Any) -> None:
        assert not await hub.lanes.set_breaker(opened, 4, after(9))
        assert await hub.lanes.status(ARCHIVE) == NEVER
        assert await hub.lanes.set_breaker(NEVER, 3, after(1))
        assert not await hub.lanes.set_breaker(NEVER, 1, None)

        assert sorted([await hub.lanes.set_breaker(opened, 3, after(end)) for end in (23, 24)]) == [False, True]
        assert await hub.lanes.status(ARCHIVE) == leased
        assert await hub.lanes.set_breaker(leased, 0, None)
        assert await hub.lanes.status(ARCHIVE) == NEVER

    run(scenario)


def test_unsettled_is_what_waits_and_what_is_stopped(run: Run) -> None:
    """Whether it holds its lane or not; what ended is not."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, *(delivery(n, str(n)) for n in (1, 2, 3, 4)))
        first, second, third, _ = turn.ready
        passed = held(third)._replace(holds=False)
        await hub.lanes.write(turn.ownership, [accepted(first), held(second), passed])

        assert {row.item.message for row in await hub.lanes.unsettled()} == {message_id(n) for n in (2, 3, 4)}

    run(scenario)


def test_a_delivery_that_waits_is_hastened_by_somebody_who_does_not_own_its_session(run: Run) -> None:
    """Rule R7: it waited for another lane, and the owner of that one says that it need not wait any more."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2))
        await hub.lanes.write(turn.ownership, [parked(turn.ready[0], due=60)])
        assert numbers((await take(hub, at=1)).ready) == []
        [row] = await hub.lanes.deliveries(message_id(1))
        await hub.lanes.hasten(row)

        turn = await take(hub, at=1)
        assert numbers(turn.ready) == [1, 2]
        assert turn.ready[0] == row._replace(due=None)

    run(scenario)


def test_all_that_waits_for_its_retry_in_a_session_is_hastened_and_keeps_its_order(run: Run) -> None:
    """A person says that the destination is back: nobody sits out a back-off of minutes, in any lane."""

    async def scenario(hub: Any) -> None:
        offers = [delivery(n, lane) for n, lane in ((1, "a"), (2, "a"), (3, "b"), (4, "c"))]
        turn = await take(hub, *offers)
        one, two, three, four = turn.ready
        rows = [parked(one, due=60), parked(two, due=90), parked(three, due=300), held(four)]
        await hub.lanes.write(turn.ownership, rows)
        await hub.lanes.schedule_wake(turn.ownership, after(60))
        assert numbers((await take(hub, at=1)).ready) == []
        await hub.lanes.hasten_all(SESSION)

        assert sorted(numbers((await take(hub, at=1)).ready)) == [1, 2, 3]
        assert numbers((await take(hub, at=1)).ready)[:2] == [1, 2]
        [row] = await hub.lanes.deliveries(message_id(3))
        assert row == rows[2]._replace(due=None)
        [row] = await hub.lanes.deliveries(message_id(4))
        assert row == rows[3]

    run(scenario)


def test_what_failed_last_at_a_destination_is_known(run: Run) -> None:
    """Whoever is woken asks first why nothing goes there, and no name of a message is at hand."""

    async def scenario(hub: Any) -> None:
        assert await hub.lanes.last_failed(ARCHIVE) is None
        turn = await take(hub, *(delivery(n, str(n)) for n in (1, 2, 3, 4)))
        one, two, three, _ = turn.ready
        rows = [parked(one, due=60), parked(two, due=300)._replace(code="tls_failed"), held(three)]
        await hub.lanes.write(turn.ownership, rows)

        assert await hub.lanes.last_failed(ARCHIVE) == rows[1]
        assert await hub.lanes.last_failed(DestinationId("elsewhere")) is None
        await hub.lanes.hasten_all(SESSION)
        assert await hub.lanes.last_failed(ARCHIVE) is None

    run(scenario)


def test_what_may_be_under_way_is_not_hastened(run: Run) -> None:
    """Rule R3: until its send is over by everybody's clock, nobody sends it again, whatever a person wishes."""

    async def scenario(hub: Any) -> None:
        await take(hub, delivery(1), deadline=20)
        await hub.lanes.hasten_all(SESSION)
        await hub.lanes.hasten_all(SessionId("archive.7"))

        assert numbers((await take(hub, at=1)).ready) == []
        assert numbers((await take(hub, at=20)).ready) == [1]

    run(scenario)


def test_a_delivery_that_is_offered_twice_at_once_is_one(run: Run) -> None:
    """Route was killed after it had sent: the same items come again in another envelope, and are received together."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1), delivery(2), delivery(1))

        assert [row.item.message for row in turn.ready] == [message_id(1), message_id(2)]
        assert len(await hub.lanes.deliveries(message_id(1))) == 1

    run(scenario)


def test_a_delivery_that_does_not_wait_is_not_hastened(run: Run) -> None:
    """What was accepted meanwhile stays accepted."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(1))
        await hub.lanes.write(turn.ownership, [accepted(turn.ready[0])])
        await hub.lanes.hasten(turn.ready[0])

        [row] = await hub.lanes.deliveries(message_id(1))
        assert row.state is S.ACCEPTED
        assert (await take(hub, at=1)).ready == ()

    run(scenario)


def test_a_delivery_remembers_its_barrier(run: Run) -> None:
    """The worker after the next must know what it waits for."""

    async def scenario(hub: Any) -> None:
        barrier = Barrier((Part(OrderingKey("a"), message_id(1)), Part(OrderingKey("b"), MessageId("3-token"))))
        offered = delivery(1)
        await take(hub, offered._replace(item=offered.item._replace(barrier=barrier)))

        [row] = await hub.lanes.deliveries(message_id(1))
        assert row.item.barrier == barrier

    run(scenario)
