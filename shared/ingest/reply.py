"""What the sender hears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

HL7_MEDIA_TYPE = "application/hl7-v2"
FHIR_MEDIA_TYPE = "application/fhir+json"
IDEMPOTENCY_HEADER = "Idempotency-Key"  # draft-ietf-httpapi-idempotency-key-header: a sender's own name for a request

# HTTP senders branch on the status, MLLP senders on MSA-1: both say the same.
_STATUS = {"AA": 200, "CA": 200, "AE": 422, "CE": 422, "AR": 422, "CR": 422, "": 400}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request.

    Attributes:
        status: HTTP status; an MLLP listener closes the connection on 400.
        body: One HL7 acknowledgement for each message, in order; empty when nothing can be acknowledged.
        headers: What else it says, to a connector.
    """

    status: int
    body: bytes
    media_type: str = HL7_MEDIA_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One acknowledgement: MSA-1 and the bytes that say so."""

    code: str
    body: bytes


def is_fhir(media_type: str) -> bool:
    """Tell whether a request says that its body is FHIR, in a form that is taken here or in another."""
    return "fhir" in media_type.lower()


def reply_with(acknowledgements: Sequence[Acknowledged]) -> Reply:
    """Return one reply for a request: its status is that of the worst acknowledgement."""
    if not acknowledgements:
        return Reply(400, b"")
    return Reply(max(_STATUS[each.code] for each in acknowledgements), b"".join(each.body for each in acknowledgements))
