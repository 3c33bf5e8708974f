"""What a group of arrivals comes to: numbers for the new ones, the message taken before for a duplicate.

It is computed from what the ledger is believed to hold, and written on condition that it holds just that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import orjson

from shared.adapters.azure.ledger_log import Entry
from shared.adapters.azure.ledger_rows import (
    control_prefix,
    duplicate_key,
    interface_prefix,
    key_prefix,
    message_key,
    newest_first,
    number_key,
    record_columns,
    stream_key,
)
from shared.adapters.azure.table import Row, Step, tag_of
from shared.adapters.instant import to_microseconds
from shared.message.identifiers import MessageId
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, MessageRecord, Reservation, new_record
from shared.message.state import FORGOTTEN

_USES_LIMIT = 200  # of one duplicate key that are remembered; a row holds no more
_ROWS_EACH = 5
_FIRST_EPOCH = 1

Use = tuple[str, str, int]  # digest of the bytes, message, received


@dataclass(frozen=True, slots=True)
class Stream:
    """The numbering of a source, and the version it was read at; None: nobody was numbered yet.

    Attributes:
        stamp: Of the log entry that has the last one: the source's next messages come after it.
    """

    epoch: int = _FIRST_EPOCH
    n: int = 0
    stamp: int = 0
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Uses:
    """Who used a duplicate key lately, and the version it was read at; None: nobody."""

    uses: tuple[Use, ...] = ()
    tag: str | None = None


@dataclass(slots=True)
class Plan:
    """Reservations of a group, and the rows that make them true.

    Args:
        streams: By source, as far as they are known.
        uses: By key of the row, as far as they are known; an unknown one is taken for a new one.
        record_of: Returns a message of the ledger, for those that the known uses name.
        key_digest: Returns what the row of an ordering key is named by.
    """

    streams: dict[str, Stream]
    uses: dict[str, Uses]
    record_of: Callable[[MessageId], MessageRecord | None]
    key_digest: KeyDigest
    reservations: list[Reservation] = field(default_factory=list)
    _new: dict[MessageId, MessageRecord] = field(default_factory=dict)
    _touched: set[str] = field(default_factory=set)

    def add(self, arrival: Arrival, window_seconds: float, place: SourceSequence | None = None) -> None:
        """Number an arrival, or find what it duplicates.

        Args:
            place: The number that its connector gave it.
        """
        row = duplicate_key(arrival.duplicate_key)
        seen = self.uses.get(row, Uses())
        oldest = to_microseconds(arrival.received - timedelta(seconds=window_seconds))
        recent = [use for use in seen.uses if use[2] >= oldest]
        for sha256, message, _ in recent:
            record = self._record(MessageId(message)) if sha256 == arrival.raw.sha256 else None
            if record is not None and record.state not in FORGOTTEN:
                self.reservations.append(Reservation(record, is_new=False))
                return
        record = new_record(arrival, place or self._next(arrival.source))
        self._new[record.message] = record
        reuses_key = any(sha256 != arrival.raw.sha256 for sha256, _, _ in recent)
        self.reservations.append(Reservation(record, is_new=True, reuses_key=reuses_key))
        use = arrival.raw.sha256, arrival.message, to_microseconds(arrival.received)
        self.uses[row] = Uses((*recent, use)[-_USES_LIMIT:], seen.tag)
        self._touched.add(row)

    @property
    def new(self) -> list[MessageRecord]:
        """The messages that were numbered, in order."""
        return list(self._new.values())

    @property
    def last_stamp(self) -> int:
        """The highest stamp that a source of the new messages has."""
        sources = {record.sequence.source for record in self.new} & self.streams.keys()
        return max((self.streams[source].stamp for source in sources), default=0)

    def steps(self, entry: Entry) -> list[Step]:
        """Return the rows to write: streams first, then those of the messages, then the log's."""
        for source in {record.sequence.source for record in self.new} & self.streams.keys():
            self.streams[source] = replace(self.streams[source], stamp=entry.stamp)
        sources = dict.fromkeys(record.sequence.source for record in self.new)
        steps = [_stream_step(source, self.streams[source]) for source in sources if source in self.streams]
        steps += [_uses_step(row, self.uses[row]) for row in sorted(self._touched)]
        for record, (number, _) in zip(self.new, entry.numbered, strict=True):
            newest = newest_first(record.message)
            named = {"message": record.message}
            steps += [
                Step("create", message_key(record.message), record_columns(record, number)),
                Step("create", f"{key_prefix(self.key_digest(record.key))}{number_key(number)}", named),
                Step("create", f"{control_prefix(record.control_id)}{newest}", named),
                Step("create", f"{interface_prefix(record.interface)}{newest}", named),
            ]
        return [*steps, entry.step()]

    def _next(self, source: str) -> SourceSequence:
        stream = self.streams.get(source, Stream())
        self.streams[source] = replace(stream, n=stream.n + 1)
        return SourceSequence(source, stream.epoch, stream.n + 1)

    def _record(self, message: MessageId) -> MessageRecord | None:
        return self._new.get(message) or self.record_of(message)


def arrivals_in_a_group(room: int, sources: int) -> int:
    """Return how many arrivals fit into so many rows."""
    return (room - sources) // _ROWS_EACH


def stream_of(row: Row | None) -> Stream:
    if row is None:
        return Stream()
    return Stream(int(row["epoch"]), int(row["n"]), int(row["stamp"]), tag_of(row))


def uses_of(row: Row | None) -> Uses:
    if row is None:
        return Uses()
    return Uses(tuple((sha256, message, at) for sha256, message, at in orjson.loads(row["uses"])), tag_of(row))


def named_messages(uses: Sequence[Uses]) -> list[MessageId]:
    """Return every message that the uses name."""
    return [MessageId(message) for each in uses for _, message, _ in each.uses]


def _stream_step(source: str, stream: Stream) -> Step:
    # As text: the SDK takes a number for 32 bits.
    columns = {"epoch": str(stream.epoch), "n": str(stream.n), "stamp": str(stream.stamp)}
    return Step("create" if stream.tag is None else "update", stream_key(source), columns, stream.tag)


def _uses_step(row: str, uses: Uses) -> Step:
    columns = {"uses": orjson.dumps(uses.uses).decode()}
    return Step("create" if uses.tag is None else "update", row, columns, uses.tag)
