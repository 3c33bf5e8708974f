"""One SQLite file whose writers share their commits.

Work is run on the event loop and committed by a thread: a statement takes microseconds, a commit waits for the disk.
Running the statements in the thread as well would pass the interpreter lock to and fro for each of them: measured with
a busy loop, 16 writers got 250 commits a second that way and 2,800 this way. For the same reason `open_local` shortens
the switch interval: at its default a busy loop lets the thread in only every now and then.
"""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from shared.adapters.local.storage_error import storage_error
from shared.adapters.local.work_thread import WorkThread
from shared.message.errors.storage import HomeOutdated

T = TypeVar("T")
Query = Callable[[str, Sequence[object]], list[Any]]
Work = Callable[[sqlite3.Connection], T]

WAITING_LIMIT = 1024  # writes that wait for their commit; more wait for room
GROUP_SECONDS = 0.004  # the loop is lent to one group for about so long
# The log is folded into the file by the commit that makes it longer than this: a pause of some milliseconds. Folding it
# beside the commits, by another connection, was tried and did not shorten the slowest of a hundred.
CHECKPOINT_PAGES = 4096
CACHE_KILOBYTES = 16 * 1024
# The reader forgets its pages at every commit: more room would serve no second question, only let a long one, such as
# how much waits, leave holes in the memory as large as what it counted.
READER_CACHE_KILOBYTES = 1024
BUSY_SECONDS = 1.0


class Database:
    """A SQLite file, durable in groups: everything that waits while a commit runs shares the next one.

    It belongs to the event loop of its first write.

    Raises:
        HomeOutdated: the file was made with another schema.
    """

    def __init__(self, path: Path, schema: Sequence[str] = ()) -> None:
        with ExitStack() as undo:
            self._writer = undo.enter_context(closing(connect(path)))
            _define(self._writer, schema, path)
            self._reader = undo.enter_context(closing(connect(path)))
            self._reader.execute("PRAGMA query_only=ON")
            self._reader.execute(f"PRAGMA cache_size=-{READER_CACHE_KILOBYTES}")
            undo.pop_all()
        self._thread = WorkThread("commit")
        self._jobs: deque[_Job] = deque()
        self._is_running = False
        self._is_committing = False
        self._is_closed = False

    async def write(self, work: Work[T]) -> T:
        """Return what the work returned, once its changes are durable.

        An exception of the work is raised here, its changes are undone, and its neighbours in the group keep theirs.
        The work changes nothing but the database: it may be run a second time when a neighbour failed.

        Raises:
            StorageFull: the disk is full; nothing of the group was written.
            StorageFailed: the disk or the file failed; nothing of the group was written.
        """
        while len(self._jobs) >= WAITING_LIMIT:
            await asyncio.wait([self._jobs[0].future])
        if self._is_closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future())
        self._jobs.append(job)
        if not self._is_running:
            self._is_running = True
            loop.call_soon(self._run_group, loop)
        return await job.future  # type: ignore[no-any-return]  # the future of this work

    def write_now(self, work: Work[T]) -> T:
        """Run and commit the work while everybody waits; for the start, before the first `write`."""
        with self._writer:
            self._writer.execute("BEGIN IMMEDIATE")
            return work(self._writer)

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a short, indexed query over what is committed.

        The writer is asked while it commits nothing: it has the pages, and the reader forgets them at every commit.
        """
        connection = self._reader if self._is_committing else self._writer
        return connection.execute(sql, parameters).fetchall()

    async def close(self) -> None:
        """Finish what was begun, fold the log into the file and let go of it."""
        if self._is_closed:
            return
        await self.write(lambda connection: None)  # groups run in order: all earlier writes are settled
        self._is_closed = True
        self._thread.shutdown()
        self._reader.close()
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writer.close()

    def _run_group(self, loop: asyncio.AbstractEventLoop) -> None:
        group: list[_Job] = []
        before = self._writer.total_changes
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._run_jobs(group)
        except sqlite3.Error as error:
            self._roll_back()
            self._finish(loop, group or [self._jobs.popleft()], error)
        else:
            if self._writer.total_changes == before:
                self._writer.execute("COMMIT")  # nothing to wait for
                self._finish(loop, group, None)
            else:
                self._is_committing = True
                self._thread.submit(self._commit, loop, group)

    def _run_jobs(self, group: list[_Job]) -> None:
        end = perf_counter() + GROUP_SECONDS
        is_whole = True
        while self._jobs:
            job = self._jobs.popleft()
            if job.future.cancelled():
                continue
            group.append(job)
            is_whole = job.run(self._writer) and is_whole
            if perf_counter() > end:
                break
        if not is_whole:
            self._run_apart(group)

    def _run_apart(self, group: list[_Job]) -> None:
        """Run the group again, each job under a savepoint: one of them failed after it had changed something."""
        self._roll_back()
        self._writer.execute("BEGIN IMMEDIATE")
        for job in group:
            self._writer.execute("SAVEPOINT job")
            if not job.run(self._writer):
                self._writer.execute("ROLLBACK TO job")
            self._writer.execute("RELEASE job")

    def _commit(self, loop: asyncio.AbstractEventLoop, group: list[_Job]) -> None:
        failure = None
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            failure = error
            self._roll_back()
        loop.call_soon_threadsafe(self._finish, loop, group, failure)

    def _finish(self, loop: asyncio.AbstractEventLoop, group: list[_Job], failure: sqlite3.Error | None) -> None:
        self._is_committing = False
        for job in group:
            job.settle(failure)
        if self._jobs:
            loop.call_soon(self._run_group, loop)
        else:
            self._is_running = False

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            with suppress(sqlite3.Error):  # the next group cannot begin then, says so, and tries this again
                self._writer.execute("ROLLBACK")


class _Job:
    """One piece of work and who waits for it."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> bool:
        """Return False when the work failed and left changes behind."""
        before = connection.total_changes
        try:
            self.result, self.error = self.work(connection), None
        except Exception as error:  # it belongs to the caller, who gets it from the future
            if not connection.in_transaction and isinstance(error, sqlite3.Error):
                raise  # SQLite has rolled back the whole group
            self.error = error
            return connection.total_changes == before
        return True

    def settle(self, failure: sqlite3.Error | None) -> None:
        if self.future.done():
            return
        if failure is not None:
            self.future.set_exception(storage_error(failure))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def _define(connection: sqlite3.Connection, schema: Sequence[str], path: Path) -> None:
    """Create the tables; refuse those that another version made."""
    version = zlib.crc32("".join(schema).encode()) & 0x7FFFFFFF
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found not in (0, version):
        raise HomeOutdated(str(path))
    for script in schema:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version={version}")


def query_of(connection: sqlite3.Connection) -> Query:
    """Return how to ask a connection, within its transaction."""
    return lambda sql, parameters: connection.execute(sql, parameters).fetchall()


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits are on the disk when they return; it checks nothing else."""
    # Two threads use a connection, never at the same time: the loop begins nothing while a commit runs.
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    with ExitStack() as undo:
        undo.callback(connection.close)  # of a file that cannot be used
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a commit is on the disk when it returns
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KILOBYTES}")
        connection.execute("PRAGMA temp_store=MEMORY")
        undo.pop_all()
    return connection
