"""ARQ and APR ask for an appointment; MSA and ERR answer a message."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from shared.mapping import Conversion
from tests.unit.mapping.samples import PID, converted, only, resources

MSH_SRM = "MSH|^~\\&|PORTAL|CLINIC|HUB|HUB|20240310090000-0500||SRM^S01|M11|P|2.5.1"
MSH_ACK = "MSH|^~\\&|LAB|GENHOSP|HUB|HUB|20240310090000-0500||ACK^R01|M12|P|2.5.1"
ARQ = (
    "ARQ|P55^PORTAL||||||ROUTINE^Routine^HL70276|NORMAL^Normal^HL70277|30|min|"
    "20240320090000-0500^20240320120000-0500~20240321090000-0500^20240321120000-0500|3|||4777^Attend^Ada||||1234^Klerk^Kim|"
    "||||P100^EHR|F9^LAB"
)


def told(*lines: str) -> Conversion:
    """Return a conversion that is always valid."""
    conversion = converted(*lines)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def test_a_request_is_a_proposed_appointment_nobody_has_answered():
    """Decision 0036: ARQ-1, 7 to 12, 15, 19, 24, 25; HL7 10.3.1."""
    conversion = told(
        MSH_SRM, ARQ, PID, "RGS|1", "AIS|1|A|C1^Consultation^L|20240320090000-0500", "AIL|1|A|R1^^^CLINIC"
    )
    found = only(conversion, "Appointment")
    assert (found["status"], found["minutesDuration"], found["priority"]) == ("proposed", 30, 3)
    assert found["identifier"][0]["value"] == "P55"
    assert found["requestedPeriod"][1] == {"start": "2024-03-21T09:00:00-05:00", "end": "2024-03-21T12:00:00-05:00"}
    assert "start" not in found
    assert [one["identifier"]["value"] for one in found["basedOn"]] == ["P100", "F9"]
    assert {one["status"] for one in found["participant"]} == {"needs-action"}
    assert len(found["participant"]) == 4
    assert found["serviceType"][0]["coding"][0]["code"] == "C1"


def test_what_the_asker_prefers_is_the_comment():
    """APR: an SCV is a parameter and its value (HL7 2.A.71)."""
    conversion = told(MSH_SRM, ARQ, "APR|PREFSTART^0900~PREFEND^1100|||15", PID)
    assert only(conversion, "Appointment")["comment"] == "PREFSTART 0900\nPREFEND 1100\n15"


@pytest.mark.parametrize(
    ("code", "errors", "response"),
    [
        ("AA", (), "ok"), ("CA", (), "ok"), ("AE", (), "fatal-error"), ("CR", (), "fatal-error"),
        ("AE", ("ERR||PID^1^3|101^Required field missing^HL70357|E",), "fatal-error"),
        ("AR", ("ERR|||207^Application internal error^HL70357|E",), "transient-error"),
        ("AE", ("ERR|||206^Application record locked^HL70357|E",), "transient-error"),
    ],
)  # fmt: skip
def test_an_answer_says_which_message_and_whether_to_send_again(code, errors, response):
    """Guide MSA[MessageHeader] 3, 4; decision 0036: locked records and internal errors pass."""
    conversion = told(MSH_ACK, f"MSA|{code}|M2", *errors)
    found = only(conversion, "MessageHeader")["response"]
    assert (found["identifier"], found["code"]) == ("M2", response)
    assert ("details" in found) is bool(errors)


def test_an_error_is_an_issue_with_place_kind_and_text():
    """Decision 0036: ERR-2 to 8; HL7 tables 0357 and 0516."""
    err = "ERR||PID^1^3^2^4|101^Required field missing^HL70357|W|X1^Own^L|p1|stack|Please send the number"
    (issue,) = only(told(MSH_ACK, "MSA|AE|M2", err), "OperationOutcome")["issue"]
    assert (issue["severity"], issue["code"], issue["location"]) == ("warning", "required", ["PID(1)-3[2].4"])
    assert [one["code"] for one in issue["details"]["coding"]] == ["101", "X1"]
    assert issue["details"]["text"] == "Please send the number"
    assert issue["diagnostics"] == "stack\np1"


def test_errors_of_older_versions_are_issues_too():
    """Before 2.5 an ERR holds ELDs (ERR-1), and MSA-3 a text."""
    conversion = told(MSH_ACK, "MSA|AE|M2|No such patient", "ERR|PID^1^3^204&Unknown key&HL70357~PV1^1^2^")
    text, unknown, place = only(conversion, "OperationOutcome")["issue"]
    assert (text["diagnostics"], text["code"]) == ("No such patient", "processing")
    assert (unknown["code"], unknown["location"]) == ("not-found", ["PID(1)-3"])
    assert place["location"] == ["PV1(1)-2"]


def test_a_control_id_that_is_no_fhir_id_is_kept_beside_it():
    """R4 allows letters, digits, - and . there; MSA-2 is any text."""
    found = only(told(MSH_ACK, "MSA|AA|M_2 b"), "MessageHeader")["response"]
    assert found["_identifier"]["extension"][0]["valueString"] == "M_2 b"
    assert resources(told(MSH_ACK, "MSA|AA|M2"), "OperationOutcome") == []
