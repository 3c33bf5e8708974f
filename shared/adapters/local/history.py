"""The ledger's table, asked for what messages have in common."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.adapters.instant import to_microseconds
from shared.adapters.local.database import Database
from shared.adapters.local.ledger_rows import RECORD_COLUMNS, key_sum, record_of
from shared.message.identifiers import OrderingKey
from shared.message.patient import KeyDigest, PatientHash
from shared.message.replay import Numbered, Selection

_COLUMNS = ", ".join(f"message.{column.strip()}" for column in RECORD_COLUMNS.split(","))
_SELECT = f"SELECT message.number, {_COLUMNS} FROM message"  # noqa: S608  # a constant
_FROM_NUMBER = "SELECT received FROM message WHERE number >= ? ORDER BY number LIMIT 1"
_SLACK = 1000  # messages of one moment, or of a clock that was set back, may be numbered in another order


class LocalHistory:
    """What the ledger holds, by ordering key, interface, finding and time."""

    slack = 0

    def __init__(self, database: Database, digest: KeyDigest) -> None:
        self._database = database
        self._digest = digest

    async def select(self, wanted: Selection, after: int = 0, limit: int = 500) -> list[Numbered]:
        if wanted.since is not None:  # one bound: of two, SQLite may choose the wrong one
            after = max(after, self._number_at(wanted.since) - _SLACK)
        conditions = [("message.number > ?", after), *self._conditions(wanted)]
        if wanted.until is not None:
            conditions.append(("message.number <= ?", self._number_at(wanted.until) + _SLACK))
        where = " AND ".join(condition for condition, _ in conditions)
        values = [value for _, value in conditions]
        joined = "" if wanted.finding is None else " JOIN noted USING (number)"
        return self._numbered(f"{joined} WHERE {where} ORDER BY message.number LIMIT ?", (*values, limit))

    async def of_key(self, key: OrderingKey, after: int = 0, limit: int = 500) -> list[Numbered]:
        place = key_sum(self._digest(key)), after, key, limit
        return self._numbered(" WHERE key_sum = ? AND number > ? AND key = ? ORDER BY number LIMIT ?", place)

    async def key_of(self, patient: PatientHash) -> OrderingKey | None:
        others: list[str] = []  # keys whose digests begin as this hash does
        while True:
            unlike = ", ".join("?" * len(others))
            sql = f"SELECT key FROM message WHERE key_sum = ? AND key NOT IN ({unlike}) LIMIT 1"  # noqa: S608  # marks
            rows = self._database.read(sql, (key_sum(patient), *others))
            if not rows:
                return None
            [(key,)] = rows
            if self._digest(key).startswith(patient):
                return OrderingKey(key)
            others.append(key)

    def _numbered(self, clause: str, values: Sequence[object]) -> list[Numbered]:
        return [Numbered(row[0], record_of(row[1:])) for row in self._database.read(f"{_SELECT}{clause}", values)]

    def _number_at(self, at: datetime) -> int:
        """Return about how many messages were received before a time: numbers rise with the time of receipt."""
        low, high = 0, self._database.read("SELECT coalesce(max(number), 0) FROM message")[0][0]
        while low < high:
            middle = (low + high) // 2
            [(received,)] = self._database.read(_FROM_NUMBER, (middle + 1,))
            if received < to_microseconds(at):
                low = middle + 1
            else:
                high = middle
        return int(low)

    def _conditions(self, wanted: Selection) -> list[tuple[str, object]]:
        # Of two indexes SQLite may choose the longer one: the sign leaves it none but the key's.
        interface = "message.interface" if wanted.key is None else "+message.interface"
        given: list[tuple[str, object]] = [
            ("message.message = ?", wanted.message),
            ("message.key_sum = ?", wanted.key and key_sum(self._digest(wanted.key))),
            ("message.key = ?", wanted.key),
            (f"{interface} = ?", wanted.interface),
            ("message.mapping = ?", wanted.mapping),
            ("noted.code = ?", wanted.finding),
            ("message.received >= ?", wanted.since and to_microseconds(wanted.since)),
            ("message.received < ?", wanted.until and to_microseconds(wanted.until)),
        ]
        return [(condition, value) for condition, value in given if value is not None]
