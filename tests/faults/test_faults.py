"""The hub keeps its promises whatever goes wrong: a part of what `python -m tests.faults` runs (docs/proof.md)."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.case import run_case
from tests.faults.cases import first_of_each, small_steps
from tests.faults.plan import Fault

REPOSITORY = Path(__file__).resolve().parents[2]
PART = 4  # each fault at every fourth of the first steps of each kind: `python -m tests.faults` has all
DAYS = [*(f"chance:{seed}:40" for seed in range(6)), "chance:8:200"]


def test_nothing_is_broken_when_nothing_goes_wrong():
    """Or every case after this one would prove nothing."""
    report = run_case("small")

    assert not report.broken, report
    assert {step.stage for step in report.steps} == {"ingest", "transform", "route", "deliver"}


@pytest.mark.slow
def test_faults_at_the_steps_of_every_stage_break_no_promise():
    """Promises 1 to 4 and rules R1 to R10, at the boundary of every step of every stage in turn."""
    steps = small_steps()
    cases = [case for fault in Fault for case in islice(first_of_each(steps, faults=(fault,)), 0, None, PART)]
    reports = [run_case(case) for case in cases]

    print(f"{len(reports)} cases")
    broken = [str(report) for report in reports if report.broken]
    assert not broken, "\n".join(broken)
    assert all(report.fired for report in reports)
    assert {fault for report in reports for _, fault in report.fired} == set(Fault)


@pytest.mark.slow
@pytest.mark.parametrize("day", DAYS)
def test_day_with_faults_by_chance_breaks_no_promise(day):
    """Several faults at once, and a destination that is down meanwhile: what nobody thought of."""
    report = run_case(day)

    assert not report.broken, report


def test_case_runs_again_exactly_as_it_ran():
    """A seed that fails tonight must fail tomorrow, in another process too."""
    case = "chance:1:40"
    here = [str(step) for step in run_case(case).steps]
    program = f"from tests.faults.case import run_case; print(*run_case({case!r}).steps, sep='\\n')"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    there = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )

    assert there.stdout.splitlines() == here


def test_small_scenario_meets_what_changes_anything():
    """A port that gets a new method has to be broken at it, too: it is a step, or it is said why not."""
    assert {step.name for step in small_steps()} >= {
        "identities.resolve", "identities.merge", "archive.put", "archive.keep", "ledger.reserve", "ledger.progress",
        "ledger.count_attempt", "queue.send", "queue.receive", "queue.complete",
        "queue.abandon", "lanes.take", "lanes.write", "lanes.schedule_wake", "lanes.set_breaker", "fhir_store.write",
        "destination.send",
    }  # fmt: skip
