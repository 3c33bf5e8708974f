"""A result that comes again with another value: what was said of the old one does not stand beside the new one."""

from __future__ import annotations

import pytest

from tests.unit.changes.feed import PID, Feed

OBR = "OBR|1||F1^LAB|24323-8^Panel^LN|||20240310083000||||||||||||||||||F"


def potassium(value, flag, status, *, unit="mmol/L", span="3.5-5.0", kind="NM"):
    return f"OBX|1|{kind}|2823-3^Potassium^LN||{value}|{unit}|{span}|{flag}|||{status}"


def told(*lines):
    """Return the one result of a laboratory that says this, one message after the other."""
    feed = Feed()
    for line in lines:
        feed.tell("ORU^R01", PID, OBR, line)
    return feed.only("Observation")


@pytest.mark.parametrize(("first", "then"), [("F", "C"), ("P", "F"), ("F", "A")])
def test_a_value_that_is_normal_now_is_no_longer_flagged(first, then):
    """Laboratories leave OBX-8 empty for what is normal: 4.1 beside "critical high" would be treated as a 6.9."""
    found = told(potassium("6.9", "HH", first), potassium("4.1", "", then))

    assert found["valueQuantity"]["value"] == 4.1
    assert "interpretation" not in found


def test_a_flag_comes_with_the_value_that_it_is_about():
    """The other way round, the new flag counts, as before."""
    found = told(potassium("6.9", "HH", "F"), potassium("2.9", "LL", "C"))

    assert found["interpretation"][0]["coding"][0]["code"] == "LL"


def test_a_value_that_is_said_again_keeps_its_flag():
    """What a message leaves out stays (HL7 2.10.4): a verification repeats the value, and not always the flag."""
    found = told(potassium("6.9", "HH", "P"), potassium("6.9", "", "F"))

    assert found["status"] == "final"
    assert found["interpretation"][0]["coding"][0]["code"] == "HH"


@pytest.mark.parametrize("value", ["haemolysed", '""'])
def test_a_text_instead_of_a_value_and_no_value_at_all_have_no_flag(value):
    """ "Haemolysed, critical high" is a result that nobody gave."""
    found = told(potassium("6.9", "HH", "F"), potassium(value, "", "C", kind="ST"))

    assert "valueQuantity" not in found
    assert "interpretation" not in found


def test_several_values_instead_of_one_have_no_flag_of_the_one():
    """They are components of the result."""
    found = told(potassium("6.9", "HH", "F"), potassium("4.1~4.2", "", "C"))

    assert len(found["component"]) == 2
    assert "interpretation" not in found


def test_the_range_of_another_unit_does_not_stay():
    """A text of 3.5-5.0 beside 160 mg/L would call a normal potassium deadly."""
    found = told(potassium("4.1", "", "F"), potassium("160", "", "C", unit="mg/L", span=""))

    assert "referenceRange" not in found


def test_the_range_of_the_same_unit_stays():
    """It is of the test, not of the value."""
    found = told(potassium("6.9", "HH", "F"), potassium("4.1", "", "C", span=""))

    assert found["referenceRange"][0]["text"] == "3.5-5.0"
