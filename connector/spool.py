"""The spool: one SQLite file, durable in groups. Whatever waits while a commit runs shares the next one.

Statements run on the event loop and take microseconds; the commit waits for the disk in a thread. Nobody is told that
something is durable before its commit has returned (WAL, synchronous=FULL); with a mirror, before both have.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from connector.arrivals import Arrival, Arrivals, insert
from connector.checkpoints import Checkpoints
from connector.cipher import Cipher
from connector.company import Company
from connector.copies import SPOOL
from connector.file_lock import FileLock
from connector.log import log
from connector.mirror import Mirror, Recorder
from connector.spool_file import COUNT_COMMIT, Storage, connect, define, named
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import SpoolBroughtBack
from shared.message.errors.storage import StorageFailed, StorageFull

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_GROUP_SECONDS = 0.004  # the loop is lent to one group for about so long
_ASK_AGAIN_SECONDS = 1.0  # a disk that was full, by the next commit
_SIZE_SECONDS = 0.25
_SIZE_MARGIN_BYTES = 64 << 20  # more than comes meanwhile


class Spool:
    """One connector's spool; one process at a time has it.

    Args:
        folder: Where it is; made when it is not there.
        limit_bytes: Beyond it, `is_full`.
        clock: Unix time.
        mirror: Folder of its second copy, on another disk.
        may_fall_behind: Where the mirror cannot follow, the spool goes on alone; otherwise it waits.

    Attributes:
        arrivals: What comes into its streams.
        epoch: The life of this process's numbering: greater than any before it, of this file or a copy of it.
        mirror: Its second copy.
        was_brought_back: At this start it was taken from its mirror.
        is_full: The file has reached its limit, or the disk had no room at the last commit, a moment ago.
    """

    def __init__(
        self,
        folder: Path,
        cipher: Cipher,
        limit_bytes: int,
        clock: Callable[[], float] = time.time,
        *,
        mirror: Path | None = None,
        may_fall_behind: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file = folder / SPOOL
        self.cipher = cipher
        self.clock = clock
        self.mirror = None if mirror is None else Mirror(mirror, self.file, may_fall_behind=may_fall_behind)
        self._lock = FileLock(folder / "spool.lock")
        self._limit = limit_bytes
        with Storage(), ExitStack() as undo:
            undo.callback(self._lock.release)
            self._open(undo)
            undo.pop_all()
        self.arrivals = Arrivals(self)
        self._checkpoints.start()
        self._jobs: deque[_Job] = deque()
        self._to_commit: SimpleQueue[list[_Job] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._commit_groups, name="commit", daemon=True)
        self._thread.start()
        self._is_running = False
        self._is_closed = False
        self._disk_full_until = 0.0  # by the monotonic clock
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
        if self._is_closed:  # no commit would come any more
            finish(None, StorageFailed("spool: closed"))
            return
        self._jobs.append(_Job(work, finish))
        self.begin()

    def begin(self) -> None:
        """Commit what waits at the end of this turn of the loop, unless a commit is under way."""
        if not self._is_running:
            self._is_running = True
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._run_works)

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a short, indexed query over what is committed."""
        return self._reader.execute(sql, parameters).fetchall()

    @property
    def is_full(self) -> bool:
        return time.monotonic() < self._disk_full_until or self.size_bytes > self._limit

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
            self._disk_full_until = 0.0  # the next commit finds out

    async def close(self) -> None:
        """Finish what was begun, fold the log into the file and let go of it."""
        if self._is_closed:
            return
        if self.mirror is not None:
            self.mirror.give_up()
        with suppress(IntegrationError):
            await self.write(lambda connection: None)
        self._is_closed = True
        self._to_commit.put(None)
        self._thread.join()
        self._checkpoints.stop()
        self._reader.close()
        with suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writer.close()
        if self.mirror is not None:
            self.mirror.close()
        self._lock.release()

    def _bring_back(self) -> bool:
        was_brought_back = self.mirror is not None and self.mirror.bring_back(int(self.clock() * 1000))
        if was_brought_back:
            log("spool_brought_back", logging.ERROR, code=SpoolBroughtBack.code)
        return was_brought_back

    def _open(self, undo: ExitStack) -> None:
        """Open the file, once both copies are in step; what was opened is closed where anything of it fails."""
        if self.mirror is not None:
            undo.callback(self.mirror.close)
        self.was_brought_back = self._bring_back()
        self._writer = connect(self.file, sqlite3.Connection if self.mirror is None else Recorder)
        undo.callback(self._writer.close)
        define(self._writer, self.cipher, self.file)
        if self.mirror is not None and isinstance(self._writer, Recorder):
            self.mirror.start(self._writer)
        self.epoch = self._begin_epoch()
        self._reader = connect(self.file)
        undo.callback(self._reader.close)
        self._reader.execute("PRAGMA query_only=ON")
        self._checkpoints = Checkpoints(self.file)

    def _begin_epoch(self) -> int:
        """Return a number that no life of this spool has had, once both copies know it.

        Time makes it so for a copy that comes back from a backup; the stored one for a clock that was set back.
        """
        found = self._writer.execute("SELECT value FROM fact WHERE name = 'epoch'").fetchone()
        epoch = max(int(self.clock() * 1000), (found[0] if found else 0) + 1)
        is_alone = self.mirror is None or self.mirror.is_behind
        self._writer.execute("BEGIN IMMEDIATE")
        self._writer.execute("INSERT OR REPLACE INTO fact VALUES ('epoch', ?)", (epoch,))
        self._writer.execute("INSERT OR REPLACE INTO fact VALUES ('alone', ?)", (is_alone,))
        self._commit_both()
        return epoch

    def _commit_both(self) -> None:
        self._writer.execute("COMMIT")
        if self.mirror is not None:
            self.mirror.follow()

    def _run_works(self) -> None:
        """Do what works wait, and let the thread commit it with what has arrived."""
        group: list[_Job] = []
        before = self._writer.total_changes
        try:
            if self._jobs:
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
            self._tell_and_go_on(group or [self._jobs.popleft()], error)
            return
        if self._writer.total_changes > before or self.arrivals:
            self._to_commit.put(group)
            return
        if self._writer.in_transaction:
            self._writer.execute("COMMIT")
        self._tell_and_go_on(group, None)

    def _tell_and_go_on(self, group: Sequence[_Job], failure: Exception | None) -> None:
        """Go on in another turn of the loop: any number of works may fail, and none within the one before."""
        try:
            self._tell(group, [], failure)
        finally:
            if self._jobs or self.arrivals:
                self._loop.call_soon(self._run_works)
            else:
                self._is_running = False

    def _commit_groups(self) -> None:
        """Commit, and go on by itself while messages arrive and no work waits for its turn on the loop."""
        company = Company(self.arrivals)
        while (group := self._to_commit.get()) is not None:
            goes_on = True
            while goes_on:
                if not group:
                    company.wait()
                arrived = self.arrivals.take()
                began = time.perf_counter()
                failure = self._commit(arrived)
                company.note(len(arrived), time.perf_counter() - began)
                goes_on = failure is None and bool(self.arrivals) and not self._jobs
                with suppress(RuntimeError):  # the loop has ended: nobody was told anything
                    self._loop.call_soon_threadsafe(partial(self._finish, group, arrived, failure, goes_on=goes_on))
                group = []

    def _commit(self, arrived: Sequence[Arrival]) -> Exception | None:
        """Return why nothing of a group was written; None: it is durable."""
        before = self._writer.total_changes
        try:
            if self.mirror is not None and not self._writer.in_transaction:
                self._writer.execute("BEGIN IMMEDIATE")
            if arrived:
                insert(self._writer, arrived)
            if self.mirror is not None:
                self._writer.execute(COUNT_COMMIT)
            if self._writer.in_transaction:
                self._commit_both()
        except Exception as error:  # noqa: BLE001  # a thread that ended would let everybody wait for ever
            self._roll_back()
            return error
        self._checkpoints.count(self._writer.total_changes - before)
        return None

    def _finish(
        self, group: Sequence[_Job], arrived: Sequence[Arrival], failure: Exception | None, *, goes_on: bool
    ) -> None:
        try:
            self._tell(group, arrived, failure)
        finally:  # whatever went wrong in it: nobody else would begin
            if not goes_on:
                if self._jobs or self.arrivals:
                    self._run_works()
                else:
                    self._is_running = False

    def _tell(self, group: Sequence[_Job], arrived: Sequence[Arrival], failure: Exception | None) -> None:
        error = named(failure) if isinstance(failure, sqlite3.Error) else failure
        self._disk_full_until = time.monotonic() + _ASK_AGAIN_SECONDS if isinstance(error, StorageFull) else 0.0
        if arrived:
            self.arrivals.tell(arrived, error)
        for job in group:
            job.finish(job.result, error)
        if not self._room.is_set() and not self.is_full:
            self._room.set()

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
