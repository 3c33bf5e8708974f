"""US Core 6.1.0: cardinalities and invariants as its profiles publish them, each named in its test."""

from __future__ import annotations

import pytest

from shared.fhir.us_core import PROFILES, check_bundle, check_us_core
from shared.fhir.validate import validate_resource

TERMS = "http://terminology.hl7.org/CodeSystem/"
PERSON = {"reference": "Patient/1"}


def concept(system, code):
    return {"coding": [{"system": TERMS + system, "code": code}]}


# One of each type that has all its profile requires; each is valid R4.
WHOLE = {
    "Patient": {"identifier": [{"system": "urn:oid:1.2", "value": "7"}], "name": [{"family": "A"}], "gender": "female"},
    "Encounter": {"status": "finished", "class": {"code": "AMB"}, "type": [{"text": "visit"}], "subject": PERSON},
    "Condition": {"category": [concept("condition-category", "problem-list-item")], "code": {"text": "x"}}
    | {"subject": PERSON, "clinicalStatus": concept("condition-clinical", "active")},
    "AllergyIntolerance": {"code": {"text": "x"}, "patient": PERSON}
    | {"clinicalStatus": concept("allergyintolerance-clinical", "active")},
    "Observation": {"status": "final", "category": [concept("observation-category", "laboratory")]}
    | {"code": {"text": "x"}, "subject": PERSON, "valueString": "y"},
    "DiagnosticReport": {"status": "final", "category": [concept("v2-0074", "LAB")], "code": {"text": "x"}}
    | {"subject": PERSON, "effectiveDateTime": "2024", "issued": "2024-01-01T00:00:00Z"},
    "Immunization": {
        "status": "completed",
        "vaccineCode": {"text": "x"},
        "patient": PERSON,
        "occurrenceDateTime": "2024",
    },
    "MedicationRequest": {"status": "active", "intent": "order", "medicationCodeableConcept": {"text": "x"}}
    | {"subject": PERSON, "requester": {"reference": "Practitioner/1"}},
    "Practitioner": {"identifier": [{"system": "urn:oid:1.2", "value": "7"}], "name": [{"family": "A"}]},
    "PractitionerRole": {
        "practitioner": {"reference": "Practitioner/1"},
        "telecom": [{"system": "phone", "value": "1"}],
    },
    "Organization": {"active": True, "name": "A"},
    "Location": {"name": "A"},
    "RelatedPerson": {"active": True, "patient": PERSON, "name": [{"text": "A"}]},
    "Coverage": {"status": "active", "beneficiary": PERSON, "payor": [{"reference": "Organization/1"}]}
    | {"relationship": {"text": "self"}, "subscriberId": "7"},
    "Procedure": {"status": "completed", "code": {"text": "x"}, "subject": PERSON, "performedDateTime": "2024"},
    "ServiceRequest": {"status": "active", "intent": "order", "code": {"text": "x"}, "subject": PERSON},
    "Specimen": {"type": {"text": "blood"}},
    "DocumentReference": {"status": "current", "type": {"text": "x"}, "category": [{"text": "y"}], "subject": PERSON}
    | {"content": [{"attachment": {"url": "https://a.example/1"}}]},
}


def missing(kind, **changes):
    """The elements that a whole resource misses after these changes; None takes an element away."""
    resource = {"resourceType": kind, **WHOLE[kind], **changes}
    resource = {name: value for name, value in resource.items() if value is not None}
    assert validate_resource(resource) == []
    return [finding.place.removeprefix(f"{kind}.") for finding in check_us_core(resource)]


def test_every_profile_has_a_whole_resource_here():
    """A profile that no test meets may ask for anything."""
    assert WHOLE.keys() == PROFILES.keys()


@pytest.mark.parametrize("kind", WHOLE)
def test_what_has_all_that_is_required_has_no_finding(kind):
    """A rule that finds fault with everything is turned off by the first who meets it."""
    assert missing(kind) == []


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("Patient", {"identifier": None}, ["identifier"]),
        ("Patient", {"identifier": [{"value": "7"}]}, ["identifier.system"]),
        ("Patient", {"gender": None}, ["gender"]),
        ("Patient", {"name": [{"text": "A"}]}, ["name.family"]),  # us-core-6
        ("Patient", {"telecom": [{"value": "1", "system": "phone"}, {"system": "phone"}]}, ["telecom.value"]),
        ("Encounter", {"type": None, "subject": None}, ["type", "subject"]),
        ("Encounter", {"identifier": [{"value": "V1"}]}, ["identifier.system"]),
        ("Condition", {"category": None}, ["category"]),
        ("Condition", {"category": [concept("condition-category", "encounter-diagnosis")], "code": None}, ["code"]),
        ("AllergyIntolerance", {"code": None}, ["code"]),
        ("Observation", {"subject": None}, ["subject"]),
        ("Observation", {"valueString": None}, ["value[x]"]),  # us-core-2
        ("Observation", {"category": None}, ["category"]),
        ("DiagnosticReport", {"effectiveDateTime": None, "issued": None}, ["effective[x]", "issued"]),  # us-core-8, 9
        ("DiagnosticReport", {"effectiveDateTime": None, "issued": None, "status": "registered"}, []),
        ("DiagnosticReport", {"category": None, "issued": None}, ["category"]),
        ("MedicationRequest", {"requester": None}, ["requester"]),  # us-core-21
        ("MedicationRequest", {"requester": None, "intent": "plan"}, []),
        ("Practitioner", {"identifier": None, "name": [{"text": "A"}]}, ["identifier", "name.family"]),
        ("PractitionerRole", {"practitioner": None, "telecom": None}, ["practitioner", "telecom"]),  # us-core-13, pd-1
        ("Organization", {"active": None}, ["active"]),
        ("Location", {"name": None}, ["name"]),
        ("RelatedPerson", {"active": None, "name": None}, ["active", "name"]),  # us-core-14
        ("Coverage", {"relationship": None, "subscriberId": None}, ["relationship", "subscriberId"]),  # us-core-15
        ("Coverage", {"subscriberId": None, "identifier": [{"type": concept("v2-0203", "MB"), "value": "7"}]}, []),
        ("Procedure", {"performedDateTime": None}, ["performed[x]"]),  # us-core-7
        ("ServiceRequest", {"code": None}, ["code"]),
        ("Specimen", {"type": None}, ["type"]),
        ("DocumentReference", {"type": None, "category": None}, ["type", "category"]),
        ("DocumentReference", {"content": [{"attachment": {"title": "x"}}]}, ["content.attachment.url"]),  # us-core-6
    ],
)
def test_what_a_profile_requires_and_is_not_there_is_named(kind, changes, expected):
    """An analyst asks the sender for exactly this."""
    assert missing(kind, **changes) == expected


def test_an_element_whose_absence_is_explained_is_there():
    """US Core: what the source does not know is said by data-absent-reason."""
    unknown = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    assert missing("Patient", gender=None, _gender={"extension": [unknown]}) == []


def test_a_race_has_a_text():
    """us-core-race: text is required beside the categories."""
    url = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    coding = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"}
    race = {"url": url, "extension": [{"url": "ombCategory", "valueCoding": coding}]}
    assert missing("Patient", extension=[race]) == ["extension(us-core-race).text"]


def test_an_element_of_a_type_is_told_once_for_a_whole_bundle():
    """Forty results without a category are one gap of one sender."""
    result = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueString": "y"}
    found = check_bundle({"entry": [{"resource": result}, {"resource": {**result, "id": "2"}}]})
    assert [(one.place, one.detail) for one in found] == [
        ("Observation.category", "us-core-observation-clinical-result 6.1.0"),
        ("Observation.subject", "us-core-observation-clinical-result 6.1.0"),
    ]
