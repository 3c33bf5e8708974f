"""Errors of FHIR that comes in: what cannot be read, what is not taken, and what breaks the standard."""

from __future__ import annotations

from typing import ClassVar, Self

from shared.message.errors.base import Acknowledgement, Disposition, IntegrationError
from shared.message.finding import Finding

_MOST_NAMED = 5


class FhirRefused(IntegrationError):
    """Base of what the sender of FHIR hears at once: nothing of it was taken.

    Attributes:
        status: HTTP status of the answer.
        issue: FHIR's own word for it, of the required value set IssueType.
    """

    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.APPLICATION_REJECT
    status: ClassVar[int]
    issue: ClassVar[str]


class FhirUnreadable(FhirRefused):
    """The body is no JSON that means one thing only: broken, too deep, a key twice, or a number nobody can hold."""

    code = "FHIR-001"
    what = "the body is no JSON as FHIR has it"
    stops_message = False
    next_step = "ask the source to send well-formed JSON in UTF-8"
    status = 400
    issue = "structure"


class FhirMediaTypeNotTaken(FhirRefused):
    """The media type names another form, or another release, than the interface takes."""

    code = "FHIR-002"
    what = "the interface does not take this media type"
    stops_message = False
    next_step = "send what the interface's release says, or agree on another interface"
    status = 415
    issue = "not-supported"


class FhirTooLarge(FhirRefused):
    """The body is larger than the hub takes in one message."""

    code = "FHIR-003"
    what = "the body is larger than one message may be"
    stops_message = False
    next_step = "ask the source to send smaller bundles"
    status = 413
    issue = "too-long"


class FhirNotTaken(FhirRefused):
    """Well-formed, and nothing that comes in here: its type, the kind of Bundle, or what a request of it asks."""

    code = "FHIR-004"
    what = "this is nothing that the hub takes"
    stops_message = True
    next_step = "send a resource of an agreed type, or a Bundle of PUT and POST; see docs/fhir-in.md"
    status = 422
    issue = "not-supported"


class FhirInvalid(FhirRefused):
    """A resource breaks FHIR; kept in quarantine, or refused where the interface says so.

    Attributes:
        faults: What is wrong, and where: codes, places and rules, never content.
    """

    code = "FHIR-005"
    what = "a resource is not valid FHIR"
    disposition = Disposition.QUARANTINE
    acknowledgement = Acknowledgement.APPLICATION_ACCEPT
    stops_message = True
    next_step = "ask the source to mend what the findings name; correct the message or discard it"
    status = 422
    issue = "invalid"

    faults: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, *faults: Finding) -> Self:
        """Return the error for what is wrong with a message."""
        named = ", ".join(" ".join(part for part in one if part) for one in faults[:_MOST_NAMED])
        more = len(faults) - _MOST_NAMED
        error = cls(f"{named}, and {more} more" if more > 0 else named)
        error.faults = faults
        return error
