"""MDM^T02 and VXU^V04 by hand: lines read off HL7 2.5.1 chapters 9 and 4A and the guide's maps TXA, RXA, RXR."""

from __future__ import annotations

import pytest

from shared.rendering import render
from shared.rendering.rows import ALTERNATE_CODES
from tests.unit.mapping.samples import MSH_ORU, PID, PV1, converted
from tests.unit.rendering.samples import PATIENT, VISIT, lines, noted, rendered

PRACTITIONER = {
    "resourceType": "Practitioner",
    "id": "d1",
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"}],
    "name": [{"family": "Attend", "given": ["Ada"], "prefix": ["Dr"]}],
}
DOCUMENT = {
    "resourceType": "DocumentReference",
    "id": "doc1",
    "masterIdentifier": {"system": "urn:id:EHR", "value": "D100"},
    "status": "current",
    "docStatus": "final",
    "type": {"coding": [{"system": "http://loinc.org", "code": "18842-5", "display": "Discharge summary"}]},
    "subject": {"reference": "Patient/p1"},
    "date": "2024-03-10T08:30:00Z",
    "author": [{"reference": "Practitioner/d1"}],
    "content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0="}}],
    "context": {"encounter": [{"reference": "Encounter/e1"}]},
}
VACCINE = {
    "resourceType": "Immunization",
    "id": "i1",
    "identifier": [{"system": "urn:id:IIS", "value": "55"}],
    "status": "completed",
    "vaccineCode": {"coding": [{"system": "http://hl7.org/fhir/sid/cvx", "code": "140", "display": "Influenza"}]},
    "patient": {"reference": "Patient/p1"},
    "occurrenceDateTime": "2024-02-01",
    "recorded": "2024-02-01T10:00:00Z",
    "lotNumber": "L7",
    "expirationDate": "2025-01-31",
    "manufacturer": {"display": "Example Pharma"},
    "doseQuantity": {"value": 0.5, "unit": "mL", "system": "http://unitsofmeasure.org", "code": "mL"},
    "performer": [{"actor": {"reference": "Practitioner/d1"}}],
    "route": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0162", "code": "IM"}]},
}


def test_a_document_becomes_txa_and_its_content_an_obx():
    """A reader of v2 files the PDF under its number, type and author."""
    rendering = rendered(PATIENT, VISIT, PRACTITIONER, DOCUMENT)
    assert [line.split("|")[0] for line in lines(rendering)] == ["MSH", "EVN", "PID", "PV1", "TXA", "OBX"]
    txa = lines(rendering)[4]
    assert txa == "TXA|1|18842-5|AP|||20240310083000+0000|||1234567893^Attend^Ada^^^Dr^^^NPI|||D100^EHR|||||AU||AV"
    assert lines(rendering)[5] == "OBX|1|ED|18842-5^Discharge summary^LN||^AP^PDF^Base64^JVBERi0=||||||F"
    assert noted(rendering) == [("field_missing", "MSH-10")]


def test_a_document_that_is_somewhere_else_is_a_pointer():
    """HL7 2.A.61: RP names where it is."""
    there = {
        **DOCUMENT,
        "content": [{"attachment": {"url": "https://x.example/1.pdf", "contentType": "application/pdf"}}],
    }
    assert lines(rendered(PATIENT, VISIT, PRACTITIONER, there))[5].startswith(
        "OBX|1|RP|18842-5^Discharge summary^LN||https://x.example/1.pdf^^AP^PDF"
    )


@pytest.mark.parametrize(
    ("status", "codes"),
    [("final", ("AU", "F")), ("amended", ("AU", "F")), ("preliminary", ("IP", "P")), ("entered-in-error", ("IN", "W"))],
)
def test_the_content_of_a_document_is_as_final_as_the_document(status, codes):
    """HL7 table 0085: F is complete and verified; who reads OBX-11 alone would act on a draft, or on what is wrong."""
    rendering = rendered(PATIENT, VISIT, PRACTITIONER, {**DOCUMENT, "docStatus": status})
    written = [line.split("|") for line in lines(rendering)]
    assert (written[4][17], written[5][11]) == codes


def test_an_immunization_becomes_orc_rxa_rxr():
    """HL7 chapter 4A: one ORC, RXA, RXR for each dose; RXA-4 repeats RXA-3, RXA-21 adds."""
    rendering = rendered(PATIENT, PRACTITIONER, VACCINE)
    assert lines(rendering)[2:] == [
        "ORC|RE||55^IIS",
        "RXA|0|1|20240201|20240201|140^Influenza^CVX|0.5|mL^^UCUM|||1234567893^Attend^Ada^^^Dr^^^NPI|||||L7|20250131"
        "|^Example Pharma|||CP|A|20240201100000+0000",
        "RXR|IM^^HL70162",
    ]
    assert noted(rendering) == [("field_missing", "MSH-10")]


def test_a_vaccine_that_was_refused_says_so_and_has_no_amount():
    """HL7 table 0322: RE with RXA-18; 999 is an amount that is not known."""
    refused = {
        **VACCINE,
        "status": "not-done",
        "statusReason": {"coding": [{"code": "PATOBJ", "display": "patient objection"}]},
    }
    del refused["doseQuantity"]
    rxa = rendered(PATIENT, PRACTITIONER, refused).message.first("RXA")
    assert (rxa.text(6), rxa.text(18), rxa.text(20)) == ("999", "PATOBJ", "RE")


def test_an_immunization_entered_in_error_is_deleted():
    """Guide RXA[Immunization] 26: RXA-21 D."""
    wrong = rendered(PATIENT, PRACTITIONER, {**VACCINE, "status": "entered-in-error"})
    assert wrong.message.get("RXA-21") == "D"


def test_a_completion_that_fhir_has_no_code_for_comes_back_as_it_was_sent():
    """HL7 table 0271 of the sender: the original stands beside docStatus."""
    original = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0271", "code": "XX"}]}
    beside = {"extension": [{"url": ALTERNATE_CODES, "valueCodeableConcept": original}]}
    document = {name: value for name, value in DOCUMENT.items() if name != "docStatus"}
    rendering = rendered(PATIENT, VISIT, PRACTITIONER, {**document, "_docStatus": beside}, as_type="MDM^T02")
    assert rendering.message.get("TXA-17") == "XX"


def test_the_order_of_a_document_stands_above_it():
    """MDM_T02 of 2.5.1: ORC and OBR before TXA, which numbers them."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "status": "completed",
        "intent": "order",
        "identifier": [{"system": "urn:id:EHR", "value": "P9"}],
        "code": {"text": "Letter"},
        "subject": {"reference": "Patient/p1"},
    }
    context = {**DOCUMENT.get("context", {}), "related": [{"reference": "ServiceRequest/s1"}]}
    rendering = rendered(PATIENT, VISIT, PRACTITIONER, order, {**DOCUMENT, "context": context}, as_type="MDM^T02")
    names = [one.name for one in rendering.message.segments]
    assert names.index("ORC") < names.index("OBR") < names.index("TXA")
    assert (rendering.message.get("OBR-2.1"), rendering.message.get("TXA-14.1")) == ("P9", "P9")


def test_what_was_measured_with_a_document_stands_below_it_again():
    """MDM_T02 of 2.5.1: an OBX that is no content is a result beside the document (decision 0032), with its note."""
    results = ("OBX|2|NM|8302-2^Height^LN||170|cm|||||F", "NTE|1||measured", "OBX|3|CWE|X^x^L||1^one^L||||||F")
    sent = ("TXA|1|CN|TEXT|||||||||D1^EHR||||AU||AV", "OBX|1|TX|18842-5^Summary^LN||line one~line two||||||F", *results)
    header = MSH_ORU.replace("ORU^R01", "MDM^T02")
    rendering = render(converted(header, PID, PV1, *sent).bundle)
    assert [line for line in lines(rendering) if line[:3] in ("OBX", "NTE")] == [sent[1], *results]
    assert [one for one in noted(rendering) if one[0].endswith("_not_carried")] == []


def test_a_long_text_beside_a_document_does_not_become_its_content():
    """Below a TXA a TX is the document itself: another text is told, not mixed into it."""
    text = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "Remark"},
            "subject": {"reference": "Patient/p1"}, "valueString": "one\ntwo"}  # fmt: skip
    context = {**DOCUMENT.get("context", {}), "related": [{"reference": "Observation/o1"}]}
    rendering = rendered(PATIENT, VISIT, PRACTITIONER, text, {**DOCUMENT, "context": context}, as_type="MDM^T02")
    assert ("resource_not_carried", "Observation") in noted(rendering)
