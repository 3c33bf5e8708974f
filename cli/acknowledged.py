"""What a receiver said to one message."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import orjson

from cli.files import is_fhir
from shared.fhir_in.document import read_document
from shared.hl7 import Message, parse
from shared.message.errors.base import IntegrationError

TAKEN = "taken"  # of FHIR: the answer is no code, and its status says as much
ACCEPTED = frozenset({"AA", "CA", TAKEN})


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The answer to one message of a file.

    Attributes:
        code: MSA-1, of FHIR ``taken`` or ``refused``; ``closed`` when the receiver closed the connection,
            ``unreadable`` when it is no acknowledgement.
        control_id: MSH-10 of what was sent.
        detail: ERR of the answer: codes and its user message.
    """

    file: Path
    number: int
    type: str
    control_id: str
    code: str
    milliseconds: float
    detail: str

    @property
    def is_accepted(self) -> bool:
        return self.code in ACCEPTED


def header_of(raw: bytes) -> tuple[str, str]:
    """Return type and control id of a message to be sent; empty where it cannot be read."""
    try:
        if is_fhir(raw):
            document = read_document(raw)
            return f"{document.code}^{document.event}", document.control_id
        message = parse(raw)
    except IntegrationError:
        return "", ""
    return message.type, message.control_id


def read_answer(answer: bytes, control_id: str) -> tuple[str, str]:
    """Return the code of an answer and what it adds."""
    if not answer:
        # The header was read: then it is not the message.
        why = "a hub says why: `caduceus health`" if control_id else "is it HL7 v2, beginning with MSH?"
        return "closed", f"no acknowledgement came; {why}"
    if is_fhir(answer):
        return _read_outcome(answer)
    try:
        message = parse(answer)
    except IntegrationError as error:
        return "unreadable", str(error)
    code = str(message.get("MSA-1") or "")
    if not code:
        return "unreadable", "the answer has no MSA-1"
    if control_id and message.get("MSA-2") != control_id:
        return "unreadable", "MSA-2 names another message"
    return code, _error_of(message)


def _read_outcome(answer: bytes) -> tuple[str, str]:
    """Return what an OperationOutcome says: the message's id, or the first reason and how many more there are."""
    try:
        issues = orjson.loads(answer)["issue"]
        first, code = issues[0]["diagnostics"], TAKEN if issues[0]["severity"] == "information" else "refused"
    except (ValueError, KeyError, TypeError, IndexError):
        return "unreadable", "the answer is no OperationOutcome"
    places = [f"{one['diagnostics']} at {one['expression'][0]}" for one in issues[1:4] if one.get("expression")]
    return code, "; ".join([first, *places])


def _error_of(message: Message) -> str:
    """Return ``202 INGEST-003: what happened; what is next``: codes and place, then words; nothing twice."""
    words = "; ".join(_said(message, "MSA-3", "ERR-8"))
    codes = (code for code in _said(message, "ERR-3.1", "ERR-5.1", "ERR-2.1") if code not in words)
    return " ".join([*codes, *([words] if words else [])])


def _said(message: Message, *paths: str) -> list[str]:
    return list(dict.fromkeys(str(said) for path in paths if (said := message.get(path))))
