"""After a spool was lost or restored: from which message each sender has to send again."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from connector.copies import SPOOL
from connector.spool_file import Stamp, found_in
from shared.message.errors.connector import SpoolUnreadable


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The last message of a stream that the hub has.

    Attributes:
        control_id: Its MSH-10; empty: the hub has none.
        at: Unix time at which the hub said so.
        waiting: Messages that are here and not yet there.
    """

    stream: str
    control_id: str
    at: float | None
    waiting: int


def newest_copy(folder: Path, mirror: Path | None) -> Path:
    """Return the spool's file, or its mirror's where that is newer or the only one that can be read.

    Raises:
        SpoolUnreadable: there is none.
    """
    files = [place / SPOOL for place in (folder, mirror) if place is not None]
    stamps = {file: stamp for file in files if (stamp := _stamp(file)) is not None}
    if not any(file.exists() for file in files):
        raise SpoolUnreadable(f"{' and '.join(map(str, files))}: there is none; no connector has run here yet?")
    if not stamps:
        raise SpoolUnreadable(f"{' and '.join(map(str, files))}: damaged")
    return max(stamps, key=lambda file: stamps[file])  # the first of equal ones: the spool's own


def last_confirmed(file: Path) -> list[Confirmed]:
    """Return the last confirmed message of every stream; the connector may be running.

    Raises:
        SpoolUnreadable: it is damaged.
    """
    try:
        with closing(open_copy(file)) as connection:
            rows = connection.execute(
                "SELECT name, confirmed, confirmed_at, (SELECT COUNT(*) FROM up WHERE up.stream = stream.id)"
                " FROM stream ORDER BY name"
            ).fetchall()
    except sqlite3.Error as error:
        raise SpoolUnreadable(f"{file}: {type(error).__name__}") from None
    return [Confirmed(*row) for row in rows]


def _stamp(file: Path) -> Stamp | None:
    if not file.exists():
        return None
    try:
        with closing(open_copy(file)) as connection:
            return found_in(connection).stamp
    except sqlite3.Error:
        return None


def open_copy(file: Path) -> sqlite3.Connection:
    """Return a connection that only reads; the connector may be running."""
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
