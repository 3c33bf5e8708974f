"""What a person does with what was stopped, other than sending it again: discard it, or send a corrected copy."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any, Protocol

from shared.message.audit import AuditEntry
from shared.message.errors.pipeline import NotFound, NotStopped, RequestInvalid
from shared.message.identifiers import InterfaceId, MessageId
from shared.message.record import Hop, MessageRecord, Progress
from shared.message.state import DeliveryState, MessageState
from shared.ports import Audit, Clock, Lanes, Ledger
from shared.recover.orders import Sessions, is_stopped
from shared.recover.request import read_json, read_reason

_STOPPED = (MessageState.QUARANTINED, MessageState.REFUSED, MessageState.ABANDONED)


class Intake(Protocol):
    """What a correction needs of ingest."""

    async def take_corrected(self, body: bytes, interface: InterfaceId) -> MessageRecord: ...


class Quarantine:
    """Settles what waits for a person. Nothing leaves quarantine by itself, however old it is (promise 4)."""

    def __init__(
        self, *, clock: Clock, ledger: Ledger, lanes: Lanes, audit: Audit, sessions: Sessions, intake: Intake
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._lanes = lanes
        self._audit = audit
        self._sessions = sessions
        self._intake = intake

    async def discard(self, message: MessageId, request: bytes, who: str) -> dict[str, Any]:
        """Give up a stopped message, or its stopped deliveries, for good; return what was given up.

        Args:
            request: JSON ``{"reason": "..."}``.
            who: For the audit.

        Raises:
            RequestInvalid: there is no reason.
            NotFound, NotStopped: see `Orders.resend`.
        """
        reason = read_reason(read_json(request))
        record = await self._stopped(message)
        await self._audit.append(AuditEntry(self._clock.now(), who, "discard", message, reason, 1))
        return {"message": message, "destinations": await self._settle(record, "discard", reason)}

    async def correct(self, message: MessageId, request: bytes, who: str) -> dict[str, Any]:
        """Take a corrected copy of a stopped message as a new one, and discard the old; each names the other.

        Asked for twice, as after a lost answer, it finds the copy that it made.

        Args:
            request: JSON ``{"reason": "...", "message": "<base64 of the corrected HL7>"}``.
            who: For the audit.

        Raises:
            RequestInvalid: there is no reason, or no message that differs from the old one and can be taken, or it is
                one that was taken before the old one.
            NotFound, NotStopped: see `Orders.resend`.
        """
        said = read_json(request)
        reason, body = read_reason(said), _body_of(said)
        record = await self._stopped(message)
        if hashlib.sha256(body).hexdigest() == record.raw.sha256:
            raise RequestInvalid("the corrected message is the same as the one that was stopped")
        await self._audit.append(AuditEntry(self._clock.now(), who, "correct", message, reason, 1))
        copy = await self._intake.take_corrected(body, record.interface)
        if copy.received < record.received:  # the file of another message: nothing of the stopped one may be given up
            raise RequestInvalid(f"it was taken before the stopped one, as {copy.message}, and corrects nothing of it")
        await self._ledger.note([Hop(copy.message, self._clock.now(), "operator", "corrects", message)])
        destinations = await self._settle(record, "corrected", f"as {copy.message}: {reason}")
        return {"message": message, "corrected": copy.message, "destinations": destinations}

    async def _stopped(self, message: MessageId) -> MessageRecord:
        [record] = await self._ledger.messages([message])
        if record is None:
            raise NotFound(message)
        if record.state not in _STOPPED and not any(map(is_stopped, await self._lanes.deliveries(message))):
            raise NotStopped(message)
        return record

    async def _settle(self, record: MessageRecord, code: str, detail: str) -> list[str]:
        """Discard the message, or its stopped deliveries; return the destinations whose lanes move again."""
        hop = Hop(record.message, self._clock.now(), "operator", code, detail)
        if record.state in _STOPPED:
            await self._ledger.progress([Progress(record.message, MessageState.DISCARDED, hop)])
        else:
            await self._ledger.note([hop])
        stopped = [row for row in await self._lanes.deliveries(record.message) if is_stopped(row)]
        for row in stopped:
            await self._lanes.reopen(row, DeliveryState.DISCARDED)
        destinations = sorted({row.destination for row in stopped})
        for destination in destinations:
            await self._sessions.wake_sessions(destination)
        return [str(one) for one in destinations]


def _body_of(said: dict[str, Any]) -> bytes:
    try:
        body = base64.b64decode(str(said["message"]), validate=True)
    except (KeyError, binascii.Error):
        body = b""
    if not body:
        raise RequestInvalid('a correction needs the message: {"message": "<base64>"}')
    return body
