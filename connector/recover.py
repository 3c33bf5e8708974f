"""After a spool was lost or restored: from which message each sender has to send again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

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


def last_confirmed(folder: Path) -> list[Confirmed]:
    """Return the last confirmed message of every stream; the connector may be running.

    Raises:
        SpoolUnreadable: there is no spool, or it is damaged.
    """
    file = folder / "spool.db"
    if not file.exists():
        raise SpoolUnreadable(f"{file}: not there")
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute(
            "SELECT name, confirmed, confirmed_at, (SELECT COUNT(*) FROM up WHERE up.stream = stream.id) FROM stream"
            " ORDER BY name"
        ).fetchall()
    except sqlite3.Error as error:
        raise SpoolUnreadable(f"{file}: {type(error).__name__}") from None
    finally:
        connection.close()
    return [Confirmed(*row) for row in rows]
