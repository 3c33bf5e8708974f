"""The tables of the FHIR store in SQLite: statements over one connection, without any waiting.

What a message says again is known by its bytes: ``text`` is the resource without ``meta``, and stays as it is while
``meta`` alone moves on. So the two are rows of their own: the ``meta`` of what was created together share a page, and
moving on all that a message repeats writes one page instead of ten.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from shared.adapters.local.database import Query
from shared.fhir import exact_json
from shared.message.errors.storage import VersionConflict
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

LONGEST_BOUND = 1 << 20
_AT_ONCE = 400  # SQLite takes 999 parameters in its oldest builds
_COLUMNS = "reference, version, updated, meta, decimals, text FROM fhir_resource JOIN fhir_version USING (n)"
_READ = f"SELECT n, keys, {_COLUMNS} WHERE reference IN"  # a constant
_INSERT = "INSERT INTO fhir_resource VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_VERSION = "INSERT INTO fhir_version VALUES (?, 1, ?, ?)"
_ADD_KEY = "INSERT OR IGNORE INTO fhir_key VALUES (?, ?)"
_UPDATE = "UPDATE fhir_resource SET keys = ?, decimals = ?, text = ? WHERE n = ?"
_UPDATE_VERSION = "UPDATE fhir_version SET version = ?, updated = ?, meta = ? WHERE n = ?"
_MAKE_ROOM = "UPDATE fhir_resource SET text = zeroblob(?) WHERE n = ?"
_COUNT = "INSERT INTO fhir_count VALUES (?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number"

_UNREAD: dict[str, Any] = {}
_BETWEEN_KEYS = "\x1f"
_HAS_KEY = " AND n IN (SELECT n FROM fhir_key WHERE sum = ?) AND instr(char(31) || keys || char(31), ?)"

# Whom a resource is about, for the search parameters `patient` and `subject`.
_SUBJECTS = ("subject", "patient", "beneficiary", "individual")


class Kept(Stored):
    """One resource as the tables hold it; parsed when it is asked for."""

    __slots__ = ("has_decimals", "keys", "meta_text", "n", "number", "reference", "updated")

    def __init__(
        self,
        n: int,
        keys: str,
        reference: str,
        number: int,
        updated: str,
        meta_text: bytes,
        has_decimals: int,
        text: bytes,
        meta: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(_UNREAD, str(number), text)
        self._meta = meta
        self.n = n
        self.keys = keys
        self.reference = reference
        self.number = number
        self.updated = updated
        self.meta_text = meta_text
        self.has_decimals = has_decimals

    @property
    def resource(self) -> dict[str, Any]:
        """The content."""
        if self._resource is _UNREAD:
            content = exact_json.loads(self.text, may_hold_decimals=bool(self.has_decimals))
            content["meta"] = {**self.meta, "versionId": self.version, "lastUpdated": self.updated}
            self._resource = content
        found: Any = self._resource
        return found  # type: ignore[no-any-return]

    @property
    def meta(self) -> dict[str, Any]:
        """Its ``meta``, without what the store keeps itself."""
        if self._meta is None:
            self._meta = orjson.loads(self.meta_text)
        found: Any = self._meta
        return found  # type: ignore[no-any-return]


class Draft(NamedTuple):
    """One write, ready: everything that needs no look at the tables is done. Without a text it is of ``meta`` alone."""

    reference: str
    number: int
    meta: dict[str, Any]
    meta_text: bytes
    keys: str = ""
    has_decimals: bool = False
    text: bytes = b""


def read(query: Query, references: Sequence[str]) -> dict[str, Kept]:
    """Return the resources that exist."""
    found: dict[str, Kept] = {}
    for start in range(0, len(references), _AT_ONCE):
        part = references[start : start + _AT_ONCE]
        rows = query(f"{_READ} ({','.join('?' * len(part))})", part)
        found.update([(row[2], Kept(*row)) for row in rows])
    return found


def search(query: Query, resource_type: str, parameters: Mapping[str, str], limit: int) -> list[Stored]:
    """Return resources by ``identifier`` or ``patient``, newest first.

    Raises:
        KeyError: the store does not search by a parameter.
    """
    keys = [_key_of(resource_type, name, value) for name, value in parameters.items()]
    values = [value for key in keys for value in (_sum(key), f"{_BETWEEN_KEYS}{key}{_BETWEEN_KEYS}")]
    sql = f"SELECT n, keys, {_COLUMNS} WHERE type = ?{_HAS_KEY * len(keys)} ORDER BY n DESC LIMIT ?"
    return [Kept(*row) for row in query(sql, (resource_type, *values, limit))]


def draft_of(write: Write | MetaWrite) -> Draft:
    """Return a write as it goes into the tables.

    Raises:
        VersionConflict: it names a version that is none of ours.
    """
    if isinstance(write, MetaWrite):
        return Draft(write.reference, _next_number(write), *_written_meta(write.meta))
    resource = write.resource.copy()
    meta = _written_meta(resource.pop("meta", {}))
    keys = _BETWEEN_KEYS.join(sorted(set(_keys(resource))))
    text, has_decimals = (write.text, False) if write.text else exact_json.dumps_telling(resource)
    return Draft(write.reference, _next_number(write), *meta, keys, has_decimals, write.text or exact_json.fitted(text))


class Writing:
    """What one transaction writes; `close` comes before its commit."""

    def __init__(self, connection: sqlite3.Connection, now: str) -> None:
        self._connection = connection
        self._now = now
        self._last = -1
        self._created: Counter[str] = Counter()

    def put(self, drafts: Sequence[Draft], known: Mapping[str, Kept]) -> list[Kept]:
        """Write all of them, or raise before the first; return them as they are held now.

        Args:
            known: What is held of their references.
        Raises:
            VersionConflict: a resource is not in the version that a draft follows.
        """
        for draft in drafts:
            held = known.get(draft.reference)
            if draft.number - 1 != (0 if held is None else held.number):
                raise VersionConflict(draft.reference)
        created = self._create([draft for draft in drafts if draft.number == 1])
        return created + self._change([(draft, known[draft.reference]) for draft in drafts if draft.number > 1])

    def close(self) -> None:
        """Count what was created."""
        self._connection.executemany(_COUNT, self._created.items())

    def _create(self, drafts: Sequence[Draft]) -> list[Kept]:
        if not drafts:
            return []
        if self._last < 0:
            [(self._last,)] = self._connection.execute("SELECT coalesce(max(n), 0) FROM fhir_resource")
        created = [self._after(draft, n) for n, draft in enumerate(drafts, self._last + 1)]
        self._last += len(created)
        types = [one.reference.partition("/")[0] for one in created]
        self._created.update(types)
        rows = zip(created, types, strict=True)
        self._connection.executemany(
            _INSERT, [(one.n, one.reference, kind, one.keys, one.has_decimals, _bound(one.text)) for one, kind in rows]
        )
        self._write_long((one.n, one.text) for one in created)
        self._connection.executemany(_INSERT_VERSION, [(one.n, self._now, one.meta_text) for one in created])
        self._connection.executemany(_ADD_KEY, [(total, one.n) for one in created for total in _sums(one.keys)])
        return created

    def _change(self, drafts: Sequence[tuple[Draft, Kept]]) -> list[Kept]:
        self._connection.executemany(
            _UPDATE_VERSION, [(draft.number, self._now, draft.meta_text, held.n) for draft, held in drafts]
        )
        changed = [(draft, held) for draft, held in drafts if draft.text]
        self._connection.executemany(
            _UPDATE, [(draft.keys, draft.has_decimals, _bound(draft.text), held.n) for draft, held in changed]
        )
        self._write_long((held.n, draft.text) for draft, held in changed)
        for draft, held in changed:
            if held.keys != draft.keys:
                self._index_anew(held.n, _sums(held.keys), _sums(draft.keys))
        return [self._after(draft, held.n, held) for draft, held in drafts]

    def _after(self, draft: Draft, n: int, held: Kept | None = None) -> Kept:
        said: Draft | Kept = held if held is not None and not draft.text else draft
        return Kept(
            n,
            said.keys,
            draft.reference,
            draft.number,
            self._now,
            draft.meta_text,
            said.has_decimals,
            said.text,
            draft.meta,
        )

    def _write_long(self, texts: Iterable[tuple[int, bytes]]) -> None:
        """Write the texts that were not bound: piece by piece, because SQLite copies what is bound to a statement."""
        for n, text in texts:
            if len(text) > LONGEST_BOUND:
                self._connection.execute(_MAKE_ROOM, (len(text), n))
                with self._connection.blobopen("fhir_resource", "text", n) as blob:
                    for start in range(0, len(text), LONGEST_BOUND):
                        blob.write(memoryview(text)[start : start + LONGEST_BOUND])

    def _index_anew(self, n: int, before: set[int], after: set[int]) -> None:
        gone, new = before - after, after - before
        self._connection.executemany("DELETE FROM fhir_key WHERE sum = ? AND n = ?", [(total, n) for total in gone])
        self._connection.executemany(_ADD_KEY, [(total, n) for total in new])


def time_of_write(now: datetime) -> str:
    """Return ``meta.lastUpdated`` of what is written now."""
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _next_number(write: Write | MetaWrite) -> int:
    try:
        return 1 if write.if_match is None else int(write.if_match) + 1
    except ValueError:
        raise VersionConflict(write.reference) from None


def _written_meta(meta: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return ``meta`` without what the store keeps itself, and as JSON."""
    if "versionId" in meta or "lastUpdated" in meta:
        meta = {name: value for name, value in meta.items() if name not in ("versionId", "lastUpdated")}
    return meta, exact_json.fitted(orjson.dumps(meta))


def _bound(text: bytes) -> bytes:
    return text if len(text) <= LONGEST_BOUND else b""


def _sums(keys: str) -> set[int]:
    return {_sum(key) for key in keys.split(_BETWEEN_KEYS)} if keys else set()


def _sum(key: str) -> int:
    """Return the checksum of a key; that of an identifier with its system is that of the identifier alone."""
    resource_type, parameter, value = key.split(" ", 2)
    return zlib.crc32(f"{resource_type} {parameter} {value.rpartition('|')[2]}".encode())


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
