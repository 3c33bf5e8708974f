"""The harness finds bugs: each of ours is planted, and has to break a promise within a few cases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.case import Report, run_case
from tests.faults.cases import first_of_each
from tests.faults.plan import Fault
from tests.faults.planted import PLANTED, planted

# Where the bug does harm, and after what: the search begins there, and ends there.
SEARCH: dict[str, tuple[str, tuple[Fault, ...]]] = {
    "drop_the_idempotency_check": ("route", (Fault.AGAIN,)),
    "acknowledge_on_reserved": ("ingest", (Fault.CRASH, Fault.DEATH)),
    "complete_before_park": ("deliver", (Fault.CRASH,)),
    "ignore_the_lane": ("deliver", (Fault.FAIL, Fault.DELAY)),
    "reuse_a_wake_id": ("deliver", (Fault.DEATH, Fault.FAIL)),
    "recompute_on_retry": ("deliver", (Fault.DEATH, Fault.CRASH, Fault.EXPIRE)),
    "write_without_owning": ("deliver", (Fault.ZOMBIE, Fault.EXPIRE)),
    "poison_takes_its_envelope_along": ("transform", (Fault.CRASH, Fault.DEATH)),
    "let_a_stale_write_win": ("deliver", (Fault.ZOMBIE,)),
    "send_a_token_before_its_row": ("ingest", (Fault.CRASH, Fault.DEATH, Fault.DELAY)),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bug_is_found(bug):
    """A harness that finds nothing has to show that there was nothing to find."""
    with planted(bug):
        found = next((report for report in searched(bug) if report.broken), None)

    assert found is not None, f"nothing noticed: {bug}"
    print(found)


def searched(bug: str) -> Iterator[Report]:
    stage, faults = SEARCH[bug]
    well = run_case("small")
    yield well
    for case in first_of_each(well.steps, stage, faults):
        yield run_case(case)
    for seed in range(5):
        yield run_case(f"chance:{seed}:40")
