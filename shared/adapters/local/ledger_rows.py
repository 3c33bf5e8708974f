"""Rows of the table ``message`` as records, and records as rows."""

from __future__ import annotations

from typing import Any

from shared.adapters.instant import from_microseconds, to_microseconds
from shared.message.envelope import ArchiveRef
from shared.message.identifiers import InterfaceId, MessageId, OrderingKey
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.record import MessageRecord
from shared.message.state import MessageState

RECORD_COLUMNS = (
    "message, interface, source, epoch, n, key, mapping, sha256, size, at, control_id, type, received, state, code"
)
SELECT = f"SELECT {RECORD_COLUMNS} FROM message"  # noqa: S608  # a constant

_SUM_DIGITS = 8  # 32 bits: the few keys that share them are told apart by their rows


def key_sum(digest: str) -> int:
    """Return the number under which the messages of an ordering key are found, by its digest or its patient hash."""
    return int(digest[:_SUM_DIGITS], 16)


def row_of(record: MessageRecord, state: MessageState) -> tuple[object, ...]:
    sequence, raw = record.sequence, record.raw
    return (
        record.message,
        record.interface,
        sequence.source,
        sequence.epoch,
        sequence.n,
        record.key,
        record.mapping,
        raw.sha256,
        raw.size,
        raw.at,
        record.control_id,
        record.type,
        to_microseconds(record.received),
        state,
        record.code,
    )


def record_of(row: tuple[Any, ...]) -> MessageRecord:
    """Return the message of a row of `RECORD_COLUMNS`."""
    message, interface, source, epoch, n, key, mapping, sha256, size, at, control_id, kind, received, state, code = row
    return MessageRecord(
        message=MessageId(message),
        interface=InterfaceId(interface),
        sequence=SourceSequence(source, epoch, n),
        key=OrderingKey(key),
        mapping=mapping,
        raw=ArchiveRef(sha256, size, at),
        control_id=control_id,
        type=kind,
        received=from_microseconds(received),
        state=MessageState(state),
        code=code,
    )
