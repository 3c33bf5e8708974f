"""AllergyIntolerance as the IAM of an ADT^A60: expected lines are read off HL7 v2.5.1 3.4.7 and its tables."""

from __future__ import annotations

import pytest

from shared.message.errors.mapping import ResourceAbsent
from shared.rendering import render
from tests.unit.rendering.samples import PATIENT, bundle, noted

_COURSE = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
_SURE = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_PERSON = {"reference": f"Patient/{PATIENT['id']}"}


def allergy(course: str, sure: str = "", **elements):
    said = {"clinicalStatus": {"coding": [{"system": _COURSE, "code": course}]}} if course else {}
    said |= {"verificationStatus": {"coding": [{"system": _SURE, "code": sure}]}} if sure else {}
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "91936005", "display": "Penicillin"}]}
    return {"resourceType": "AllergyIntolerance", "id": "a1", "patient": _PERSON, "code": code, **said, **elements}


def iam(*resources):
    """Return the IAM of a bundle, and what was noted."""
    rendering = render(bundle(PATIENT, *resources), "ADT^A60")
    [segment] = rendering.message.all("IAM")
    return str(segment.text(17)), segment, noted(rendering)


@pytest.mark.parametrize(
    ("course", "sure", "sent", "action"),
    [
        ("active", "confirmed", "C", "U"),
        ("inactive", "confirmed", "I", "U"),
        ("active", "unconfirmed", "U", "U"),
        ("", "entered-in-error", "E", "D"),
        ("active", "", "", "U"),
    ],
)
def test_the_status_of_an_allergy_is_one_code_of_hl7_table_0438(course, sure, sent, action):
    """Also one that no longer holds is told: a receiver that learned of it must learn that it is over."""
    said, segment, notes = iam(allergy(course, sure))
    assert (said, segment.text(6)) == (sent, action)
    assert not [one for one in notes if "Status" in one[1]]


def test_a_status_that_the_table_has_no_code_for_is_a_finding():
    """Resolved is neither confirmed nor inactive: a code that is near would say something else."""
    said, _, notes = iam(allergy("resolved", "confirmed"))
    assert said == ""
    assert ("element_not_carried", "AllergyIntolerance.clinicalStatus.coding.code") in notes


def test_the_patient_who_reported_it_is_oneself():
    """HL7 table 0063, SEL."""
    _, segment, _ = iam(allergy("active", recorder=_PERSON))
    assert segment.text(15) == "SEL"


def test_without_an_allergy_there_is_no_such_message():
    """An A60 without an IAM would say nothing."""
    with pytest.raises(ResourceAbsent):
        render(bundle(PATIENT), "ADT^A60")
