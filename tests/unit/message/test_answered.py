"""What a person does about a destination's answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.message.answered import reason_of_delivery
from shared.message.silence import NEVER_LEFT, Silence
from shared.message.state import DeliveryState as S

RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks"


@pytest.mark.parametrize("silence", sorted(NEVER_LEFT))
def test_every_way_not_to_reach_a_destination_has_a_next_step(silence):
    """A word of the source code alone sends a person there at 3 a.m."""
    what, _, after = reason_of_delivery(S.PARKED, silence).partition("; ")
    assert (bool(what), bool(after)) == (True, True)


@pytest.mark.parametrize(
    ("state", "code", "words"),
    [
        (S.PARKED, "tls_failed", "look at its certificate"),
        (S.PARKED, "HTTP 401", "renew the credentials"),
        (S.PARKED, "HTTP 404 not-found", "correct the address"),
        (S.PARKED, "HTTP 301", "correct the address"),
        (S.PARKED, "HTTP 503", "cannot take messages now"),
        (S.PARKED, "AE 207", "cannot take messages now"),
        (S.QUARANTINED, "HTTP 422", "correct the message or the mapping, then resend"),
        (S.QUARANTINED, "DELIVER-020", "repair the destination, then resend"),
        (S.REVIEW, Silence.TIMED_OUT, "discard it (it did) or resend it (it did not)"),
    ],
)
def test_an_answer_is_told_by_what_became_of_the_delivery(state, code, words):
    """The same silence is nobody's business while it is tried again, and a decision when it waits for one."""
    assert words in reason_of_delivery(state, code)


@pytest.mark.parametrize(
    ("state", "code"), [(S.ACCEPTED, "HTTP 202"), (S.PARKED, ""), (S.PARKED, "at the barrier"), (S.DISCARDED, "AE")]
)
def test_where_nobody_has_to_do_anything_nothing_is_said(state, code):
    """Advice beside what is well hides the advice that counts."""
    assert reason_of_delivery(state, code) == ""
