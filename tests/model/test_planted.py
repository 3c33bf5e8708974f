"""The walks find bugs: each of ours is planted, and has to break a promise within a few of them."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings

from tests.model.machine import walk
from tests.model.planted import PLANTED
from tests.model.test_model import FEW

SEARCHED = settings(FEW, max_examples=200, phases=[Phase.generate], report_multiple_bugs=False, print_blob=False)
IDEMPOTENT = {"idempotent": True, "order": "key", "rate_per_second": None}
CAREFUL = {"idempotent": False, "on_ambiguous": "review", "order": "key", "rate_per_second": None}
HOLDING = {**CAREFUL, "on_reject": "hold_key", "on_quarantine": "hold_key"}
# At which destination the bug does harm: walks begin there.
SEARCH = {
    "probe_without_a_lease": IDEMPOTENT,
    "look_once_for_all_turns": CAREFUL,
    "ignore_the_lane": IDEMPOTENT,
    "send_again_what_may_have_arrived": CAREFUL,
    "forget_what_is_under_way": IDEMPOTENT,
    "reuse_a_wake_id": IDEMPOTENT,
    "sleep_without_a_wake": IDEMPOTENT,
    "complete_before_park": IDEMPOTENT,
    "never_give_up": IDEMPOTENT,
    "throw_away_what_was_rejected": HOLDING,
    "let_a_lane_go_when_its_head_is_reopened": HOLDING,
    "pass_what_holds": HOLDING,
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_is_found(bug):
    """A model that agrees with everything has to show that there was nothing to disagree with."""
    with PLANTED[bug](), pytest.raises(AssertionError) as found:
        walk(SEARCHED, SEARCH[bug])

    print(f"{bug}: {str(found.value).splitlines()[0]}")
