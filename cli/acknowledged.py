"""What a receiver said to one message."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shared.hl7 import Message, parse
from shared.message.errors.base import IntegrationError

ACCEPTED = frozenset({"AA", "CA"})


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The answer to one message of a file.

    Attributes:
        code: MSA-1; ``closed`` when the receiver closed the connection, ``unreadable`` when it is no acknowledgement.
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
        message = parse(raw)
    except IntegrationError:
        return "", ""
    return message.type, message.control_id


def read_answer(answer: bytes, control_id: str) -> tuple[str, str]:
    """Return the code of an answer and what it adds."""
    if not answer:
        return "closed", "no acknowledgement came; is it HL7 v2, beginning with MSH?"
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


def _error_of(message: Message) -> str:
    said = (message.get(path) for path in ("ERR-3.1", "ERR-5.1", "ERR-2.1", "ERR-8", "MSA-3"))
    return " ".join(dict.fromkeys(str(part) for part in said if part))
