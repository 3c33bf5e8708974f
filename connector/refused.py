"""What this spool had acknowledged and the hub then refused: kept for a person, who looks and mends the cause."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.cipher import Cipher
from connector.recover import open_copy
from shared.message.errors.connector import SpoolUnreadable

_SHOWN_LENGTH = 64
_ROWS = (
    "SELECT refused.id, stream.name, refused.received, refused.control_id, refused.code, LENGTH(refused.body)"
    " FROM refused JOIN stream ON stream.id = refused.stream ORDER BY refused.id"
)
_PAYLOAD = (
    "SELECT stream.name, refused.epoch, refused.n, refused.body"
    " FROM refused JOIN stream ON stream.id = refused.stream WHERE refused.id = ?"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """One message.

    Attributes:
        id: In the spool; ids rise over all of its streams.
        received: Unix time at which it was acknowledged here.
        control_id: MSH-10, without what a terminal would act on.
        code: What the hub said.
        size: Bytes in the spool.
    """

    id: int
    stream: str
    received: float
    control_id: str
    code: str
    size: int


def refused_in(file: Path) -> list[Refused]:
    """Return what was refused, oldest first; the connector may be running.

    Raises:
        SpoolUnreadable: the file is damaged.
    """
    rows = _read(file, _ROWS)
    return [Refused(id, stream, at, _shown(control_id), code, size) for id, stream, at, control_id, code, size in rows]


def taken_since(file: Path, id: int) -> int:
    """Return how many messages the spool has taken after one: any of the same patient would be set back by it."""
    newest: int = _read(file, "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'up'")[0][0]
    return max(0, newest - id)


def payload_in(file: Path, id: int, cipher: Cipher) -> bytes | None:
    """Return a refused message byte for byte; None: there is none with this id.

    Raises:
        SpoolUnreadable: the file is damaged, or was written with another key.
    """
    rows = _read(file, _PAYLOAD, (id,))
    if not rows:
        return None
    stream, epoch, n, sealed = rows[0]
    return cipher.open(sealed, f"up {stream} {epoch} {n}")


def write_payload(to: Path, payload: bytes) -> None:
    """Write a message where its owner alone can read it.

    Raises:
        FileExistsError: there is such a file; it is left alone.
    """
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(payload)


def _read(file: Path, sql: str, parameters: tuple[int, ...] = ()) -> list[Any]:
    try:
        with closing(open_copy(file)) as connection:
            return connection.execute(sql, parameters).fetchall()
    except sqlite3.Error as error:
        raise SpoolUnreadable(f"{file}: {type(error).__name__}") from None


def _shown(control_id: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in control_id[:_SHOWN_LENGTH])
