"""Two copies of a spool: which is the newer, and how the older one comes into step."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from connector.spool_file import Found, connect, define_tables, look_at
from shared.message.errors.connector import SpoolUnreadable

SPOOL = "spool.db"
_TABLES = ("stream", "up", "refused", "down", "sqlite_sequence", "fact")  # the first column of each is its key


def bring_back(own: Path, mirror: Path, moment: int) -> bool:
    """Make the mirror's copy the spool where the spool's own is older, damaged or gone; return whether it was.

    What was there before is set aside under another name, never deleted.

    Args:
        moment: Part of that name.
    Raises:
        SpoolUnreadable: they are not copies of one spool, or neither can be read.
    """
    theirs = _read(mirror)
    if theirs is None:
        return False
    ours = _read(own)
    if isinstance(theirs, sqlite3.Error):
        if isinstance(ours, sqlite3.Error):
            raise SpoolUnreadable(f"{own}: and so is its mirror")
        return False
    if isinstance(ours, Found):
        if ours.identity != theirs.identity:
            raise SpoolUnreadable(f"{mirror}: the mirror of another spool")
        if ours.stamp >= theirs.stamp:
            return False
    set_aside(own, moment)
    bring_into_step(mirror, own)
    return True


def bring_into_step(newer: Path, older: Path) -> None:
    """Make one copy like the other, in one transaction: after a crash it is as before, or done.

    Only what differs is written.

    Raises:
        sqlite3.Error: a disk is full or fails.
    """
    with closing(connect(older)) as connection:
        define_tables(connection, older)
    with closing(connect(newer)) as connection:
        connection.execute("ATTACH ? AS older", (str(older),))
        connection.execute("PRAGMA older.synchronous=FULL")
        connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            _make_equal(connection, table)
        connection.execute("COMMIT")


def set_aside(file: Path, moment: int) -> None:
    """Give a copy another name, with what belongs to it."""
    for end in ("-wal", "-shm", ""):  # its log first: without it the file is older, and never damaged
        found = file.with_name(file.name + end)
        if found.exists():
            found.rename(file.with_name(f"{file.name}.aside-{moment}{end}"))


def _make_equal(connection: sqlite3.Connection, table: str) -> None:
    columns = [name for _, name, *_ in connection.execute(f"PRAGMA main.table_info({table})")]
    key, listed = columns[0], ", ".join(columns)
    same = " AND ".join([f"theirs.{key} = ours.{key}", *(f"theirs.{name} IS ours.{name}" for name in columns)])
    # SQLite's own table does not know its key: it is written anew.
    gone = "" if table == "sqlite_sequence" else f" WHERE {key} NOT IN (SELECT {key} FROM main.{table})"  # noqa: S608
    connection.execute(f"DELETE FROM older.{table}{gone}")  # noqa: S608
    connection.execute(
        f"INSERT OR REPLACE INTO older.{table} ({listed}) SELECT {listed} FROM main.{table} AS ours"  # noqa: S608
        f" WHERE NOT EXISTS (SELECT 1 FROM older.{table} AS theirs WHERE {same})"
    )


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether a file is no database any more; anything else may pass."""
    return getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _read(file: Path) -> Found | sqlite3.Error | None:
    """Return what a copy says of itself; an error: it is damaged; None: there is nothing."""
    try:
        return look_at(file)
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        return error
