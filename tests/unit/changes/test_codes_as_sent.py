"""Codes of fixed width and in small letters: they move what is stored as the code itself does."""

from __future__ import annotations

import pytest

from tests.unit.changes.feed import PID, Feed, visit
from tests.unit.mapping.samples import admitted, converted, only, resources

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


@pytest.mark.parametrize("action", ["DE", "DE ", "de"])
def test_a_problem_that_is_taken_back_is_an_error(action):
    """PRB-1 (HL7 table 0287)."""
    feed = Feed()
    problem = "20260301|44054006^Diabetes^SCT|PR1^CARE"
    feed.tell("PPR^PC1", PID, HERE, f"PRB|AD|{problem}")
    feed.tell("PPR^PC2", PID, HERE, f"PRB|{action}|{problem}")
    (code,) = feed.only("Condition")["verificationStatus"]["coding"]
    assert code["code"] == "entered-in-error"


@pytest.mark.parametrize("goal", ["UN", "UN ", "un"])
def test_a_goal_that_is_unlinked_is_not_the_problems(goal):
    """GOL-1 (HL7 table 0287): it had been linked once more."""
    msh = "MSH|^~\\&|CARE|GENHOSP|HUB|HUB|20260301120000||PPR^PC2|M1|P|2.5.1"
    lines = "PRB|UP|20260301|44054006^Diabetes^SCT|PR1^CARE", f"GOL|{goal}|20260301|GL1^Walk^L|G1^CARE"
    assert "addresses" not in only(converted(msh, PID, HERE, *lines), "Goal")


@pytest.mark.parametrize("oneself", ["SEL", "SEL ", "sel"])
def test_who_stands_for_himself_is_nobody_else(oneself):
    """GT1-11, IN1-17, IAM-15 (HL7 table 0063): a second person of the patient's name had been made."""
    guarantor = f"GT1|1|G1^^^GENHOSP|Sample^Jane||||||||{oneself}"
    insured = f"IN1|1|P1|C1^^^GENHOSP|Payer||||||||||||Sample^Jane|{oneself}"
    allergy = f"IAM|1|DA|70618^Penicillin^RXNORM|SV|rash|A|A1^EHR|||||||Sample^Jane|{oneself}"
    conversion = admitted(PID, HERE, guarantor, insured)
    patient = {"reference": "urn:uuid:" + only(conversion, "Patient")["id"]}
    assert resources(conversion, "RelatedPerson") == []
    assert only(conversion, "Coverage")["subscriber"] == patient
    assert only(admitted(PID, HERE, allergy, event="A60"), "AllergyIntolerance")["recorder"] == patient


@pytest.mark.parametrize("state", ["I", "I ", "i"])
def test_an_allergy_that_is_over_is_inactive(state):
    """IAM-17 (HL7 table 0438)."""
    conversion = admitted(
        PID, HERE, "IAM|1|DA|70618^Penicillin^RXNORM|SV|rash|A|A1^EHR|||||||||" + f"|{state}", event="A60"
    )
    (code,) = only(conversion, "AllergyIntolerance")["clinicalStatus"]["coding"]
    assert code["code"] == "inactive"


@pytest.mark.parametrize("action", ["G", "G ", "g"])
def test_a_test_that_a_result_asked_for_is_a_reflex_order(action):
    """OBR-11 (HL7 table 0065)."""
    msh = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20260301120000||OML^O21|M1|P|2.5.1"
    found = only(
        converted(msh, PID, HERE, "ORC|NW|P1^EHR", f"OBR|1|P1^EHR||1^Glucose^L|||||||{action}"), "ServiceRequest"
    )
    assert found["intent"] == "reflex-order"


@pytest.mark.parametrize("role", ["EMC", "EMC ", "emc"])
def test_whom_to_call_is_a_contact(role):
    """NK1-3 (HL7 table 0063)."""
    assert "contact" in only(admitted(PID, HERE, f"NK1|1|Sample^Max|{role}"), "Patient")


@pytest.mark.parametrize("kind", ["P", "P ", "p"])
def test_a_visit_that_is_only_planned_is_planned(kind):
    """PV1-2 (HL7 table 0004): without an event that says more, a patient who is expected is not there."""
    msh = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20260301120000||ORU^R01|M1|P|2.5.1"
    found = only(converted(msh, PID, visit(place="W1", f2=kind)), "Encounter")
    assert found["status"] == "planned"


@pytest.mark.parametrize("status", ["X", "X ", "x", "X^No result^HL70085"])
def test_a_result_that_cannot_be_obtained_says_so(status):
    """OBX-11 (HL7 table 0085): ``cancelled`` alone does not."""
    msh = "MSH|^~\\&|LAB|GENHOSP|HUB|HUB|20260301120000||ORU^R01|M1|P|2.5.1"
    obx = f"OBX|1|NM|2823-3^Potassium^LN|||mmol/L|||||{status}"
    found = only(converted(msh, PID, "OBR|1||F1^LAB|24323-8^Panel^LN", obx), "Observation")
    assert found["_status"]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] in ("X", "x")
