"""The same promises on the adapters of Azure, broken at every call of a service: a part of what `--azure` runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice

import pytest

from tests.faults.case import AZURE, run_case
from tests.faults.cases import first_of_each, when_all_is_well
from tests.faults.plan import Fault
from tests.faults.planted_azure import PLANTED
from tests.faults.scenario import EXHAUSTED

PART = 20  # each fault at one in so many of the first steps of each kind: `python -m tests.faults --azure` has all

# Where a bug does harm, and after what: the search begins there, and ends there.
SEARCH: dict[str, tuple[str, tuple[Fault, ...]]] = {
    "write_whoever_owns": ("deliver", (Fault.ZOMBIE,)),
    "keep_the_last_output": ("deliver", (Fault.ZOMBIE,)),
    "count_again_after_a_lost_answer": ("transform", (Fault.LOSE,)),
}


def test_nothing_is_broken_in_azure_when_nothing_goes_wrong():
    """Two processes, each with adapters of its own, share nothing but the services; all of them are steps."""
    report = run_case(f"{AZURE}small")

    assert not report.broken, report
    assert {step.name for step in report.steps} >= {
        "identities.transact", "ledger.transact", "names.transact", "lanes.transact", "blob.upload", "queue.send",
        "queue.receive", "queue.complete", "queue.abandon", "fhir_store.write", "destination.send",
    }  # fmt: skip


def test_faults_between_the_calls_of_services_break_no_promise():
    """One call of a port is several of a service: a laptop's harness cannot strike between them."""
    cases = [case for number, fault in enumerate(Fault) for case in islice(first_steps(fault), number % 4, None, PART)]
    reports = [run_case(case) for case in cases]

    broken = [str(report) for report in reports if report.broken]
    assert not broken, "\n".join(broken)
    assert {fault for report in reports for _, fault in report.fired} == set(Fault)


def test_day_in_azure_breaks_no_promise():
    """Several faults at once, and the second of two processes that remember what the other one changes."""
    report = run_case(f"{AZURE}chance:2:20")

    assert not report.broken, report


def first_steps(fault: Fault) -> Iterator[str]:
    wells = [when_all_is_well(scenario, AZURE) for scenario in EXHAUSTED]
    return chain.from_iterable(first_of_each(well, [fault]) for well in wells)


@pytest.mark.parametrize("bug", PLANTED)
def test_bug_planted_in_an_adapter_is_found(bug):
    """A harness that finds nothing has to show that there was nothing to find."""
    stage, faults = SEARCH[bug]
    cases = [f"{AZURE}small", *first_of_each(when_all_is_well("small", AZURE), faults, stage)]
    with PLANTED[bug]():
        found = next((report for report in map(run_case, cases) if report.broken), None)

    assert found is not None, f"nothing noticed: {bug}"
    print(found)
