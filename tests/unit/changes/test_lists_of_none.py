"""A segment of nulls alone: what was listed ends, and nothing without a name takes its place."""

from __future__ import annotations

import pytest

from tests.unit.changes.feed import PID, Feed, visit

HERE = visit(place="W1")
PENICILLIN = "AL1|1|DA|70618^Penicillin^RXNORM|SV|rash"


def course(allergy):
    return allergy["clinicalStatus"]["coding"][0]["code"]


@pytest.mark.parametrize("nobody", ['AL1|1|""|""', 'AL1|1||""|""|""', 'AL1|1|DA|""'])
def test_an_allergy_list_of_nulls_ends_what_was_listed(nobody):
    """It had become an active allergy to nothing that anybody could name."""
    feed = Feed()
    feed.tell("ADT^A08", PID, HERE, PENICILLIN)
    feed.tell("ADT^A08", PID, HERE, nobody)
    (allergy,) = feed.all("AllergyIntolerance")
    assert course(allergy) == "inactive"
    feed.tell("ADT^A08", PID, HERE, PENICILLIN)
    assert course(feed.only("AllergyIntolerance")) == "active"


def test_a_segment_of_nulls_beside_another_one_ends_nothing_of_it():
    """The list is what the message lists."""
    feed = Feed()
    feed.tell("ADT^A08", PID, HERE, 'AL1|1|""|""', PENICILLIN)
    assert course(feed.only("AllergyIntolerance")) == "active"


def test_a_first_list_of_nulls_is_no_allergy():
    """Many senders write it for everybody who has none."""
    feed = Feed()
    feed.tell("ADT^A01", PID, HERE, 'AL1|1|""|""')
    assert feed.all("AllergyIntolerance") == []
