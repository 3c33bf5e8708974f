"""Codes of fixed width and in small letters: they move what is stored as the code itself does."""

from __future__ import annotations

import pytest

from tests.unit.changes.feed import PID, Feed, visit

DRUG = "RXE||70618^Penicillin^RXNORM|250||mg|TAB"
HERE = visit(place="W1")


def order(feed, control):
    return feed.tell("ORM^O01", PID, HERE, f"ORC|{control}|P1^EHR", "OBR|1|P1^EHR||1^Glucose^L")


@pytest.mark.parametrize("control", ["NW ", "nw", " NW"])
def test_a_new_order_is_stored(control):
    """It was acknowledged: left out as a code that nobody knows, nobody would carry it out."""
    feed = Feed()
    assert order(feed, control).left_out == ()
    assert feed.only("ServiceRequest")["status"] == "active"


@pytest.mark.parametrize("control", ["DC ", "dc", "Oc"])
def test_an_order_that_ends_ends(control):
    """A drug that was discontinued must not stay on the list of what is given."""
    feed = Feed()
    feed.tell("RDE^O11", PID, HERE, "ORC|NW|P1^EHR", DRUG)
    order(feed, "NW")
    feed.tell("RDE^O11", PID, HERE, f"ORC|{control}|P1^EHR", DRUG)
    order(feed, control)
    assert feed.only("MedicationRequest")["status"] in ("stopped", "cancelled")
    assert feed.only("ServiceRequest")["status"] == "revoked"


@pytest.mark.parametrize("action", ["D ", "d"])
def test_a_dose_that_was_deleted_is_an_error(action):
    """RXA-21 (HL7 table 0323): it was told as given, and was not."""
    feed = Feed()
    given = "RXA|0|1|20260301||08^HepB^CVX|0.5|mL^^UCUM" + "|" * 13
    feed.tell("VXU^V04", PID, "ORC|RE||I1^EHR", given + "CP|A")
    feed.tell("VXU^V04", PID, "ORC|RE||I1^EHR", given + f"CP|{action}")
    assert feed.only("Immunization")["status"] == "entered-in-error"


@pytest.mark.parametrize("action", ["D ", "d"])
def test_an_allergy_that_is_taken_back_is_an_error(action):
    """IAM-6 (HL7 table 0206)."""
    feed = Feed()
    feed.tell("ADT^A60", PID, HERE, "IAM|1|DA|70618^Penicillin^RXNORM|SV|rash|A|A1^EHR")
    feed.tell("ADT^A60", PID, HERE, f"IAM|1|DA|70618^Penicillin^RXNORM|SV|rash|{action}|A1^EHR")
    (code,) = feed.only("AllergyIntolerance")["verificationStatus"]["coding"]
    assert code["code"] == "entered-in-error"


@pytest.mark.parametrize("status", ["D ", "d", "W "])
def test_a_result_that_is_deleted_changes_nothing_but_its_status(status):
    """OBX-11 (HL7 table 0085): what stands beside it is no new value."""
    feed = Feed()
    obr = "OBR|1||F1^LAB|24323-8^Panel^LN|||20260301||||||||||||||||||F"
    feed.tell("ORU^R01", PID, obr, "OBX|1|NM|2823-3^Potassium^LN||4.1|mmol/L|||||F")
    feed.tell("ORU^R01", PID, obr, f"OBX|1|NM|2823-3^Potassium^LN||9.9|mmol/L|||||{status}")
    found = feed.only("Observation")
    assert (found["status"], found["valueQuantity"]["value"]) == ("entered-in-error", 4.1)
