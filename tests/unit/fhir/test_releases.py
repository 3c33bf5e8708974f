"""STU3 and R5 as R4: examples written by hand after the differences the standard publishes for each resource."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.fhir.releases import to_r4
from shared.fhir.validate import validate_bundle, validate_resource
from shared.message.errors.mapping import NotFhir

PERSON, VISIT, DOCTOR = ({"reference": f"{kind}/1"} for kind in ("Patient", "Encounter", "Practitioner"))
TERMS = "http://terminology.hl7.org/CodeSystem/"


def changed(release, **resource):
    """The resource as R4, which is valid, and the places without a home."""
    given = deepcopy(resource)
    converted = to_r4(resource, release)
    assert resource == given, "what was given is somebody else's"
    assert validate_resource(converted.resource) == []
    return converted.resource, [finding.place for finding in converted.findings]


def test_r5_encounter():
    """R5 renamed participant.actor, actualPeriod, admission; class, serviceType, reason and diagnosis grew richer."""
    visit = {
        "resourceType": "Encounter",
        "status": "completed",
        "class": [{"coding": [{"system": TERMS + "v3-ActCode", "code": "IMP"}]}],
        "serviceType": [{"concept": {"text": "Cardiology"}}],
        "subject": PERSON,
        "subjectStatus": {"text": "departed"},
        "participant": [{"actor": DOCTOR}],
        "actualPeriod": {"start": "2024-01-01"},
        "plannedStartDate": "2024-01-01",
        "reason": [
            {
                "use": [{"text": "chief"}],
                "value": [{"concept": {"text": "Pain"}}, {"reference": {"reference": "Condition/2"}}],
            }
        ],
        "diagnosis": [{"condition": [{"reference": {"reference": "Condition/1"}}], "use": [{"text": "billing"}]}],
        "admission": {"admitSource": {"text": "ER"}},
        "dietPreference": [{"text": "Vegan"}],
        "location": [{"location": {"reference": "Location/1"}, "form": {"text": "bed"}}],
    }
    resource, places = changed("R5", **visit)
    assert resource == {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": TERMS + "v3-ActCode", "code": "IMP"},
        "serviceType": {"text": "Cardiology"},
        "subject": PERSON,
        "participant": [{"individual": DOCTOR}],
        "period": {"start": "2024-01-01"},
        "extension": [
            {
                "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate",
                "valueDateTime": "2024-01-01",
            }
        ],
        "reasonCode": [{"text": "Pain"}],
        "reasonReference": [{"reference": "Condition/2"}],
        "diagnosis": [{"condition": {"reference": "Condition/1"}, "use": {"text": "billing"}}],
        "hospitalization": {"admitSource": {"text": "ER"}, "dietPreference": [{"text": "Vegan"}]},
        "location": [{"location": {"reference": "Location/1"}, "physicalType": {"text": "bed"}}],
    }
    assert sorted(places) == ["Encounter.reason", "Encounter.subjectStatus"]


R5 = {
    "appointment": (
        {
            "resourceType": "Appointment",
            "status": "cancelled",
            "cancellationReason": {"text": "ill"},
            "serviceType": [{"concept": {"text": "Eyes"}}, {"reference": {"reference": "HealthcareService/1"}}],
            "reason": [{"concept": {"text": "blurred"}}],
            "priority": {"text": "asap"},
            "note": [{"text": "bring lenses"}],
            "patientInstruction": [{"concept": {"text": "do not drive"}}],
            "participant": [{"actor": PERSON, "required": True, "status": "accepted"}],
        },
        {
            "resourceType": "Appointment",
            "status": "cancelled",
            "cancelationReason": {"text": "ill"},
            "serviceType": [{"text": "Eyes"}],
            "reasonCode": [{"text": "blurred"}],
            "extension": [
                {
                    "url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.note",
                    "valueAnnotation": {"text": "bring lenses"},
                }
            ],
            "patientInstruction": "do not drive",
            "participant": [{"actor": PERSON, "required": "required", "status": "accepted"}],
        },
        ["Appointment.priority", "Appointment.serviceTypeLeft"],
    ),
    "allergy": (
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": {"coding": [{"system": TERMS + "allergyintolerance-clinical", "code": "active"}]},
            "type": {"coding": [{"code": "allergy"}]},
            "code": {"text": "Nuts"},
            "patient": PERSON,
            "participant": [{"function": {"coding": [{"code": "author"}]}, "actor": DOCTOR}],
            "reaction": [{"manifestation": [{"concept": {"text": "Hives"}}]}],
        },
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": {"coding": [{"system": TERMS + "allergyintolerance-clinical", "code": "active"}]},
            "type": "allergy",
            "code": {"text": "Nuts"},
            "patient": PERSON,
            "recorder": DOCTOR,
            "reaction": [{"manifestation": [{"text": "Hives"}]}],
        },
        [],
    ),
    "coverage": (
        {
            "resourceType": "Coverage",
            "status": "active",
            "kind": "insurance",
            "beneficiary": PERSON,
            "insurer": {"reference": "Organization/1"},
            "subscriberId": [{"value": "77"}],
            "class": [{"type": {"text": "plan"}, "value": {"value": "GOLD"}}],
        },
        {
            "resourceType": "Coverage",
            "status": "active",
            "beneficiary": PERSON,
            "payor": [{"reference": "Organization/1"}],
            "subscriberId": "77",
            "class": [{"type": {"text": "plan"}, "value": "GOLD"}],
        },
        ["Coverage.kind"],
    ),
    "order": (
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "code": {"concept": {"text": "X-ray"}},
            "reason": [{"reference": {"reference": "Condition/1"}}],
            "location": [{"concept": {"text": "ward"}}],
            "orderDetail": [{"parameter": [{"code": {"text": "side"}, "valueString": "left"}]}],
        },
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "subject": PERSON,
            "code": {"text": "X-ray"},
            "reasonReference": [{"reference": "Condition/1"}],
            "locationCode": [{"text": "ward"}],
        },
        ["ServiceRequest.orderDetail.parameter"],
    ),
    "document": (
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "docStatus": "corrected",
            "version": "2",
            "content": [
                {"attachment": {"url": "https://a.example", "size": "12"}, "profile": [{"valueCoding": {"code": "x"}}]}
            ],
            "context": [VISIT],
            "period": {"start": "2024"},
        },
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "docStatus": "amended",
            "content": [{"attachment": {"url": "https://a.example", "size": 12}, "format": {"code": "x"}}],
            "context": {"encounter": [VISIT], "period": {"start": "2024"}},
        },
        ["DocumentReference.version"],
    ),
    "vaccine": (
        {
            "resourceType": "Immunization",
            "status": "completed",
            "vaccineCode": {"text": "Flu"},
            "patient": PERSON,
            "occurrenceDateTime": "2024",
            "manufacturer": {"reference": {"reference": "Organization/1"}},
            "protocolApplied": [{"doseNumber": "1"}],
        },
        {
            "resourceType": "Immunization",
            "status": "completed",
            "vaccineCode": {"text": "Flu"},
            "patient": PERSON,
            "occurrenceDateTime": "2024",
            "manufacturer": {"reference": "Organization/1"},
            "protocolApplied": [{"doseNumberString": "1"}],
        },
        [],
    ),
    "organization": (
        {
            "resourceType": "Organization",
            "name": "Clinic",
            "description": "eyes",
            "contact": [
                {"telecom": [{"system": "phone", "value": "1"}], "address": {"city": "Town"}},
                {"name": [{"text": "Ann"}], "purpose": {"text": "billing"}},
            ],
        },
        {
            "resourceType": "Organization",
            "name": "Clinic",
            "telecom": [{"system": "phone", "value": "1"}],
            "address": [{"city": "Town"}],
            "contact": [{"name": {"text": "Ann"}, "purpose": {"text": "billing"}}],
        },
        ["Organization.description"],
    ),
}
STU3 = {
    "observation": (
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "Sodium"},
            "context": VISIT,
            "comment": "haemolytic",
            "interpretation": {"text": "H"},
            "related": [
                {"type": "has-member", "target": {"reference": "Observation/2"}},
                {"type": "replaces", "target": {"reference": "Observation/3"}},
            ],
        },
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "Sodium"},
            "encounter": VISIT,
            "note": [{"text": "haemolytic"}],
            "interpretation": [{"text": "H"}],
            "hasMember": [{"reference": "Observation/2"}],
        },
        ["Observation.related"],
    ),
    "condition": (
        {
            "resourceType": "Condition",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "code": {"text": "Gout"},
            "subject": PERSON,
            "context": VISIT,
            "assertedDate": "2017",
            "abatementBoolean": False,
        },
        {
            "resourceType": "Condition",
            "clinicalStatus": {"coding": [{"system": TERMS + "condition-clinical", "code": "active"}]},
            "verificationStatus": {"coding": [{"system": TERMS + "condition-ver-status", "code": "confirmed"}]},
            "code": {"text": "Gout"},
            "subject": PERSON,
            "encounter": VISIT,
            "recordedDate": "2017",
        },
        ["Condition.abatementBoolean"],
    ),
    "order": (
        {
            "resourceType": "ProcedureRequest",
            "status": "cancelled",
            "intent": "order",
            "code": {"text": "X-ray"},
            "subject": PERSON,
            "requester": {"agent": DOCTOR, "onBehalfOf": {"reference": "Organization/1"}},
            "performer": DOCTOR,
            "replaces": [{"reference": "ProcedureRequest/7"}],
        },
        {
            "resourceType": "ServiceRequest",
            "status": "revoked",
            "intent": "order",
            "code": {"text": "X-ray"},
            "subject": PERSON,
            "requester": DOCTOR,
            "performer": [DOCTOR],
            "replaces": [{"reference": "ServiceRequest/7"}],
        },
        ["ServiceRequest.requesterOnBehalfOf"],
    ),
    "coverage": (
        {
            "resourceType": "Coverage",
            "status": "active",
            "beneficiary": PERSON,
            "payor": [{"reference": "Organization/1"}],
            "grouping": {"group": "G1", "groupDisplay": "Group one"},
            "sequence": "1",
        },
        {
            "resourceType": "Coverage",
            "status": "active",
            "beneficiary": PERSON,
            "payor": [{"reference": "Organization/1"}],
            "class": [
                {
                    "type": {"coding": [{"system": TERMS + "coverage-class", "code": "group"}]},
                    "value": "G1",
                    "name": "Group one",
                }
            ],
        },
        ["Coverage.sequence"],
    ),
    "vaccine": (
        {
            "resourceType": "Immunization",
            "status": "completed",
            "notGiven": True,
            "vaccineCode": {"text": "Flu"},
            "patient": PERSON,
            "date": "2017-01-01",
            "practitioner": [{"role": {"text": "AP"}, "actor": DOCTOR}],
            "explanation": {"reasonNotGiven": [{"text": "refused"}]},
            "vaccinationProtocol": [{"doseSequence": 1, "doseStatus": {"text": "counts"}}],
        },
        {
            "resourceType": "Immunization",
            "status": "not-done",
            "vaccineCode": {"text": "Flu"},
            "patient": PERSON,
            "occurrenceDateTime": "2017-01-01",
            "performer": [{"function": {"text": "AP"}, "actor": DOCTOR}],
            "statusReason": {"text": "refused"},
            "protocolApplied": [{"doseNumberPositiveInt": 1}],
        },
        ["Immunization.protocolApplied.doseStatus"],
    ),
    "animal": (
        {"resourceType": "Patient", "animal": {"species": {"text": "Dog"}}},
        {
            "resourceType": "Patient",
            "extension": [
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/patient-animal",
                    "extension": [{"url": "species", "valueCodeableConcept": {"text": "Dog"}}],
                }
            ],
        },
        [],
    ),
    "provenance": (
        {
            "resourceType": "Provenance",
            "target": [PERSON],
            "recorded": "2017-01-01T00:00:00Z",
            "period": {"start": "2017"},
            "reason": [{"code": "a"}],
            "activity": {"code": "b"},
            "agent": [{"whoReference": DOCTOR}],
        },
        {
            "resourceType": "Provenance",
            "target": [PERSON],
            "recorded": "2017-01-01T00:00:00Z",
            "occurredPeriod": {"start": "2017"},
            "reason": [{"coding": [{"code": "a"}]}],
            "activity": {"coding": [{"code": "b"}]},
            "agent": [{"who": DOCTOR}],
        },
        [],
    ),
}


@pytest.mark.parametrize(("release", "name"), [*(("R5", name) for name in R5), *(("STU3", name) for name in STU3)])
def test_a_resource_of_another_release_is_valid_r4_and_tells_what_has_no_home(release, name):
    """A partner one release ahead or behind is read, and an element that means nothing here is not passed on unread."""
    given, expected, homeless = (R5 if release == "R5" else STU3)[name]
    resource, places = changed(release, **given)
    assert resource == expected
    assert sorted(places) == homeless


def test_a_bundle_is_converted_entry_by_entry():
    """A place names the entry, so that a sender finds it."""
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "issues": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "invalid"}]},
        "entry": [{"resource": {"resourceType": "Patient"}}, {"resource": R5["coverage"][0]}],
    }
    converted = to_r4(bundle, "R5")
    assert validate_bundle(converted.resource) == []
    assert [finding.place for finding in converted.findings] == ["Bundle.entry[1].Coverage.kind", "Bundle.issues"]


@pytest.mark.parametrize("release", ["STU3", "R5"])
@pytest.mark.parametrize(
    ("kind", "elements", "place"),
    [
        ("Observation", {"valueQuantity": {"value": "abc"}}, "Observation.valueQuantity.value"),
        ("Patient", {"birthDate": 7}, "Patient.birthDate"),
        ("Patient", {"birthDate": "1970-13-45"}, "Patient.birthDate"),
        ("Patient", {"active": "yes"}, "Patient.active"),
        ("Patient", {"gender": None}, "Patient.gender"),
    ],
)
def test_a_value_that_is_wrong_in_every_release_stays_and_is_refused(release, kind, elements, place):
    """Taken away as something that R4 has no home for, a result would go on without its number."""
    resource = {"resourceType": kind, **elements}
    if kind == "Observation":
        resource |= {"status": "final", "code": {"text": "Glucose"}}

    converted = to_r4(resource, release)

    assert place in {fault.place for fault in validate_resource(converted.resource)}
    assert not converted.findings


def test_a_type_that_r4_does_not_have_is_told():
    """It stays what it is: the judge of what comes in refuses it by name."""
    converted = to_r4({"resourceType": "ReferralRequest", "status": "active"}, "STU3")
    assert [(one.code, one.place) for one in converted.findings] == [("resource_without_home", "ReferralRequest")]


@pytest.mark.parametrize(
    ("release", "kind", "element"),
    [
        ("R5", "Encounter", "serviceType"),
        ("R5", "ServiceRequest", "supportingInfo"),
        ("R5", "Procedure", "reason"),
        ("R5", "Appointment", "cancellationReason"),
        ("R5", "Encounter", "plannedStartDate"),
        ("STU3", "Observation", "comment"),
        ("STU3", "Procedure", "notDone"),
    ],
)
def test_an_element_that_is_there_as_extensions_alone_refuses_nothing(release, kind, element):
    """FHIR JSON: a value without one, as `_x`; what R4 has no home for is told, and the rest goes on."""
    masked = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    converted = to_r4({"resourceType": kind, "id": "a", f"_{element}": masked}, release)
    new = {"cancellationReason": "cancelationReason"}.get(element, element)
    assert converted.resource == {"resourceType": kind, "id": "a"}
    assert {one.code for one in converted.findings} == {"element_without_home"}
    assert {one.place.split(".")[:2][1] for one in converted.findings} == {f"_{new}"}


@pytest.mark.parametrize("reason", ["text", [7], [{"value": "text"}], {"a": 1}])
def test_what_has_not_the_form_of_its_release_is_a_typed_error_or_has_no_home(reason):
    """Every input is hostile: a list that is a text must not end a worker."""
    given = {"resourceType": "Encounter", "status": "completed", "reason": reason}
    try:
        converted = to_r4(given, "R5")
    except NotFhir as error:
        assert "Encounter" in str(error)  # noqa: PT017
    else:
        assert "reason" not in converted.resource


@settings(max_examples=200, deadline=None)
@given(
    st.data(),
    st.sampled_from([("R5", name) for name in R5] + [("STU3", name) for name in STU3]),
    st.sampled_from(["x", 7, None, [], {}, ["x"], [{}], {"a": 1}, True, [[1]], {"coding": "x"}]),
)
def test_whatever_stands_in_a_place_it_ends_in_a_resource_or_a_typed_error(data, given_, wrong):
    """A partner's bug is not our outage."""
    release, name = given_
    resource = deepcopy((R5 if release == "R5" else STU3)[name][0])
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}
    holder, key = data.draw(st.sampled_from(_places(bundle)))
    holder[key] = wrong
    try:
        to_r4(bundle, release)
    except NotFhir as error:
        assert error.code == "RENDER-004"  # noqa: PT017


def _places(value):
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(value, key) for key, _ in pairs] + [place for _, inner in pairs for place in _places(inner)]
