"""Messages that go again: planned, in order, once, never past live traffic of their key (R8, promises 2 and 7)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from shared.message.errors.pipeline import NotFound, RequestInvalid
from shared.message.state import MessageState
from shared.transform import canonical
from tests.pipeline.hub_in_process import ACCEPTED, REFUSED, REJECTED, HubInProcess
from tests.pipeline.messages import adt, merge, move

FREE = ("store", "free", "plain", "wire")
OTHER = "70002^^^GENERAL^MR"


def order(**given: Any) -> bytes:
    return orjson.dumps(given)


async def replay(hub: HubInProcess, **given: Any) -> dict[str, Any]:
    """Start a replay and let it run; return how it stands."""
    run = (await hub.hub.replays.start(order(**given)))["run"]
    await run_replays(hub)
    return await hub.hub.replays.status(run)


async def run_replays(hub: HubInProcess, times: int = 4) -> None:
    for _ in range(times):
        await hub.hub.replays.advance()
        await hub.work()


async def plan(hub: HubInProcess, **given: Any) -> dict[str, Any]:
    return await hub.hub.replays.plan(order(**given))


def by_id(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["id"]: {name: count for name, count in one.items() if name != "id"} for one in told["destinations"]}


async def taken(hub: HubInProcess, name: str) -> list[str]:
    """Return the MSH-10 of what a destination accepted about anybody but B, in order: B is in line with nobody."""
    records = await hub.hub.adapters.ledger.messages(hub.receivers[name].messages)
    return [record.control_id for record in records if record is not None and record.control_id != "B1"]


@pytest.fixture
def remap(monkeypatch):
    """Return how to deploy a mapping that says something else of messages with these MSH-10."""
    convert = canonical.convert

    def deploy(*control_ids: str) -> None:
        def changed(message, context, **given):
            conversion = convert(message, context, **given)
            if message.control_id in control_ids:
                for entry in conversion.bundle["entry"]:
                    if entry["resource"]["resourceType"] == "Patient":
                        entry["resource"]["gender"] = "other"
            return conversion

        monkeypatch.setattr(canonical, "convert", changed)

    return deploy


@pytest.fixture
async def delivered(start_hub):
    return await start_and_deliver(start_hub)


async def start_and_deliver(start_hub, **how):
    """Return a hub that has delivered three messages of one patient and one of another everywhere."""
    hub = await start_hub(*FREE, **how)
    for message in (adt("A1"), adt("A2", "A08"), adt("B1", number=OTHER, visit="V2"), adt("A3", "A08")):
        await hub.take(message)
    await hub.work()
    return hub


async def test_what_destinations_have_already_is_not_sent_again(delivered):
    """The same messages, the same mapping: a replay is no reason to charge anybody twice."""
    told = await replay(delivered, interface="adt")

    assert told["state"] == "done"
    assert by_id(told) == {name: {"skipped": 4} for name in FREE}
    assert {name: len(receiver.sent) for name, receiver in delivered.receivers.items()} == dict.fromkeys(FREE[1:], 4)


async def test_a_replay_brings_everything_that_followed_in_order(delivered, remap):
    """The corrected A1 alone would set the destination back to the day of A1."""
    remap("A1")
    message = (await delivered.record("A1")).message
    told = await replay(delivered, message=message)

    assert told["state"] == "done"
    assert await taken(delivered, "free") == ["A1", "A2", "A3", "A1", "A2", "A3"]
    assert by_id(told)["free"] == {"accepted": 3}
    assert by_id(told)["wire"] == {"skipped": 3}  # HL7 as received: the mapping changes nothing there
    assert (await delivered.record("A1")).state is MessageState.ROUTED


async def test_nothing_is_sent_before_the_first_that_differs(delivered, remap):
    """What came before the difference is where the destination was when it went wrong."""
    remap("A2")
    told = await replay(delivered, interface="adt")

    assert await taken(delivered, "free") == ["A1", "A2", "A3", "A2", "A3"]
    assert by_id(told)["free"] == {"accepted": 2, "skipped": 2}


async def test_the_plan_says_what_the_run_then_does(delivered, remap):
    """A plan that is not kept is worse than none."""
    remap("A2")
    told = await plan(delivered, interface="adt")

    assert (told["messages"], told["following"], told["keys"], told["compared"]) == (4, 0, 2, 4)
    assert told["patients"]["count"] == 2
    assert by_id(told)["free"] == {"new": 0, "different": 1, "again": 1, "same": 2}
    assert by_id(told)["wire"] == {"new": 0, "different": 0, "again": 0, "same": 4}
    assert len(delivered.receivers["free"].sent) == 4  # a plan sends nothing

    ran = by_id(await replay(delivered, interface="adt"))
    assert (ran["free"]["accepted"], ran["free"]["skipped"]) == (2, 2)


async def test_a_plan_shows_hashes_and_no_identifier(delivered):
    """A plan is printed, pasted and mailed (promise 5)."""
    told = await plan(delivered, interface="adt")
    record = await delivered.record("A1")

    assert record.key.partition("/")[2] not in str(told)
    assert "70001" not in str(told)
    assert [len(one) for one in told["patients"]["hashes"]] == [16, 16]


async def test_live_traffic_of_the_key_stays_behind_the_replay(delivered, remap):
    """A live A4 that overtook the replay would be overwritten by last week's A3."""
    remap("A1")
    await delivered.hub.replays.start(order(interface="adt"))
    await delivered.hub.replays.advance()  # in the queue, not yet worked on
    await delivered.take(adt("A4", "A08"))
    await run_replays(delivered)

    assert (await taken(delivered, "free"))[3:] == ["A1", "A2", "A3", "A4"]
    assert (await taken(delivered, "plain"))[3:] == ["A1", "A2", "A3", "A4"]


async def test_live_traffic_ahead_of_the_replay_is_brought_again(delivered, remap):
    """A4 went into the queue first, so the replay of A3 would set it back: the replay ends with A4."""
    remap("A1")
    await delivered.take(adt("A4", "A08"))
    await delivered.hub.ingest.close()  # acknowledged, queued, not worked on
    told = await replay(delivered, message=(await delivered.record("A1")).message)

    assert (await taken(delivered, "free"))[3:] == ["A4", "A1", "A2", "A3", "A4"]
    assert told["messages"] == 4


async def test_a_message_that_came_between_two_looks_is_not_overtaken(delivered, remap):
    """The key is looked at again after its messages were sent: until nothing came in between."""
    remap("A1")
    history = delivered.hub.adapters.history
    looked = history.of_key
    came = []

    async def of_key(key, after, limit):
        found = await looked(key, after, limit)
        if not came:
            came.append(await delivered.take(adt("A4", "A08")))
            await delivered.hub.ingest.close()
        return found

    history.of_key = of_key
    await replay(delivered, message=(await delivered.record("A1")).message)

    assert (await taken(delivered, "free"))[-1] == "A4"
    assert len(await delivered.resources("Patient")) == 2


async def test_a_message_that_is_just_being_taken_is_waited_for(start_hub, remap):
    """Reserved and not yet in the queue: nobody knows on which side of the replay it will be."""
    delivered = await start_and_deliver(start_hub, is_in_two_steps=True)
    remap("A1")
    ledger, found = delivered.hub.adapters.ledger, []
    progress = ledger.progress

    async def hold_back(steps):
        found.extend(steps)

    ledger.progress = hold_back
    await delivered.take(adt("A4", "A08"))
    await delivered.hub.ingest.close()
    ledger.progress = progress
    run = (await delivered.hub.replays.start(order(message=(await delivered.record("A1")).message)))["run"]
    await delivered.hub.replays.advance()
    assert (await delivered.hub.replays.status(run))["messages"] == 3
    assert (await delivered.hub.replays.status(run))["state"] == "running"

    await ledger.progress(found)
    await run_replays(delivered)
    assert (await delivered.hub.replays.status(run))["state"] == "done"
    assert (await taken(delivered, "free"))[-1] == "A4"


async def test_the_store_ends_with_the_corrected_mapping_and_the_newest_state(delivered, remap):
    """The point of a replay: what the old mapping got wrong is right, and nothing newer is lost (promise 7)."""
    await delivered.take(adt("A4", "A08", name="Married^Anna"))
    await delivered.work()
    remap("A1", "A2", "A3", "A4")
    await replay(delivered, message=(await delivered.record("A1")).message)

    [anna] = [one for one in await delivered.resources("Patient") if one["name"][0]["family"] == "Married"]
    assert anna["gender"] == "other"


async def test_destinations_that_never_replay_are_left_out_and_listed(start_hub, remap):
    """An order that comes again is done again; nobody reaches it by accident."""
    hub = await start_hub("free", "charged", "careful")
    await hub.take(adt("A1"))
    await hub.work()
    remap("A1")
    told = await plan(hub, interface="adt")
    await replay(hub, interface="adt")

    assert [one["id"] for one in told["left_out"]] == ["careful", "charged"]
    assert {name: len(receiver.sent) for name, receiver in hub.receivers.items()} == {
        "free": 2, "charged": 1, "careful": 1,
    }  # fmt: skip


async def test_a_destination_that_asks_is_reached_when_it_is_named(start_hub, remap):
    """``replay = "ask"``: somebody has to think of it."""
    hub = await start_hub("free", "careful")
    await hub.take(adt("A1"))
    await hub.work()
    remap("A1")
    await replay(hub, interface="adt", destinations=["careful"])

    assert {name: len(receiver.sent) for name, receiver in hub.receivers.items()} == {"free": 1, "careful": 2}


async def test_what_was_accepted_goes_again_when_a_person_orders_it(delivered):
    """The laboratory restored last night's backup: it no longer has what it accepted."""
    told = await replay(delivered, destinations=["plain"], resend_accepted=True, reason="backup restored")

    assert by_id(told) == {"plain": {"accepted": 4}}
    assert await taken(delivered, "plain") == ["A1", "A2", "A3"] * 2
    assert len(delivered.receivers["free"].sent) == 4


async def test_selected_messages_alone_go_when_a_person_allows_it(delivered, remap):
    """And the plan says what that sets back."""
    remap("A1")
    message = (await delivered.record("A1")).message
    told = await plan(delivered, message=message, allow_stale=True)
    assert told["sets_back"]["free"] == 2

    await replay(delivered, message=message, allow_stale=True)
    assert (await taken(delivered, "free"))[3:] == ["A1"]


async def test_what_a_stale_replay_set_back_is_brought_forward_by_the_next(delivered, remap):
    """A2 and A3 were accepted before, but something older came after them."""
    remap("A1")
    message = (await delivered.record("A1")).message
    await replay(delivered, message=message, allow_stale=True)
    told = await plan(delivered, message=message)
    assert by_id(told)["free"] == {"new": 0, "different": 0, "again": 2, "same": 1}

    await replay(delivered, message=message)
    assert (await taken(delivered, "free"))[3:] == ["A1", "A2", "A3"]


async def test_a_replay_brings_what_was_in_quarantine_and_its_lane_moves(start_hub):
    """A rejected delivery gives way to the replay; what waited behind it goes first, in its old order."""
    hub = await start_hub("free")
    hub.receivers["free"].answers(REJECTED)
    for message in (adt("A1"), adt("A2", "A08")):
        await hub.take(message)
    await hub.work()
    assert await hub.states("A1") == {"free": "quarantined"}

    await replay(hub, message=(await hub.record("A1")).message)

    assert (await taken(hub, "free")) == ["A2", "A1", "A2"]


async def test_a_quarantined_message_is_replayed_once_its_mapping_is_mended(start_hub, monkeypatch):
    """Selected by the code that stopped it."""
    hub = await start_hub("free")
    convert = canonical.convert

    def fails(message, context, **given):
        if message.control_id == "A1":
            from shared.message.errors.mapping import BundleInvalid

            raise BundleInvalid("1 fault")
        return convert(message, context, **given)

    monkeypatch.setattr(canonical, "convert", fails)
    for message in (adt("A1"), adt("B1", number=OTHER, visit="V2")):
        await hub.take(message)
    await hub.work()
    assert (await hub.record("A1")).state is MessageState.QUARANTINED

    monkeypatch.setattr(canonical, "convert", convert)
    told = await replay(hub, finding="TRANSFORM-001")

    assert told["messages"] == 1
    assert await taken(hub, "free") == ["A1"]
    assert (await hub.record("A1")).state is MessageState.ROUTED


async def test_a_replay_that_fails_leaves_the_message_as_it_was(delivered, monkeypatch):
    """It was delivered once; that a new mapping cannot read it does not undo that."""

    def fails(message, context, **given):
        from shared.message.errors.mapping import BundleInvalid

        raise BundleInvalid("1 fault")

    monkeypatch.setattr(canonical, "convert", fails)
    assert (await plan(delivered, interface="adt"))["failing"] == {"TRANSFORM-001": 4}
    told = await replay(delivered, interface="adt")

    assert (told["state"], told["stopped"]) == ("done", 4)
    assert (await delivered.record("A1")).state is MessageState.ROUTED


async def test_a_destination_that_is_down_gets_the_replay_when_it_is_back(delivered, remap):
    """The replay is not done until then, and nothing of it is lost or doubled."""
    remap("A1")
    delivered.receivers["free"].answer = lambda delivery, body: REFUSED
    told = await replay(delivered, interface="adt")
    assert (told["state"], by_id(told)["free"]["parked"]) == ("running", 3)

    delivered.receivers["free"].answer = lambda delivery, body: ACCEPTED
    await delivered.pass_time(900, step=60)
    await delivered.hub.replays.advance()

    assert (await delivered.hub.replays.status(told["run"]))["state"] == "done"
    assert (await taken(delivered, "free"))[3:] == ["A1", "A2", "A3"]


async def test_messages_of_a_person_who_was_merged_away_are_left_out(start_hub, remap):
    """They would write the old record's facts to the survivor, whose own messages are another key's."""
    hub = await start_hub("free")
    for message in (adt("A1"), adt("B1", number=OTHER, name="Exmaple^Ana", born="19800102", visit="V2")):
        await hub.take(message)
    await hub.work()
    await hub.take(merge("M1", survivor="70001", prior="70002"))
    await hub.work()
    remap("A1", "B1")
    told = await plan(hub, interface="adt")
    await replay(hub, interface="adt")

    assert told["keys_left_out"] == 1
    assert (await taken(hub, "free"))[2:] == ["A1", "M1"]


@pytest.mark.parametrize("event", ["A40", "A47"])
async def test_nothing_differs_after_a_merge_that_was_made(start_hub, event):
    """By now both numbers mean one record; the merge, and what comes under the old number, say the same as ever."""
    hub = await start_hub(*FREE)
    old = merge("M1", survivor="70001", prior="70002").replace(b"ADT^A40^ADT_A39", b"ADT^" + event.encode())
    for message in (adt("A1"), adt("B1", number=OTHER, visit="V2"), old, adt("A2", "A08", number=OTHER), adt("A3")):
        await hub.take(message)
        await hub.work()

    told = by_id(await plan(hub, interface="adt"))
    ran = by_id(await replay(hub, interface="adt"))

    assert told == {name: {"new": 0, "different": 0, "again": 0, "same": 4} for name in FREE}
    assert ran == {name: {"skipped": 4} for name in FREE}


async def test_a_number_that_moved_on_stays_where_it_is(start_hub):
    """70 was moved from 1 to 2, and later to 3: what 2 got goes again, and 70 is still the third person's."""
    hub = await start_hub("store", "free")
    for number in ("1", "2", "3"):
        person = {"name": f"Name{number}", "born": f"1980010{number}", "visit": f"V{number}"}
        await hub.take(adt(f"A{number}", number=f"{number}^^^GENERAL^MR", **person))
    await hub.take(adt("A4", "A31", number="1^^^GENERAL^MR~70^^^GENERAL^MR", name="Name1", born="19800101", visit=None))
    for number in ("2", "3"):
        await hub.take(move(f"M{number}", number, "70"))
        await hub.work()
    of_second = (await hub.record("A2")).message

    told = by_id(await plan(hub, message=of_second))
    ran = by_id(await replay(hub, message=of_second))

    assert told == {name: {"new": 0, "different": 0, "again": 0, "same": 2} for name in ("store", "free")}
    assert ran == {name: {"skipped": 2} for name in ("store", "free")}
    await hub.take(adt("A5", "A31", number="70^^^GENERAL^MR", name="", born="", visit=None))
    await hub.work()
    assert (await hub.record("A5")).key == (await hub.record("A3")).key


async def test_the_plan_counts_whom_the_run_will_not_take_for_the_stored_person(start_hub):
    """Married, and the date corrected: A1 says neither, and an identity conflict would stop it."""
    hub = await start_hub("free")
    for message in (
        adt("A1"),
        adt("A2", "A08", name="Married^Anna"),
        adt("A3", "A08", name="Married^Anna", born="19810101"),
    ):
        await hub.take(message)
        await hub.work()

    assert (await plan(hub, interface="adt"))["failing"] == {"MPI-001": 1}
    assert (await replay(hub, interface="adt"))["stopped"] == 1


async def test_the_same_order_twice_is_one_replay(delivered, remap):
    """Whoever lost the terminal in the middle gives the order again."""
    remap("A1")
    first = await delivered.hub.replays.start(order(interface="adt"))
    second = await delivered.hub.replays.start(order(interface="adt"))
    await run_replays(delivered)

    assert first["run"] == second["run"]
    assert (await taken(delivered, "free"))[3:] == ["A1", "A2", "A3"]

    third = await replay(delivered, interface="adt")
    assert third["run"] != first["run"]
    assert by_id(third)["free"] == {"skipped": 4}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"destinations": ["free", "plain"]},
        {"interface": "adt", "from": "yesterday"},
        {"interface": "adt", "from": "2026-03-01T00:00:00"},
        {"affected_by": "adt"},
        {"resend_accepted": True, "destinations": ["free"]},
        {"resend_accepted": True, "interface": "adt", "reason": "why"},
        {"interface": "adt", "colour": "red"},
    ],
)
async def test_an_order_that_is_not_clear_is_refused(delivered, given):
    """A misspelt selector must not select everything."""
    with pytest.raises(RequestInvalid):
        await plan(delivered, **given)


@pytest.mark.parametrize("given", [{"message": "NONE"}, {"interface": "none"}, {"destinations": ["none"]}])
async def test_an_order_about_nothing_is_told_so(delivered, given):
    """A typing error is told, not planned."""
    with pytest.raises(NotFound):
        await plan(delivered, **given)


async def test_a_window_and_a_mapping_select(delivered):
    """``--from --to`` and ``--affected-by``."""
    delivered.clock.advance(3600)
    after = delivered.clock.now().isoformat()
    await delivered.take(adt("A4", "A08"))
    await delivered.work()

    assert (await plan(delivered, interface="adt", **{"from": after}))["messages"] == 1
    assert (await plan(delivered, interface="adt", to=after))["messages"] == 4
    assert (await plan(delivered, affected_by="adt@1"))["messages"] == 5
    assert (await plan(delivered, affected_by="adt@2"))["messages"] == 0


async def test_the_ledger_verifies_after_a_replay(delivered, remap):
    """Every delivery of the replay is on its chain as well (rule R10)."""
    before = await delivered.hub.verification.verify(b"{}")
    remap("A1")
    await replay(delivered, interface="adt")
    after = await delivered.hub.verification.verify(orjson.dumps({"heads": before["heads"]}))

    assert (before["is_intact"], before["messages"], before["deliveries"]) == (True, 4, 16)
    assert (after["is_intact"], after["messages"], after["deliveries"]) == (True, 4, 32)


async def test_heads_that_are_none_are_refused(delivered):
    """A mistyped file must not pass for a proof."""
    with pytest.raises(RequestInvalid):
        await delivered.hub.verification.verify(b'{"heads": [{"colour": "red"}]}')


class Late:
    """A history that does not show a message until everything else of its key was seen: it was committed late."""

    slack = 100

    def __init__(self, history: Any, hidden: str) -> None:
        self._history, self._hidden = history, hidden
        self.select = history.select

    async def of_key(self, key: Any, after: int = 0, limit: int = 500) -> Any:
        page = [one for one in await self._history.of_key(key, after, limit) if one.record.control_id != self._hidden]
        if not page:
            self._hidden = ""
        return page


@pytest.mark.parametrize(
    ("first", "expected"), [("A1", ["A1", "A3", "A2"]), ("A3", ["A3"])], ids=["from A1 on", "from A3 on"]
)
async def test_what_was_committed_late_is_replayed_too_and_nothing_before_the_first(delivered, first, expected):
    """Two processes take messages of one patient: the lower number may come to light last (decision 0110)."""
    desk = delivered.hub.replays
    desk._replayer._history = Late(delivered.hub.adapters.history, "A2")
    await replay(delivered, message=first, destinations=["free"], resend_accepted=True, reason="restored")

    assert await taken(delivered, "free") == ["A1", "A2", "A3", *expected]


async def bury_and_go_on(delivered, queue):
    """Make what a session holds dead letters, as the broker does after the last delivery, and run what can run."""
    lock = await delivered.queue.accept_session(queue)
    received = await delivered.queue.receive(lock, 100)
    await delivered.queue.dead_letter(lock, received, "MaxDeliveryCountExceeded")
    await delivered.queue.release(lock)
    for _ in range(4):
        await delivered.work()
        await delivered.hub.replays.advance()


async def test_a_dead_letter_of_a_replay_leaves_the_message_as_it_was_and_the_replay_ends(delivered):
    """The message came through once: in quarantine it would be sent again by whoever finds it there."""
    run = (await delivered.hub.replays.start(order(interface="adt")))["run"]
    await delivered.hub.replays.advance()
    await bury_and_go_on(delivered, "transform")

    assert (await delivered.record("A1")).state == "routed"
    status = await delivered.hub.replays.status(run)
    assert (status["state"], status["stopped"] > 0) == ("done", True)


async def test_a_delivery_of_a_replay_that_became_a_dead_letter_does_not_keep_it_from_ending(delivered):
    """It never came into a lane: a replay that waited for it would wait for ever."""
    run = (await delivered.hub.replays.start(order(interface="adt", destinations=["free"])))["run"]
    await delivered.hub.replays.advance()
    await delivered.work_on("transform")
    await delivered.work_on("route")
    await bury_and_go_on(delivered, "deliver")

    status = await delivered.hub.replays.status(run)
    assert (status["state"], status["waiting"], status["stopped"] > 0) == ("done", 0, True)
