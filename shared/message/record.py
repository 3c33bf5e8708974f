"""What the ledger keeps of a message."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from shared.message.envelope import ArchiveRef, Item
from shared.message.finding import Finding
from shared.message.identifiers import LIVE, InterfaceId, MessageId, OrderingKey, RunId, Sequence
from shared.message.state import MessageState


class Arrival(NamedTuple):
    """What ingest knows of a message before it is numbered.

    Attributes:
        message: Minted by ingest; used only if the arrival is not a duplicate.
        duplicate_key: Digest of the interface and its configured duplicate key.
        control_id: MSH-10 as sent.
        type: ``ADT^A01``.
    """

    message: MessageId
    interface: InterfaceId
    source: str
    key: OrderingKey
    mapping: str
    raw: ArchiveRef
    duplicate_key: str
    control_id: str
    type: str
    received: datetime


class MessageRecord(NamedTuple):
    """One message in the ledger."""

    message: MessageId
    interface: InterfaceId
    sequence: Sequence
    key: OrderingKey
    mapping: str
    raw: ArchiveRef
    control_id: str
    type: str
    received: datetime
    state: MessageState
    code: str = ""  # of the error that stopped it

    def item(self, run: RunId = LIVE, body: bytes | None = None) -> Item:
        """Return the message as it enters the queue `transform`; without a body it travels by its reference."""
        return Item(
            message=self.message,
            interface=self.interface,
            sequence=self.sequence,
            key=self.key,
            run=run,
            type=self.type,
            mapping=self.mapping,
            raw=self.raw,
            body=body,
        )


class Reservation(NamedTuple):
    """The answer of the ledger to an arrival.

    Attributes:
        is_new: False: the same bytes under the same duplicate key were taken before; ``record`` is that message.
        reuses_key: The duplicate key was seen before with other bytes: taken, with a finding.
        is_late: Its connector has begun a newer epoch since it numbered it: taken, with a finding.
    """

    record: MessageRecord
    is_new: bool
    reuses_key: bool = False
    is_late: bool = False


class Hop(NamedTuple):
    """One thing that happened to a message, for the trace.

    Attributes:
        stage: ``ingest``, ``transform``, ``route``, ``deliver``, or ``operator``.
        code: A word or an error code; never content.
        detail: Destination, route, reason; never content.
    """

    message: MessageId
    at: datetime
    stage: str
    code: str
    detail: str = ""


class Progress(NamedTuple):
    """One step of a message, written to the ledger together with its trace.

    The ledger only moves forward: a late ``queued`` does not undo ``transformed``.
    """

    message: MessageId
    state: MessageState
    hop: Hop
    code: str = ""
    findings: tuple[Finding, ...] = ()
    run: RunId = LIVE


def new_record(arrival: Arrival, sequence: Sequence) -> MessageRecord:
    """Return the record of an arrival that is no duplicate, at its place in its source's stream."""
    return MessageRecord(
        message=arrival.message,
        interface=arrival.interface,
        sequence=sequence,
        key=arrival.key,
        mapping=arrival.mapping,
        raw=arrival.raw,
        control_id=arrival.control_id,
        type=arrival.type,
        received=arrival.received,
        state=MessageState.RESERVED,
    )


def abandoned(record: MessageRecord, at: datetime, code: str) -> Progress:
    """Return the step that marks a message of which ingest never sent word."""
    return Progress(record.message, MessageState.ABANDONED, Hop(record.message, at, "ingest", "abandoned"), code)
