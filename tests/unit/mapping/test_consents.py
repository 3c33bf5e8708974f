"""CON, UB1, UB2, INV, SID, IAR: what HL7's guide leaves open (decision 0043); every bundle is valid R4."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import PID, PV1, admitted, codes, converted, only, resources

MDM = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310090000-0500||MDM^T02|M2|P|2.8"
OUL = "MSH|^~\\&|LAB|GENHOSP|HUB|HUB|20240310090000-0500||OUL^R22|M2|P|2.8"
TXA = "TXA|1|CN^Consent|TX|20240310|||||||||D1^EHR|||||AU"


def consented(status, kind="001", who="Sample^Max|SPO^Spouse^HL70063"):
    """Return the conversion of a document with a consent."""
    times = "20240309|20240310|20240310|20250310"
    line = f"CON|1|{kind}^Kind^HL70496|F7|N1^EHR|I agree.|||| Not to my work||{status}|{times}|||||||||{who}"
    text = "OBX|1|TX|59284-0^Consent^LN||Signed.||||||F"
    conversion = converted(MDM, "EVN|T02|20240310", PID, PV1, TXA, line, text)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


@pytest.mark.parametrize(
    ("sent", "status", "provision"),
    [
        ("A", "active", "permit"),
        ("L", "active", "permit"),
        ("R", "rejected", "deny"),
        ("P", "proposed", "permit"),
        ("X", "inactive", "deny"),
    ],
)
def test_a_consent_has_the_status_of_hl7_table_0498(sent, status, provision):
    """Who refused must never be read as who agreed."""
    found = only(consented(sent), "Consent")
    assert (found["status"], found["provision"]["type"]) == (status, provision)
    assert found["provision"]["period"] == {"start": "2024-03-10", "end": "2025-03-10"}


def test_a_consent_that_nobody_was_asked_for_grants_nothing():
    """HL7 table 0498, B: bypassed. R4 has no such status; the original is kept beside it."""
    conversion = consented("B")
    found = only(conversion, "Consent")
    assert "status" not in found
    assert "provision" not in found
    assert "code_unmapped" in codes(conversion)


def test_a_consent_says_who_consents_to_what_and_where_it_is_written():
    """CON-2 to CON-9, CON-24, CON-25; below a TXA the document is its source, and the text below it its content."""
    conversion = consented("A")
    found = only(conversion, "Consent")
    document = only(conversion, "DocumentReference")
    assert found["scope"]["coding"][0]["code"] == "patient-privacy"
    assert found["policyRule"]["text"] == "F7\nI agree.\n Not to my work"
    assert found["sourceReference"]["reference"].endswith(document["id"])
    assert len(document["content"]) == 1
    (related,) = resources(conversion, "RelatedPerson")
    assert found["performer"][0]["reference"].endswith(related["id"])
    assert (found["dateTime"], found["identifier"][0]["value"]) == ("2024-03-10", "N1")


def test_a_patient_who_consents_is_the_patient():
    """SEL: no second person of the same name; a consent to treatment is no matter of privacy."""
    conversion = consented("A", kind="002", who="Sample^Jane|SEL^Self")
    found = only(conversion, "Consent")
    assert found["performer"] == [found["patient"]]
    assert found["scope"]["coding"][0]["code"] == "treatment"
    assert resources(conversion, "RelatedPerson") == []


def test_codes_of_the_bill_are_components_under_their_own_names():
    """UB2-6 to UB2-8: a code, its amount, its day, its days."""
    line = "UB2|1|5|02^Work^NUBC|||01&Rate&NUBC^100.5&USD|11&Onset&NUBC^20240301|70&Stay&NUBC^20240301^20240304"
    conversion = admitted(PID, PV1, line)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    days, condition, amount, onset, stay = only(conversion, "Observation")["component"]
    assert (days["code"]["text"], days["valueQuantity"]["value"]) == ("Co-insurance days", 5)
    assert condition["valueCodeableConcept"]["coding"][0]["code"] == "02"
    assert amount["code"]["coding"][0]["display"] == "Rate"
    assert amount["valueQuantity"] == {"value": 100.5, "unit": "USD"}
    assert onset["valueDateTime"] == "2024-03-01"
    assert stay["valuePeriod"] == {"start": "2024-03-01", "end": "2024-03-04"}


def test_a_bill_that_says_nothing_makes_nothing():
    """An empty UB2 is frequent; an Observation without a value would be noise."""
    assert resources(admitted(PID, PV1, "UB2|1"), "Observation") == []


@pytest.mark.parametrize(("sent", "status"), [("OK", "active"), ("EW", "active"), ("EE", "inactive")])
def test_a_reagent_serves_until_it_is_in_error(sent, status):
    """HL7 table 0383: W warns, E is an error. What is left counts, not what there was."""
    line = f"INV|R1^Reagent^L|{sent}|RC^Reagent^HL70384|BOX1|||100|80|||mL^^UCUM|20250101||||LOT1|MAK^Maker^L"
    test = ["SPM|1|S1||BLD", "OBR|1|P1|F1|GLU^Glucose^L", "OBX|1|NM|GLU^Glucose^L||5||||||F"]
    conversion = converted(OUL, PID, *test, line)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    found = only(conversion, "Substance")
    assert (found["status"], found["identifier"][0]["value"]) == (status, "LOT1")
    assert found["instance"][0]["quantity"]["value"] == 80
    assert (found["instance"][0]["expiry"], found["instance"][0]["identifier"]["value"]) == ("2025-01-01", "BOX1")


def test_each_further_reaction_keeps_its_own_severity():
    """IAR (HL7 2.8 3.4.15): one rash and one shock are two reactions of one allergy."""
    conversion = admitted(
        PID, "IAM|1|DA|PEN^Penicillin^L|MI|Rash|A|AI1^EHR", "IAR|SHOCK^Shock^L|SV||Adrenaline", event="A60"
    )
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    rash, shock = only(conversion, "AllergyIntolerance")["reaction"]
    assert rash["severity"] == "mild"
    assert (shock["severity"], shock["note"][0]["text"]) == ("severe", "Adrenaline")
