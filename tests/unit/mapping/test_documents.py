"""TXA, its OBX and NTE: the document, what it belongs to and what was done to it."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from shared.fhir.validate import validate_bundle
from shared.mapping import Conversion
from tests.unit.mapping.samples import PID, PV1, converted, notes, only, resources

MSH_MDM = "MSH|^~\\&|DICT|GENHOSP|HUB|HUB|20240310080000-0500||MDM^{event}|M7|P|2.5.1"
TXA = (
    "TXA|1|DS^Discharge summary^HL70270|TX|20240309090000-0500|5002^Cut^Cora|20240309100000-0500|20240309113000-0500||"
    "4777^Attend^Ada|4778^Sign^Sue|1234^Klerk^Kim|D200^DICT|D100^DICT|P100^EHR|F9^LAB|ward/d200.txt|AU|R|AV||"
    "{reason}|{stamp}|{copies}||Summary of a stay||||"
)
TEXT = "OBX|{n}|TX|18842-5^Discharge summary^LN||{line}||||||F"


def told(*lines: str, event: str = "T02", **fields: str) -> Conversion:
    """Return the conversion of an MDM about the sample visit; it is always valid."""
    txa = TXA.format(reason=fields.get("reason", ""), stamp=fields.get("stamp", ""), copies=fields.get("copies", ""))
    conversion = converted(MSH_MDM.format(event=event), f"EVN|{event}|20240310080000-0500", PID, PV1, txa, *lines)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def attachments(conversion: Conversion) -> list[dict[str, Any]]:
    """Return the attachments of the one document."""
    return [one["attachment"] for one in only(conversion, "DocumentReference")["content"]]


def plain(attachment: dict[str, Any]) -> str:
    """Return the text an attachment holds."""
    return base64.b64decode(attachment["data"]).decode()


def test_a_document_has_numbers_type_times_people_and_status_by_the_guide():
    """Guide TXA[DocumentReference] 5, 9, 14, 15, 17, 21 to 24, 32; TXA-17 AU is final."""
    found = only(told(), "DocumentReference")
    assert found["masterIdentifier"] == {"system": "urn:id:DICT", "value": "D200"}
    assert found["identifier"] == [{"value": "ward/d200.txt"}]
    assert found["type"]["coding"][0]["code"] == "DS"
    assert found["date"] == "2024-03-09T10:00:00-05:00"
    assert (found["status"], found["docStatus"]) == ("current", "final")
    assert found["description"] == "Summary of a stay"
    assert found["securityLabel"][0]["coding"][0]["code"] == "R"
    assert len(found["author"]) == 1
    assert "authenticator" in found
    assert found["context"]["period"] == {"start": "2024-03-09T09:00:00-05:00"}


def test_lines_of_one_text_are_one_attachment():
    """Guide OBX[DocumentReference] 11: each repetition is a line; a text comes as OBX after OBX too."""
    conversion = told(TEXT.format(n=1, line="Came in ill.~Got well."), TEXT.format(n=2, line="\\.in2\\Went home."))
    (found,) = attachments(conversion)
    assert plain(found).splitlines()[:2] == ["Came in ill.", "Got well."]
    assert plain(found).endswith("Went home.")
    assert found["contentType"] == "text/plain"
    assert found["title"] == "Discharge summary"
    assert found["creation"] == "2024-03-09T11:30:00-05:00"
    assert resources(conversion, "Observation") == []


def test_embedded_and_referred_data_are_contents_of_their_own():
    """Guide OBX[DocumentReference] 7, 10."""
    conversion = told(
        "OBX|1|ED|PDF^Report^L||^application^pdf^Base64^JVBERi0=||||||F",
        "OBX|2|RP|SCAN^Scan^L||https://example.org/d200.png^^image^png||||||F",
    )
    pdf, scan = attachments(conversion)
    assert (pdf["contentType"], pdf["data"]) == ("application/pdf", "JVBERi0=")
    assert (scan["contentType"], scan["url"]) == ("image/png", "https://example.org/d200.png")


def test_a_note_on_the_document_is_content_and_a_number_beside_it_an_observation():
    """Guide NTE[DocumentReference] 5; the guide gives OBX of other types no row: decision 0032."""
    conversion = told(TEXT.format(n=1, line="Text"), "OBX|2|NM|8867-4^Heart rate^LN||72|/min|||||F", "NTE|1||Dictated")
    assert [plain(one) for one in attachments(conversion)][:1] == ["Text"]
    rate = only(conversion, "Observation")
    assert rate["valueQuantity"]["value"] == 72
    assert rate["note"][0]["text"] == "Dictated"
    related = only(conversion, "DocumentReference")["context"]["related"]
    assert {"reference": "urn:uuid:" + rate["id"]} in related


def test_a_note_after_a_text_is_a_content():
    """Guide NTE[DocumentReference] 5."""
    conversion = told("NTE|1||Read back", TEXT.format(n=1, line="Text"))
    assert [plain(one) for one in attachments(conversion)] == ["Text", "Read back"]


@pytest.mark.parametrize(
    ("event", "code"), [("T05", "appends"), ("T06", "appends"), ("T09", "replaces"), ("T10", "replaces")]
)
def test_addendum_and_replacement_refer_to_their_parent(event, code):
    """HL7 9.6.5 to 9.6.10; R4 maps relatesTo.target to TXA-13."""
    (found,) = only(told(event=event), "DocumentReference")["relatesTo"]
    assert found["code"] == code
    assert found["target"]["identifier"] == {"system": "urn:id:DICT", "value": "D100"}


def test_a_cancelled_document_is_entered_in_error():
    """HL7 9.6.11."""
    found = only(told(event="T11"), "DocumentReference")
    assert (found["status"], found["docStatus"]) == ("entered-in-error", "entered-in-error")


def test_a_document_without_content_keeps_the_stored_one():
    """T03 tells a status; R4 wants a content, and its place holder must not replace what is stored."""
    conversion = told(event="T03")
    assert attachments(conversion) == [{"contentType": "text/plain", "creation": "2024-03-09T11:30:00-05:00"}]
    assert notes(conversion, only(conversion, "DocumentReference")).initial == ("content",)


@pytest.mark.parametrize(
    ("sent", "status", "kept"), [("OB", "superseded", "OB"), ("CA", "entered-in-error", "CA"), ("UN", "current", "UN")]
)
def test_what_is_not_available_says_so(sent, status, kept):
    """Guide TXA[DocumentReference] 25, 26 keeps the code; R4 requires a status, by HL7 table 0273."""
    lines = TXA.replace("|AU|R|AV|", f"|AU|R|{sent}|").format(reason="", stamp="", copies="")
    found = only(converted(MSH_MDM.format(event="T04"), PID, lines), "DocumentReference")
    assert found["status"] == status
    original = found["_status"]["extension"][0]["valueCodeableConcept"]["coding"][0]
    assert original == {"system": "http://terminology.hl7.org/CodeSystem/v2-0273", "code": kept}


def test_orders_of_the_message_are_related_and_others_by_their_number():
    """Guide MDM_T02 27: context.related is the ServiceRequest; TXA-15 numbers one that is not here."""
    lines = ["ORC|NW|P100^EHR", "OBR|1|P100^EHR||18842-5^Discharge summary^LN"]
    txa = TXA.format(reason="", stamp="", copies="")
    conversion = converted(MSH_MDM.format(event="T02"), PID, PV1, *lines, txa)
    order, number = only(conversion, "DocumentReference")["context"]["related"]
    assert order == {"reference": "urn:uuid:" + only(conversion, "ServiceRequest")["id"]}
    assert number["identifier"]["value"] == "F9"


def test_who_authenticated_and_when_is_a_provenance_of_the_document():
    """TXA-22 is a PPN: its fifteenth component is the time (HL7 2.A.53)."""
    conversion = told(stamp="4779^Seal^Sam^^^^^^^^^^^^20240309150000-0500")
    found = next(
        one for one in resources(conversion, "Provenance")
        if one["agent"][0].get("type", {}).get("coding", [{}])[0].get("code") == "verifier"
    )  # fmt: skip
    assert found["recorded"] == "2024-03-09T15:00:00-05:00"
    assert found["target"] == [{"reference": "urn:uuid:" + only(conversion, "DocumentReference")["id"]}]


def test_an_edit_has_its_reason_and_those_who_got_a_copy():
    """Guide TXA[Provenance] 25, 27 to 29: without TXA-8 it was recorded when it was sent (MSH-7)."""
    conversion = told(reason="Wrong side", copies="4780^Copy^Cy", event="T08")
    found = next(one for one in resources(conversion, "Provenance") if "reason" in one)
    assert found["reason"] == [{"text": "Wrong side"}]
    assert found["recorded"] == "2024-03-10T08:00:00-05:00"
    roles = [agent["role"][0]["coding"][0]["code"] for agent in found["agent"] if "role" in agent]
    assert roles == ["IRCP", "IRCP"]
