"""ORC, OBR, OBX, NTE, SPM of results."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.fhir import exact_json
from shared.fhir.validate import validate_bundle
from shared.mapping import convert
from tests.unit.mapping.samples import (
    MSH_ORU,
    OBR,
    PID,
    context,
    converted,
    message,
    notes,
    only,
    resources,
    resulted,
)

_ELSEWHERE = MSH_ORU.replace("GENHOSP", "ANNEX")
UCUM = {"unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}


def obx(kind: str, value: str, *, code: str = "2345-7^Glucose^LN", sub: str = "", status: str = "F") -> str:
    """Return an OBX in mg/dL."""
    return f"OBX|1|{kind}|{code}|{sub}|{value}|mg/dL^^UCUM|||||{status}"


@pytest.mark.parametrize(
    ("kind", "sent", "element", "value"),
    [
        ("NM", "007", "valueQuantity", {"value": 7, **UCUM}),
        ("NM", "+5.5", "valueQuantity", {"value": 5.5, **UCUM}),
        ("NM", "<5", "valueQuantity", {"value": 5, "comparator": "<", **UCUM}),
        ("NM", "10.0", "valueQuantity", {"value": 10.0, **UCUM}),
        ("NM", "10.00", "valueQuantity", {"value": Decimal("10.00"), **UCUM}),
        ("NM", "pending", "valueString", "pending"),
        ("NM", "5,4", "valueString", "5,4 mg/dL"),  # a decimal comma: without its unit nobody could read it
        ("NM", "< 0,5", "valueString", "< 0,5 mg/dL"),
        ("SN", "<^10", "valueQuantity", {"value": 10, "comparator": "<", **UCUM}),
        ("SN", "^10", "valueQuantity", {"value": 10, **UCUM}),
        ("SN", "^1^:^128", "valueRatio", {"numerator": {"value": 1, **UCUM}, "denominator": {"value": 128, **UCUM}}),
        ("SN", "^3^-^5", "valueRange", {"low": {"value": 3, **UCUM}, "high": {"value": 5, **UCUM}}),
        ("SN", "<>^10", "valueString", "<> 10 mg/dL"),
        ("SN", "^2^+", "valueString", "2 + mg/dL"),
        ("SN", "<>^5^-", "valueString", "<> 5 - mg/dL"),
        ("SN", "NEG^", "valueString", "NEG"),  # a word in the place of the comparator has no unit
        ("ST", "a\\T\\b", "valueString", "a&b"),
        ("TX", "line 1~line 2", "valueString", "line 1\nline 2"),
        ("DT", "20240310", "valueDateTime", "2024-03-10"),
        ("TM", "0830", "valueTime", "08:30:00"),
        ("TS", "202403100830", "valueDateTime", "2024-03-10T08:30:00-05:00"),
        ("VR", "3^5", "valueString", "3-5"),
        ("DR", "20240301^20240302", "valuePeriod", {"start": "2024-03-01", "end": "2024-03-02"}),
        ("DR", "20240302^20240301", "valueString", "20240302^20240301"),  # R4 per-1: half of it would be another value
        ("TX", "line 1~~line 3~", "valueString", "line 1\n\nline 3"),
        ("XPN", "Sample^Jane", "valueString", "Sample Jane"),
    ],
)
def test_value_takes_the_form_its_type_says(kind: str, sent: str, element: str, value: object):
    """Guide OBX[Observation] 7 to 25, 31 to 36, row by row; exactly one value[x]."""
    observation = only(resulted(OBR, obx(kind, sent)), "Observation")
    assert observation[element] == value
    assert [name for name in observation if name.startswith("value")] == [element]


@pytest.mark.parametrize("sent", ['^""', '""^""', '>^""', "^", ">", "^^-"])
def test_a_structured_number_without_a_number_is_no_value(sent: str):
    """It came to be a text of its unit alone: a titre of "mg/dL"."""
    observation = only(resulted(OBR, obx("SN", sent)), "Observation")
    assert [name for name in observation if name.startswith("value")] == []


@pytest.mark.parametrize(("kind", "sent"), [("SN", '^""'), ("SN", '""^""'), ("CWE", '""^""'), ("NM", '""')])
def test_a_value_of_nothing_but_nulls_deletes_the_one_before(kind: str, sent: str):
    """HL7 2.5.3: a null deletes; of a value with components there may be one in each."""
    conversion = resulted(OBR, obx(kind, sent))
    assert notes(conversion, only(conversion, "Observation")).deleted == ("value[x]",)


def test_trailing_zeros_survive_as_json():
    """A laboratory's 10.00 says more than 10: the JSON text keeps its digits."""
    body = exact_json.dumps(resulted(OBR, obx("NM", "10.00")).bundle)
    assert b'"value":10.00,' in body


def test_coded_value_keeps_both_codings():
    """Guide CWE[CodeableConcept] 3 to 8."""
    observation = only(resulted(OBR, obx("CWE", "260373001^Detected^SCT^D^Det^L")), "Observation")
    first, second = observation["valueCodeableConcept"]["coding"]
    assert first == {"system": "http://snomed.info/sct", "code": "260373001", "display": "Detected"}
    assert second == {"system": "urn:id:L", "code": "D", "display": "Det"}


def test_several_values_become_components():
    """Guide ORU_R01 64: OBX-5 repeats and is no NA."""
    observation = only(resulted(OBR, obx("CE", "1^one^L~2^two^L")), "Observation")
    assert len(observation["component"]) == 2
    assert "valueCodeableConcept" not in observation


def test_document_becomes_an_attachment():
    """Guide OBX[Observation] 26, 27; ED[Attachment]: base64 stays, text is encoded."""
    observation = only(resulted(OBR, obx("ED", "^TEXT^PDF^Base64^JVBERi0=")), "Observation")
    (found,) = [e for e in observation["extension"] if "valueAttachment" in e]
    assert found["valueAttachment"] == {"contentType": "application/pdf", "data": "JVBERi0="}
    plain = only(resulted(OBR, obx("ED", "^TEXT^^A^hello")), "Observation")
    (found,) = [e for e in plain["extension"] if "valueAttachment" in e]
    assert found["valueAttachment"]["data"] == "aGVsbG8="


@pytest.mark.parametrize(
    ("code", "status"),
    [("F", "final"), ("P", "preliminary"), ("C", "corrected"), ("X", "cancelled"), ("D", "entered-in-error"),
     ("W", "entered-in-error"), ("R", "preliminary"), ("U", "final"), ("I", "registered")],
)  # fmt: skip
def test_result_status_is_translated_and_its_code_told_to_the_store(code: str, status: str):
    """ObservationResultStatusCodesInterpretation, and HL7 table 0085 where the guide is silent."""
    conversion = resulted(OBR, obx("NM", "1", status=code))
    observation = only(conversion, "Observation")
    assert observation["status"] == status
    assert notes(conversion, observation).control == code


def test_identity_of_a_result_is_not_its_position():
    """OBX-1 changes from message to message: filler number, service, code and sub-id do not."""
    glucose, sodium = obx("NM", "1"), obx("NM", "2", code="2951-2^Sodium^LN")
    ids = {o["code"]["coding"][0]["code"]: o["id"] for o in resources(resulted(OBR, glucose, sodium), "Observation")}
    turned = {o["code"]["coding"][0]["code"]: o["id"] for o in resources(resulted(OBR, sodium, glucose), "Observation")}
    assert ids == turned
    assert len(set(ids.values())) == 2


def test_same_code_twice_with_other_values_is_two_results():
    """Blood cultures repeat a code: the occurrence tells them apart."""
    found = resources(resulted(OBR, obx("ST", "A"), obx("ST", "B")), "Observation")
    assert [o["valueString"] for o in found] == ["A", "B"]
    assert found[0]["id"] != found[1]["id"]


def test_each_order_has_its_own_common_part_results_and_notes():
    """Guide ORU_R01 38 to 82: ORC, OBR, NTE, OBX belong to their own group."""
    conversion = resulted(
        "ORC|RE|P1^EHR|F1^LAB",
        "OBR|1|P1^EHR|F1^LAB|100^First^L",
        obx("NM", "1", code="A^a^L"),
        "NTE|1||about a",
        "ORC|RE|P2^EHR|F2^LAB",
        "OBR|2|P2^EHR|F2^LAB|200^Second^L",
        "NTE|1||about the second report",
        obx("NM", "2", code="B^b^L"),
    )
    first, second = resources(conversion, "DiagnosticReport")
    a, b = resources(conversion, "Observation")
    assert first["result"] == [{"reference": "urn:uuid:" + a["id"]}]
    assert second["result"] == [{"reference": "urn:uuid:" + b["id"]}]
    assert a["note"] == [{"text": "about a"}]
    assert "note" not in b
    assert second["extension"][0]["valueAnnotation"] == {"text": "about the second report"}
    requests = [r["identifier"][0]["value"] for r in resources(conversion, "ServiceRequest")]
    assert requests == ["P1", "P2"]


def test_a_second_obr_does_not_take_the_orc_of_the_first():
    """A converter known to us gives every OBR the first ORC: the order numbers of another person's test."""
    conversion = resulted("ORC|RE|P1^EHR|F1^LAB", "OBR|1|||100^First^L", "OBR|2||F2^LAB|200^Second^L")
    first, second = resources(conversion, "DiagnosticReport")
    assert "basedOn" in first
    assert "basedOn" not in second
    assert [i["value"] for i in second["identifier"]] == ["F2"]


def test_results_of_two_patients_stay_with_their_patients():
    """ORU_R01 repeats PATIENT_RESULT."""
    conversion = converted(
        MSH_ORU, PID, OBR, obx("NM", "1"), "PID|2||200002^^^GENHOSP^MR", OBR.replace("F100", "F200"), obx("NM", "2")
    )
    one, two = resources(conversion, "Patient")
    first, second = resources(conversion, "Observation")
    assert first["subject"]["reference"].endswith(one["id"])
    assert second["subject"]["reference"].endswith(two["id"])


def test_specimen_belongs_to_its_order_and_an_obx_behind_it_to_the_specimen():
    """Guide ORU_R01 75 to 78."""
    conversion = resulted(
        OBR, obx("NM", "1"), "SPM|1|S1&EHR^S2&LAB||BLD^Blood^HL70487|||||||||||||20240310080000-0500",
        obx("ST", "ok", code="C^Condition^L"),
    )  # fmt: skip
    specimen = only(conversion, "Specimen")
    assert only(conversion, "DiagnosticReport")["specimen"][0]["reference"].endswith(specimen["id"])
    assert all(o["specimen"]["reference"].endswith(specimen["id"]) for o in resources(conversion, "Observation"))
    assert specimen["collection"]["collectedDateTime"] == "2024-03-10T08:00:00-05:00"
    assert [i["value"] for i in specimen["identifier"]] == ["S1", "S2"]


def test_reference_range_is_text_and_numbers():
    """Guide OBX[Observation] 37: low and high where the text is sufficiently parseable."""
    observation = only(resulted(OBR, "OBX|1|NM|1^x^LN||5|mmol/L^^UCUM|3.5-5.0|H|||F"), "Observation")
    (found,) = observation["referenceRange"]
    assert found["text"] == "3.5-5.0"
    assert (found["low"]["value"], found["high"]["value"]) == (3.5, 5.0)
    assert observation["interpretation"][0]["coding"][0]["code"] == "H"


@pytest.mark.parametrize(
    ("sent", "unit"),
    [
        ("10^3/uL", {"unit": "10^3/uL"}),
        ("x10^9/L", {"unit": "x10^9/L"}),
        ("x 10^-3", {"unit": "x 10^-3"}),
        ("/10^6 cells", {"unit": "/10^6 cells"}),
        ("10^9/L^^UCUM", {"unit": "10^9/L", "system": "http://unitsofmeasure.org", "code": "10^9/L"}),
        ("10*9/L^10^9/L^UCUM", {"unit": "10^9/L", "system": "http://unitsofmeasure.org", "code": "10*9/L"}),
        ("K/uL^10^3/uL^L", {"unit": "10^3/uL", "system": "urn:id:L", "code": "K/uL"}),
        ("mg/dL^10 mg/dL^L", {"unit": "10 mg/dL", "system": "urn:id:L", "code": "mg/dL"}),
    ],
)
def test_a_power_of_ten_whose_caret_nobody_escaped_stays_whole(sent: str, unit: dict[str, str]):
    """White cells of 5.2 "3/uL" are none; many laboratories write the caret as it is."""
    found = only(resulted(OBR, f"OBX|1|NM|6690-2^WBC^LN||5.2|{sent}|4.5-11|||N|F"), "Observation")
    assert found["valueQuantity"] == {"value": 5.2, **unit}
    assert found["referenceRange"][0]["low"] == {"value": 4.5, **unit}


def test_an_alternate_unit_alone_is_the_unit():
    """A CWE may have its second coding only; a number without its unit is read in the reader's own."""
    found = only(resulted(OBR, "OBX|1|NM|2345-7^Glucose^LN||5.2|^^^mmol/L^^UCUM||||N|F"), "Observation")
    assert found["valueQuantity"] == {
        "value": 5.2, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L",
    }  # fmt: skip


def test_a_reversed_range_stays_text():
    """`5.0-3.5` has no low end that may be named: a reader would take 5.0 for it."""
    observation = only(resulted(OBR, "OBX|1|NM|2345-7^Glucose^LN||4|mg/dL|5.0-3.5||||F"), "Observation")
    assert observation["referenceRange"] == [{"text": "5.0-3.5"}]


@pytest.mark.parametrize("sent", ["^AP^^Hex^4142", "^^^Base64^QUI=", "SCANNER^^^^QUI="])
def test_data_of_no_known_kind_has_the_type_for_that(sent: str):
    """R4 att-1 wants a type beside data (RFC 2046 4.5.1 names one); without it the whole message was not valid."""
    conversion = resulted(OBR, f"OBX|1|ED|PDF^Report^L||{sent}||||||F")
    (found,) = only(conversion, "Observation")["extension"]
    assert found["valueAttachment"] == {"contentType": "application/octet-stream", "data": "QUI="}
    assert validate_bundle(conversion.bundle, is_closed=True) == []


@pytest.mark.parametrize(
    ("sent", "kind"),
    [("IM^DICOM", "application/dicom"), ("AU^BASIC", "audio/basic"), ("AP^PostScript", "application/postscript")],
)
def test_a_pointer_has_the_media_type_of_its_subtype(sent: str, kind: str):
    """RP[Attachment] 3, HL7 table 0291: DICOM is RFC 3240, BASIC and PostScript are RFC 2046."""
    conversion = resulted(OBR, f"OBX|1|RP|IMG^Image^L||https://pacs.example/1^PACS^{sent}||||||F")
    (found,) = only(conversion, "Observation")["extension"]
    assert found["valueAttachment"] == {"contentType": kind, "url": "https://pacs.example/1"}


def test_what_cannot_be_obtained_keeps_its_code():
    """OBX[Observation] 42 to 45: `cancelled` alone does not say why there is no result."""
    observation = only(resulted(OBR, obx("NM", "", status="X")), "Observation")
    (beside,) = observation["_status"]["extension"]
    assert observation["status"] == "cancelled"
    assert beside["valueCodeableConcept"] == {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0085", "code": "X"}]
    }


def test_what_was_not_asked_was_never_begun():
    """OBX[Observation] 46, 47, and HL7 table 0085 N (not sought): the store's table says cancelled as well."""
    observation = only(resulted(OBR, obx("NM", "", status="N")), "Observation")
    assert observation["status"] == "cancelled"
    assert observation["dataAbsentReason"]["coding"][0]["code"] == "not-asked"


def test_a_laboratory_in_two_fields_is_one_organization():
    """MSH-4 and OBX-15 name it in the same words: two equal resources would make the bundle invalid."""
    conversion = resulted(OBR, "OBX|1|NM|2345-7^Glucose^LN||4|mg/dL|||||F||||GENHOSP")
    organizations = [one for one in resources(conversion, "Organization") if "GENHOSP" in str(one)]
    (performer,) = only(conversion, "Observation")["performer"]
    assert [one["id"] for one in organizations] == [performer["reference"].removeprefix("urn:uuid:")]
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_one_laboratory_of_a_message_does_not_change_the_next():
    """Values are kept from message to message: what one bundle makes one of is whole in another."""
    kept = context()
    sent = [message(header, PID, OBR, "OBX|1|NM|X^x^L||4||||||F||||GENHOSP") for header in (MSH_ORU, _ELSEWHERE)]
    bundles = [convert(one, kept).bundle for one in (sent[0], sent[1], sent[0])]
    assert [validate_bundle(one, is_closed=True) for one in bundles] == [[], [], []]
    assert bundles[0] == bundles[2]
