"""What becomes of a delivery after an answer: one decision table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.deliver.backoff import Uniform, backoff_seconds
from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.errors.pipeline import RetryBudgetSpent
from shared.message.state import DeliveryState

if TYPE_CHECKING:
    from shared.registry import DestinationConfig


def settle(row: Delivery, answer: Answer, config: DestinationConfig, now: datetime, uniform: Uniform) -> Delivery:
    """Return the delivery as it stands after an answer.

    Accepted settles it. Transient parks it until its back-off is over, or quarantines it when the retry budget is
    spent. Permanent quarantines it. Ambiguous is sent again, as transient is, where that is safe or the destination's
    file wants it (rule R3), and otherwise waits for a person.

    Args:
        row: With the attempt already counted.
    """
    match answer.verdict:
        case Verdict.ACCEPTED:
            return _stopped(row, DeliveryState.ACCEPTED, answer.code, now, holds=False)
        case Verdict.PERMANENT:
            return _stopped(row, DeliveryState.QUARANTINED, answer.code, now, holds=config.on_reject != "continue")
        case Verdict.AMBIGUOUS if not may_resend(config):
            return _stopped(row, DeliveryState.REVIEW, answer.code, now, holds=config.on_quarantine == "hold_key")
    since = max(row.offered, row.settled or row.offered)  # a person may have sent again what was stopped
    if now - since > timedelta(hours=config.retry.budget_hours):
        holds = config.on_quarantine == "hold_key"
        return _stopped(row, DeliveryState.QUARANTINED, RetryBudgetSpent.code, now, holds=holds)
    wait = max(backoff_seconds(row.attempts, config.retry, uniform), answer.retry_after_seconds or 0.0)
    return row._replace(
        state=DeliveryState.PARKED, code=answer.code, due=now + timedelta(seconds=wait), send_deadline=None
    )


def skipped(row: Delivery, output: str, now: datetime) -> Delivery:
    """Return a delivery that its destination needs no more."""
    return _stopped(row._replace(output=output), DeliveryState.SKIPPED, "accepted before", now, holds=False)


def may_resend(config: DestinationConfig) -> bool:
    """Tell whether a message that may have arrived can be sent again: the receiver knows a copy, or the habit is to."""
    return config.idempotent or config.on_ambiguous == "resend"


def advances(row: Delivery) -> bool:
    """Tell whether the next delivery of the lane may go."""
    return row.state is DeliveryState.ACCEPTED or (row.state is not DeliveryState.PARKED and not row.holds)


def _stopped(row: Delivery, state: DeliveryState, code: str, now: datetime, *, holds: bool) -> Delivery:
    return row._replace(state=state, code=code, settled=now, due=None, send_deadline=None, holds=holds)
