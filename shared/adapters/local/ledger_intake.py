"""How messages enter the ledger: numbered here, or at the number that their connector gave them."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from functools import partial

from shared.adapters.instant import to_microseconds
from shared.adapters.local import chain
from shared.adapters.local.ledger_moves import recount
from shared.adapters.local.ledger_rows import RECORD_COLUMNS, SELECT, key_sum, record_of, row_of
from shared.message.errors.connector import StreamOutOfStep
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, Reservation, new_record
from shared.message.state import FORGOTTEN, MessageState

_SEEN = f"{SELECT} WHERE duplicate_sum = ? AND duplicate_key = ? AND received >= ? ORDER BY number DESC"
_ALL_COLUMNS = f"{RECORD_COLUMNS}, duplicate_sum, duplicate_key, key_sum"
_INSERT = f"INSERT INTO message ({_ALL_COLUMNS}) VALUES ({', '.join('?' * 18)})"  # noqa: S608

_NUMBERED = "INSERT INTO stream VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = excluded.n"
_LAST_PLACE = """SELECT (SELECT max(epoch) FROM place WHERE source = ?1),
    coalesce((SELECT max(n) FROM place WHERE source = ?1 AND epoch = ?2), 0)"""
_PLACED = "INSERT INTO place VALUES (?, ?, ?, ?)"
_AT_PLACE = f"""SELECT {RECORD_COLUMNS} FROM message
    WHERE message = (SELECT message FROM place WHERE source = ? AND epoch = ? AND n = ?)"""  # noqa: S608


def number(
    connection: sqlite3.Connection,
    arrivals: Sequence[Arrival],
    window_seconds: float,
    digest: KeyDigest,
    state: MessageState = MessageState.RESERVED,
) -> list[Reservation]:
    """Do what `Ledger.reserve` says, within somebody's transaction.

    Args:
        state: What the rows of new messages say, where the transaction goes on to bring them there.
    """
    window = _microseconds(window_seconds)
    streams = _Streams(connection)
    added: list[chain.Row] = []
    reserved = [
        _reserve(connection, partial(streams.next, arrival.source), arrival, window, added, digest, state)
        for arrival in arrivals
    ]
    streams.save()
    chain.add_messages(connection, added)
    recount(connection, {state: sum(each.is_new for each in reserved)})
    return reserved


def follow(
    connection: sqlite3.Connection,
    first: SourceSequence,
    arrivals: Sequence[Arrival | None],
    window_seconds: float,
    digest: KeyDigest,
) -> list[Reservation | None]:
    """Do what `Ledger.follow` says, within a transaction."""
    window = _microseconds(window_seconds)
    places = _Places(connection, first, digest)
    reserved = [places.take(first._replace(n=first.n + at), each, window) for at, each in enumerate(arrivals)]
    chain.add_messages(connection, places.added)
    recount(connection, {MessageState.RESERVED: sum(bool(each and each.is_new) for each in reserved)})
    return reserved


class _Streams:
    """The numbering of sources within one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._last: dict[str, tuple[int, int]] = {}  # source -> epoch, n

    def next(self, source: str) -> SourceSequence:
        if source not in self._last:
            row = self._connection.execute("SELECT epoch, n FROM stream WHERE source = ?", (source,)).fetchone()
            self._last[source] = row or (1, 0)
        epoch, n = self._last[source]
        self._last[source] = epoch, n + 1
        return SourceSequence(source, epoch, n + 1)

    def save(self) -> None:
        self._connection.executemany(_NUMBERED, [(source, *last) for source, last in self._last.items()])


class _Places:
    """The numbers of one connector's stream within one transaction.

    Attributes:
        added: What was recorded, for the hash chain.
    Raises:
        StreamOutOfStep: a number before the first is missing.
    """

    def __init__(self, connection: sqlite3.Connection, first: SourceSequence, digest: KeyDigest) -> None:
        self._connection = connection
        self._digest = digest
        newest, self._last = connection.execute(_LAST_PLACE, first[:2]).fetchone()
        self._is_late = newest is not None and first.epoch < newest
        self.added: list[chain.Row] = []
        if first.n > self._last + 1:
            raise StreamOutOfStep(f"{first.source}, epoch {first.epoch}, after {self._last}")

    def take(self, place: SourceSequence, arrival: Arrival | None, window: int) -> Reservation | None:
        """Return what the number holds, after this arrival was put there if it was new."""
        if place.n <= self._last:
            seen = self._connection.execute(_AT_PLACE, place).fetchone()
            return Reservation(record_of(seen), is_new=False, is_late=self._is_late) if seen else None
        self._last = place.n
        reserved = None
        if arrival is not None:
            reserved = _reserve(self._connection, lambda: place, arrival, window, self.added, self._digest)
            reserved = reserved._replace(is_late=self._is_late)
        self._connection.execute(_PLACED, (*place, reserved.record.message if reserved else None))
        return reserved


def _reserve(
    connection: sqlite3.Connection,
    place: Callable[[], SourceSequence],
    arrival: Arrival,
    window: int,
    added: list[chain.Row],
    digest: KeyDigest,
    state: MessageState = MessageState.RESERVED,
) -> Reservation:
    duplicate = zlib.crc32(arrival.duplicate_key.encode()), arrival.duplicate_key
    reuses_key = False
    for row in connection.execute(_SEEN, (*duplicate, to_microseconds(arrival.received) - window)):
        seen = record_of(row)
        if seen.raw.sha256 != arrival.raw.sha256:
            reuses_key = True
        elif seen.state not in FORGOTTEN:
            return Reservation(seen, is_new=False)
    record = new_record(arrival, place())
    row = row_of(record, state)
    number = connection.execute(_INSERT, (*row, *duplicate, key_sum(digest(record.key)))).lastrowid
    added.append((number, *row[:9], *row[10:13]))  # what never changes; where the archive has it, is its own affair
    return Reservation(record, is_new=True, reuses_key=reuses_key)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
