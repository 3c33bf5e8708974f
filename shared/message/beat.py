"""What a connector says of itself with each echo message, and how the hub keeps it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import orjson


class MirrorState(StrEnum):
    """How the second copy of a connector's spool is."""

    NONE = "none"
    IN_STEP = "in step"
    BEHIND = "behind"  # what is acknowledged is on one disk


class Certificate(NamedTuple):
    """A certificate in use: which of the connector's tables has it, and when it lapses; None: it cannot be read."""

    of: str
    lapses: datetime | None


class Beat(NamedTuple):
    """One echo of a connector.

    Attributes:
        sent: When it was put into the spool; it came behind everything that waited then.
        every_seconds: So long until the next one.
        waiting: Messages on their way up.
        oldest: When the oldest of them came; None: none waits.
        refused: Messages that it had acknowledged and the hub then refused: they wait for a person.
        held: Deliveries that wait for a person: rejected, or ambiguous.
    """

    connector: str
    version: str
    sent: datetime
    every_seconds: float
    waiting: int = 0
    oldest: datetime | None = None
    refused: int = 0
    held: int = 0
    spool_bytes: int = 0
    mirror: MirrorState = MirrorState.NONE
    certificates: tuple[Certificate, ...] = ()


class Heard(NamedTuple):
    """The newest beat of a connector, and when it reached the hub."""

    beat: Beat
    at: datetime


def encode_heard(heard: Heard) -> bytes:
    """Return a beat as the adapters keep it."""
    certificates = [(each.of, each.lapses) for each in heard.beat.certificates]
    return orjson.dumps(((*heard.beat[:-2], certificates, heard.beat.mirror), heard.at))


def decode_heard(kept: bytes | str) -> Heard:
    """Return the beat that `encode_heard` was given; one that was kept before it told of a mirror has none."""
    beat, at = orjson.loads(kept)
    connector, version, sent, every_seconds, waiting, oldest, refused, held, size, certificates, *more = beat
    return Heard(
        Beat(
            connector, version, datetime.fromisoformat(sent), every_seconds, waiting, _instant(oldest), refused, held,
            size, MirrorState(*more) if more else MirrorState.NONE,
            tuple(Certificate(of, _instant(lapses)) for of, lapses in certificates),
        ),
        datetime.fromisoformat(at),
    )  # fmt: skip


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
