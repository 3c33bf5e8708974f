"""The hub keeps its promises whatever goes wrong: a part of what `python -m tests.faults` runs (docs/proof.md)."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from shared import ports
from tests.faults.case import run_case
from tests.faults.cases import first_of_each, when_all_is_well
from tests.faults.local_site import PORTS
from tests.faults.plan import Fault
from tests.faults.scenario import EXHAUSTED
from tests.faults.steps import READS

REPOSITORY = Path(__file__).resolve().parents[2]
# Each fault at one in so many of the first steps of each kind: `python -m tests.faults` has all of them.
PARTS = {"small": 5, "paused": 5}
OF_THE_BROKER = {"queue.receive", "queue.complete", "queue.abandon"}  # of its receiver, which no stage knows
# What no scenario calls. tests/pipeline ends the process after each of these calls (test_streams, test_replay_crash).
CRASHED_ELSEWHERE = {
    *("ledger.follow", "fleet.claim", "replays.begin", "replays.add", "replays.move", "replays.close_keys"),
    *("replays.mark_sent", "replays.mark_passed"),
}
# And these, a person's order or a beat, are broken nowhere: what failed is ordered again, or beats again.
NOT_BROKEN = {
    *("archive.close_units", "archive.erase", "audit.append", "barriers.reopen", "barriers.stop", "fleet.forget"),
    *("fleet.hear", "identities.move", "lanes.reopen", "ledger.note", "ledger.reopen"),
}
DAYS = [*(f"chance:{seed}:40" for seed in range(6)), "chance:8:200"]


@pytest.mark.parametrize("scenario", EXHAUSTED)
def test_nothing_is_broken_when_nothing_goes_wrong(scenario):
    """Or every case after this one would prove nothing."""
    report = when_all_is_well(scenario)

    assert not report.broken, report
    assert {step.stage for step in report.steps} >= {"ingest", "transform", "route", "deliver"}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", EXHAUSTED)
def test_faults_at_the_steps_of_every_stage_break_no_promise(scenario):
    """Promises 1 to 4 and rules R1 to R10, at the boundary of every step of every stage in turn."""
    well = when_all_is_well(scenario)
    cases = [case for fault in Fault for case in islice(first_of_each(well, [fault]), 0, None, PARTS[scenario])]
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


def test_every_call_that_changes_anything_is_a_step():
    """A port that gets a new method has to be broken at it, too: it is a step, or it is said why not."""
    steps = {step.name for scenario in EXHAUSTED for step in when_all_is_well(scenario).steps}
    calls = {
        f"{port}.{name}"
        for port in PORTS
        for name, found in vars(protocol_of(port)).items()
        if inspect.iscoroutinefunction(found)
    }

    assert steps - calls == {"destination.send", *OF_THE_BROKER}
    assert calls - steps - READS == CRASHED_ELSEWHERE | NOT_BROKEN


def test_every_port_is_broken_but_those_that_keep_nothing():
    """What keeps something of ours can lose it."""
    protocols = {name for name in ports.__all__ if getattr(getattr(ports, name), "_is_protocol", False)}

    assert protocols - {protocol_of(port).__name__ for port in PORTS} == {
        "Clock", "Destination", "Publisher", "SecretStore", "Workers"
    }  # fmt: skip


def protocol_of(port: str) -> type:
    return getattr(ports, port.title().replace("_", ""))
