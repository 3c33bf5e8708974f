"""What the hub's answer to one request means for each message in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connector.link import LinkAnswer
from connector.states import UpEvent
from shared.hl7.ack import read_acknowledgement
from shared.hl7.batch import split_batch
from shared.message.errors.base import Acknowledgement
from shared.message.errors.hl7 import AcknowledgementUnreadable
from shared.message.stream import STREAM_HEADER

_TOOK = frozenset(("AA", "CA"))
# Of one message these are the hub's last word; of several, each is asked about by itself. 410: its number is void.
_NEVER = frozenset((400, 410, 413, 422))
_OUT_OF_STEP = 409
_NOT_YOURS = 403  # with the stream's header: from ingest, not from a gateway before it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one message.

    Attributes:
        code: MSA-1, or ``HTTP 413``.
        acknowledgement: The hub's own words for the sender; empty where it had none.
    """

    event: UpEvent
    code: str
    acknowledgement: bytes = b""


def judge(answer: LinkAnswer, control_ids: Sequence[str]) -> list[Verdict] | None:
    """Return a verdict for each message, in order; None where the answer settles nothing.

    Args:
        control_ids: MSH-10 of each message of the request.
    """
    if answer.status in (200, 422):
        found = [_verdict(each) for each in split_batch(answer.body).messages]
        ids = [control_id for _, control_id in found]
        if len(found) == len(control_ids) and all(map(_agree, ids, control_ids)):
            verdicts = [verdict for verdict, _ in found]
            return None if any(each.event is UpEvent.NO_ANSWER for each in verdicts) else verdicts
    if answer.status in _NEVER and len(control_ids) == 1:
        return [Verdict(UpEvent.HUB_REFUSED, f"HTTP {answer.status}")]
    return None


def is_out_of_step(answer: LinkAnswer) -> bool:
    """Tell whether the hub misses an earlier number of the stream."""
    return answer.status == _OUT_OF_STEP


def is_not_ours(answer: LinkAnswer) -> bool:
    """Tell whether the hub says that the stream belongs to another caller."""
    return answer.status == _NOT_YOURS and STREAM_HEADER.lower() in map(str.lower, answer.headers)


def is_better_sent_singly(answer: LinkAnswer) -> bool:
    """Tell whether one message of several may be what the hub cannot take."""
    return answer.status in (200, *_NEVER)


def _verdict(raw: bytes) -> tuple[Verdict, str]:
    try:
        said = read_acknowledgement(raw)
    except AcknowledgementUnreadable:
        return Verdict(UpEvent.NO_ANSWER, Acknowledgement.NONE), ""
    event = UpEvent.HUB_TOOK if said.code in _TOOK else UpEvent.HUB_REFUSED
    return Verdict(event, said.code, raw), said.control_id


def _agree(about: str, sent: str) -> bool:
    # An earlier release spooled control ids as they were sent: one with a delimiter or an escape in it is seldom.
    return about == sent or any(one in sent for one in "\\^~&")
