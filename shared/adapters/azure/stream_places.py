"""The numbers of connectors' streams in the ledger's partition: what each holds, and the newest of each stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.adapters.azure.ledger_rows import END, PARTITION
from shared.adapters.azure.table import Row, Step, Table, key, tag_of
from shared.message.identifiers import MessageId
from shared.message.identifiers import Sequence as SourceSequence

_TURN = 10**18  # the newest number comes first


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream is, in its newest epoch, and the version of its row; None: nothing of it came yet."""

    epoch: int = 0
    n: int = 0
    stamp: int = 0  # of the log's entry that has its last message
    tag: str | None = None


class StreamPlaces:
    """Reads numbers, and says how they are written.

    A position is remembered, for this process is mostly the one that wrote it last: `forget` it when a write fails.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._known: dict[str, Position] = {}

    async def last_of(self, first: SourceSequence) -> int:
        """Return the last number of an epoch; 0: there is none."""
        position = await self.position(first.source)
        if first.epoch == position.epoch:
            return position.n
        if first.epoch > position.epoch:
            return 0
        prefix = _epoch_prefix(first)
        newest = await self._table.scan(PARTITION, prefix, f"{prefix}{END}", 1)
        return _number_of(newest[0]) if newest else 0

    async def position(self, source: str) -> Position:
        """Return how far a stream is."""
        if source not in self._known:
            row = await self._table.get(PARTITION, _position_key(source))
            self._known[source] = _position_of(row) if row else Position()
        return self._known[source]

    async def held(self, first: SourceSequence, count: int) -> list[MessageId | None]:
        """Return what so many numbers hold; None: the number stays empty."""
        if count <= 0:
            return []
        last = first._replace(n=first.n + count - 1)
        rows = await self._table.scan(PARTITION, _place_key(last), _place_key(first))
        return [MessageId(row["message"]) if row["message"] else None for row in reversed(rows)]

    def after(self, place: SourceSequence, stamp: int) -> Position:
        """Return the position of a stream, read before, once a place is filled; an older epoch moves only its stamp."""
        before = self._known[place.source]
        return Position(*max((before.epoch, before.n), (place.epoch, place.n)), stamp, before.tag)

    def steps(
        self, after: Position, places: Sequence[SourceSequence], messages: Sequence[MessageId | None]
    ) -> list[Step]:
        """Return the rows that fill numbers: the stream's own row leads, on condition that it is the one we read."""
        # As text: the SDK takes a number for 32 bits.
        columns = {"epoch": str(after.epoch), "n": str(after.n), "stamp": str(after.stamp)}
        kind: Literal["create", "update"] = "create" if after.tag is None else "update"
        moved = Step(kind, _position_key(places[0].source), columns, after.tag)
        filled = [
            Step("create", _place_key(place), {"message": message or ""})
            for place, message in zip(places, messages, strict=True)
        ]
        return [moved, *filled]

    def note(self, source: str, position: Position) -> None:
        """Remember the position of a stream as it was written."""
        self._known[source] = position

    def forget(self, source: str) -> None:
        """Read a stream anew next time."""
        self._known.pop(source, None)

    def is_known(self, source: str) -> bool:
        """Tell whether the position is remembered, and so perhaps old."""
        return source in self._known


def _position_of(row: Row) -> Position:
    return Position(int(row["epoch"]), int(row["n"]), int(row["stamp"]), tag_of(row))


def _position_key(source: str) -> str:
    return f"e!{key(source)}"


def _epoch_prefix(place: SourceSequence) -> str:
    return f"p!{key(place.source)}!{place.epoch:015d}!"


def _place_key(place: SourceSequence) -> str:
    return f"{_epoch_prefix(place)}{_TURN - place.n:019d}"


def _number_of(row: Row) -> int:
    return _TURN - int(row["RowKey"].rpartition("!")[2])
