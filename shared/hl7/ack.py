"""Acknowledgements: the ones we build for senders, and the ones destinations send us."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from shared.hl7.delimiters import Delimiters
from shared.hl7.escape import escape
from shared.hl7.message import Message
from shared.hl7.parsing import parse
from shared.message.errors.base import Acknowledgement, IntegrationError
from shared.message.errors.hl7 import AcknowledgementUnreadable, Hl7Error

_COMMIT_CODES = {"AA": "CA", "AE": "CE", "AR": "CR"}

# HL7 table 0155, as MSH-15 uses it: for which outcomes a sender in enhanced mode wants to hear of the commit.
_COMMITS_WANTED = {"AL": ("AA", "AE", "AR"), "SU": ("AA",), "ER": ("AE", "AR")}

# HL7 table 0357, by our own code; everything else is an application internal error.
_CONDITIONS = {
    "INGEST-001": ("200", "Unsupported message type"),
    "INGEST-003": ("202", "Unsupported processing id"),
    "HL7-104": ("100", "Segment sequence error"),
    "HL7-105": ("102", "Data type error"),
    "HL7-106": ("102", "Data type error"),
}
_OTHER_CONDITION = ("207", "Application internal error")

_PLACE = re.compile(
    r"\b([A-Z][A-Z0-9]{2})(?:\((\d+)\))?-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?"  # as in PID-3[2].4.1
)
_MSH_CHARSET = 18


def build_ack(
    message: Message,
    code: Acknowledgement,
    control_id: str,
    now: datetime,
    error: IntegrationError | None = None,
) -> bytes:
    """Return the acknowledgement of a message, in its own delimiters, version, processing id and charset.

    In enhanced mode the code is CA, CE or CR where MSH-15 wants to hear of this outcome, else the application code:
    over MLLP there is always an answer, for a sender waits for one whatever it declares.

    Args:
        code: The outcome; NONE gives no bytes.
        control_id: MSH-10 of the acknowledgement itself.
        error: Becomes ERR: a code of HL7 table 0357, our own, and places; never content.
    """
    if code is Acknowledgement.NONE:
        return b""
    header = message.header
    marks, version = message.delimiters, _version(message)
    fields = header.fields + [""] * (_MSH_CHARSET + 1 - len(header.fields))
    # Copied as they stand, still escaped: what the sender reads back is byte for byte what it sent.
    answer = ["MSH", fields[2], fields[5], fields[6], fields[3], fields[4], f"{now:%Y%m%d%H%M%S%z}", ""]
    answer += [_type(fields[9], marks, version), escape(control_id, marks), fields[11], fields[12]]
    if fields[_MSH_CHARSET]:
        answer += ["", "", "", "", "", fields[_MSH_CHARSET]]
    said = _COMMIT_CODES[code] if code in _COMMITS_WANTED.get(fields[15], ()) else code.value
    lines = [answer, ["MSA", said, fields[10]]]
    if error is not None:
        if version < (2, 7):  # MSA-3 is withdrawn from then on
            lines[1].append(escape(f"{error.code}: {error.what}", marks))
        lines.append(_error_fields(error, marks, version))
    text = "".join(marks.field.join(line) + "\r" for line in lines)
    return text.encode(header.codec, "replace")


def _version(message: Message) -> tuple[int, ...]:
    numbers = message.version.split(".")
    return tuple(int(number) for number in numbers) if all(n.isdecimal() and len(n) < 4 for n in numbers) else (2, 5)


def _type(sent: str, marks: Delimiters, version: tuple[int, ...]) -> str:
    """Return MSH-9: the event of what is acknowledged came with 2.3.1, as did the structure."""
    _, _, rest = sent.partition(marks.component)
    event = rest.partition(marks.component)[0]
    return marks.component.join(("ACK", event, "ACK")) if event and version >= (2, 3, 1) else "ACK"


def _error_fields(error: IntegrationError, marks: Delimiters, version: tuple[int, ...]) -> list[str]:
    condition, name = _CONDITIONS.get(error.code, _OTHER_CONDITION)
    places = [[part or "" for part in found.groups()] for found in _PLACE.finditer(error.where)]
    if version < (2, 5):
        segment, number, field = places[0][:3] if places else ("", "", "")
        reason = marks.subcomponent.join((condition, name, "HL70357"))
        return ["ERR", marks.component.join((segment, number or ("1" if segment else ""), field, reason))]
    coded = marks.component.join((condition, name, "HL70357"))
    own = marks.component.join((error.code, escape(error.what, marks), "L"))
    located = marks.repetition.join(_location(place, marks) for place in places)
    return ["ERR", "", located, coded, "E", own, "", escape(error.where, marks), escape(error.next_step, marks)]


def _location(place: list[str], marks: Delimiters) -> str:
    """Return an ERL: segment, its number, field, repetition, component, subcomponent."""
    segment, number, field, repetition, component, subcomponent = place
    parts = (segment, number or "1", field, repetition or "1", component, subcomponent)
    return marks.component.join(parts).rstrip(marks.component)


@dataclass(frozen=True, slots=True)
class ReceivedAcknowledgement:
    """What a destination answered.

    Attributes:
        code: MSA-1.
        control_id: MSA-2: the MSH-10 of the message it answers.
        conditions: The HL7 table 0357 code of each ERR: ERR-3.1, or ERR-1.4.1 before 2.5.
        severities: ERR-4 of each ERR: E, F, I or W.
    """

    code: str
    control_id: str
    conditions: tuple[str, ...]
    severities: tuple[str, ...]


def read_acknowledgement(raw: bytes) -> ReceivedAcknowledgement:
    """Return what a destination answered.

    Raises:
        AcknowledgementUnreadable: It is not HL7, or has no MSA-1.
    """
    try:
        # Codes and control ids are ASCII; a text in a wrong charset must not make an answer unreadable.
        answer = parse(raw, charset="8859/1")
    except Hl7Error as error:
        raise AcknowledgementUnreadable(error.place, error.offset) from None
    said = answer.first("MSA")
    if said is None or not said.text(1):
        raise AcknowledgementUnreadable("MSA-1")
    errors = answer.all("ERR")
    return ReceivedAcknowledgement(
        said.text(1),
        said.text(2),
        tuple(error.text(3) or error.text(1, 4) for error in errors),
        tuple(error.text(4) for error in errors),
    )
