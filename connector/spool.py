"""The spool: one SQLite file, durable in groups. Whatever waits while a commit runs shares the next one.

Statements run on the event loop and take microseconds; the commit waits for the disk in a thread. Nobody is told that
something is durable before its commit has returned (WAL, synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from connector.arrivals import Arrivals
from connector.cipher import PROOF, Cipher
from connector.file_lock import FileLock
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import SpoolUnreadable
from shared.message.errors.storage import StorageFailed, StorageFull

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

SCHEMA_VERSION = 1
_GROUP_SECONDS = 0.004  # the loop is lent to one group for about so long
_CHECKPOINT_PAGES = 2048  # the log stays under 8 MB: so much room a disk that was full needs before it can recover
_CACHE_KILOBYTES = 16 * 1024
_SIZE_SECONDS = 0.25
_SIZE_MARGIN_BYTES = 64 << 20  # more than comes meanwhile

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, confirmed TEXT NOT NULL DEFAULT '', confirmed_at REAL);
CREATE TABLE IF NOT EXISTS up (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL,
    state TEXT NOT NULL, received REAL NOT NULL, is_promised INTEGER NOT NULL, is_barrier INTEGER NOT NULL,
    control_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS up_stream ON up (stream, id);
CREATE INDEX IF NOT EXISTS up_barrier ON up (stream, id) WHERE is_barrier;
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, epoch INTEGER NOT NULL, n INTEGER NOT NULL,
    received REAL NOT NULL, control_id TEXT NOT NULL, code TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS down (
    id INTEGER PRIMARY KEY AUTOINCREMENT, delivery TEXT NOT NULL UNIQUE, destination TEXT NOT NULL,
    lane TEXT NOT NULL, state TEXT NOT NULL, digest BLOB NOT NULL, control_id TEXT NOT NULL, attempts INTEGER NOT NULL,
    code TEXT NOT NULL, changed REAL NOT NULL, body BLOB);
CREATE INDEX IF NOT EXISTS down_waiting ON down (destination, state, id);
CREATE INDEX IF NOT EXISTS down_lane ON down (destination, lane, state);
CREATE INDEX IF NOT EXISTS down_final ON down (changed) WHERE body IS NULL;
"""


class Spool:
    """One connector's spool; one process at a time has it.

    Args:
        folder: Where it is; made when it is not there.
        limit_bytes: Beyond it, `is_full`.
        clock: Unix time.

    Attributes:
        arrivals: What comes into its streams.
        epoch: The life of this process's numbering: greater than any before it, of this file or a copy of it.
        is_full: The file has reached its limit, or the disk had no room at the last commit.
    """

    def __init__(self, folder: Path, cipher: Cipher, limit_bytes: int, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file = folder / "spool.db"
        self.cipher = cipher
        self.clock = clock
        self._lock = FileLock(folder / "spool.lock")
        self._limit = limit_bytes
        try:
            self._writer = _connect(self.file)
            _define(self._writer, cipher, self.file)
            self.epoch = self._begin_epoch()
        except BaseException:
            self._lock.release()
            raise
        self._reader = _connect(self.file)
        self._reader.execute("PRAGMA query_only=ON")
        self.arrivals = Arrivals(self)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._jobs: deque[_Job] = deque()
        self._undo: list[Callable[[], None]] = []
        self._is_running = False
        self._has_room_on_disk = True
        self._size_known = -1.0
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()

    async def write(self, work: Work[T]) -> T:
        """Return what the work returned, once its changes are durable.

        Raises:
            StorageFull: the disk is full; nothing of the group was written.
            StorageFailed: the disk or the file failed; nothing of the group was written.
        """
        future = asyncio.get_running_loop().create_future()
        self.submit(work, partial(_settle, future))
        return await future  # type: ignore[no-any-return]  # the future of this work

    def submit(self, work: Work[T], finish: Callable[[T | None, Exception | None], None]) -> None:
        """Do the work with the next commit, then say what it returned, or why nothing of the group was written."""
        self._jobs.append(_Job(work, finish))
        if not self._is_running:
            self._is_running = True
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._run_group)

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a short, indexed query over what is committed."""
        return self._reader.execute(sql, parameters).fetchall()

    def on_undo(self, undo: Callable[[], None]) -> None:
        """Called by a work: what to do when its group cannot be committed."""
        self._undo.append(undo)

    @property
    def is_full(self) -> bool:
        return not self._has_room_on_disk or self.size_bytes > self._limit

    @property
    def size_bytes(self) -> int:
        """What payloads and rows take, without pages that are free again; far from the limit as it was a moment ago."""
        now = time.monotonic()
        if now - self._size_known > _SIZE_SECONDS or self._size > self._limit - _SIZE_MARGIN_BYTES:
            self._size_known = now
            names = ("page_count", "freelist_count", "page_size")
            pages, free, size = (self._reader.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
            self._size = (pages - free) * size
        return self._size

    async def wait_for_room(self, seconds: float) -> None:
        """Return when there may be room again."""
        if self.is_full:
            self._room.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._room.wait()
            self._has_room_on_disk = True  # the next commit finds out

    async def close(self) -> None:
        """Finish what was begun, fold the log into the file and let go of it."""
        with suppress(IntegrationError):
            await self.write(lambda connection: None)
        self._thread.shutdown()
        self._reader.close()
        with suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writer.close()
        self._lock.release()

    def _begin_epoch(self) -> int:
        """Return a number that no life of this spool has had.

        Time makes it so for a copy that comes back from a backup; the stored one for a clock that was set back.
        """
        found = self._writer.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone()
        epoch = max(int(self.clock() * 1000), (found[0] if found else 0) + 1)
        with _Storage():
            self._writer.execute("INSERT OR REPLACE INTO fact VALUES ('epoch', ?)", (epoch,))
        return epoch

    def _run_group(self) -> None:
        group: list[_Job] = []
        before = self._writer.total_changes
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            end = time.perf_counter() + _GROUP_SECONDS
            while self._jobs:
                job = self._jobs.popleft()
                group.append(job)
                job.result = job.work(self._writer)
                if time.perf_counter() > end:
                    break
        except Exception as error:  # noqa: BLE001  # whatever it is, whoever waits has to hear of it
            self._roll_back()
            self._finish(group or [self._jobs.popleft()], error)
        else:
            if self._writer.total_changes == before:
                self._writer.execute("COMMIT")
                self._finish(group, None)
            else:
                self._thread.submit(self._commit, group)

    def _commit(self, group: list[_Job]) -> None:
        failure = None
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            failure = error
            self._roll_back()
        with suppress(RuntimeError):  # the loop has ended: nobody was told anything
            self._loop.call_soon_threadsafe(self._finish, group, failure)

    def _finish(self, group: list[_Job], failure: Exception | None) -> None:
        error = _named(failure) if isinstance(failure, sqlite3.Error) else failure
        self._has_room_on_disk = not isinstance(error, StorageFull)
        undo, self._undo = self._undo, []
        if error is not None:
            for each in reversed(undo):
                each()
        for job in group:
            job.finish(job.result, error)
        if not self._room.is_set() and not self.is_full:
            self._room.set()
        if self._jobs:
            self._run_group()
        else:
            self._is_running = False

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")


class _Job:
    __slots__ = ("finish", "result", "work")

    def __init__(self, work: Work[Any], finish: Callable[[Any, Exception | None], None]) -> None:
        self.work = work
        self.finish = finish
        self.result: Any = None


def _settle(future: asyncio.Future[Any], result: object, error: Exception | None) -> None:
    if future.done():  # whoever waited has gone
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class _Storage:
    """Turns an error of SQLite into one of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise _named(error) from None


def _named(error: sqlite3.Error) -> IntegrationError:
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return StorageFull("spool")
    return StorageFailed(f"spool: {name or type(error).__name__}")


def _define(connection: sqlite3.Connection, cipher: Cipher, file: Path) -> None:
    """Create the tables; refuse those of another version, or of another key."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found not in (0, SCHEMA_VERSION):
        raise SpoolUnreadable(f"{file}: version {found}")
    with _Storage():
        connection.executescript(SCHEMA)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        sealed = cipher.seal(PROOF, "proof")
        connection.execute("INSERT OR IGNORE INTO fact VALUES ('proof', ?)", (sealed,))
    (kept,) = connection.execute("SELECT value FROM fact WHERE name = 'proof'").fetchone()
    if cipher.open(kept, "proof") != PROOF:
        raise SpoolUnreadable(f"{file}: written with a key")


def _connect(file: Path) -> sqlite3.Connection:
    # Two threads use a connection, never at the same time: the loop begins nothing while a commit runs.
    with _Storage():
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, cached_statements=256)
        with suppress(OSError):
            file.chmod(0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a commit is on the disk when it returns
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KILOBYTES}")
        connection.execute("PRAGMA temp_store=MEMORY")
    return connection
