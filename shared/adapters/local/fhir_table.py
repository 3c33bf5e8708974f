"""The tables of the FHIR store in SQLite: statements over one connection, without any waiting.

What a message says again is known by its bytes: ``text`` is the resource without ``meta``, and stays as it is while
``meta`` alone moves on. So the two are rows of their own: the ``meta`` of what was created together share a page, and
moving on all that a message repeats writes one page instead of ten.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import orjson

from shared.adapters.local.database import Query
from shared.fhir import exact_json
from shared.message.errors import VersionConflict
from shared.ports import MetaWrite, Stored, Write

SCHEMA = """
CREATE TABLE IF NOT EXISTS fhir_resource (
    n INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, type TEXT NOT NULL, keys TEXT NOT NULL,
    decimals INTEGER NOT NULL, text BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS fhir_resource_by_type ON fhir_resource (type, n);
CREATE TABLE IF NOT EXISTS fhir_version (
    n INTEGER PRIMARY KEY, version INTEGER NOT NULL, updated TEXT NOT NULL, meta BLOB NOT NULL);
-- A checksum finds the few rows to look at: whole keys, in no order, would touch another page with each of them.
CREATE TABLE IF NOT EXISTS fhir_key (sum INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (sum, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fhir_count (type TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""

_AT_ONCE = 400  # SQLite takes 999 parameters in its oldest builds
_COLUMNS = "reference, version, updated, meta, decimals, text FROM fhir_resource JOIN fhir_version USING (n)"
_READ = f"SELECT n, keys, {_COLUMNS} WHERE reference IN"  # a constant
_INSERT = "INSERT INTO fhir_resource VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_VERSION = "INSERT INTO fhir_version VALUES (?, 1, ?, ?)"
_ADD_KEY = "INSERT OR IGNORE INTO fhir_key VALUES (?, ?)"
_UPDATE = "UPDATE fhir_resource SET keys = ?, decimals = ?, text = ? WHERE n = ?"
_UPDATE_VERSION = "UPDATE fhir_version SET version = ?, updated = ?, meta = ? WHERE n = ?"
_COUNT = "INSERT INTO fhir_count VALUES (?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number"

_BETWEEN_KEYS = "\x1f"
_HAS_KEY = " AND n IN (SELECT n FROM fhir_key WHERE sum = ?) AND instr(char(31) || keys || char(31), ?)"

# Whom a resource is about, for the search parameters `patient` and `subject`.
_SUBJECTS = ("subject", "patient", "beneficiary", "individual")


class Kept(NamedTuple):
    """One resource as the tables hold it."""

    n: int
    keys: str
    reference: str
    version: int
    updated: str
    meta: bytes
    has_decimals: int
    text: bytes

    def stored(self) -> Stored:
        """Return it as the port does; parsed when it is asked for."""
        return Stored(self._content, str(self.version), self.text, partial(orjson.loads, self.meta))

    def _content(self) -> dict[str, Any]:
        meta = {**orjson.loads(self.meta), "versionId": str(self.version), "lastUpdated": self.updated}
        return {**exact_json.loads(self.text, may_hold_decimals=bool(self.has_decimals)), "meta": meta}


class Row(NamedTuple):
    """One write, ready: everything that needs no look at the table is done. Without a text it is of ``meta`` alone."""

    reference: str
    version: int
    meta: bytes
    type: str = ""
    keys: str = ""
    has_decimals: bool = False
    text: bytes = b""


def read(query: Query, references: Sequence[str]) -> dict[str, Kept]:
    """Return the resources that exist."""
    found: dict[str, Kept] = {}
    for start in range(0, len(references), _AT_ONCE):
        part = references[start : start + _AT_ONCE]
        rows = query(f"{_READ} ({','.join('?' * len(part))})", part)
        found.update((row[2], Kept(*row)) for row in rows)
    return found


def search(query: Query, resource_type: str, parameters: Mapping[str, str], limit: int) -> list[Stored]:
    """Return resources by ``identifier`` or ``patient``, newest first.

    Raises:
        KeyError: the store does not search by a parameter.
    """
    keys = [_key_of(resource_type, name, value) for name, value in parameters.items()]
    values = [value for key in keys for value in (_sum(key), f"{_BETWEEN_KEYS}{key}{_BETWEEN_KEYS}")]
    sql = f"SELECT n, keys, {_COLUMNS} WHERE type = ?{_HAS_KEY * len(keys)} ORDER BY n DESC LIMIT ?"
    return [Kept(*row).stored() for row in query(sql, (resource_type, *values, limit))]


def row_of(write: Write | MetaWrite) -> Row:
    """Return a write as it goes into the tables.

    Raises:
        VersionConflict: it names a version that is none of ours.
    """
    if isinstance(write, MetaWrite):
        return Row(write.reference, _next_version(write), _encode_meta(write.meta))
    resource = {name: value for name, value in write.resource.items() if name != "meta"}
    keys = _BETWEEN_KEYS.join(sorted(set(_keys(resource))))
    text, has_decimals = exact_json.dumps_telling(resource)
    meta = _encode_meta(write.resource.get("meta", {}))
    return Row(write.reference, _next_version(write), meta, resource["resourceType"], keys, has_decimals, text)


def put(connection: sqlite3.Connection, rows: Sequence[Row], known: Mapping[str, Kept], now: str) -> list[Kept]:
    """Write all rows, or raise before the first; return them as they are held now.

    Args:
        known: What is held of their references.
    Raises:
        VersionConflict: a resource is not in the version that a row follows.
    """
    for row in rows:
        held = known.get(row.reference)
        if row.version - 1 != (0 if held is None else held.version):
            raise VersionConflict(row.reference)
    created = _create(connection, [row for row in rows if row.version == 1], now)
    return created + _change(connection, [(row, known[row.reference]) for row in rows if row.version > 1], now)


def time_of_write(now: datetime) -> str:
    """Return ``meta.lastUpdated`` of what is written now."""
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _next_version(write: Write | MetaWrite) -> int:
    try:
        return 1 if write.if_match is None else int(write.if_match) + 1
    except ValueError:
        raise VersionConflict(write.reference) from None


def _encode_meta(meta: Mapping[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")})


def _create(connection: sqlite3.Connection, rows: Sequence[Row], now: str) -> list[Kept]:
    if not rows:
        return []
    [(last,)] = connection.execute("SELECT coalesce(max(n), 0) FROM fhir_resource")
    created = [
        Kept(n, row.keys, row.reference, 1, now, row.meta, row.has_decimals, row.text)
        for n, row in enumerate(rows, last + 1)
    ]
    types = [row.type for row in rows]
    connection.executemany(
        _INSERT,
        [
            (one.n, one.reference, kind, one.keys, one.has_decimals, one.text)
            for one, kind in zip(created, types, strict=True)
        ],
    )
    connection.executemany(_INSERT_VERSION, [(one.n, now, one.meta) for one in created])
    connection.executemany(_ADD_KEY, [(_sum(key), one.n) for one in created for key in _split(one.keys)])
    connection.executemany(_COUNT, Counter(types).items())
    return created


def _change(connection: sqlite3.Connection, rows: Sequence[tuple[Row, Kept]], now: str) -> list[Kept]:
    connection.executemany(_UPDATE_VERSION, [(row.version, now, row.meta, held.n) for row, held in rows])
    changed = [(row, held) for row, held in rows if row.text]
    connection.executemany(_UPDATE, [(row.keys, row.has_decimals, row.text, held.n) for row, held in changed])
    for row, held in changed:
        if held.keys != row.keys:
            _index_anew(connection, held.n, held.keys, row.keys)
    return [_after(row, held, now) for row, held in rows]


def _after(row: Row, held: Kept, now: str) -> Kept:
    if not row.text:
        return held._replace(version=row.version, updated=now, meta=row.meta)
    return Kept(held.n, row.keys, row.reference, row.version, now, row.meta, row.has_decimals, row.text)


def _index_anew(connection: sqlite3.Connection, number: int, before: str, after: str) -> None:
    connection.executemany(
        "DELETE FROM fhir_key WHERE sum = ? AND n = ?", [(_sum(key), number) for key in _split(before)]
    )
    connection.executemany(_ADD_KEY, [(_sum(key), number) for key in _split(after)])


def _sum(key: str) -> int:
    return zlib.crc32(key.encode())


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
