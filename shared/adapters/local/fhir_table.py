"""The tables of the FHIR store in SQLite: statements over one connection, without any waiting.

What a message says again is known by its bytes: ``text`` is the resource without ``meta``, and stays as it is while
``meta`` alone moves on. So the two are rows of their own: the ``meta`` of what was created together share a page, and
moving on all that a message repeats writes one page instead of ten.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import orjson

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

Query = Callable[[str, Sequence[object]], list[Any]]

_AT_ONCE = 400  # SQLite takes 999 parameters in its oldest builds
_COLUMNS = "reference, version, updated, meta, decimals, text FROM fhir_resource JOIN fhir_version USING (n)"
_READ = f"SELECT {_COLUMNS} WHERE reference IN"  # noqa: S608  # a constant
_FIND = "SELECT reference, n, version, keys FROM fhir_resource JOIN fhir_version USING (n) WHERE reference IN"
_INSERT = "INSERT INTO fhir_resource VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_VERSION = "INSERT INTO fhir_version VALUES (?, 1, ?, ?)"
_ADD_KEY = "INSERT OR IGNORE INTO fhir_key VALUES (?, ?)"
_UPDATE = "UPDATE fhir_resource SET keys = ?, decimals = ?, text = ? WHERE n = ?"
_UPDATE_VERSION = "UPDATE fhir_version SET version = ?, updated = ?, meta = ? WHERE n = ?"
_COUNT = "INSERT INTO fhir_count VALUES (?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number"

_BETWEEN_KEYS = "\x1f"
_HAS_KEY = " AND n IN (SELECT n FROM fhir_key WHERE sum = ?) AND instr(char(31) || keys || char(31), ?)"
_ABSENT = (0, 0, "")

# Whom a resource is about, for the search parameters `patient` and `subject`.
_SUBJECTS = ("subject", "patient", "beneficiary", "individual")


class Row(NamedTuple):
    """One write, ready: everything that needs no look at the table is done. Without a text it is of ``meta`` alone."""

    reference: str
    version: int
    meta: bytes
    type: str = ""
    keys: str = ""
    has_decimals: bool = False
    text: bytes = b""


def read(query: Query, references: Sequence[str]) -> dict[str, Stored]:
    """Return the resources that exist."""
    found: dict[str, Stored] = {}
    for part in _parts(references):
        found.update((row[0], _stored(*row[1:])) for row in query(f"{_READ} ({_marks(part)})", part))
    return found


def search(query: Query, resource_type: str, parameters: Mapping[str, str], limit: int) -> list[Stored]:
    """Return resources by ``identifier`` or ``patient``, newest first.

    Raises:
        KeyError: the store does not search by a parameter.
    """
    keys = [_key_of(resource_type, name, value) for name, value in parameters.items()]
    values = [value for key in keys for value in (_sum(key), f"{_BETWEEN_KEYS}{key}{_BETWEEN_KEYS}")]
    sql = f"SELECT {_COLUMNS} WHERE type = ?{_HAS_KEY * len(keys)} ORDER BY n DESC LIMIT ?"  # noqa: S608
    return [_stored(*row[1:]) for row in query(sql, (resource_type, *values, limit))]


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


def put(connection: sqlite3.Connection, rows: Sequence[Row], now: str) -> None:
    """Write all rows, or raise before the first.

    Raises:
        VersionConflict: a resource is not in the version that a row follows.
    """
    known = _find(connection, [row.reference for row in rows])
    for row in rows:
        if known.get(row.reference, _ABSENT)[1] != row.version - 1:
            raise VersionConflict(row.reference)
    _create(connection, [row for row in rows if row.version == 1], now)
    _change(connection, [(row, *known[row.reference]) for row in rows if row.version > 1], now)


def _stored(version: int, updated: str, meta: bytes, has_decimals: int, text: bytes) -> Stored:
    def content() -> dict[str, Any]:
        kept = {**orjson.loads(meta), "versionId": str(version), "lastUpdated": updated}
        return {**exact_json.loads(text, may_hold_decimals=bool(has_decimals)), "meta": kept}

    return Stored(content, str(version), text, partial(orjson.loads, meta))


def _next_version(write: Write | MetaWrite) -> int:
    try:
        return 1 if write.if_match is None else int(write.if_match) + 1
    except ValueError:
        raise VersionConflict(write.reference) from None


def _encode_meta(meta: Mapping[str, Any]) -> bytes:
    return orjson.dumps({name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")})


def _find(connection: sqlite3.Connection, references: Sequence[str]) -> dict[str, tuple[int, int, str]]:
    """Return number, version and keys of the resources that exist."""
    found: dict[str, tuple[int, int, str]] = {}
    for part in _parts(references):
        for reference, number, version, keys in connection.execute(f"{_FIND} ({_marks(part)})", part):
            found[reference] = number, version, keys
    return found


def _create(connection: sqlite3.Connection, rows: Sequence[Row], now: str) -> None:
    if not rows:
        return
    [(last,)] = connection.execute("SELECT coalesce(max(n), 0) FROM fhir_resource")
    numbered = list(enumerate(rows, last + 1))
    connection.executemany(
        _INSERT, [(n, row.reference, row.type, row.keys, row.has_decimals, row.text) for n, row in numbered]
    )
    connection.executemany(_INSERT_VERSION, [(n, now, row.meta) for n, row in numbered])
    connection.executemany(_ADD_KEY, [(_sum(key), n) for n, row in numbered for key in _split(row.keys)])
    connection.executemany(_COUNT, Counter(row.type for row in rows).items())


def _change(connection: sqlite3.Connection, rows: Sequence[tuple[Row, int, int, str]], now: str) -> None:
    connection.executemany(_UPDATE_VERSION, [(row.version, now, row.meta, number) for row, number, _, _ in rows])
    changed = [(row, number, keys) for row, number, _, keys in rows if row.text]
    connection.executemany(_UPDATE, [(row.keys, row.has_decimals, row.text, number) for row, number, _ in changed])
    for row, number, keys in changed:
        if keys != row.keys:
            _index_anew(connection, number, keys, row.keys)


def _index_anew(connection: sqlite3.Connection, number: int, before: str, after: str) -> None:
    connection.executemany(
        "DELETE FROM fhir_key WHERE sum = ? AND n = ?", [(_sum(key), number) for key in _split(before)]
    )
    connection.executemany(_ADD_KEY, [(_sum(key), number) for key in _split(after)])


def _sum(key: str) -> int:
    return zlib.crc32(key.encode())


def _split(keys: str) -> list[str]:
    return keys.split(_BETWEEN_KEYS) if keys else []


def _parts(references: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(references), _AT_ONCE):
        yield references[start : start + _AT_ONCE]


def _marks(parameters: Sequence[str]) -> str:
    return ",".join("?" * len(parameters))


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
