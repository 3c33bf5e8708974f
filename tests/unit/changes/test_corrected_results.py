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


@pytest.mark.parametrize("before", ["F", "C", "A", "P"])
@pytest.mark.parametrize("code", ["X", "N", "x "])
def test_a_result_that_is_cancelled_no_longer_shows_its_value(before, code):
    """HL7 table 0085, X: "results cannot be obtained". Laboratories find out after the release, too."""
    found = told(potassium("6.9", "HH", before), potassium("", "", code))

    assert found["status"] == "cancelled"
    assert not {"valueQuantity", "interpretation"} & found.keys()


def test_a_cancelled_result_keeps_why():
    """ "Haemolysed" is what the laboratory says now; what it said before is not."""
    found = told(potassium("6.9", "HH", "F"), potassium("haemolysed", "", "X", kind="ST"))

    assert (found["status"], found["valueString"]) == ("cancelled", "haemolysed")
    assert found["_status"]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "X"
    assert not {"valueQuantity", "interpretation"} & found.keys()


def test_a_cancelled_result_no_longer_shows_the_document_or_the_values_it_had():
    """The report of an ED is a value, in the extension that R5 has for it; so are several values of one OBX."""
    document = "OBX|1|ED|2823-3^Potassium^LN||^text^plain^A^6.9||||||F"
    assert "extension" not in told(document, potassium("", "", "X"))
    assert "component" not in told(potassium("6.9~7.1", "HH", "F"), potassium("", "", "X"))


def test_a_value_and_a_document_never_stand_beside_what_they_replace():
    """A correction brings a text for a document, or the other way round."""
    document = "OBX|1|ED|2823-3^Potassium^LN||^text^plain^A^6.9||||||{}"
    assert "extension" not in told(document.format("F"), potassium("4.1", "", "C"))
    assert "valueQuantity" not in told(potassium("6.9", "", "F"), document.format("C"))


def test_a_result_comes_back_after_it_was_cancelled():
    """A second specimen was drawn."""
    found = told(potassium("6.9", "HH", "F"), potassium("", "", "X"), potassium("4.1", "", "F"))

    assert (found["status"], found["valueQuantity"]["value"]) == ("final", 4.1)
    assert "_status" not in found


def test_a_result_without_a_status_is_cancelled_with_its_report():
    """OBR-25 speaks for results that have no OBX-11; HL7 table 0123, X: "no results available; order canceled"."""
    feed = Feed()
    feed.tell("ORU^R01", PID, OBR, potassium("6.9", "HH", "F"))
    feed.tell("ORU^R01", PID, OBR[:-1] + "X", potassium("", "", ""))

    assert feed.only("DiagnosticReport")["status"] == "cancelled"
    assert feed.only("Observation")["status"] == "cancelled"
    assert "valueQuantity" not in feed.only("Observation")


def test_a_report_that_is_cancelled_without_its_results_says_so():
    """Nobody said what becomes of each; whoever reads the trace can ask."""
    feed = Feed()
    feed.tell("ORU^R01", PID, OBR, potassium("6.9", "HH", "F"))
    applied = feed.tell("ORU^R01", PID, OBR[:-1] + "X")

    assert feed.only("DiagnosticReport")["status"] == "cancelled"
    assert feed.only("Observation")["status"] == "final"
    assert [(one.code, one.detail) for one in applied.findings] == [("results_remain", "1 not named")]


@pytest.mark.parametrize("before", ["F", "P", "C"])
def test_a_correction_without_a_value_ends_the_old_one(before):
    """HL7 7.4.2.11: OBX-5 of a C replaces what was sent, "usually because the previous results were wrong"."""
    found = told(potassium("6.9", "HH", before), potassium("", "", "C"))

    assert found["status"] == "corrected"
    assert found["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert not {"valueQuantity", "interpretation"} & found.keys()


@pytest.mark.parametrize("code", ["A", "B", "U", "V"])
def test_what_is_no_correction_keeps_a_value_that_it_does_not_repeat(code):
    """Absent is not deleted: these codes say something of the result, not that its value was wrong (table 0085)."""
    assert told(potassium("6.9", "HH", "F"), potassium("", "", code))["valueQuantity"]["value"] == 6.9
