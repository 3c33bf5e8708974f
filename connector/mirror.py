"""A second copy of the spool on another disk: it follows every commit of the first before anybody hears of it.

What a group changed is written down while it runs on the spool, and runs again on the mirror once the spool has it. So
the mirror is behind by one group at most, and nobody was promised anything of that one.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from connector.copies import SPOOL, bring_back, bring_into_step, is_damage, set_aside
from connector.file_lock import FileLock
from connector.log import log, log_failure
from connector.spool_file import connect, define_tables, found_in, look_at, named
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import MirrorLost
from shared.message.errors.storage import StorageFailed, StorageFull

RETRY_SECONDS = 1.0
REJOIN_SECONDS = 60.0


class Recorder(sqlite3.Connection):
    """Writes down what a transaction changes.

    Every statement of the spool gives the same result on the same tables: none asks for the time or for chance.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:  # as sqlite3 has them
        super().__init__(*arguments, **options)
        self.changes: list[tuple[str, list[Any]]] = []

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if sql.startswith("BEGIN"):
            self.changes = []
        elif sql.startswith(("INSERT", "UPDATE", "DELETE")):
            self.changes.append((sql, [parameters]))
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        rows = list(parameters)
        self.changes.append((sql, rows))
        return super().executemany(sql, rows)


class Mirror:
    """Follows a spool; used by one thread at a time.

    Args:
        folder: On another disk; never made here, so that a disk that is not mounted is not taken for an empty one.
        spool: The file of the spool.
        may_fall_behind: Where it cannot follow, the spool goes on alone; otherwise the spool waits.
    """

    def __init__(self, folder: Path, spool: Path, *, may_fall_behind: bool) -> None:
        self._file = folder / SPOOL
        self._spool = spool
        self._may_fall_behind = may_fall_behind
        self._connection: sqlite3.Connection | None = None
        self._lock: FileLock | None = None
        self._is_behind = False
        self._tried = float("-inf")
        self._closing = threading.Event()

    @property
    def is_behind(self) -> bool:
        """The spool has more than its mirror."""
        return self._is_behind

    def bring_back(self, moment: int) -> bool:
        """Make this copy the spool where the spool's own is older, damaged or gone; return whether it was.

        Raises:
            SpoolInUse: another process has the mirror.
            SpoolUnreadable: it is the mirror of another spool, or neither can be read.
        """
        if not self._file.parent.is_dir():
            return False
        self._lock = FileLock(self._file.with_name("spool.lock"))
        return bring_back(self._spool, self._file, moment)

    def start(self, writer: Recorder) -> None:
        """Bring the mirror into step with the spool, which this connection changes.

        Raises:
            MirrorLost: it cannot be, and may not fall behind.
        """
        self._writer = writer
        if not self._try() and not self._may_fall_behind:
            raise MirrorLost(str(self._file.parent))

    def follow(self) -> None:
        """Return once the mirror has what the spool has, or may be behind.

        Raises:
            StorageFailed: the wait was given up; the spool has the group, and nobody must hear so.
        """
        while not self._try() and not self._may_fall_behind:
            if self._closing.wait(RETRY_SECONDS):
                raise StorageFailed("mirror")

    def give_up(self) -> None:
        """Let nobody wait for the mirror any longer: the process ends."""
        self._closing.set()

    def close(self) -> None:
        """Let go of the file."""
        self._drop()

    def _try(self) -> bool:
        if self._may_fall_behind and self._is_behind and time.monotonic() < self._tried + REJOIN_SECONDS:
            return False
        self._tried = time.monotonic()
        try:
            if self._connection is None:
                self._join()
            else:
                self._repeat(self._connection)
        except (sqlite3.Error, OSError, IntegrationError) as error:
            self._lose(error)
            return False
        if self._is_behind:
            self._is_behind = False
            log("mirror_in_step")
        return True

    def _repeat(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for sql, rows in self._writer.changes:
            connection.executemany(sql, rows)
        connection.execute("COMMIT")

    def _join(self) -> None:
        """Open the mirror; where it differs, make it like the spool."""
        if not self._file.parent.is_dir():
            raise FileNotFoundError
        self._lock = self._lock or FileLock(self._file.with_name("spool.lock"))
        ours = found_in(self._writer)
        try:
            theirs = look_at(self._file)
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            set_aside(self._file, ours.stamp.epoch)
            theirs = None
        if theirs is not None and (theirs.identity != ours.identity or theirs.stamp > ours.stamp):
            raise MirrorLost("it is not the mirror of this spool")
        if theirs is not None and theirs.stamp < ours.stamp and ours.was_alone:
            set_aside(self._file, ours.stamp.epoch)
        if theirs is None or theirs.stamp < ours.stamp:
            bring_into_step(self._spool, self._file)
        self._connection = connect(self._file)
        define_tables(self._connection, self._file)

    def _lose(self, error: Exception) -> None:
        failure = named(error) if isinstance(error, sqlite3.Error) else error
        if not self._is_behind:
            log_failure("mirror_failed", failure)
            log("mirror_lost", logging.ERROR, code=MirrorLost.code)
        self._is_behind = True
        if isinstance(failure, StorageFull) and self._connection is not None and not self._may_fall_behind:
            _roll_back(self._connection)  # the same group again, when there is room
        else:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            _roll_back(connection)
            with suppress(sqlite3.Error):
                connection.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
