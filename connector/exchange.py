"""What an exchange with a system on the hospital's network comes to."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from connector.config import DeliverTable
from connector.states import DownEvent
from shared.message.silence import NEVER_LEFT, Silence
from shared.mllp.line import MllpLine, connect_line
from shared.trust import trust

_ACCEPTED = frozenset(("AA", "CA"))
_REJECTED = frozenset(("AE", "AR", "CR"))
_TRANSIENT_CONDITIONS = frozenset(("206", "207"))  # HL7 table 0357: record locked, internal error


@dataclass(frozen=True, slots=True)
class Sent:
    """How a send ended.

    Attributes:
        code: MSA-1, with its condition where it has one; or a word for the silence.
    """

    event: DownEvent
    code: str


async def connect(table: DeliverTable, tls: ssl.SSLContext | None) -> MllpLine | Sent:
    """Return an open line, or why there is none: then nobody can have taken anything."""
    place, until = urlsplit(table.address), asyncio.get_running_loop().time() + table.answer_seconds
    line = await connect_line(place.hostname or "", place.port, tls, until)
    return _unanswered(line) if isinstance(line, Silence) else line


async def exchange(line: MllpLine, message: bytes, control_id: str, seconds: float) -> Sent:
    """Send a message and return how that ended."""
    outcome = await line.exchange(message, control_id, asyncio.get_running_loop().time() + seconds)
    return _unanswered(outcome) if isinstance(outcome, Silence) else judge(outcome.code, outcome.conditions)


def _unanswered(silence: Silence) -> Sent:
    return Sent(DownEvent.NOT_TAKEN if silence in NEVER_LEFT else DownEvent.NO_ANSWER, silence.value)


def judge(code: str, conditions: tuple[str, ...]) -> Sent:
    """Return what an acknowledgement with the right MSA-2 means; a commit error and a lock heal by themselves."""
    if code in _ACCEPTED:
        return Sent(DownEvent.ACCEPTED, code)
    transient = next((each for each in conditions if each in _TRANSIENT_CONDITIONS), "")
    if code == "CE" or (transient and code in _REJECTED and set(conditions) <= _TRANSIENT_CONDITIONS):
        return Sent(DownEvent.NOT_TAKEN, f"{code} {transient}".strip())
    if code in _REJECTED:
        return Sent(DownEvent.REJECTED, " ".join([code, *conditions[:1]]))
    return Sent(DownEvent.NO_ANSWER, "answer_unreadable")


def destination_tls(table: DeliverTable) -> ssl.SSLContext | None:
    """Return how a destination's certificate is checked, and ours shown; None for plain MLLP."""
    if not table.address.startswith("mllps:"):
        return None
    context = trust(table.tls.authority if table.tls else None) or ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if table.tls is not None and table.tls.certificate is not None:
        context.load_cert_chain(table.tls.certificate, table.tls.key)
    return context
