"""The harness finds bugs: each of ours is planted, and has to break a promise within a few cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.case import Report, run_case
from tests.faults.cases import first_of_each
from tests.faults.plan import Fault
from tests.faults.planted import PLANTED, planted

# Where the bug does harm, and after what: scenario, stage and faults. The search begins there, and ends there.
SEARCH: dict[str, tuple[str, str, tuple[Fault, ...]]] = {
    "drop_the_idempotency_check": ("small", "route", (Fault.AGAIN,)),
    "acknowledge_on_reserved": ("small", "ingest", (Fault.CRASH, Fault.DEATH)),
    "complete_before_park": ("small", "deliver", (Fault.CRASH,)),
    "ignore_the_lane": ("small", "deliver", (Fault.FAIL, Fault.DELAY)),
    "reuse_a_wake_id": ("small", "deliver", (Fault.DEATH, Fault.FAIL)),
    "recompute_on_retry": ("small", "deliver", (Fault.DEATH, Fault.CRASH, Fault.EXPIRE)),
    "write_without_owning": ("small", "deliver", (Fault.ZOMBIE, Fault.EXPIRE)),
    "poison_takes_its_envelope_along": ("small", "transform", (Fault.CRASH, Fault.DEATH)),
    "let_a_stale_write_win": ("small", "deliver", (Fault.ZOMBIE,)),
    "send_a_token_before_its_row": ("small", "ingest", (Fault.CRASH, Fault.DEATH, Fault.DELAY)),
    "take_no_notice_of_an_order": ("small", "ingest", (Fault.HALT,)),
    "deliver_to_a_paused_destination": ("small", "deliver", (Fault.PAUSE,)),
    "hold_only_what_is_paused": ("paused", "transform", ()),
    "forget_what_is_held_before_it_went_on": ("paused", "transform", (Fault.CRASH, Fault.DEATH)),
    "refuse_a_copy_while_it_is_processed": ("small", "transform", (Fault.REPEAT,)),
    "line_up_with_the_first_patient": ("paused", "transform", ()),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_is_found(bug):
    """A harness that finds nothing has to show that there was nothing to find."""
    with planted(bug):
        found = next((report for report in searched(bug) if report.broken), None)

    assert found is not None, f"nothing noticed: {bug}"
    print(found)


def searched(bug: str) -> Iterator[Report]:
    scenario, stage, faults = SEARCH[bug]
    well = run_case(scenario)
    yield well
    yield from map(run_case, first_of_each(well, faults, stage))
    yield from (run_case(f"chance:{seed}:40") for seed in range(5))
