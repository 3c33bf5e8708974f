"""Checkpoints of the spool in a thread of their own: the log goes into the file while commits go on.

SQLite would make them inside a commit, and whoever waits for that one would wait for some megabytes. What comes into
the log meanwhile is little, and SQLite brings it over itself at the end of a later commit: only then the log begins
anew. So it stays near its limit, and where this thread cannot follow, SQLite does the whole.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from connector.spool_file import connect

_PAGES = 1024  # of the log, about: half of what SQLite waits for
_PAGES_OF_A_COMMIT = 4  # and one for each row: too much for short messages, too little for long ones


class Checkpoints:
    """Makes them between `start` and `stop`."""

    def __init__(self, file: Path) -> None:
        self._connection = connect(file)
        self._pages = 0
        self._is_due = threading.Event()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, once the one that is under way is done."""
        self._is_ending = True
        self._is_due.set()
        self._thread.join()
        self._connection.close()

    def count(self, rows: int) -> None:
        """Called after a commit: so many rows were changed."""
        self._pages += rows + _PAGES_OF_A_COMMIT
        if self._pages >= _PAGES:
            self._pages = 0
            self._is_due.set()

    def _run(self) -> None:
        while self._is_due.wait() and not self._is_ending:
            self._is_due.clear()
            with suppress(sqlite3.Error):  # a full disk, a failing one: the next commit says so
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
