"""`python -m bench`: what it measures, and what it refuses to measure."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from bench import __main__ as bench
from bench.measure import Row

MET = Row("parse", "2 µs", "hl7apy 20 µs", 10.0, "5x", met=True)
MISSED = Row("write", "9 µs", "hl7apy 20 µs", 2.2, "5x", met=False)


def ask(*arguments):
    """Return what the command said and how it ended."""
    return CliRunner().invoke(bench.app, arguments)


@pytest.mark.parametrize("name", bench.EVERY_NAME)
def test_help_lists_every_measurement_with_what_it_says_of_itself(name):
    """Who looks for a number finds the measurement without reading thirteen files."""
    said = ask("--help").output
    assert f"{name}: {' '.join(bench.subject(name).split()[:3])}" in " ".join(said.split())


def test_help_shows_an_example_and_measures_nothing(monkeypatch):
    """All measurements take many minutes: nobody means that by `--help`."""
    monkeypatch.setattr(bench, "run", lambda name: pytest.fail(f"measures {name}"))
    told = ask("--help")
    assert told.exit_code == 0
    assert "Example: python -m bench hl7_parse convert" in told.output
    assert "--json" in told.output


@pytest.mark.parametrize("wrong", ["--jsn", "hl7_pars"])
def test_what_is_not_there_is_refused_before_anything_is_measured(monkeypatch, wrong):
    """A slip of the finger shall not cost a quarter of an hour."""
    monkeypatch.setattr(bench, "run", lambda name: pytest.fail(f"measures {name}"))
    told = ask("scale", wrong)
    assert told.exit_code == 2
    assert wrong in told.output


@pytest.mark.parametrize(("rows", "code"), [([MET], 0), ([MET, MISSED], bench.MISSED)])
def test_exit_code_says_whether_every_goal_was_met(monkeypatch, rows, code):
    """A script that measures every night reads nothing else."""
    monkeypatch.setattr(bench, "run", lambda name: rows)
    told = ask("scale", "--json")
    assert told.exit_code == code
    assert [row["met"] for row in json.loads(told.stdout)] == [row.met for row in rows]
