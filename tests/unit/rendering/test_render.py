"""FHIR from elsewhere as HL7 v2.5.1: expected lines are read off HL7 chapters 2, 3, 4 and the guide's rows."""

from __future__ import annotations

import pytest

from shared.message.errors.mapping import MessageNotWritten, ResourceAbsent, ResourceAmbiguous
from shared.rendering import render
from tests.unit.rendering.samples import ABOUT, PATIENT, VISIT, bundle, lines, noted, rendered

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"


def test_a_patient_and_a_visit_become_an_update():
    """HL7 chapter 3: MSH, EVN, PID, PV1; a server's id, version and narrative are its own business."""
    rendering = rendered(PATIENT, VISIT)
    assert lines(rendering) == [
        "MSH|^~\\&|||||20240310090000+0000||ADT^A08^ADT_A01||P|2.5.1||||||UNICODE UTF-8",
        "EVN|A08|20240310090000+0000",
        "PID|1||77^^^&1.2.3.4&ISO^MR||Example^Ada^M^^^^L||19800131|F",
        "PV1|1|I|||||||||||||||||V1^^^WARD|||||||||||||||||||||||||20240309100000+0100|20240310080000+0000",
    ]
    assert noted(rendering) == [("field_missing", "MSH-10")]


def test_what_no_field_carries_is_a_finding_by_its_path():
    """A receiver that misses a photo must be able to learn that there was one."""
    rendering = rendered({**PATIENT, "photo": [{"url": "https://x.example/1.png"}], "deceasedAge": 3}, VISIT)
    assert ("element_not_carried", "Patient.photo.url") in noted(rendering)
    assert ("element_not_carried", "Patient.deceasedAge") in noted(rendering)


def test_a_resource_without_a_segment_is_a_finding():
    """A CarePlan is no admission; that it was there is said."""
    rendering = rendered(PATIENT, VISIT, {"resourceType": "CarePlan", "id": "c1", "status": "active", **ABOUT})
    assert ("resource_not_carried", "CarePlan") in noted(rendering)


def test_what_is_about_somebody_else_is_not_written_into_the_message():
    """Another person's allergy in a chart is the worst that can happen here."""
    foreign = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": {"reference": "Patient/other"},
        "code": {"text": "Nuts"},
    }
    rendering = rendered(PATIENT, VISIT, foreign)
    assert "Nuts" not in rendering.message.text
    assert ("resource_not_carried", "AllergyIntolerance") in noted(rendering)


def test_the_bundle_is_not_changed_and_the_bytes_are_the_same_each_time():
    """A retry must find the same output, and a bundle may be shared."""
    before, after = bundle(PATIENT, VISIT), bundle(PATIENT, VISIT)
    first = render(after).message.to_bytes()
    assert after == before
    assert render(after).message.to_bytes() == first


def test_text_with_delimiters_and_foreign_letters_comes_out_escaped_in_utf_8():
    """HL7 chapter 2.7: a name may hold what separates fields."""
    person = {**PATIENT, "name": [{"family": "O|B^x&y~z\\", "given": ["漢"]}]}
    raw = rendered(person, VISIT).message.to_bytes()
    assert "|O\\F\\B\\S\\x\\T\\y\\R\\z\\E\\^漢|".encode() in raw


def test_a_bundle_with_two_people_has_no_message():
    """Which of them a receiver would file it under is not for the hub to choose."""
    with pytest.raises(ResourceAmbiguous, match="2 of Patient"):
        rendered(PATIENT, {**PATIENT, "id": "p2"})


def test_a_type_that_is_not_written_is_named():
    """The person who configured it reads what is possible."""
    with pytest.raises(MessageNotWritten, match="BAR"):
        rendered(PATIENT, as_type="BAR^P01")
    with pytest.raises(MessageNotWritten):
        rendered({"resourceType": "Medication", "id": "m"})


@pytest.mark.parametrize(
    ("as_type", "missing"),
    [
        ("ORU^R01", "DiagnosticReport"),
        ("OML^O21", "ServiceRequest"),
        ("SIU^S12", "Appointment"),
        ("MDM^T02", "DocumentReference"),
        ("VXU^V04", "Immunization"),
        ("ADT^A40", "Patient.link"),
    ],
)
def test_a_message_without_what_it_is_about_is_refused(as_type, missing):
    """An empty result message would clear a worklist."""
    with pytest.raises(ResourceAbsent, match=missing):
        rendered(PATIENT, VISIT, as_type=as_type)


def test_a_discharge_has_the_structure_of_2_5_1():
    """HL7 2.5.1 chapter 3.3.3: ADT_A03 has AL1, DG1, PR1 before OBX; ADT_A01 has OBX before AL1."""
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": {"reference": "Patient/p1"},
        "code": {"text": "Nuts"},
    }
    problem = {"resourceType": "Condition", "id": "c1", "code": {"text": "Flu"}, **ABOUT}
    weight = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "Weight"}, **ABOUT}
    done = {"resourceType": "Procedure", "id": "r1", "status": "completed", "code": {"text": "Cast"}, **ABOUT}
    for event, order in (("A01", ["OBX", "AL1", "DG1", "PR1"]), ("A03", ["AL1", "DG1", "PR1", "OBX"])):
        message = rendered(PATIENT, VISIT, weight, done, problem, allergy, as_type=f"ADT^{event}").message
        assert message.get("MSH-9.3") == f"ADT_{event}"
        assert [one.name for one in message.segments][4:] == order


def test_a_link_becomes_a_merge():
    """HL7 chapter 3.3.40: PID is who stays, MRG who gives way."""
    prior = {
        **PATIENT,
        "id": "p2",
        "identifier": [{"system": "urn:oid:1.2.3.4", "value": "88"}],
        "link": [{"other": {"reference": "Patient/p1"}, "type": "replaced-by"}],
    }
    for resources in ((PATIENT, prior), (prior, PATIENT)):
        rendering = rendered(*resources)
        assert rendering.message.type == "ADT^A40"
        assert rendering.message.get("PID-3.1") == "77"
        assert lines(rendering)[-1] == "MRG|88^^^&1.2.3.4&ISO||||||Example^Ada^M^^^^L"


def test_a_link_to_a_number_alone_is_enough_for_a_merge():
    """Many servers delete the record that gave way; its number is what the receiver needs."""
    survivor = {**PATIENT, "link": [{"other": {"identifier": {"value": "88"}}, "type": "replaces"}]}
    assert lines(rendered(survivor))[-1] == "MRG|88"


def test_multiple_birth_and_death_without_a_date_are_yes_or_no():
    """Guide PID[Patient] 40 and 50: HL7 table 0136."""
    message = rendered({**PATIENT, "multipleBirthBoolean": True, "deceasedBoolean": False}, VISIT).message
    assert (message.get("PID-24"), message.get("PID-30")) == ("Y", "N")


def test_a_code_of_fhir_becomes_the_code_of_the_hl7_table():
    """Guide map MaritalStatus: v3 T is P, domestic partner; the display stays."""
    system = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"
    status = {"coding": [{"system": system, "code": "T", "display": "Domestic partner"}]}
    message = rendered({**PATIENT, "maritalStatus": status}, VISIT).message
    assert lines_of(message, "PID")[16] == "P^Domestic partner^HL70002"


def test_a_required_code_that_hl7_does_not_know_is_left_out_and_said():
    """HL7 table 0278 has no word for who arrived: the nearest one would say something else."""
    appointment = {"resourceType": "Appointment", "id": "a1", "status": "arrived", "participant": []}
    rendering = rendered(PATIENT, appointment)
    assert rendering.message.get("SCH-25") is None
    assert ("code_without_inverse", "HL7 table 0278") in noted(rendering)
    assert ("element_not_carried", "Appointment.status") in noted(rendering)


def test_a_proposed_appointment_is_not_booked():
    """SCH-25 has no code for it, and our own mapping, as any receiver, reads an SIU without one as booked."""
    proposed = {"resourceType": "Appointment", "id": "a1", "status": "proposed", "participant": []}
    with pytest.raises(ResourceAbsent, match="Appointment"):
        rendered(PATIENT, proposed, as_type="SIU^S12")
    rendering = rendered(PATIENT, VISIT, proposed)
    assert rendering.message.type == "ADT^A08"
    assert ("resource_not_carried", "Appointment") in noted(rendering)
    booked = {**proposed, "id": "a2", "status": "booked"}
    assert ("resource_not_carried", "Appointment") in noted(rendered(PATIENT, proposed, booked))


def test_an_appointment_that_came_as_booked_goes_as_booked():
    """R4 app-3 has the mapping call it proposed until it has a time; its sender said S12."""
    proposed = {"resourceType": "Appointment", "id": "a1", "status": "proposed", "participant": []}
    header = {
        "resourceType": "MessageHeader",
        "id": "h",
        "eventCoding": {"code": "S12", "display": "SIU^S12^SIU_S12"},
        "source": {"name": "APP"},
    }
    assert rendered(header, PATIENT, proposed).message.type == "SIU^S12"


def test_race_comes_back_with_its_omb_category_and_further_ones_are_said():
    """US Core lets five races stand; PID-10 takes what 2.5.1 lets repeat."""
    code = {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3", "display": "White"}
    race = {
        "url": US_CORE + "race",
        "extension": [{"url": "ombCategory", "valueCoding": code}, {"url": "text", "valueString": "White"}],
    }
    rendering = rendered({**PATIENT, "extension": [race]}, VISIT)
    assert lines_of(rendering.message, "PID")[10] == "2106-3^White^CDCREC"
    assert noted(rendering) == [("field_missing", "MSH-10")]


def test_an_observation_of_components_is_one_obx_for_each():
    """Guide OBX[Observation-Component]: blood pressure is two results under one sub-id."""
    loinc = "http://loinc.org"

    def part(code, value):
        quantity = {"value": value, "unit": "mm[Hg]", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {"code": {"coding": [{"system": loinc, "code": code}]}, "valueQuantity": quantity}

    pressure = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        **ABOUT,
        "code": {"coding": [{"system": loinc, "code": "85354-9"}]},
        "component": [part("8480-6", 120), part("8462-4", 80)],
    }
    rendering = rendered(PATIENT, VISIT, pressure)
    assert lines(rendering)[-3:] == [
        "OBX|1||85354-9^^LN|1|||||||F",
        "OBX|2|NM|8480-6^^LN|1|120|mm[Hg]^^UCUM|||||F",
        "OBX|3|NM|8462-4^^LN|1|80|mm[Hg]^^UCUM|||||F",
    ]


def test_an_answer_goes_to_the_order_it_is_based_on_and_never_to_a_guess():
    """An ask-at-order-entry answer under the wrong order is a wrong answer."""
    orders = [
        {
            "resourceType": "ServiceRequest",
            "id": name,
            "status": "active",
            "intent": "order",
            **ABOUT,
            "code": {"text": name},
        }
        for name in ("one", "two")
    ]
    fasting = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        **ABOUT,
        "code": {"text": "fasting"},
        "basedOn": [{"reference": "ServiceRequest/two"}],
        "valueBoolean": True,
    }
    loose = {**fasting, "id": "o2", "code": {"text": "loose"}}
    del loose["basedOn"]
    rendering = rendered(PATIENT, *orders, fasting, loose)
    names = [line.split("|")[0] for line in lines(rendering)]
    assert names == ["MSH", "PID", "ORC", "OBR", "ORC", "OBR", "OBX"]
    assert ("resource_not_carried", "Observation") in noted(rendering)


def test_contained_resources_are_read():
    """Small systems put the doctor into the order."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "status": "active",
        "intent": "order",
        **ABOUT,
        "code": {"text": "X-ray"},
        "contained": [{"resourceType": "Practitioner", "id": "dr", "name": [{"family": "Who"}]}],
        "requester": {"reference": "#dr"},
    }
    rendering = rendered(PATIENT, order)
    assert rendering.message.get("ORC-12.2") == rendering.message.get("OBR-16.2") == "Who"


def test_what_two_resources_contain_under_one_name_stays_apart():
    """``#dr`` of one order is another doctor than ``#dr`` of the next."""
    orders = [
        {
            "resourceType": "ServiceRequest",
            "id": name,
            "status": "active",
            "intent": "order",
            **ABOUT,
            "code": {"text": name},
            "contained": [{"resourceType": "Practitioner", "id": "dr", "name": [{"family": name}]}],
            "requester": {"reference": "#dr"},
        }
        for name in ("One", "Two")
    ]
    orcs = rendered(PATIENT, *orders).message.all("ORC")
    assert [orc.text(12, 2) for orc in orcs] == ["One", "Two"]


def test_a_narrative_with_words_of_its_own_is_told():
    """Narrative status ``additional``: it says what no element says."""
    said = {"status": "additional", "div": "<div>allergic to everything</div>"}
    assert ("element_not_carried", "Patient.text.div") in noted(rendered({**PATIENT, "text": said}, VISIT))


def test_one_of_several_numbers_that_no_field_takes_is_told():
    """An organization of two numbers is written by its first: the other one is not forgotten."""
    laboratory = {
        "resourceType": "Organization",
        "id": "lab",
        "name": "Lab",
        "identifier": [{"system": "urn:id:A", "value": "1"}, {"system": "urn:id:B", "value": "2"}],
        "address": [{"city": "Town"}],
    }
    result = {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        **ABOUT,
        "code": {"text": "x"},
        "performer": [{"reference": "Organization/lab"}],
    }
    rendering = rendered(PATIENT, VISIT, laboratory, result)
    assert rendering.message.get("OBX-23.10") == "1"
    assert rendering.message.get("OBX-24.3") == "Town"
    assert [place for code, place in noted(rendering) if code == "element_not_carried"] == [
        "Organization.identifier.system",
        "Organization.identifier.value",
    ]


def test_the_header_says_the_message_that_came_before():
    """A bundle of the hub's own keeps its event: a discharge does not become an update."""
    header = {
        "resourceType": "MessageHeader",
        "id": "m1",
        "eventCoding": {"code": "A03", "display": "ADT^A03^ADT_A03"},
        "source": {"name": "WARD", "endpoint": "urn:oid:1.2.3"},
        "destination": [{"name": "HUB", "endpoint": "https://hub.example/fhir"}],
    }
    rendering = rendered(header, PATIENT, VISIT)
    assert lines(rendering)[0].startswith("MSH|^~\\&|WARD^1.2.3^ISO||HUB^https://hub.example/fhir^URI||")
    assert rendering.message.type == "ADT^A03"


def lines_of(message, name):
    return message.first(name).fields


def test_each_of_several_races_is_a_repetition():
    """US Core: up to five OMB categories in one extension; PID-10 repeats in 2.5.1."""
    system = "urn:oid:2.16.840.1.113883.6.238"
    parts = [
        {"url": "ombCategory", "valueCoding": {"system": system, "code": code, "display": shown}}
        for code, shown in (("2106-3", "White"), ("2028-9", "Asian"))
    ]
    race = {"url": US_CORE + "race", "extension": [*parts, {"url": "text", "valueString": "White, Asian"}]}
    rendering = rendered({**PATIENT, "extension": [race]}, VISIT)
    assert lines_of(rendering.message, "PID")[10] == "2106-3^White^CDCREC~2028-9^Asian^CDCREC"
    assert noted(rendering) == [("field_missing", "MSH-10")]


def test_an_appointment_that_nobody_came_to_is_an_event_of_its_own():
    """HL7 chapter 10.4.15: S26; HL7 table 0278 Noshow."""
    appointment = {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "noshow",
        "participant": [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}],
    }
    rendering = rendered(PATIENT, appointment)
    assert rendering.message.type == "SIU^S26"
    assert rendering.message.get("SCH-25") == "Noshow"
    assert rendering.message.get("SCH-6") == "S26"


def test_what_is_said_to_be_unknown_is_an_empty_field():
    """A data-absent-reason is no data that somebody could miss."""
    unknown = [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    rendering = rendered({**PATIENT, "_gender": {"extension": unknown}}, VISIT)
    assert noted(rendering) == [("field_missing", "MSH-10")]


def test_a_performer_stands_in_the_field_of_its_function():
    """Guide OBR[DiagnosticReport] 42 to 49: SPRF is OBR-34, TRANS is OBR-35; without one it is who performed."""

    def performer(name, function):
        concept = {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": function}]
        }
        url = "http://hl7.org/fhir/StructureDefinition/event-performerFunction"
        marked = {"extension": [{"url": url, "valueCodeableConcept": concept}]} if function else {}
        return {"reference": f"Practitioner/{name}", **marked}

    people = [{"resourceType": "Practitioner", "id": name, "name": [{"family": name}]} for name in ("tech", "typist")]
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "x"},
        **ABOUT,
        "performer": [performer("typist", "TRANS"), performer("tech", "SPRF")],
    }
    rendering = rendered(PATIENT, *people, report)
    obr = lines_of(rendering.message, "OBR")
    assert (obr[34], obr[35]) == ("&tech", "&typist")
    assert noted(rendering) == [("field_missing", "MSH-10")]
    untold = rendered(PATIENT, people[0], {**report, "performer": [performer("tech", "")]})
    assert lines_of(untold.message, "OBR")[34] == "&tech"
