"""What a sender of FHIR hears: an OperationOutcome, that it was taken or why not."""

from __future__ import annotations

from typing import Any

import orjson

from shared.ingest.reply import FHIR_MEDIA_TYPE, Reply
from shared.message.errors.base import IntegrationError
from shared.message.errors.fhir import FhirInvalid, FhirRefused
from shared.message.errors.pipeline import InterfaceRetired, NotForThisStage, UnknownSender
from shared.message.identifiers import MessageId

MESSAGE_HEADER = "Caduceus-Message"
_MOST_ISSUES = 100

_REFUSALS: dict[type[IntegrationError], tuple[int, str]] = {
    UnknownSender: (404, "not-found"),
    InterfaceRetired: (410, "deleted"),
    NotForThisStage: (422, "business-rule"),
}
# IssueType of R4 for what the judge of R4 says.
_ISSUES = {
    "fhir_missing": "required",
    "fhir_cardinality": "structure",
    "fhir_type": "structure",
    "fhir_unknown": "structure",
    "fhir_code": "code-invalid",
    "fhir_primitive": "value",
    "fhir_invariant": "invariant",
}


def taken(message: MessageId) -> Reply:
    """Return the answer to a message that is durable; a copy of it hears the same again."""
    issue = {"severity": "information", "code": "informational", "diagnostics": f"taken as message {message}"}
    return Reply(202, _outcome([issue]), FHIR_MEDIA_TYPE, {MESSAGE_HEADER: message})


def refused(error: IntegrationError) -> Reply:
    """Return the answer to what is not taken: its code, and where; never what stands there."""
    status, code = _REFUSALS.get(type(error), (422, "processing"))
    if isinstance(error, FhirRefused):
        status, code = error.status, error.issue
    issues: list[dict[str, Any]] = [{"severity": "error", "code": code, "diagnostics": str(error)}]
    if isinstance(error, FhirInvalid):
        issues += [
            {
                "severity": "error",
                "code": _ISSUES.get(fault.code, error.issue),
                "diagnostics": " ".join(part for part in (fault.code, fault.detail) if part),
                "expression": [fault.place],
            }
            for fault in error.faults[:_MOST_ISSUES]
        ]
    return Reply(status, _outcome(issues), FHIR_MEDIA_TYPE)


def _outcome(issues: list[dict[str, Any]]) -> bytes:
    return orjson.dumps({"resourceType": "OperationOutcome", "issue": issues})
