"""IAM: what an adverse reaction says beyond an AL1."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import PID, admitted, only, resources

IAM = (
    "IAM|1|DA^Drug^HL70127|7980^Penicillin^RXNORM|MO^Moderate^HL70128|Rash||A1^EHR||||20200101||20240101|"
    "Sample^Sam|{relation}||{status}||||||||||Z88.0^Allergy to penicillin^I10C"
)


@pytest.mark.parametrize(
    ("status", "verification", "clinical"),
    [("C", "confirmed", "active"), ("I", "confirmed", "inactive"), ("S", "unconfirmed", "active"),
     ("E", "entered-in-error", ""), ("", "", "active")],
)  # fmt: skip
def test_the_status_of_an_allergy_says_how_sure_it_is_and_whether_it_is_over(status, verification, clinical):
    """Guide IAM[AllergyIntolerance] 30; HL7 table 0438; R4 ait-1, ait-2."""
    conversion = admitted(PID, IAM.format(relation="", status=status), event="A60")
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    found = only(conversion, "AllergyIntolerance")
    said = [
        found.get(name, {"coding": [{"code": ""}]})["coding"][0]["code"]
        for name in ("verificationStatus", "clinicalStatus")
    ]
    assert said == [verification, clinical]


@pytest.mark.parametrize(
    ("relation", "kind"),
    [("", "Practitioner"), ("SEL^Self^HL70063", "Patient"), ("MTH^Mother^HL70063", "RelatedPerson")],
)
def test_who_reported_it_depends_on_the_relation(relation, kind):
    """Guide IAM[AllergyIntolerance] 25 to 28."""
    conversion = admitted(PID, IAM.format(relation=relation, status="C"), event="A60")
    recorder = only(conversion, "AllergyIntolerance")["recorder"]["reference"]
    assert recorder in {"urn:uuid:" + one["id"] for one in resources(conversion, kind)}


def test_the_clinicians_code_stands_beside_the_senders():
    """Guide IAM[AllergyIntolerance] 40."""
    found = only(admitted(PID, IAM.format(relation="", status="C"), event="A60"), "AllergyIntolerance")
    assert [one["code"] for one in found["code"]["coding"]] == ["7980", "Z88.0"]


def test_a_note_after_an_allergy_is_its_own():
    """NTE after IAM (ADT_A60)."""
    conversion = admitted(PID, IAM.format(relation="", status="C"), "NTE|1||Since childhood", event="A60")
    assert only(conversion, "AllergyIntolerance")["note"] == [{"text": "Since childhood"}]
