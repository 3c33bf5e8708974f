"""The contract of `Replays`: what was ordered, which messages belong to it, how far they are (rule R8)."""

from __future__ import annotations

from typing import Any

from shared.message.delivery import Delivery
from shared.message.identifiers import DestinationId, InterfaceId, OrderingKey, RunId, Sequence, delivery_id
from shared.message.replay import OpenKey, Passed, Replay, ReplayCounts, ReplayState, Selection
from shared.message.state import DeliveryState
from tests.contract.conftest import Run
from tests.contract.test_lanes import accepted, held, take
from tests.doubles.clock import NOON
from tests.doubles.samples import ARCHIVE, delivery, message_id

S = DeliveryState
RUN = RunId("run-1")
KEY = OrderingKey("Patient/a")
OTHER = OrderingKey("Patient/b")


def ordered(run: str = "run-1", interface: str = "lab", **changes: Any) -> Replay:
    selection = Selection(interface=InterfaceId(interface), since=NOON, until=None)
    return Replay(RunId(run), NOON, selection, (ARCHIVE,), "why")._replace(**changes)


def replayed(number: int, run: RunId = RUN, source: str = "lab") -> Delivery:
    """Return the delivery of a message of `KEY` in a replay."""
    row = delivery(number)
    item = row.item._replace(run=run, key=KEY, sequence=Sequence(source, 1, number))
    return row._replace(id=delivery_id(item.message, row.destination, run), item=item)


def test_a_replay_is_found_as_it_was_ordered(run: Run) -> None:
    """The stages read from it where it may go."""

    async def scenario(hub: Any) -> None:
        order = ordered(passed_by=DestinationId("billing"), allows_stale=True, resends_accepted=True)
        assert await hub.replays.begin(order) == order
        assert await hub.replays.get(RUN) == order
        assert await hub.replays.get(RunId("none")) is None
        assert await hub.replays.recent() == [order]

    run(scenario)


def test_an_order_given_twice_is_one_replay_until_it_is_done(run: Run) -> None:
    """Whoever lost the connection gives it again."""

    async def scenario(hub: Any) -> None:
        first = await hub.replays.begin(ordered("run-1"))
        assert await hub.replays.begin(ordered("run-2")) == first
        assert (await hub.replays.begin(ordered("run-3", "other"))).run == "run-3"
        assert [one.run for one in await hub.replays.unfinished()] == ["run-1", "run-3"]

        await hub.replays.move(RUN, ReplayState.DONE)
        assert (await hub.replays.begin(ordered("run-4"))).run == "run-4"
        assert [one.run for one in await hub.replays.unfinished()] == ["run-3", "run-4"]
        assert [one.run for one in await hub.replays.recent()] == ["run-4", "run-3", "run-1"]

    run(scenario)


def test_messages_stay_where_they_were_added_first(run: Run) -> None:
    """A step that is repeated after a crash adds nothing and moves nothing."""

    async def scenario(hub: Any) -> None:
        await hub.replays.begin(ordered())
        assert await hub.replays.add(RUN, [message_id(3), message_id(1)], ()) == 2
        assert await hub.replays.add(RUN, [message_id(2), message_id(3)], ()) == 1
        assert await hub.replays.add(RUN, (), ()) == 0

        assert await hub.replays.unsent(RUN, 10) == [message_id(3), message_id(1), message_id(2)]
        assert await hub.replays.unsent(RUN, 2) == [message_id(3), message_id(1)]
        await hub.replays.mark_sent(RUN, [message_id(3)])
        assert await hub.replays.unsent(RUN, 10) == [message_id(1), message_id(2)]

    run(scenario)


def test_a_key_opens_at_its_lowest_number_and_moves_on(run: Run) -> None:
    """Selecting meets a key many times; the first time decides from where it is replayed."""

    async def scenario(hub: Any) -> None:
        await hub.replays.begin(ordered())
        await hub.replays.add(RUN, (), [OpenKey(KEY, 4), OpenKey(OTHER, 5)], 10)
        await hub.replays.add(RUN, (), [OpenKey(KEY, 11)], 20)
        assert sorted(await hub.replays.open_keys(RUN, 10)) == [OpenKey(KEY, 4, 4), OpenKey(OTHER, 5, 5)]
        found = await hub.replays.get(RUN)
        assert found.reached == 20

        await hub.replays.add(RUN, [message_id(1)], [OpenKey(KEY, 9)])
        await hub.replays.close_keys(RUN, [OTHER])
        assert await hub.replays.open_keys(RUN, 10) == [OpenKey(KEY, 9, 4)]

    run(scenario)


def test_counts_say_how_far_the_messages_are(run: Run) -> None:
    """The last word about a message counts: a stage may tell twice."""

    async def scenario(hub: Any) -> None:
        await hub.replays.begin(ordered())
        await hub.replays.add(RUN, [message_id(n) for n in (1, 2, 3)], ())
        await hub.replays.mark_sent(RUN, [message_id(1), message_id(2)])
        first, second = Passed(RUN, message_id(1), 2), Passed(RUN, message_id(2), 0, "HL7-105")
        await hub.replays.mark_passed([first._replace(deliveries=3)])
        await hub.replays.mark_passed([first, second])
        await hub.replays.mark_passed([second, first])
        await hub.replays.mark_passed([Passed(RUN, message_id(9), 1)])  # it is not of this replay

        assert await hub.replays.counts(RUN) == ReplayCounts(messages=3, sent=2, passed=2, stopped=1, deliveries=2)
        assert await hub.replays.counts(RunId("none")) == ReplayCounts()

    run(scenario)


def test_deliveries_of_a_replay_are_counted_by_destination_and_state(run: Run) -> None:
    """What the lanes do shows in the replay, in the same transaction; live deliveries do not."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(9), replayed(1), replayed(2), replayed(3))
        _, first, second, _ = turn.ready
        await hub.lanes.write(turn.ownership, [accepted(first), held(second)])
        assert await hub.replays.deliveries(RUN) == {ARCHIVE: {S.ACCEPTED: 1, S.QUARANTINED: 1, S.PARKED: 1}}

        await hub.lanes.reopen(second, S.DISCARDED)
        assert await hub.replays.deliveries(RUN) == {ARCHIVE: {S.ACCEPTED: 1, S.DISCARDED: 1, S.PARKED: 1}}

    run(scenario)


def test_what_a_replay_sent_after_a_newer_message_overtook_it(run: Run) -> None:
    """The destination stands at the older one: it needs the newer one again."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(2), replayed(1), replayed(3, source="other"))
        newer, older, _ = turn.ready
        overtaken = hub.replays.overtaken
        assert not await overtaken(replayed(2), newer.position)  # nothing was sent yet

        await hub.lanes.write(turn.ownership, [accepted(older._replace(attempts=1))])
        assert await overtaken(replayed(2), newer.position)
        assert await overtaken(replayed(3, source="other"), newer.position)  # of another source: by time of receipt
        assert not await overtaken(replayed(1), newer.position)  # it is the one
        assert not await overtaken(replayed(2), older.position)  # what was accepted after it is in order

    run(scenario)


def test_what_was_skipped_or_rejected_overtakes_nothing(run: Run) -> None:
    """The destination never took it."""

    async def scenario(hub: Any) -> None:
        turn = await take(hub, delivery(5), replayed(1), replayed(2))
        newer, skipped, rejected = turn.ready
        rows = [
            skipped._replace(state=S.SKIPPED),
            rejected._replace(state=S.QUARANTINED, attempts=1, code="AE 207"),
        ]
        await hub.lanes.write(turn.ownership, rows)

        assert not await hub.replays.overtaken(replayed(5), newer.position)

    run(scenario)
