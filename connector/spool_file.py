"""The file of a spool: its tables, how it is opened, and how far a copy of it is."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import NamedTuple

from connector.cipher import PROOF, Cipher
from shared.message.errors.base import IntegrationError
from shared.message.errors.connector import SpoolUnreadable
from shared.message.errors.storage import StorageFailed, StorageFull

SCHEMA_VERSION = 1
_CHECKPOINT_PAGES = 2048  # the log stays near 8 MB: so much room a disk that was full needs before it can recover
_CACHE_KILOBYTES = 16 * 1024
_IDENTITY_BYTES = 16

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

COUNT_COMMIT = "UPDATE fact SET value = value + 1 WHERE name = 'commits'"


class Stamp(NamedTuple):
    """How far a copy of a spool is: the greater of two is the newer.

    Attributes:
        commits: Groups that became durable while there was a mirror.
    """

    epoch: int
    commits: int


class Found(NamedTuple):
    """What a file says of itself.

    Attributes:
        identity: Of the spool: its copies have the same.
        was_alone: Its last start had no mirror: a mirror that is older may hold what this one does not.
    """

    identity: bytes
    stamp: Stamp
    was_alone: bool


class Storage:
    """Turns an error of SQLite into one of ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise named(error) from None


def named(error: sqlite3.Error) -> IntegrationError:
    """Return what an error of SQLite means: full, or failed."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_FULL":
        return StorageFull("spool")
    return StorageFailed(f"spool: {name or type(error).__name__}")


def connect(file: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    """Return a connection whose commits are on the disk when they return."""
    # Two threads use a connection, never at the same time: the loop begins nothing while a commit runs.
    connection = sqlite3.connect(
        file, isolation_level=None, check_same_thread=False, cached_statements=256, factory=factory
    )
    with ExitStack() as undo:  # a damaged file is set aside, and Windows gives no other name to one that is open
        undo.callback(connection.close)
        with suppress(OSError):
            file.chmod(0o600)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a commit is on the disk when it returns
        connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KILOBYTES}")
        connection.execute("PRAGMA temp_store=MEMORY")
        undo.pop_all()
    return connection


def define(connection: sqlite3.Connection, cipher: Cipher, file: Path) -> None:
    """Create the tables; refuse those of another version, or of another key."""
    define_tables(connection, file)
    facts = (("identity", os.urandom(_IDENTITY_BYTES)), ("commits", 0), ("proof", cipher.seal(PROOF, "proof")))
    connection.executemany("INSERT OR IGNORE INTO fact VALUES (?, ?)", facts)
    (kept,) = connection.execute("SELECT value FROM fact WHERE name = 'proof'").fetchone()
    if cipher.open(kept, "proof") != PROOF:
        raise SpoolUnreadable(f"{file}: written with a key")


def define_tables(connection: sqlite3.Connection, file: Path) -> None:
    """Create the tables; refuse those of another version."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found not in (0, SCHEMA_VERSION):
        raise SpoolUnreadable(f"{file}: version {found}")
    connection.executescript(SCHEMA)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")


def look_at(file: Path) -> Found | None:
    """Return what a file says of itself; None: nothing was ever in it.

    Raises:
        SpoolUnreadable: it is of another version.
        sqlite3.Error: it is damaged, or the disk does not give it.
    """
    if not file.exists():
        return None
    with closing(connect(file)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise SpoolUnreadable(f"{file}: version {version}")
        found = found_in(connection) if version else None
        return found if found is not None and found.stamp.epoch else None


def found_in(connection: sqlite3.Connection) -> Found:
    """Return what an open spool says of itself; epoch 0: it was never used."""
    facts = dict(connection.execute("SELECT name, value FROM fact").fetchall())
    stamp = Stamp(facts.get("epoch", 0), facts.get("commits", 0))
    return Found(facts.get("identity", b""), stamp, bool(facts.get("alone", 0)))
