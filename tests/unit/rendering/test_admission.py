"""What stands beside the visit of an admission: who answers for it, who takes part, what was done."""

from __future__ import annotations

from tests.unit.rendering.samples import ABOUT, PATIENT, VISIT, lines, noted, rendered

DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ACTOR = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
DOCTOR = {"resourceType": "Practitioner", "id": "d1", "identifier": [{"value": "4777"}], "name": [{"family": "Attend"}]}
CLINIC = {"resourceType": "Organization", "id": "o1", "name": "Heart Clinic"}
ROLE = {
    "resourceType": "PractitionerRole",
    "id": "r1",
    "practitioner": {"reference": "Practitioner/d1"},
    "specialty": [{"text": "Cardiology"}],
}


def written(name, *resources):
    """Return the segments of one name of an update with these resources."""
    return [line for line in lines(rendered(PATIENT, *resources, as_type="ADT^A08")) if line.startswith(name)]


def account(**guarantor):
    """Return an account that somebody answers for."""
    subject = [{"reference": "Patient/p1"}]
    return {"resourceType": "Account", "id": "a1", "status": "active", "subject": subject, "guarantor": [guarantor]}


def test_a_patient_who_answers_for_the_own_account_is_named_as_self():
    """HL7 table 0063, SEL; GT1-3 is required, and is the name of PID-5."""
    assert written("GT1", VISIT, account(party={"reference": "Patient/p1"}, onHold=True)) == [
        "GT1|1||Example^Ada^M^^^^L||||||||SEL^Self^HL70063|||||||||||Y"
    ]


def test_an_organization_that_pays_is_no_person():
    """Decision 0007: GT1-21; the required name of a person is missing, and said to be."""
    rendering = rendered(PATIENT, VISIT, CLINIC, account(party={"reference": "Organization/o1"}))
    assert lines(rendering)[-1] == "GT1|1" + "|" * 20 + "Heart Clinic"
    assert ("field_missing", "GT1-3") in noted(rendering)


def test_who_attends_is_in_pv1_and_what_more_is_known_of_the_role_in_rol():
    """A receiver reads PV1-7; the specialty has a place in ROL-9 alone."""
    attending = {"type": [{"coding": [{"system": ACTOR, "code": "ATND"}]}], "individual": {"reference": "x/r1"}}
    visit = {**VISIT, "participant": [{**attending, "individual": {"reference": "PractitionerRole/r1"}}]}
    rendering = rendered(PATIENT, visit, DOCTOR, ROLE)
    assert rendering.message.get("PV1-7.2") == "Attend"
    (role,) = [line for line in lines(rendering) if line.startswith("ROL")]
    assert role == "ROL||UP|AT^^HL70443|4777^Attend|||||^Cardiology"
    assert noted(rendering) == [("field_missing", "MSH-10")]


def test_a_role_that_nobody_is_named_in_stays_a_finding():
    """ROL-4 is required: an organization alone has no ROL."""
    primary = {"resourceType": "PractitionerRole", "id": "r2", "organization": {"reference": "Organization/o1"}}
    team = {
        "resourceType": "CareTeam",
        "id": "t1",
        **ABOUT,
        "participant": [{"member": {"reference": "PractitionerRole/r2"}}],
    }
    rendering = rendered(PATIENT, VISIT, CLINIC, primary, team)
    assert rendering.message.count("ROL") == 0
    assert ("element_not_carried", "CareTeam.participant.member.reference") in noted(rendering)


def test_modifiers_stand_behind_the_code_and_snomed_keeps_its_colons():
    """Guide PR1[Procedure] 26: CPT's syntax; an expression of SNOMED CT is one code."""
    cpt = {"system": "http://www.ama-assn.org/go/cpt", "code": "27447:RT:59"}
    snomed = {"system": "http://snomed.info/sct", "code": "80146002:272741003=7771000"}
    done = {"resourceType": "Procedure", "status": "completed", "performedDateTime": "2024-03-09", **ABOUT}
    found = written(
        "PR1", VISIT, *({**done, "id": one["code"][:3], "code": {"coding": [one]}} for one in (cpt, snomed))
    )
    assert found == [
        "PR1|1||27447^^C4||20240309" + "|" * 11 + "RT~59",
        "PR1|2||80146002:272741003=7771000^^SCT||20240309",
    ]


def test_what_was_not_done_is_no_procedure():
    """A receiver would bill it."""
    missed = {"resourceType": "Procedure", "id": "p9", "status": "not-done", "code": {"text": "Cast"}, **ABOUT}
    assert written("PR1", VISIT, missed) == []


def test_the_class_of_a_visit_alone_is_pv1_20_and_no_insurance():
    """Guide PV1[Coverage] 22: HL7 table 0064; an IN1 without plan and company would be refused."""
    system = "http://terminology.hl7.org/CodeSystem/v2-0064"
    selfpay = {
        "resourceType": "Coverage",
        "id": "c1",
        "status": "active",
        "type": {"coding": [{"system": system, "code": "SP"}]},
        "beneficiary": {"reference": "Patient/p1"},
        "payor": [{"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}],
    }
    rendering = rendered(PATIENT, VISIT, selfpay)
    assert rendering.message.get("PV1-20") == "SP"
    assert rendering.message.count("IN1") == 0
    paid = rendered(PATIENT, VISIT, CLINIC, {**selfpay, "payor": [{"reference": "Organization/o1"}]})
    assert (paid.message.get("PV1-20"), paid.message.get("IN1-4.1")) == ("SP", "Heart Clinic")


def test_an_accident_and_a_death_have_segments_of_their_own_once():
    """ADT_A01 of 2.5.1 has one ACC; a second accident is an OBX like any other observation."""
    code = {"coding": [{"system": "http://loinc.org", "code": "11374-6"}]}
    fall = {"resourceType": "Observation", "id": "f1", "status": "final", "code": code, "valueString": "Fell", **ABOUT}
    found = rendered(PATIENT, VISIT, fall, {**fall, "id": "f2", "valueString": "Slipped"}).message
    assert (found.get("ACC-8"), found.get("OBX-5")) == ("Fell", "Slipped")
    certified = {"coding": [{"system": "http://snomed.info/sct", "code": "308646001"}]}
    signed = {"resourceType": "Procedure", "id": "s1", "status": "completed", "code": certified, **ABOUT}
    assert written("P", VISIT, {**signed, "performedDateTime": "2024-03-10"})[-1] == "PDA||||20240310"
