"""What deliver promises of one destination, said without its code (promises 1 to 4, rules R3 to R6, R9).

A delivery is settled as its answer says, and a send begins only where nothing forbids it. Whatever is not so is a
complaint: it is seen in the middle of the stage, where a failed assertion would count as an error of the destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.identifiers import DeliveryId, SessionId
from shared.message.state import DeliveryState
from shared.ports import DestinationStatus
from shared.registry.destination import DestinationConfig

S = DeliveryState
PROBED = 3  # failures in a row, after which one send at a time finds out
Outcome = tuple[DeliveryState, bool]  # and whether its lane waits for a person


@dataclass
class Letter:
    """What is known of one delivery.

    Attributes:
        offered: When it got its place in the lane; None: it is in the queue alone.
        state: As it was last recorded.
        holds: Recorded as stopped, and its lane waits for a person.
        may_be_there: The destination may have it, and no person has looked since.
        reopened: When a person let it go again, in steps of the walk.
        again: From when its retry budget counts since then.
    """

    id: DeliveryId
    number: int
    session: SessionId
    lane: str
    offered: datetime | None = None
    state: DeliveryState = S.PARKED
    holds: bool = False
    may_be_there: bool = False
    reopened: int = 0
    again: datetime | None = None

    @property
    def is_stopped(self) -> bool:
        return self.state in (S.REVIEW, S.QUARANTINED)


@dataclass(eq=False)
class Turn:
    """What a worker knew when it took the session, and what it has heard since.

    Attributes:
        began: In steps of the walk.
        is_barred: Nothing may be sent in it: a person paused the destination, or its breaker was open.
        is_probe: The breaker's time was over, and nobody had answered since.
        heard: What has to become of each delivery that was answered.
    """

    began: int
    is_barred: bool = False
    is_probe: bool = False
    heard: dict[DeliveryId, Outcome] = field(default_factory=dict)


@dataclass(eq=False)
class Sending:
    """A send under way."""

    letter: Letter
    turn: Turn
    might_be_there: bool


@dataclass
class Promises:
    """Sees what the stage does, and complains.

    Attributes:
        step: Counts the steps of the walk.
    """

    config: DestinationConfig
    letters: dict[DeliveryId, Letter] = field(default_factory=dict)
    under_way: list[Sending] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    step: int = 0

    def turn(self, status: DestinationStatus, offered: Iterable[Delivery], now: datetime) -> Turn:
        """Return what a turn may do that begins now, with these deliveries at the end of their lanes."""
        for row in offered:
            letter = self.letters[row.id]
            letter.offered = letter.offered or row.offered
        is_open = status.open_until is not None and now < status.open_until
        return Turn(self.step, status.paused or is_open, status.failures >= PROBED)

    def begins(self, letter: Letter, turn: Turn) -> Sending:
        """Note that a send begins."""
        self.complaints += self._faults(letter, turn)
        sending = Sending(letter, turn, letter.may_be_there)
        self.under_way.append(sending)
        letter.may_be_there = True
        return sending

    def ends(self, sending: Sending, answer: Answer | None, now: datetime) -> None:
        """Note what a send came to; None: its worker has ended, and nobody heard."""
        self.under_way.remove(sending)
        if answer is None:
            return
        letter = sending.letter
        sending.turn.heard[letter.id] = self._outcome(letter, answer.verdict, now)
        if answer.verdict in (Verdict.TRANSIENT, Verdict.PERMANENT):
            letter.may_be_there = sending.might_be_there

    def recorded(self, rows: Iterable[Delivery], turn: Turn, now: datetime) -> None:
        """Note what the owner of a session has written."""
        for row in rows:
            letter = self.letters[row.id]
            outcome = turn.heard.get(row.id)
            if outcome is not None and row.state is not S.INTENT:
                self.complaints += self._differences(row, letter, outcome, now)
            elif outcome is None and row.state not in (S.PARKED, S.INTENT, S.REVIEW):
                self.complaints.append(f"{letter.number} is {row.state}, and nobody answered")
            letter.state, letter.holds = row.state, row.holds

    def reopened(self, delivery: Delivery, state: DeliveryState) -> None:
        """Note what a person decided: it did not arrive and goes again, or nobody waits for it any more."""
        letter = self.letters[delivery.id]
        letter.state, letter.holds, letter.may_be_there, letter.reopened = state, False, False, self.step
        letter.again = delivery.settled

    def _outcome(self, letter: Letter, verdict: Verdict, now: datetime) -> Outcome:
        holds = self.config.on_quarantine == "hold_key"
        match verdict:
            case Verdict.ACCEPTED:
                return S.ACCEPTED, False
            case Verdict.PERMANENT:
                return S.QUARANTINED, self.config.on_reject != "continue"
            case Verdict.AMBIGUOUS if not self._may_go_twice():
                return S.REVIEW, holds
        assert letter.offered is not None
        if now > (letter.again or letter.offered) + timedelta(hours=self.config.retry.budget_hours):
            return S.QUARANTINED, holds
        return S.PARKED, False

    def _may_go_twice(self) -> bool:
        return self.config.idempotent or self.config.on_ambiguous == "resend"

    def _faults(self, letter: Letter, turn: Turn) -> Iterator[str]:
        if letter.state not in (S.PARKED, S.INTENT):
            yield f"{letter.number} is {letter.state}, and was sent"
        if letter.may_be_there and not self._may_go_twice():
            yield f"{letter.number} may have arrived, and was sent again"
        if turn.is_barred:
            yield f"{letter.number} was sent to a destination that is paused or broken"
        for other in self.under_way:
            if other.letter.lane == letter.lane:
                yield f"{letter.number} was sent beside {other.letter.number}"
            if turn.is_probe and other.turn.is_probe:
                yield f"{letter.number} probes beside {other.letter.number}"
        for before in self.letters.values():
            is_before = before.lane == letter.lane and before.number < letter.number and before.offered is not None
            if is_before and self._blocks(before, turn):
                yield f"{letter.number} overtook {before.number}"

    def _blocks(self, letter: Letter, turn: Turn) -> bool:
        """Tell whether what came later in its lane has to wait for it."""
        if letter.reopened >= turn.began and letter.reopened:
            return False  # a person let it go when the turn had begun, and what came later was passing
        state, holds = turn.heard.get(letter.id, (letter.state, letter.holds))
        return holds or state in (S.PARKED, S.INTENT)

    def _differences(self, row: Delivery, letter: Letter, outcome: Outcome, now: datetime) -> Iterator[str]:
        if (row.state, row.holds) != outcome:
            yield f"{letter.number} is {row.state}, holding: {row.holds}, instead of {outcome}"
        latest = now + timedelta(seconds=self.config.retry.cap_seconds)
        if row.state is S.PARKED and (row.due is None or row.due > latest):
            yield f"{letter.number} waits until {row.due}"
