"""What becomes of a delivery after an answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.deliver.settle import advances, settle
from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.errors.pipeline import RetryBudgetSpent
from shared.message.identifiers import SessionId
from shared.message.state import DeliveryState
from shared.registry import DestinationConfig
from tests.doubles.clock import NOON as NOW
from tests.doubles.samples import delivery

SENT = delivery(
    1,
    session=SessionId("lab.0"),
    state=DeliveryState.INTENT,
    offered=NOW - timedelta(minutes=5),
    attempts=2,
    send_deadline=NOW,
)


def destination(**choices: object) -> DestinationConfig:
    address = {"laptop": "mllp://127.0.0.1:2576"}
    return DestinationConfig.model_validate(
        {"id": "lab", "title": "Lab", "kind": "mllp", "address": address, **choices}
    )


def longest(low: float, high: float) -> float:
    return high


def after(verdict: Verdict, *, row: Delivery = SENT, retry_after: float | None = None, **choices: object) -> Delivery:
    return settle(row, Answer(verdict, "said", retry_after), destination(**choices), NOW, longest)


def test_an_accepted_delivery_is_settled_and_its_lane_goes_on():
    """Nothing of it is ever sent again."""
    row = after(Verdict.ACCEPTED)
    assert (row.state, row.settled, row.send_deadline) == (DeliveryState.ACCEPTED, NOW, None)
    assert advances(row)


def test_a_transient_failure_parks_the_delivery_until_its_back_off_is_over():
    """The second failed attempt waits up to 2 s: base 1 s, doubled once."""
    row = after(Verdict.TRANSIENT)
    assert (row.state, row.due) == (DeliveryState.PARKED, NOW + timedelta(seconds=2))
    assert not advances(row)


def test_a_destination_that_asks_for_a_longer_wait_gets_it():
    """Retry-After is a promise to answer then, and a warning before."""
    assert after(Verdict.TRANSIENT, retry_after=90).due == NOW + timedelta(seconds=90)


def test_a_delivery_whose_retry_budget_is_spent_waits_for_a_person():
    """Nothing expires in silence (promise 4): quarantine has a reason."""
    old = SENT._replace(offered=NOW - timedelta(hours=73))
    row = after(Verdict.TRANSIENT, row=old)
    assert (row.state, row.code) == (DeliveryState.QUARANTINED, RetryBudgetSpent.code)


@pytest.mark.parametrize(("on_reject", "goes_on"), [("hold_key", False), ("hold_feed", False), ("continue", True)])
def test_after_a_refusal_the_lane_waits_unless_the_destination_lets_it_go_on(on_reject, goes_on):
    """An A08 behind a refused A01 would update a patient that the destination does not have."""
    row = after(Verdict.PERMANENT, on_reject=on_reject)
    assert row.state is DeliveryState.QUARANTINED
    assert advances(row) is goes_on


@pytest.mark.parametrize(
    ("choices", "state"),
    [
        ({"idempotent": True}, DeliveryState.PARKED),
        ({"idempotent": False, "on_ambiguous": "resend"}, DeliveryState.PARKED),
        ({"idempotent": False, "on_ambiguous": "review"}, DeliveryState.REVIEW),
    ],
)
def test_what_may_have_arrived_is_sent_again_only_where_that_is_safe_or_wanted(choices, state):
    """A second order reaches a patient: the one honest limit is decided in the destination's file (promise 2)."""
    assert after(Verdict.AMBIGUOUS, **choices).state is state
