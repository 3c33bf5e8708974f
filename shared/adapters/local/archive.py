"""The archive in files: append-only segments for each interface and retention class.

The segments are the truth. SQLite holds an index of the names, and for each folder how far the index has read it; what
a crash kept out of the index is read again at the next start.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import orjson

from shared.adapters.local.database import Database
from shared.adapters.local.disk import BINARY, read_at
from shared.adapters.local.journal import Journal, replay
from shared.adapters.local.segment import PREAMBLE_BYTES, Record, new_preamble, read_preamble, scan
from shared.adapters.local.segment_writer import SegmentWriter, Tail, segment_name
from shared.adapters.recent_bodies import RecentBodies
from shared.message.envelope import ArchiveRef
from shared.message.errors.storage import ArchiveDamaged, ArchivePurged
from shared.message.identifiers import InterfaceId
from shared.ports import Unit

SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (
    name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS archive_tail (
    folder TEXT PRIMARY KEY, number INTEGER NOT NULL, length INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS purged (segment TEXT PRIMARY KEY) WITHOUT ROWID;
"""

RAW = "raw"  # as received
OUTPUT = "output"  # made by a stage, kept under a name
RECENT_BYTES = 16 << 20
MARK_BYTES = 4 << 20  # a start reads at most about this much of a folder again

_LARGE_BYTES = 1 << 18  # reading more than this would hold up the loop
_NAMES_AT_ONCE = 1000
_PLACE = re.compile(r"([\w.-]+/(?:raw|output)/\d{8})@(\d+)")
_INTERFACE = re.compile(r"(?!\.)[\w.-]+")
# One statement for any number of names: SQLite keeps each text it was asked, with room for its parameters.
_FIND = "SELECT name, sha256, size, at FROM json_each(?) CROSS JOIN kept ON name = value"
_KEEP = "INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?)"
_MARK = "INSERT OR REPLACE INTO archive_tail VALUES (?, ?, ?)"


class LocalArchive:
    """Payloads in segment files; open it with `open_archive`."""

    def __init__(self, root: Path, database: Database, writer: SegmentWriter) -> None:
        self._root = root
        self._database = database
        self._writer = writer
        self._recent = RecentBodies(RECENT_BYTES)
        self._claims: dict[str, asyncio.Event] = {}  # names that are being kept just now

    async def put(self, interface: InterfaceId, bodies: Sequence[bytes]) -> list[ArchiveRef]:
        refs, tail = await self._writer.append(_folder(interface, RAW), [("", body) for body in bodies])
        self._recent.add(refs, bodies)
        if tail.length - tail.marked > MARK_BYTES:
            await self._index((), tail)
        return refs

    async def get(self, ref: ArchiveRef) -> bytes:
        recent = self._recent.find(ref)
        if recent is not None:
            return recent
        try:
            if ref.size > _LARGE_BYTES:
                return await asyncio.to_thread(read_body, self._root, ref)
            return read_body(self._root, ref)
        except ArchiveDamaged:
            segment = ref.at.partition("@")[0]
            if self._database.read("SELECT 1 FROM purged WHERE segment = ?", (segment,)):
                raise ArchivePurged(segment) from None
            raise

    async def keep(self, interface: InterfaceId, named: Sequence[tuple[str, bytes]]) -> list[ArchiveRef]:
        names = [name for name, _ in named]
        claim = await self._claim(names)
        try:
            kept = dict(zip(names, await self.find(names), strict=True))
            free: dict[str, bytes] = {}
            for name, body in named:
                if kept[name] is None:
                    free.setdefault(name, body)
            if free:
                refs, tail = await self._writer.append(_folder(interface, OUTPUT), list(free.items()))
                self._recent.add(refs, free.values())
                added = dict(zip(free, refs, strict=True))
                await self._index(added.items(), tail)
                kept |= added
        finally:
            self._release(names, claim)
        return [ref for name in names if (ref := kept[name]) is not None]

    async def find(self, names: Sequence[str]) -> list[ArchiveRef | None]:
        rows = self._database.read(_FIND, (orjson.dumps(names).decode(),))
        found = {name: ArchiveRef(*place) for name, *place in rows}
        return [found.get(name) for name in names]

    async def close_units(self, interface: InterfaceId) -> None:
        for folder in (_folder(interface, RAW), _folder(interface, OUTPUT)):
            await self._writer.begin_segment(folder)

    async def units(self, interface: InterfaceId, before: datetime) -> list[Unit]:
        found: list[Unit] = []
        for folder in (_folder(interface, RAW), _folder(interface, OUTPUT)):
            for path in sorted((self._root / folder).glob("*"))[:-1]:
                stat = path.stat()
                if stat.st_mtime < before.timestamp():
                    found.append(Unit(f"{folder}/{path.name}", stat.st_size))
        return found

    async def erase(self, units: Sequence[Unit]) -> int:
        rows = [(unit.at,) for unit in units]
        sql = "INSERT OR IGNORE INTO purged VALUES (?)"
        await self._database.write(lambda connection: connection.executemany(sql, rows))
        for unit in units:
            (self._root / unit.at).unlink(missing_ok=True)
        self._recent.forget({unit.at for unit in units})
        return len(units)

    async def close(self) -> None:
        """Finish what was begun and mark how far everything is indexed."""
        await self._writer.close()
        for tail in self._writer.tails:
            if tail.marked < tail.length:
                await self._index((), tail)

    async def _claim(self, names: Sequence[str]) -> asyncio.Event:
        """Wait until nobody else is keeping one of the names, then be the one who does."""
        while busy := next((self._claims[name] for name in names if name in self._claims), None):
            await busy.wait()
        claim = asyncio.Event()
        self._claims.update(dict.fromkeys(names, claim))
        return claim

    def _release(self, names: Sequence[str], claim: asyncio.Event) -> None:
        for name in names:
            self._claims.pop(name, None)
        claim.set()

    async def _index(self, added: Iterable[tuple[str, ArchiveRef]], tail: Tail) -> None:
        rows = [(name, ref.sha256, ref.size, ref.at) for name, ref in added]
        tail.marked = tail.length
        mark = tail.folder, tail.number, tail.length

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_KEEP, rows)
            connection.execute(_MARK, mark)

        await self._database.write(work)


def read_body(root: Path, ref: ArchiveRef) -> bytes:
    """Return a body from its segment, whoever writes there.

    Raises:
        ArchiveDamaged: the bytes are missing or are not those that were put.
    """
    place = _PLACE.fullmatch(ref.at)
    if place is None:
        raise ArchiveDamaged("no such place")
    try:
        descriptor = os.open(f"{root}/{place[1]}", os.O_RDONLY | BINARY)
    except FileNotFoundError:
        raise ArchiveDamaged(f"{ref.at}, no such segment") from None
    try:
        body = read_at(descriptor, ref.size, int(place[2]))
    finally:
        os.close(descriptor)
    if len(body) != ref.size or hashlib.sha256(body).hexdigest() != ref.sha256:
        raise ArchiveDamaged(f"{ref.at}, {ref.size} bytes")
    return body


def open_archive(root: Path, database: Database) -> LocalArchive:
    """Return the archive of a folder, its index complete and the torn end of a crash cut off."""
    root.mkdir(parents=True, exist_ok=True)
    generation = replay(root)
    marks = {folder: (number, length) for folder, number, length in database.read("SELECT * FROM archive_tail")}
    tails = {}
    for path in sorted(root.glob("*/*")):
        folder = f"{path.parent.name}/{path.name}"
        tail = _recover(path, folder, marks.get(folder, (0, 0)), database)
        if tail is not None:
            tails[folder] = tail
    return LocalArchive(root, database, SegmentWriter(root, tails, Journal(root, generation)))


def _recover(path: Path, folder: str, mark: tuple[int, int], database: Database) -> Tail | None:
    """Index what is new in a folder and return its tail; None when it has no segment."""
    tail = None
    for segment in sorted(path.iterdir()):
        number = int(segment.name)
        if number >= mark[0]:
            tail = _recover_segment(segment, folder, mark[1] if number == mark[0] else 0, database)
    return tail


def _recover_segment(segment: Path, folder: str, marked: int, database: Database) -> Tail:
    number = int(segment.name)
    descriptor = os.open(segment, os.O_RDWR | BINARY)
    try:
        preamble = read_preamble(descriptor)
        if preamble is None:
            return Tail(folder, number, 0, new_preamble())
        size = os.fstat(descriptor).st_size
        length = marked if PREAMBLE_BYTES <= marked <= size else PREAMBLE_BYTES
        records = scan(descriptor, preamble, length)
        while chunk := list(islice(records, _NAMES_AT_ONCE)):
            length = chunk[-1].end
            _index_records(chunk, folder, number, database)
        if length < size:
            os.ftruncate(descriptor, length)
            os.fsync(descriptor)
        return Tail(folder, number, length, preamble, length)
    finally:
        os.close(descriptor)


def _index_records(records: Sequence[Record], folder: str, number: int, database: Database) -> None:
    rows = list(_rows(records, segment_name(folder, number)))
    mark = folder, number, records[-1].end

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany(_KEEP, rows)
        connection.execute(_MARK, mark)

    database.write_now(work)


def _rows(records: Iterable[Record], segment: str) -> Iterator[tuple[str, str, int, str]]:
    for record in records:
        if record.name:
            yield record.name, record.sha256, record.size, f"{segment}@{record.start}"


def _folder(interface: InterfaceId, retention_class: str) -> str:
    if not _INTERFACE.fullmatch(interface):
        raise ValueError("an interface id names a folder: letters, digits, '_', '-' and '.'")
    return f"{interface}/{retention_class}"
