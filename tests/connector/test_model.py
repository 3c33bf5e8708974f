"""The real spool, intake and forwarder, walked at random along the table of states; the table is what must happen."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from connector.cipher import Clear
from connector.config import HubTable, ListenTable
from connector.down_queue import DownQueue
from connector.forwarder import Line
from connector.intake import Intake
from connector.link import LinkAnswer
from connector.spool import Spool
from connector.states import DOWN, UP, Down, DownEvent, Up, UpEvent, after_down, after_up
from shared.message.errors.connector import HubUnreachable
from shared.message.errors.pipeline import NotFound
from tests.connector.hub import Hub
from tests.connector.peers import admission

HUB = HubTable(
    url="http://127.0.0.1:1", authentication="none", retry_base_seconds=0.001, retry_cap_seconds=0.002, linger_seconds=0
)
LISTEN = ListenTable(name="adt", port=1, acknowledge="end_to_end", end_to_end_seconds=0.05)


STARTS = frozenset({DownEvent.KILLED, DownEvent.DISK_LOST, DownEvent.DISKS_LOST})


class Wire:
    """The hub's own code at the end of a line that does what the test says."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.fault = ""

    async def post(self, path, headers, body) -> LinkAnswer:
        if self.fault == "cut before":
            raise HubUnreachable("cut")
        status, said, told = self.hub.take(path, headers["Caduceus-Stream"], body)
        if self.fault == "cut after":
            raise HubUnreachable("cut")
        return LinkAnswer(status, told, said)

    async def close(self) -> None:
        pass


class GoingUp(RuleBasedStateMachine):
    """Messages, faults, refusals and crashes in any order."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.hub = Hub()
        self.wire = Wire(self.hub)
        self.sent = 0
        self.promised: list[str] = []  # MSH-10 that heard AA, in order
        self.told_no: set[str] = set()
        self.gone: set[str] = set()  # promised by disks that are no more
        for name in ("own", "mirror"):
            (Path(self.folder.name) / name).mkdir()
        self._open()

    def _open(self) -> None:
        async def open() -> None:
            own, mirror = (Path(self.folder.name) / name for name in ("own", "mirror"))
            self.spool = Spool(own, Clear(), 1 << 30, mirror=mirror)
            self.intake = await Intake.open("north", LISTEN, HUB, self.spool, self.wire, Line())
            self.intake.start()

        self.runner.run(open())

    @rule(mode=st.sampled_from(["spool", "end_to_end", "hybrid"]), refused=st.booleans())
    def a_message_comes(self, mode, refused) -> None:
        self.sent += 1
        control_id = f"M{self.sent}"
        if refused:
            self.hub.refuses.add(control_id)
        self.intake.take_table(LISTEN.model_copy(update={"acknowledge": mode, "hybrid_seconds": 0.02}))
        answer = self.runner.run(self.intake.answer(admission(control_id)))
        if b"MSA|AA|" in answer:
            self.promised.append(control_id)
        else:
            assert b"MSA|AE|" in answer or b"MSA|AR|" in answer
            self.told_no.add(control_id)

    @rule(fault=st.sampled_from(["", "", "cut before", "cut after", "503"]))
    def the_line_changes(self, fault) -> None:
        self.wire.fault = fault
        self.hub.is_down = fault == "503"

    @rule()
    def some_time_passes(self) -> None:
        self.runner.run(asyncio.sleep(0.02))

    @rule()
    def the_process_dies(self) -> None:
        """Without a word: tasks are dropped where they are, and the file is what counts."""
        self._die()
        self._open()

    @rule(name=st.sampled_from(["own", "mirror"]))
    def a_disk_is_lost(self, name) -> None:
        """The other one has everything that anybody was promised."""
        self._die(name)
        self._open()

    @rule()
    def both_disks_are_lost(self) -> None:
        """As one without a mirror: what was only there is gone, and what comes afterwards is no less safe for it."""
        self._die("own", "mirror")
        self.gone |= set(self.promised) - set(self.hub.control_ids)
        self._open()

    def _die(self, *lost: str) -> None:
        async def die() -> None:
            await self.intake.stop()
            await self.spool.close()

        self.runner.run(die())
        for name in lost:
            _lose(Path(self.folder.name) / name)

    @precondition(lambda self: self.sent)
    @rule()
    def the_line_is_good_for_long(self) -> None:
        """Everything promised has arrived or is kept for a person; what was told no is nowhere in between."""
        self.the_line_changes("")

        async def drain() -> None:
            async with asyncio.timeout(20):
                while self.spool.read("SELECT 1 FROM up LIMIT 1"):  # noqa: ASYNC110  # seen from outside
                    await asyncio.sleep(0.005)

        self.runner.run(drain())
        kept = {control_id for (control_id,) in self.spool.read("SELECT control_id FROM refused")}
        taken = self.hub.control_ids
        assert set(self.promised) - self.gone <= set(taken) | kept, (self.promised, taken, kept)
        assert [one for one in taken if one in self.promised] == [one for one in self.promised if one in taken]
        assert not kept - set(self.promised), (kept, self.promised, taken)

    @invariant()
    def nothing_is_taken_twice(self) -> None:
        if hasattr(self, "hub"):
            assert len(self.hub.control_ids) == len(set(self.hub.control_ids))

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.intake.stop())
            self.runner.run(self.spool.close())
            self.runner.close()
            self.folder.cleanup()


TestGoingUp = GoingUp.TestCase
TestGoingUp.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)


class GoingDown(RuleBasedStateMachine):
    """Any event in any state: the queue does what the table says, and nothing where it says nothing."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.expected: dict[str, Down] = {}
        for name in ("own", "mirror"):
            (Path(self.folder.name) / name).mkdir()
        self._open()

    def _open(self) -> None:
        async def open() -> None:
            own, mirror = (Path(self.folder.name) / name for name in ("own", "mirror"))
            self.spool = Spool(own, Clear(), 1 << 30, mirror=mirror)
            self.queue = DownQueue(self.spool)

        self.runner.run(open())

    @rule(number=st.integers(0, 3))
    def a_delivery_comes(self, number) -> None:
        """One that is gone is a new one: the hub heard 404."""
        name = f"d{number}"
        outcome = self.runner.run(self.queue.take(name, "lab", "", "M", b"body"))
        if self.expected.get(name, Down.GONE) is Down.GONE:
            self.expected[name] = Down.COMMITTED
        assert outcome.state is self.expected[name]

    @precondition(lambda self: self.expected)
    @rule(data=st.data(), event=st.sampled_from([one for one in DownEvent if one not in STARTS]))
    def something_happens(self, data, event) -> None:
        name = data.draw(st.sampled_from(sorted(self.expected)))
        before = self.expected[name]
        if (before, event) in DOWN:
            self.expected[name] = after_down(before, event)
            assert self.runner.run(self.queue.move(name, event, "AA")).state is self.expected[name]
        else:
            try:
                self.runner.run(self.queue.move(name, event, "AA"))
            except ValueError:
                assert before is not Down.GONE
                return
            except NotFound:
                assert before is Down.GONE
                return
            raise AssertionError("the table has no such move")

    @rule(event=st.sampled_from(sorted(STARTS)), disk=st.sampled_from(["own", "mirror"]))
    def the_process_dies(self, event, disk) -> None:
        """And starts again, on what the disks still have."""
        self.runner.run(self.spool.close())
        for name in {DownEvent.KILLED: (), DownEvent.DISK_LOST: (disk,)}.get(event, ("own", "mirror")):
            _lose(Path(self.folder.name) / name)
        self._open()
        self.runner.run(_resolve_interrupted(self.queue))
        self.expected = {
            name: state if state is Down.GONE else after_down(state, event) for name, state in self.expected.items()
        }

    @invariant()
    def the_queue_says_what_the_table_says(self) -> None:
        if hasattr(self, "queue"):
            assert {name: self._state(name) for name in self.expected} == self.expected

    def _state(self, name: str) -> Down:
        try:
            return self.queue.outcome(name).state
        except NotFound:
            return Down.GONE

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.spool.close())
            self.runner.close()
            self.folder.cleanup()


async def _resolve_interrupted(queue: DownQueue) -> None:
    """What a deliverer does at its start."""
    for name in queue.interrupted("lab"):
        await queue.move(name, DownEvent.NO_ANSWER, "interrupted")


def _lose(folder: Path) -> None:
    for file in folder.glob("spool.db*"):
        file.unlink()


TestGoingDown = GoingDown.TestCase
TestGoingDown.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)


def test_every_state_has_an_answer_to_a_crash_and_to_a_lost_disk():
    """A state without one would be a state nobody thought about."""
    ends = {Up.TAKEN, Up.REFUSED, Up.VOID, Up.LOST, Up.GONE}
    for up in (UpEvent.KILLED, UpEvent.DISK_LOST, UpEvent.DISKS_LOST):
        assert {state for state, event in UP if event is up} == set(Up) - ends
    for down in STARTS:
        assert {state for state, event in DOWN if event is down} == set(Down) - {Down.GONE}


def test_every_state_can_be_reached_and_left():
    """From the first one; and whatever is not an end has a way on, other than the loss of everything."""
    for moves, first, ends, after in (
        (UP, Up.READ, {Up.TAKEN, Up.REFUSED, Up.VOID, Up.LOST, Up.GONE}, after_up),
        (DOWN, Down.COMMITTED, {Down.DELIVERED, Down.CANCELLED, Down.GONE}, after_down),
    ):
        reached, new = {first}, {first}
        while new:
            new = {after(state, event) for state, event in moves if state in new} - reached
            reached |= new
        assert reached | {Up.LOST} == set(type(first)) | {Up.LOST}
        ways = [(state, event) for state, event in moves if event.name != "DISKS_LOST"]
        stuck = {state for state in reached if all(after(*move) is state for move in ways if move[0] is state)}
        assert stuck <= ends
