"""A walk: what senders, workers, the destination, the broker and a person do, in any order, and what must hold then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.message.delivery import Answer, Verdict
from shared.message.state import DeliveryState
from shared.registry.destination import DestinationConfig
from tests.model.hub import SILENT, Hub, in_one_thread

MEMORY = Path("/dev/shm")
ACCEPTED = Answer(Verdict.ACCEPTED, "AA")
ANSWERS = (
    ACCEPTED,
    Answer(Verdict.TRANSIENT, "refused"),
    Answer(Verdict.TRANSIENT, "HTTP 503", 30.0),
    Answer(Verdict.PERMANENT, "AE 101"),
    SILENT,
    Answer(Verdict.AMBIGUOUS, "unreadable"),
)
BUDGET_HOURS = 1.0
# Of a send and of two, of a lock, of the longest wait, of the budget; and just short of some of them.
PERIODS = (0.5, 3.0, 9.0, 11.0, 23.0, 46.0, 70.0, 301.0, 3700.0)
ENOUGH_ROUNDS = 400
PICK = st.integers(0, 11)
Then = tuple[bool, list[Answer]]
# Whatever happens, then: whether workers begin at once, and what the destination says to the first who wait.
THEN = st.tuples(st.sampled_from((True, True, True, False)), st.lists(st.sampled_from(ANSWERS), max_size=4))


def destination(**choices: Any) -> DestinationConfig:
    """Return a destination that is configured so."""
    if choices["order"] == "feed":
        choices["on_reject"] = choices["on_reject"].replace("key", "feed")
    else:
        choices |= {"concurrency": 2, "connections": 2}
    retry = {"base_seconds": 1, "cap_seconds": 60, "budget_hours": BUDGET_HOURS}
    about = {"id": "lab", "title": "Laboratory", "kind": "https", "retry": retry}
    return DestinationConfig.model_validate({**about, **choices})


class Walk(RuleBasedStateMachine):
    """One destination with up to two sessions and three ordering keys; two workers, and a third whose clock is slow."""

    hub: Hub | None = None
    fixed: Mapping[str, Any] = {}  # of the destination's configuration, whatever is drawn

    @initialize(
        is_idempotent=st.booleans(),
        order=st.sampled_from(("key", "feed")),
        on_ambiguous=st.sampled_from(("resend", "review")),
        may_hold=st.booleans(),
        on_quarantine=st.sampled_from(("hold_key", "pass")),
        rate=st.sampled_from((None, None, 0.5)),
    )
    def begin(
        self, *, is_idempotent: bool, order: str, on_ambiguous: str, may_hold: bool, on_quarantine: str, rate: Any
    ) -> None:
        self._folder = TemporaryDirectory(dir=str(MEMORY) if MEMORY.is_dir() else None, prefix="caduceus-model-")
        drawn = {
            "idempotent": is_idempotent,
            "order": order,
            "on_ambiguous": on_ambiguous,
            "on_reject": "hold_key" if may_hold else "continue",
            "on_quarantine": on_quarantine,
            "rate_per_second": rate,
        }
        self.hub = Hub(Path(self._folder.name), destination(**{**drawn, **self.fixed}))

    @rule(keys=st.lists(st.sampled_from("abc"), min_size=1, max_size=4), then=THEN)
    def messages_come(self, keys: list[str], then: Then) -> None:
        for key in keys:
            self.hub.offer(key)
        self._go_on(then)

    @precondition(lambda self: self.hub and self.hub.waiting)
    @rule(which=PICK, answer=st.sampled_from(ANSWERS), then=THEN)
    def the_destination_answers_one(self, which: int, answer: Answer, then: Then) -> None:
        waiting = list(self.hub.waiting)
        self.hub.answer(waiting[which % len(waiting)], answer)
        self._go_on(then)

    @rule(seconds=st.sampled_from(PERIODS), is_timer=st.booleans(), then=THEN)
    def time_passes(self, seconds: float, is_timer: bool, then: Then) -> None:
        self.hub.pass_time(seconds)
        if is_timer:
            self.hub.tick()
        self._go_on(then)

    @precondition(lambda self: self.hub and self.hub.jobs)
    @rule(which=PICK, is_dead=st.booleans(), then=THEN)
    def a_worker_loses_its_session(self, which: int, is_dead: bool, then: Then) -> None:
        job = self.hub.jobs[which % len(self.hub.jobs)]
        (self.hub.kill if is_dead else self.hub.steal)(job)
        self._go_on(then)

    @precondition(lambda self: self.hub and self.hub.promises.letters)
    @rule(seconds=st.sampled_from(PERIODS), then=THEN)
    def a_person_pauses_for_a_while(self, seconds: float, then: Then) -> None:
        self.hub.pause()
        self._go_on(then)
        self.hub.pass_time(seconds)
        self._go_on(then)
        self.hub.resume()
        self._go_on(then)

    @precondition(lambda self: self.hub and any(one.is_stopped for one in self.hub.promises.letters.values()))
    @rule(which=PICK, state=st.sampled_from((DeliveryState.PARKED, DeliveryState.DISCARDED)), then=THEN)
    def a_person_decides(self, which: int, state: DeliveryState, then: Then) -> None:
        stopped = self.hub.stopped()
        self.hub.decide(stopped[which % len(stopped)], state)
        self._go_on(then)

    def _go_on(self, then: Then) -> None:
        """Let workers take what there is, unless they are slow to, and the destination answer some of it."""
        are_prompt, answers = then
        self.hub.promises.step += 1
        if are_prompt:
            self.hub.begin_all()
        for answer in answers:
            for sending in list(self.hub.waiting)[:1]:
                self.hub.answer(sending, answer)

    @invariant()
    def every_promise_is_kept(self) -> None:
        if self.hub is None:
            return
        self.hub.promises.step += 1
        assert not self.hub.promises.complaints, self.hub.promises.complaints
        assert not self.hub.strays, self.hub.strays
        assert not self.hub.lost(), f"lost: {self.hub.lost()}"

    @invariant()
    def what_is_stopped_waits_for_a_person(self) -> None:
        """Promise 4: it is there until somebody decides, and nothing else is."""
        if self.hub is not None:
            known = {one.id for one in self.hub.promises.letters.values() if one.is_stopped}
            assert {row.id for row in self.hub.stopped()} == known

    @invariant()
    def somebody_will_look_at_every_lane(self) -> None:
        """Rule R6: no lane relies on the timer."""
        if self.hub is not None:
            assert not self.hub.asleep(), f"asleep: {self.hub.asleep()}"

    def teardown(self) -> None:
        """Let everything come to rest: a destination that is well, and a person who sends again what was stopped."""
        if self.hub is None:
            return
        try:
            self._come_to_rest()
        finally:
            self.hub.close()
            self._folder.cleanup()

    def _come_to_rest(self) -> None:
        if self.hub.promises.complaints or self.hub.strays:
            return  # it has failed already
        for _ in range(ENOUGH_ROUNDS):
            self.hub.promises.step += 1
            self.hub.begin_all()
            for sending in list(self.hub.waiting):
                if sending in self.hub.waiting:
                    self.hub.answer(sending, ACCEPTED)
            if not self.hub.jobs and not self._what_is_left():
                break
            if not self.hub.jobs:
                for row in self.hub.stopped():
                    self.hub.decide(row, DeliveryState.PARKED)
            if not self.hub.waiting:
                self.hub.pass_time(5)
        self.every_promise_is_kept()
        assert not self._what_is_left(), f"never delivered: {self._what_is_left()}"

    def _what_is_left(self) -> list[int]:
        letters = self.hub.promises.letters.values()
        return [one.number for one in letters if one.state not in (DeliveryState.ACCEPTED, DeliveryState.DISCARDED)]


def walk(settings: settings, fixed: Mapping[str, Any] | None = None) -> None:
    """Take as many walks as the settings say, through what is fixed of the destination and drawn of the rest.

    Raises:
        AssertionError: a promise was broken; how, and on which walk.
    """
    with in_one_thread():
        run_state_machine_as_test(type("Walk", (Walk,), {"fixed": fixed or {}}), settings=settings)
