"""The page of a connector, for people at a hospital."""

from __future__ import annotations

import pytest

from connector.status import page

REPORT = {
    "connector": "north",
    "line_up": True,
    "spool_is_full": False,
    "spool_was_brought_back": False,
    "mirror": "none",
    "refused": 0,
    "last_answer": None,
    "listeners": [{"name": "adt", "refused": 3, "held_by": ""}],  # its sender heard AR
    "destinations": [{"name": "<lab>", "rejected": 0, "ambiguous": 0}],
    "certificates": [{"of": "adt", "days": 90.0}],
}


def test_the_page_says_every_fact_beside_its_name():
    """One below the other: a row of thirteen columns was cut off at the edge of every window."""
    said = page(REPORT)

    assert "<h2>listener adt</h2>" in said
    assert "<h2>certificate adt</h2>" in said
    assert "<th>line up</th><td>yes</td>" in said
    assert "<th>last answer</th><td></td>" in said
    assert "&lt;lab&gt;" in said
    assert "class=bad" not in said


@pytest.mark.parametrize(
    "fault",
    [
        {"line_up": False},
        {"spool_is_full": True},
        {"spool_was_brought_back": True},
        {"mirror": "behind"},
        {"refused": 1},
        {"listeners": [{"name": "adt", "held_by": "CONNECTOR-013"}]},
        {"destinations": [{"name": "lab", "rejected": 1, "ambiguous": 0}]},
        {"destinations": [{"name": "lab", "rejected": 0, "ambiguous": 1}]},
        {"certificates": [{"of": "adt", "days": 29.9}]},
        {"certificates": [{"of": "adt", "days": None}]},
    ],
)
def test_what_a_person_should_look_at_is_marked(fault):
    """The same that gives `connector status` its exit code."""
    assert page({**REPORT, **fault}).count("class=bad") == 1
