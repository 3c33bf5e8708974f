"""ORC, OBR, SPM, SAC, IPC, RQD: what is ordered, of which specimen, by whom, and what is reported of it."""

from __future__ import annotations

from typing import Any

import pytest

from shared.fhir.validate import validate_bundle
from shared.mapping import Conversion
from shared.mapping.report import Outcome, mapping_report
from shared.message.finding import Finding
from tests.unit.mapping.samples import PID, PV1, context, converted, message, notes, only, resources, resulted

MSH = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||{event}|M13|P|2.5.1"
ORC = (
    "ORC|NW|P100^EHR|F100^LAB|G1^EHR|||||20240310074500-0500|1234^Klerk^Kim|1235^Check^Cy|4777^Attend^Ada|||"
    "20240310073000-0500||ENT^Entry Office^L|TERM1^Terminal^L|||Clinic^^^^^^XX^^^C1|2 Clinic Rd^^Townsville|"
    "^WPN^PH^^1^555^5550155|9 Home St^^Townsville"
)
OBR = (
    "OBR|1|P100^EHR|F100^LAB|24323-8^Panel^LN|||20240310070000-0500|20240310071000-0500||5001^Draw^Dan|||FAST^Fasting^L"
)


def ordered(event: str, *lines: str, version: str = "2.5.1") -> Conversion:
    """Return the conversion of a message about the sample visit; it is always valid."""
    conversion = converted(MSH.format(event=event).replace("2.5.1", version), PID, PV1, *lines)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def resource_of(conversion: Conversion, reference: dict[str, Any]) -> Any:
    """Return what a reference leads to."""
    return next(one["resource"] for one in conversion.bundle["entry"] if one["fullUrl"] == reference["reference"])


def test_the_facility_and_the_orderer_keep_their_addresses():
    """Guide ORC[ServiceRequest] 46 to 49."""
    conversion = ordered("ORM^O01", ORC, OBR)
    role = resource_of(conversion, only(conversion, "ServiceRequest")["requester"])
    clinic, person = (resource_of(conversion, role[name]) for name in ("organization", "practitioner"))
    assert (clinic["name"], clinic["address"][0]["line"]) == ("Clinic", ["2 Clinic Rd"])
    assert clinic["telecom"][0]["value"] == "+1 555 5550155"
    assert person["address"][0]["line"] == ["9 Home St"]


def test_an_address_without_a_name_is_an_unnamed_organization():
    """Guide row 47 wants the address, org-1 a name: unknown by data-absent-reason, never invented."""
    conversion = ordered("ORM^O01", "ORC|NW|P1^EHR||||||||||||||||||||2 Clinic Rd^^Townsville", OBR)
    found = resource_of(conversion, only(conversion, "ServiceRequest")["requester"])
    assert found["_name"]["extension"][0]["valueCode"] == "unknown"
    assert found["address"][0]["city"] == "Townsville"


def test_who_did_what_to_an_order_is_its_provenance():
    """Guide ORC[Provenance] 3 to 32: enterer, verifier, device and author; ORC-15 is when it took effect."""
    conversion = ordered("ORM^O01", ORC, OBR)
    target = [{"reference": "urn:uuid:" + only(conversion, "ServiceRequest")["id"]}]
    found = next(one for one in resources(conversion, "Provenance") if one["target"] == target)
    assert found["activity"]["coding"][0]["code"] == "CREATE"
    assert (found["recorded"], found["occurredDateTime"]) == ("2024-03-10T07:45:00-05:00", "2024-03-10T07:30:00-05:00")
    kinds = [one["type"]["coding"][0]["code"] for one in found["agent"]]
    assert kinds == ["enterer", "verifier", "enterer", "author"]
    assert resource_of(conversion, found["agent"][0]["onBehalfOf"])["name"] == "Entry Office"


def test_an_orderer_alone_makes_no_provenance():
    """The order names its requester already."""
    conversion = ordered("ORM^O01", "ORC|NW|P1^EHR||||||||||4777^Attend^Ada", OBR)
    target = "urn:uuid:" + only(conversion, "ServiceRequest")["id"]
    assert all(one["target"][0]["reference"] != target for one in resources(conversion, "Provenance"))


def test_clinical_information_and_parent_order_are_kept():
    """Guide OBR[ServiceRequest] 23, 24 (a CodeableReference of R5) and 42 to 45; OBR-13 is a text until 2.6 (ST)."""
    line = OBR + "|" * 16 + "PP1&EHR^FF1&LAB"
    for version, said in (("2.5.1", {"text": "FAST"}), ("2.7", {"coding": [{"code": "FAST"}]})):
        sent = line.replace("FAST^Fasting^L", "FAST")
        found = only(ordered("OML^O21", ORC, sent, version=version), "ServiceRequest")
        (about,) = [one for one in found["extension"] if one["url"].endswith("supportingInfo")]
        assert about["extension"][0]["valueCodeableConcept"] == said
    assert [one["identifier"]["value"] for one in found["basedOn"]] == ["PP1", "FF1"]


def test_a_result_without_orc_names_its_order_when_its_obr_does():
    """Decision 0030: OBR-16 has a place in an order only; the guide leaves it to the receiver's need."""
    with_orderer = ordered("ORU^R01", "OBR|1|P1|F1|24323-8^Panel^LN||||||||||||4777^Attend^Ada|||||||||F")
    request = only(with_orderer, "ServiceRequest")
    assert only(with_orderer, "DiagnosticReport")["basedOn"] == [{"reference": "urn:uuid:" + request["id"]}]
    assert notes(with_orderer, request).provisional
    without = ordered("ORU^R01", "OBR|1|P1|F1|24323-8^Panel^LN|||||||||||||||||||||F")
    assert resources(without, "ServiceRequest") == []


def test_a_report_has_the_group_numbers_and_reason_of_its_orc():
    """Guide ORC[DiagnosticReport] 11, 12, 25, 26."""
    conversion = ordered("ORU^R01", "ORC|RE|P1|F1|G1^EHR||||||||||||LATE^Late^L", "OBR|1|P1|F1|24323-8^Panel^LN")
    found = only(conversion, "DiagnosticReport")
    assert [one["value"] for one in found["identifier"]] == ["P1", "F1", "G1"]
    assert found["extension"][0]["url"].endswith("event-statusReason")


@pytest.mark.parametrize(
    ("version", "sent", "numbers"),
    [
        ("2.5.1", "G1^EHR", [("PGN", "G1", "urn:id:EHR")]),
        ("2.7", "G1^EHR", [("PGN", "G1", "urn:id:EHR")]),
        ("2.8", "G1^EHR", [("PGN", "G1", None), ("FGN", "EHR", None)]),
        ("2.8.2", "G1&EHR^G2&LAB", [("PGN", "G1", "urn:id:EHR"), ("FGN", "G2", "urn:id:LAB")]),
        ("", "G1^EHR", [("PGN", "G1", "urn:id:EHR")]),
    ],
)
def test_a_group_has_the_number_that_its_version_means(version, sent, numbers):
    """ORC-4 is an EI until 2.7 and an EIP from 2.8 on: its second component is an assigner, or a number."""
    conversion = ordered("OML^O21", f"ORC|NW|P1|F1|{sent}", "OBR|1|P1|F1|24323-8^Panel^LN", version=version)
    found = only(conversion, "ServiceRequest")
    groups = [found["requisition"], *(one for one in found["identifier"] if one["value"] in ("EHR", "G2"))]
    assert [(one["type"]["coding"][0]["code"], one["value"], one.get("system")) for one in groups] == numbers


def test_performers_say_what_they_did_and_where():
    """Guide OBR[DiagnosticReport] 42 to 49, NDL[PractitionerRole] 6 to 41."""
    line = "OBR|1|P1|F1|24323-8^Panel^LN" + "|" * 30 + "77&Tech&Tom^^^W2^204^1^GENHOSP|78&Type&Tess"
    conversion = ordered("ORU^R01", line)
    technician, typist = only(conversion, "DiagnosticReport")["performer"]
    codes = [one["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] for one in (technician, typist)]
    assert codes == ["SPRF", "TRANS"]
    place = resource_of(conversion, resource_of(conversion, technician)["location"][0])
    assert (place["name"], place["physicalType"]["coding"][0]["code"]) == ("1", "bd")


def test_an_obr_that_speaks_of_a_specimen_makes_one():
    """Guide OBR[Specimen] 9 to 13: the collector and the time it took."""
    conversion = ordered("OML^O21", ORC, OBR)
    found = only(conversion, "Specimen")
    assert found["collection"]["collectedPeriod"] == {
        "start": "2024-03-10T07:00:00-05:00",
        "end": "2024-03-10T07:10:00-05:00",
    }
    assert resource_of(conversion, found["collection"]["collector"])["identifier"][0]["value"] == "5001"
    assert only(conversion, "ServiceRequest")["specimen"] == [{"reference": "urn:uuid:" + found["id"]}]


def test_an_obr_completes_its_spm_and_does_not_overrule_it():
    """SPM-17 says when the specimen was taken; OBR-10 who took it."""
    conversion = ordered(
        "OML^O21", ORC, OBR, "SPM|1|S1^EHR|S0^EHR|BLD^Blood^HL70487" + "|" * 13 + "20240310065500-0500"
    )
    found = only(conversion, "Specimen")
    assert found["collection"]["collectedDateTime"] == "2024-03-10T06:55:00-05:00"
    assert "collectedPeriod" not in found["collection"]
    assert "collector" in found["collection"]
    assert found["parent"][0]["identifier"]["value"] == "S0"


def test_a_container_belongs_to_its_specimen():
    """Decision 0037: SAC-2 to 4, 21, 22, 24, 27."""
    sac = "SAC||A5^LAB|C5^LAB||||||||||||||||||10|4||mL^milliliter^UCUM|||EDTA^EDTA^HL70371"
    found = only(ordered("OML^O21", ORC, OBR, "SPM|1|S1^EHR||BLD^Blood^HL70487", sac), "Specimen")
    assert found["accessionIdentifier"]["value"] == "A5"
    (held,) = found["container"]
    assert held["identifier"][0]["value"] == "C5"
    assert (held["capacity"]["value"], held["specimenQuantity"]["value"]) == (10, 4)
    assert held["specimenQuantity"]["code"] == "mL"


@pytest.mark.parametrize("event", ["OUL^R22", "OUL^R23"])
def test_results_below_their_specimen_know_it(event):
    """HL7 7.3.6, 7.3.7: SPM, then OBR, then ORC, then OBX; several groups, and OBX directly after SPM."""
    conversion = ordered(
        event,
        "SPM|1|S1^LAB||BLD^Blood^HL70487", "OBX|1|NM|SPV^Volume^L||4|mL|||||F",
        "OBR|1|P1|F1|24323-8^Panel^LN|||||||||||||||||||||F", "ORC|RE|P1|F1|||||||||4777^Attend^Ada",
        "OBX|1|NM|2345-7^Glucose^LN||5.4|mmol/L|||||F",
        "OBR|2|P2|F2|57698-3^Lipids^LN|||||||||||||||||||||F", "ORC|RE|P2|F2",
        "OBX|1|NM|2093-3^Cholesterol^LN||4.1|mmol/L|||||F",
        "SPM|2|S2^LAB||UR^Urine^HL70487",
        "OBR|3|P3|F3|24356-8^Urinalysis^LN|||||||||||||||||||||F", "ORC|RE|P3|F3",
        "OBX|1|NM|2756-5^pH^LN||6||||||F",
    )  # fmt: skip
    blood, urine = ({"reference": "urn:uuid:" + one["id"]} for one in resources(conversion, "Specimen"))
    reports = resources(conversion, "DiagnosticReport")
    assert [one["specimen"] for one in reports] == [[blood], [blood], [urine]]
    assert [len(one["result"]) for one in reports] == [1, 1, 1]
    assert [len(one["basedOn"]) for one in reports] == [1, 1, 1]
    observed = {one["code"]["coding"][0]["code"]: one for one in resources(conversion, "Observation")}
    assert observed["SPV"]["specimen"] == blood
    assert observed["2756-5"]["specimen"] == urine
    assert "requester" in resource_of(conversion, reports[0]["basedOn"][0])


def test_results_that_come_before_their_specimen_know_it_too():
    """HL7 7.3.8, OUL R24: OBR, ORC, SPM, OBX."""
    conversion = ordered(
        "OUL^R24", "OBR|1|P1|F1|24323-8^Panel^LN|||||||||||||||||||||F", "ORC|RE|P1|F1",
        "SPM|1|S1^LAB||BLD^Blood^HL70487", "SAC|||C5^LAB",
    )  # fmt: skip
    report = only(conversion, "DiagnosticReport")
    assert report["specimen"] == [{"reference": "urn:uuid:" + only(conversion, "Specimen")["id"]}]
    assert report["basedOn"] == [{"reference": "urn:uuid:" + only(conversion, "ServiceRequest")["id"]}]


@pytest.mark.parametrize("event", ["OML^O33", "OML^O35"])
def test_orders_below_their_specimen_are_of_it(event):
    """HL7 4.4.8, 4.4.10: SPM, SAC, then ORC and OBR; two orders of one specimen."""
    conversion = ordered(
        event, "SPM|1|S1^EHR||BLD^Blood^HL70487", "SAC|||C5^EHR",
        "ORC|NW|P1^EHR", "OBR|1|P1^EHR||24323-8^Panel^LN", "ORC|NW|P2^EHR", "OBR|2|P2^EHR||57698-3^Lipids^LN",
        "SPM|2|S2^EHR||UR^Urine^HL70487", "ORC|NW|P3^EHR", "OBR|3|P3^EHR||24356-8^Urinalysis^LN",
    )  # fmt: skip
    blood, urine = ({"reference": "urn:uuid:" + one["id"]} for one in resources(conversion, "Specimen"))
    assert [one["specimen"] for one in resources(conversion, "ServiceRequest")] == [[blood], [blood], [urine]]


@pytest.mark.parametrize(
    ("event", "first_order", "second_order"),
    [
        (
            "OML^O35",
            ("ORC|NW|P1^EHR", "OBR|1|P1^EHR||2345-7^Glucose^LN"),
            ("ORC|NW|P2^EHR", "OBR|2|P2^EHR||2951-2^Sodium^LN"),
        ),
        ("OUL^R23", ("OBR|1|P1^EHR||2345-7^Glucose^LN",), ("OBR|2|P2^EHR||2951-2^Sodium^LN",)),
    ],
)
def test_the_containers_of_a_specimen_are_all_its_own(event, first_order, second_order):
    """HL7 4.4.10, 7.3.7: SPM, then each SAC with its orders; the second one was a specimen of nobody's, of no kind."""
    conversion = ordered(
        event, "SPM|1|S1^EHR||BLD^Blood^HL70487", "SAC|||C1^EHR", *first_order, "SAC|||C2^EHR", *second_order
    )
    blood = only(conversion, "Specimen")
    assert [one["identifier"][0]["value"] for one in blood["container"]] == ["C1", "C2"]
    of = resources(conversion, "ServiceRequest") if event == "OML^O35" else resources(conversion, "DiagnosticReport")
    assert [one["specimen"] for one in of] == [[{"reference": "urn:uuid:" + blood["id"]}]] * 2


def test_an_imaging_order_has_its_study():
    """Decision 0037: IPC of an OMI; R4 writes a DICOM UID as urn:oid."""
    ipc = "IPC|A9^RIS|RP1^RIS|1.2.840.1^RIS|S1^RIS|CT^CT^DCM|HEAD^Head^L|STN1|ROOM1^Room 1^L|AET1"
    conversion = ordered("OMI^O23", "ORC|NW|P1^EHR", "OBR|1|P1^EHR||24725-4^CT head^LN", ipc)
    study, request = only(conversion, "ImagingStudy"), only(conversion, "ServiceRequest")
    assert [one["value"] for one in study["identifier"]] == ["urn:oid:1.2.840.1", "A9", "S1"]
    assert (study["status"], study["modality"][0]["code"]) == ("registered", "CT")
    assert study["basedOn"] == [{"reference": "urn:uuid:" + request["id"]}]
    assert [one["value"] for one in request["identifier"]] == ["P1", "RP1", "A9"]
    assert request["locationCode"][0]["coding"][0]["code"] == "ROOM1"


@pytest.mark.parametrize("event", ["OMS^O05", "OMN^O07"])
def test_an_order_of_things_is_a_supply_request(event):
    """Decision 0037: RQD-2 to 10, RQ1-2 to 7; not a ServiceRequest beside it."""
    conversion = ordered(
        event, "ORC|NW|P1^EHR|||||||20240310|||4777^Attend^Ada",
        "RQD|1|GLV^Gloves^L|4711^^EXT|H7^^HOSP|12|BOX^Box^L|||W2^Ward 2^L|20240312",
        "RQ1|9.90|MAKER^Maker^L|CAT1|VEND^Vendor^L|VC1|N|Y",
    )  # fmt: skip
    found = only(conversion, "SupplyRequest")
    assert [one["code"] for one in found["itemCodeableConcept"]["coding"]] == ["GLV", "4711", "H7"]
    assert found["quantity"] == {"value": 12, "unit": "Box", "system": "urn:id:L", "code": "BOX"}
    assert (found["status"], found["authoredOn"], found["occurrenceDateTime"]) == ("active", "2024-03-10", "2024-03-12")
    assert found["deliverTo"] == {"identifier": {"system": "urn:id:L", "value": "W2"}, "display": "Ward 2"}
    assert resource_of(conversion, found["supplier"][0])["name"] == "Vendor"
    assert [one["code"]["text"] for one in found["parameter"]] == [
        "manufacturer", "manufacturer's catalog", "vendor's catalog", "substitute allowed",
    ]  # fmt: skip
    assert resources(conversion, "ServiceRequest") == []


def test_a_held_supply_is_suspended_and_a_cancelled_one_cancelled():
    """R4 words for the states of an order of things; ORC-1 HR and CR by the guide's map."""
    states = {}
    for control in ("HR", "CR"):
        conversion = ordered("OMS^O05", f"ORC|{control}|P1^EHR", "RQD|1|GLV^Gloves^L|||1")
        states[control] = only(conversion, "SupplyRequest")["status"]
        assert notes(conversion, only(conversion, "SupplyRequest")).control == control
    assert states == {"HR": "suspended", "CR": "cancelled"}


def test_an_order_of_a_trial_belongs_to_its_study():
    """Decision 0037: CTI; R4's workflow-researchStudy on the order, and the patient as a subject."""
    conversion = ordered("OML^O21", ORC, OBR, "CTI|RS1^SPONSOR|2^Phase 2^L|")
    study, subject = only(conversion, "ResearchStudy"), only(conversion, "ResearchSubject")
    assert (study["identifier"][0]["value"], study["phase"]["coding"][0]["code"]) == ("RS1", "2")
    assert subject["study"] == {"reference": "urn:uuid:" + study["id"]}
    links = [
        one["valueReference"] for one in only(conversion, "ServiceRequest")["extension"] if "valueReference" in one
    ]
    assert links == [subject["study"]]


def test_an_order_is_charged_to_its_account():
    """Decision 0037: BLG-3."""
    conversion = ordered("ORM^O01", ORC, OBR, "BLG||CH|AC7^^^GENHOSP^AN|")
    account = next(one for one in resources(conversion, "Account") if one["identifier"][0]["value"] == "AC7")
    assert only(conversion, "ServiceRequest")["supportingInfo"] == [{"reference": "urn:uuid:" + account["id"]}]


@pytest.mark.parametrize("event", ["OML^O21", "ORM^O01"])
def test_an_order_names_its_diagnoses_and_what_was_asked_with_it(event: str):
    """OML_O21 54 and 56, ORM_O01 50 and 53: of two orders, each has its own."""
    conversion = ordered(
        event,
        PID,
        "ORC|NW|P1",
        "OBR|1|P1||A^First^L",
        "DG1|1||E11^Diabetes^I10|||W",
        "OBX|1|ST|FAST^Fasting^L||yes||||||F",
        "ORC|NW|P2",
        "OBR|2|P2||B^Second^L",
        "DG1|1||I10^Hypertension^I10|||W",
    )
    first, second = resources(conversion, "ServiceRequest")
    said = [resource_of(conversion, one["reasonReference"][0])["code"]["coding"][0]["code"] for one in (first, second)]
    assert said == ["E11", "I10"]
    (asked,) = first["supportingInfo"]
    assert resource_of(conversion, asked)["valueString"] == "yes"
    assert "supportingInfo" not in second


def test_an_answer_to_a_question_of_the_order_is_no_result():
    """ORU_R01 63 to 66: OBX-29 QST or SCI supports the order, and is not in DiagnosticReport.result."""
    answer = "OBX|2|ST|FAST^Fasting^L||yes||||||F" + "|" * 18 + "QST"
    conversion = resulted("ORC|RE|P1|F1", "OBR|1|P1|F1|A^First^L", "OBX|1|NM|X^x^L||4||||||F", answer)
    (result,), (asked,) = (
        only(conversion, "DiagnosticReport")["result"],
        only(conversion, "ServiceRequest")["supportingInfo"],
    )
    assert [resource_of(conversion, one)["code"]["coding"][0]["code"] for one in (result, asked)] == ["X", "FAST"]


def test_what_follows_a_specimen_is_about_it():
    """ORU_R01 77, 78: Observation.focus is the specimen; a result of it has none."""
    conversion = resulted(
        "OBR|1||F1|A^First^L", "OBX|1|NM|X^x^L||4||||||F", "SPM|1|S1||BLD", "OBX|1|NM|T^t^L||20||||||F"
    )
    found, temperature = resources(conversion, "Observation")
    assert temperature["focus"] == [{"reference": "urn:uuid:" + only(conversion, "Specimen")["id"]}]
    assert "focus" not in found


@pytest.mark.parametrize(
    ("event", "kind", "detail"),
    [
        ("OML^O21", "ServiceRequest", "OBR|1|||GLU^Glucose^L"),
        ("OMS^O05", "SupplyRequest", "RQD|1|GLV^Gloves^L|||1"),
        ("ORM^O01", "NutritionOrder", "ODS|D||LS^Low salt^L"),
        ("OMP^O09", "MedicationRequest", "RXO|0001^Aspirin^L|1||TAB^^L"),
    ],
)
@pytest.mark.parametrize(("control", "status", "kept"), [("NW", "XYZ", "XYZ"), ("ZZ", "", "ZZ")])
def test_a_status_that_no_table_has_keeps_its_original(event, kind, detail, control, status, kept):
    """Whatever is ordered: an unmapped code is beside the status, never nowhere."""
    found = only(ordered(event, f"ORC|{control}|P1^EHR|||{status}", detail), kind)
    assert found["status"] == "unknown"
    (beside,) = found["_status"]["extension"]
    assert beside["valueCodeableConcept"]["coding"][0]["code"] == kept


@pytest.mark.parametrize("control", ["ZZ", "ZZ ", "NEW"])
def test_a_control_code_that_nobody_knows_is_told_beside_orc_5(control):
    """The store takes the order as one without a code: somebody should ask what the sender means."""
    found = ordered("OML^O21", f"ORC|{control}|P1^EHR|||IP", "OBR|1|||GLU^Glucose^L").findings
    assert found == [Finding("code_unmapped", "ORC-1", "HL7 table 0119: it counts as no code")]
    assert ordered("OML^O21", "ORC|SC|P1^EHR|||IP", "OBR|1|||GLU^Glucose^L").findings == []


@pytest.mark.parametrize(
    ("event", "detail"), [("OMS^O05", "RQD|1|GLV^Gloves^L|||1"), ("ORM^O01", "ODS|D||LS^Low salt^L")]
)
def test_a_control_code_beside_orc_5_is_not_lost(event, detail):
    """It moves the stored status; ORC-5 says what it is."""
    sent = message(MSH.format(event=event), PID, "ORC|CA|P1^EHR|||CA", detail)
    (fate,) = [one for one in mapping_report(sent, context()).fates if one.place == "ORC-1"]
    assert fate.outcome is Outcome.IGNORED
