"""Errors of HL7 v2 as text: what is not HL7, and where it stops being."""

from __future__ import annotations

from typing import ClassVar

from shared.message.errors.base import Acknowledgement, Disposition, IntegrationError


class Hl7Error(IntegrationError):
    """Base of what is wrong with the HL7 v2 form of a message.

    Args:
        place: HL7 path or segment: ``PID-5``, ``OBX(3)``.
        offset: Bytes from the beginning of the message; None where the place has none.
    """

    next_step: ClassVar[str] = "ask the source to send well-formed HL7 v2"

    def __init__(self, place: str, offset: int | None = None) -> None:
        self.place = place
        self.offset = offset
        super().__init__(place if offset is None else f"{place}, byte {offset}")


class NotHl7(Hl7Error):
    """The bytes do not begin with an MSH segment; nobody can be answered."""

    code = "HL7-101"
    what = "no MSH segment where the message begins"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE
    stops_message = False


class HeaderTooShort(Hl7Error):
    """MSH ends before its encoding characters do."""

    code = "HL7-102"
    what = "MSH ends before its encoding characters"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE
    stops_message = False


class DelimitersInvalid(Hl7Error):
    """MSH-1 and MSH-2 declare characters that cannot part anything."""

    code = "HL7-103"
    what = "unusable delimiters"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE
    stops_message = False


class SeveralMessages(Hl7Error):
    """One message was expected, and a second MSH or a batch header was found."""

    code = "HL7-104"
    what = "several messages where one was expected"
    stops_message = True
    next_step = "split the batch, or ask the source to send one message in each frame"


class ContentUndecodable(Hl7Error):
    """Bytes of PID or OBX are no text in the charset of the message; guessing could change a name or a result."""

    code = "HL7-105"
    what = "bytes that are no text in the charset of the message"
    stops_message = True
    next_step = "set the interface's charset to what the source really sends, then resubmit"


class CharsetUnsupported(Hl7Error):
    """MSH-18, or the interface, names a charset the hub cannot read."""

    code = "HL7-106"
    what = "charset not supported"
    stops_message = True
    next_step = "set the interface's charset, or ask the source for UNICODE UTF-8"


class TextNotEncodable(Hl7Error):
    """The charset of the outgoing message cannot hold the text; it is never sent with a question mark instead."""

    code = "HL7-107"
    what = "text that the charset of the message cannot hold"
    stops_message = False
    next_step = "give the destination UNICODE UTF-8, or replace the characters in a step"


class PathInvalid(Hl7Error):
    """A path is not of the form SEG(number)-field[repetition].component.subcomponent, or cannot be written to."""

    code = "HL7-108"
    what = "unusable HL7 path"
    stops_message = False
    next_step = "correct the path in the interface's steps"


class SegmentAbsent(Hl7Error):
    """A value was to be written into a segment the message does not have."""

    code = "HL7-109"
    what = "no such segment to write to"
    stops_message = False
    next_step = "let the interface's steps look for the segment first"


class AcknowledgementUnreadable(Hl7Error):
    """The destination answered, but not with an acknowledgement: it may have taken the message."""

    code = "HL7-110"
    what = "the answer is no HL7 acknowledgement"
    disposition = Disposition.REVIEW
    stops_message = False
    next_step = "check at the destination whether it arrived, then accept or resend"


class FrameTooLarge(Hl7Error):
    """More bytes than the limit arrived without an end of frame; the connection closes."""

    code = "HL7-111"
    what = "MLLP frame larger than the limit"
    disposition = Disposition.REFUSE
    acknowledgement = Acknowledgement.NONE
    stops_message = False
    next_step = "raise the limit, or ask the source to send smaller messages"
