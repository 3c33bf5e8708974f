"""Synthetic R4 resources, each valid and small: the ground the planted defects grow on."""

from __future__ import annotations

from typing import Any

from shared.fhir.bundle import put_entry, transaction

Json = dict[str, Any]
HL7 = "http://terminology.hl7.org/CodeSystem/"
UCUM = "http://unitsofmeasure.org"


def urn(number: int) -> str:
    """Return the fullUrl of an entry."""
    return f"urn:uuid:6f1f0c5e-0000-4000-8000-{number:012d}"


def refer(number: int) -> Json:
    """Return a Reference to an entry."""
    return {"reference": urn(number)}


def coded(system: str, code: str) -> Json:
    """Return a CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def patient() -> Json:
    return {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"source": "urn:oid:2.999.1"},
        "identifier": [
            {"use": "usual", "type": coded(HL7 + "v2-0203", "MR"), "system": "urn:oid:2.999.4", "value": "1000001"}
        ],
        "active": True,
        "name": [{"use": "official", "family": "Example", "given": ["Ada", "Marie"], "period": {"start": "2001-05"}}],
        "telecom": [{"system": "phone", "value": "+1 555 0100", "use": "home", "rank": 1}],
        "gender": "female",
        "birthDate": "1979-08-14",
        "deceasedBoolean": False,
        "address": [{"use": "home", "line": ["1 Sample Street"], "city": "Springfield", "postalCode": "62704"}],
        "maritalStatus": coded(HL7 + "v3-MaritalStatus", "M"),
        "contact": [{"name": {"family": "Example", "given": ["Ben"]}, "telecom": [{"system": "phone", "value": "5"}]}],
    }


def encounter() -> Json:
    return {
        "resourceType": "Encounter",
        "id": "e1",
        "identifier": [{"system": "urn:oid:2.999.5", "value": "V1"}],
        "status": "in-progress",
        "class": {"system": HL7 + "v3-ActCode", "code": "IMP"},
        "subject": refer(1),
        "participant": [{"type": [coded(HL7 + "v3-ParticipationType", "ATND")], "individual": refer(3)}],
        "period": {"start": "2024-03-12T08:30:00+00:00", "end": "2024-03-12T12:00:00+01:00"},
        "serviceProvider": refer(4),
        "location": [{"location": refer(5), "status": "active"}],
    }


def practitioner() -> Json:
    return {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Sample", "given": ["Ruth"]}]}


def organization() -> Json:
    return {
        "resourceType": "Organization",
        "id": "o1",
        "name": "Sample Hospital",
        "telecom": [{"system": "phone", "value": "5", "use": "work"}],
        "address": [{"use": "work", "city": "Springfield"}],
    }


def location() -> Json:
    return {
        "resourceType": "Location",
        "id": "l1",
        "status": "active",
        "name": "4 West",
        "managingOrganization": refer(4),
    }


def observation(number: int, code: str = "2345-7") -> Json:
    return {
        "resourceType": "Observation",
        "id": f"r{number}",
        "status": "final",
        "category": [coded(HL7 + "observation-category", "laboratory")],
        "code": coded("http://loinc.org", code),
        "subject": refer(1),
        "encounter": refer(2),
        "effectiveDateTime": "2024-03-12T10:14:00+00:00",
        "issued": "2024-03-12T10:14:00.000Z",
        "valueQuantity": {"value": 5.5 + number, "unit": "mmol/L", "system": UCUM, "code": "mmol/L"},
        "referenceRange": [{"low": {"value": 3.9}, "high": {"value": 6.1}, "text": "3.9-6.1"}],
    }


def diagnostic_report() -> Json:
    return {
        "resourceType": "DiagnosticReport",
        "id": "g1",
        "status": "final",
        "code": coded("http://loinc.org", "24323-8"),
        "subject": refer(1),
        "result": [refer(10), refer(11)],
        "presentedForm": [{"contentType": "text/plain", "data": "aGVsbG8="}],
    }


def allergy() -> Json:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "clinicalStatus": coded(HL7 + "allergyintolerance-clinical", "active"),
        "verificationStatus": coded(HL7 + "allergyintolerance-verification", "confirmed"),
        "category": ["medication"],
        "patient": refer(1),
        "reaction": [{"manifestation": [{"text": "rash"}], "severity": "mild"}],
    }


def condition() -> Json:
    return {
        "resourceType": "Condition",
        "id": "c1",
        "clinicalStatus": coded(HL7 + "condition-clinical", "resolved"),
        "verificationStatus": coded(HL7 + "condition-ver-status", "confirmed"),
        "subject": refer(1),
        "abatementDateTime": "2024-02-29",
        "stage": [{"summary": {"text": "II"}}],
        "evidence": [{"code": [{"text": "seen"}]}],
    }


def appointment() -> Json:
    return {
        "resourceType": "Appointment",
        "id": "s1",
        "status": "booked",
        "start": "2024-03-12T10:00:00Z",
        "end": "2024-03-12T10:30:00Z",
        "minutesDuration": 30,
        "participant": [{"actor": refer(1), "status": "accepted"}],
    }


def service_request() -> Json:
    return {
        "resourceType": "ServiceRequest",
        "id": "q1",
        "status": "active",
        "intent": "order",
        "code": coded("http://loinc.org", "24323-8"),
        "orderDetail": [{"text": "fasting"}],
        "subject": refer(1),
        "occurrenceTiming": {"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}},
    }


def medication_request() -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": "Sample 5 mg"},
        "subject": refer(1),
        "dosageInstruction": [
            {"doseAndRate": [{"doseRange": {"low": {"value": 1}, "high": {"value": 2}}, "rateRatio": ratio(1, 2)}]}
        ],
    }


def ratio(numerator: float, denominator: float) -> Json:
    return {"numerator": {"value": numerator}, "denominator": {"value": denominator}}


def medication_dispense() -> Json:
    return {
        "resourceType": "MedicationDispense",
        "id": "m2",
        "status": "completed",
        "medicationReference": {"reference": "#drug"},
        "contained": [{"resourceType": "Medication", "id": "drug", "code": {"text": "Sample"}}],
        "whenPrepared": "2024-03-12T08:00:00Z",
        "whenHandedOver": "2024-03-12T09:00:00Z",
    }


def extended_patient() -> Json:
    """A patient who uses what is seldom used: extensions on primitives, and a narrative."""
    absent = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    return {
        "resourceType": "Patient",
        "id": "p2",
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Ada</div>'},
        "extension": [{"url": "http://example.org/referrer", "valueReference": refer(3)}],
        "name": [{"given": [None, "Marie"], "_given": [absent, None]}],
        "_birthDate": absent,
        "link": [{"other": refer(1), "_type": absent}],
    }


def sample_bundle() -> Json:
    """Return a bundle of twelve entries, as a result message makes it."""
    resources = {1: patient(), 2: encounter(), 3: practitioner(), 4: organization(), 5: location()}
    resources |= {6: diagnostic_report(), 10: observation(0, "2345-7"), 11: observation(1, "3094-0")}
    resources |= {12: observation(2, "2951-2"), 13: observation(3, "2823-3")}
    resources |= {14: observation(4, "2160-0"), 15: observation(5, "2028-9")}
    return transaction(
        (put_entry(resource, urn(number)) for number, resource in resources.items()), timestamp="2024-03-12T10:15:00Z"
    )


def wide_bundle() -> Json:
    """Return a bundle with one of every sample."""
    bundle = sample_bundle()
    more = {20: allergy(), 21: condition(), 22: appointment(), 23: service_request(), 24: medication_request()}
    more |= {25: medication_dispense(), 26: extended_patient()}
    bundle["entry"] += [put_entry(resource, urn(number)) for number, resource in more.items()]
    return bundle
