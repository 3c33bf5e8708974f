"""A FHIR R4 store in SQLite: what a FHIR server is to the hub, for a laptop and for tests."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

from shared.adapters.local.database import Database
from shared.fhir import exact_json
from shared.message.errors import VersionConflict
from shared.ports import Clock, MetaWrite, Stored, Write

# The text is the resource without `meta`: what a message says again is known by its bytes, and `meta` alone moves on.
SCHEMA = """
CREATE TABLE IF NOT EXISTS fhir_resource (
    n INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, type TEXT NOT NULL, version INTEGER NOT NULL,
    updated TEXT NOT NULL, meta BLOB NOT NULL, keys TEXT NOT NULL, decimals INTEGER NOT NULL, text BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS fhir_resource_by_type ON fhir_resource (type, n);
CREATE TABLE IF NOT EXISTS fhir_key (key TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (key, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fhir_count (type TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""

_READ_AT_ONCE = 400  # SQLite takes 999 parameters in its oldest builds
_FIND = "SELECT reference, n, version, keys FROM fhir_resource WHERE reference IN"
_READ = "SELECT reference, version, updated, meta, decimals, text FROM fhir_resource WHERE"
_INSERT = "INSERT INTO fhir_resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_KEY = "INSERT INTO fhir_key VALUES (?, ?)"
_UPDATE = "UPDATE fhir_resource SET version = ?, updated = ?, meta = ?, keys = ?, decimals = ?, text = ? WHERE n = ?"
_UPDATE_META = "UPDATE fhir_resource SET version = ?, updated = ?, meta = ? WHERE n = ?"
_COUNT = "INSERT INTO fhir_count VALUES (?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number"

_BETWEEN_KEYS = "\x1f"
_ABSENT = (0, 0, "")

# Whom a resource is about, for the search parameters `patient` and `subject`.
_SUBJECTS = ("subject", "patient", "beneficiary", "individual")


class _Row(NamedTuple):
    """One write, ready: everything that needs no look at the table is done."""

    reference: str
    type: str
    version: int
    meta: bytes
    keys: str
    has_decimals: bool
    text: bytes


class _MetaRow(NamedTuple):
    """One write of `meta` alone."""

    reference: str
    version: int
    meta: bytes


class LocalFhirStore:
    """Resources by reference, with versions, ``If-Match`` and a small index for searching."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, references: Sequence[str]) -> dict[str, Stored]:
        found: dict[str, Stored] = {}
        for start in range(0, len(references), _READ_AT_ONCE):
            part = references[start : start + _READ_AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._database.read(f"{_READ} reference IN ({marks})", part)
            found.update((row[0], _stored(*row[1:])) for row in rows)
        return found

    async def write(self, writes: Sequence[Write | MetaWrite]) -> None:
        if not writes:
            return
        now = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rows = [_row(write) for write in writes if isinstance(write, Write)]
        moved = [_meta_row(write) for write in writes if isinstance(write, MetaWrite)]
        await self._database.write(lambda connection: _put(connection, rows, moved, now))

    async def search(self, resource_type: str, parameters: Mapping[str, str], limit: int = 50) -> list[Stored]:
        if "_id" in parameters:
            found = await self.read([f"{resource_type}/{parameters['_id']}"])
            return list(found.values())
        keys = [_key_of(resource_type, name, value) for name, value in parameters.items()]
        conditions = "".join(" AND n IN (SELECT n FROM fhir_key WHERE key = ?)" for _ in keys)
        rows = self._database.read(
            f"{_READ} type = ?{conditions} ORDER BY n DESC LIMIT ?", (resource_type, *keys, limit)
        )
        return [_stored(*row[1:]) for row in rows]

    async def counts(self) -> dict[str, int]:
        return dict(self._database.read("SELECT type, number FROM fhir_count ORDER BY type"))


def _stored(version: int, updated: str, meta: bytes, has_decimals: int, text: bytes) -> Stored:
    def read() -> dict[str, Any]:
        kept = {**orjson.loads(meta), "versionId": str(version), "lastUpdated": updated}
        return {**exact_json.loads(text, may_hold_decimals=bool(has_decimals)), "meta": kept}

    return Stored(read, str(version), text, partial(orjson.loads, meta))


def _row(write: Write) -> _Row:
    resource = {name: value for name, value in write.resource.items() if name != "meta"}
    keys = _BETWEEN_KEYS.join(sorted(set(_keys(resource))))
    text, has_decimals = exact_json.dumps_telling(resource)
    meta = _encode_meta(write.resource.get("meta", {}))
    return _Row(write.reference, resource["resourceType"], _next_version(write), meta, keys, has_decimals, text)


def _meta_row(write: MetaWrite) -> _MetaRow:
    return _MetaRow(write.reference, _next_version(write), _encode_meta(write.meta))


def _next_version(write: Write | MetaWrite) -> int:
    try:
        return 1 if write.if_match is None else int(write.if_match) + 1
    except ValueError:
        raise VersionConflict(write.reference) from None


def _encode_meta(meta: Mapping[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")})


def _put(connection: sqlite3.Connection, rows: Sequence[_Row], moved: Sequence[_MetaRow], now: str) -> None:
    """Write all rows, or raise before the first."""
    everything: list[_Row | _MetaRow] = [*rows, *moved]
    known = _find(connection, [row.reference for row in everything])
    for row in everything:
        if known.get(row.reference, _ABSENT)[1] != row.version - 1:
            raise VersionConflict(row.reference)
    connection.executemany(_UPDATE_META, [(one.version, now, one.meta, known[one.reference][0]) for one in moved])
    _create(connection, [row for row in rows if row.version == 1], now)
    _change(connection, [(row, *known[row.reference]) for row in rows if row.version > 1], now)


def _find(connection: sqlite3.Connection, references: Sequence[str]) -> dict[str, tuple[int, int, str]]:
    """Return number, version and keys of the resources that exist."""
    found: dict[str, tuple[int, int, str]] = {}
    for start in range(0, len(references), _READ_AT_ONCE):
        part = references[start : start + _READ_AT_ONCE]
        sql = f"{_FIND} ({','.join('?' * len(part))})"
        found.update(
            (reference, (number, version, keys)) for reference, number, version, keys in connection.execute(sql, part)
        )
    return found


def _create(connection: sqlite3.Connection, rows: Sequence[_Row], now: str) -> None:
    if not rows:
        return
    [(last,)] = connection.execute("SELECT coalesce(max(n), 0) FROM fhir_resource")
    numbered = list(enumerate(rows, last + 1))
    connection.executemany(_INSERT, [(n, *row[:3], now, *row[3:]) for n, row in numbered])
    connection.executemany(_ADD_KEY, [(key, n) for n, row in numbered for key in _split(row.keys)])
    connection.executemany(_COUNT, Counter(row.type for row in rows).items())


def _change(connection: sqlite3.Connection, rows: Sequence[tuple[_Row, int, int, str]], now: str) -> None:
    connection.executemany(_UPDATE, [(row.version, now, *row[3:], number) for row, number, _, _ in rows])
    for row, number, _, keys in rows:
        if keys != row.keys:
            _index_anew(connection, number, keys, row.keys)


def _index_anew(connection: sqlite3.Connection, number: int, before: str, after: str) -> None:
    old, new = set(_split(before)), set(_split(after))
    connection.executemany("DELETE FROM fhir_key WHERE key = ? AND n = ?", [(key, number) for key in old - new])
    connection.executemany(_ADD_KEY, [(key, number) for key in new - old])


def _split(keys: str) -> list[str]:
    return keys.split(_BETWEEN_KEYS) if keys else []


def _keys(resource: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a resource is found by."""
    resource_type = resource["resourceType"]
    identifiers = resource.get("identifier", [])
    for identifier in identifiers if isinstance(identifiers, list) else (identifiers,):
        value = identifier.get("value", "")
        yield f"{resource_type} identifier {value}"
        yield f"{resource_type} identifier {identifier.get('system', '')}|{value}"
    for name in _SUBJECTS:
        holder = resource.get(name)
        if holder is None:
            continue
        for one in holder if isinstance(holder, list) else (holder,):
            if isinstance(one, dict) and one.get("reference", "").startswith("Patient/"):
                yield f"{resource_type} patient {one['reference']}"
    for participant in resource.get("participant", ()) if resource_type == "Appointment" else ():
        reference = participant.get("actor", {}).get("reference", "")
        if reference.startswith("Patient/"):
            yield f"{resource_type} patient {reference}"


def _key_of(resource_type: str, parameter: str, value: str) -> str:
    """Return the key that a search parameter asks for.

    Raises:
        KeyError: the store does not search by it.
    """
    if parameter in ("patient", "subject"):
        return f"{resource_type} patient {value if '/' in value else f'Patient/{value}'}"
    return {"identifier": f"{resource_type} identifier {value}"}[parameter]
