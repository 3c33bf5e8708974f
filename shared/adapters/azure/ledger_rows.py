"""The ledger's rows in Table Storage.

All rows of a message are in one partition, so that they share transactions (rule R10). What a row is begins its key;
where the newest come first, the id is turned round.

| key | row |
|---|---|
| ``n!<stamp>`` | the log: the messages of one transaction, in order, and the digest that chains them |
| ``m!<newest>`` | a message: what it was when it was taken, its state, and the codes noted about it |
| ``k!<ordering key>!<number>`` | its ordering key, hashed with the hub's key: the patient hash and more digits |
| ``h!<newest>!<stamp>`` | one hop of its trace |
| ``d!<duplicate key>`` | who used a duplicate key lately |
| ``x!<MSH-10>!<newest>`` | its control id, hashed |
| ``i!<interface>!<newest>`` | its interface |
| ``q!<state>!<newest>`` | that it waits for a person, or ended before a destination |
| ``b!<newest>!<stage>`` | how often a stage began it and did not finish |
| ``s!<source>`` | the numbering of a source |
| ``e!<stream>`` | how far a connector's stream is, in its newest epoch |
| ``p!<stream>!<epoch>!<newest>`` | the message under a connector's number, or that it stays empty |
| ``a!swept`` | up to when old reserved messages were looked for |
| ``c!<writer>`` | by how much one process changed the count of each state |
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from shared.adapters.azure.table import Row, Step, key
from shared.adapters.instant import from_microseconds, to_microseconds
from shared.message.envelope import ArchiveRef
from shared.message.finding import Finding
from shared.message.identifiers import InterfaceId, MessageId, OrderingKey
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import PatientHash
from shared.message.record import Hop, MessageRecord
from shared.message.state import MessageState

PARTITION = "ledger"
SWEPT = "a!swept"
END = "~"  # above every character of a key

# Few messages end here, and people ask for them: they have a row of their own.
INDEXED = frozenset(
    {
        MessageState.ABANDONED,
        MessageState.FILTERED,
        MessageState.QUARANTINED,
        MessageState.REFUSED,
        MessageState.DISCARDED,
    }
)

_TURNED = str.maketrans("0123456789abcdef", "fedcba9876543210")
_DIGEST_DIGITS = 32
_DETAIL_CHARACTERS = 8_000  # a column holds 32,000
_COLUMN_BYTES = 60_000


def newest_first(message: MessageId) -> str:
    """Return an id in the form that sorts the newest first, whatever its partition."""
    partition, _, stamp = key(message).partition("-")
    return f"{stamp.translate(_TURNED)}-{partition}"


def message_of(newest: str) -> MessageId:
    """Return the id that `newest_first` was given."""
    stamp, _, partition = newest.partition("-")
    return MessageId(f"{partition}-{stamp.translate(_TURNED)}")


def message_key(message: MessageId) -> str:
    return f"m!{newest_first(message)}"


def hops_prefix(message: MessageId) -> str:
    return f"h!{newest_first(message)}!"


def begun_prefix(message: MessageId) -> str:
    return f"b!{newest_first(message)}!"


def begun_key(message: MessageId, stage: str) -> str:
    return f"{begun_prefix(message)}{key(stage)}"


def duplicate_key(text: str) -> str:
    return f"d!{digest(text)}"


def control_prefix(control_id: str) -> str:
    return f"x!{digest(control_id)}!"


def key_prefix(key_digest: str) -> str:
    return f"k!{key_digest}!"


def patient_range(patient: PatientHash) -> tuple[str, str]:
    """Return between which rows those of the ordering key with this hash are."""
    return f"k!{patient}", f"k!{patient}{END}"


def number_key(number: int) -> str:
    """Return a number as a key holds it, the lowest first."""
    return f"{number:020}"


def log_key(stamp: int) -> str:
    return f"n!{number_key(stamp)}"


def interface_prefix(interface: InterfaceId) -> str:
    return f"i!{key(interface)}!"


def state_prefix(state: MessageState) -> str:
    return f"q!{state.value}!"


def stream_key(source: str) -> str:
    return f"s!{key(source)}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]


def record_columns(record: MessageRecord, number: int) -> Row:
    """Return the columns of a message that has just been taken."""
    kept = {"taken": taken(record), "number": str(number), "interface": record.interface}
    return {**kept, **state_columns(record.state, "")}


def taken(record: MessageRecord) -> str:
    """Return what never changes of a message: the column that holds it, and what its digest covers."""
    sequence, raw = record.sequence, record.raw
    kept = (
        record.message,
        record.interface,
        (sequence.source, sequence.epoch, sequence.n),
        record.key,
        record.mapping,
        (raw.sha256, raw.size, raw.at),
        record.control_id,
        record.type,
        to_microseconds(record.received),
    )
    return orjson.dumps(kept).decode()


def state_columns(state: MessageState, code: str) -> Row:
    return {"state": state.value, "code": code}


def noted_columns(codes: Iterable[str]) -> Row:
    return {"noted": " ".join(sorted(codes))}


def noted_of(row: Row) -> frozenset[str]:
    """Return the codes of every finding and error that was ever noted about a message."""
    return frozenset(str(row.get("noted", "")).split())


def record_of(row: Row) -> MessageRecord:
    """Return the message of a row."""
    message, interface, sequence, order, mapping, raw, control_id, kind, received = orjson.loads(row["taken"])
    return MessageRecord(
        message=MessageId(message),
        interface=InterfaceId(interface),
        sequence=SourceSequence(*sequence),
        key=OrderingKey(order),
        mapping=mapping,
        raw=ArchiveRef(*raw),
        control_id=control_id,
        type=kind,
        received=from_microseconds(received),
        state=MessageState(row["state"]),
        code=row["code"],
    )


def hop_step(hop: Hop, stamp: str, findings: Sequence[Finding] = ()) -> Step:
    """Return the row of one hop."""
    columns: dict[str, Any] = {
        "hop": orjson.dumps((to_microseconds(hop.at), hop.stage, hop.code, hop.detail[:_DETAIL_CHARACTERS])).decode()
    }
    if findings:
        noted = [(finding.code, finding.place, finding.detail) for finding in findings]
        columns["findings"] = _packed(noted)
    return Step("put", f"{hops_prefix(hop.message)}{stamp}", columns)  # a second time where an answer was lost


def hop_of(message: MessageId, row: Row) -> Hop:
    at, stage, code, detail = orjson.loads(row["hop"])
    return Hop(message, from_microseconds(at), stage, code, detail)


def findings_of(row: Row) -> list[tuple[str, str, str]]:
    noted = row.get("findings")
    return [tuple(one) for one in orjson.loads(zlib.decompress(noted))] if noted else []


def _packed(noted: Sequence[tuple[str, str, str]]) -> bytes:
    """Return findings as bytes that a column holds: some ten thousand of them; of more, the first."""
    while len(packed := zlib.compress(orjson.dumps(noted), 1)) > _COLUMN_BYTES:
        noted = noted[: len(noted) // 2]
    return packed
