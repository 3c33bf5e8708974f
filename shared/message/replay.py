"""What a person asks for when messages are to go again: which ones, where to, and how it stands."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from shared.message.identifiers import DestinationId, InterfaceId, MessageId, OrderingKey, RunId
from shared.message.record import MessageRecord


class Selection(NamedTuple):
    """Which messages are meant: those that fit everything given.

    Attributes:
        key: Ordering key.
        mapping: Version of the mapping that was pinned at ingest; asked together with ``interface``.
        finding: Code of a finding noted about the message, or of the error that stopped it.
        since: Received at this time or later.
        until: Received before this time.
    """

    message: MessageId | None = None
    interface: InterfaceId | None = None
    key: OrderingKey | None = None
    mapping: str | None = None
    finding: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked: every message would fit."""
        return not any(self)


class Numbered(NamedTuple):
    """A message and its place in the ledger: of one ordering key, a higher number was received later."""

    number: int
    record: MessageRecord


class ReplayState(StrEnum):
    """How far a replay is."""

    SELECTING = "selecting"
    RUNNING = "running"
    DONE = "done"


class Replay(NamedTuple):
    """One order to send messages again.

    Attributes:
        run: Goes into every delivery id (rule R4).
        reached: Selecting: the number of the last message looked at.
        destinations: Where it goes; those that a replay never reaches are left out before.
        passed_by: Only messages that had a delivery to this destination; None: all that fit.
        allows_stale: Only what was selected goes, without what came after it.
        resends_accepted: What a destination accepted goes again even if it is the same.
    """

    run: RunId
    created: datetime
    selection: Selection
    destinations: tuple[DestinationId, ...]
    reason: str
    passed_by: DestinationId | None = None
    allows_stale: bool = False
    resends_accepted: bool = False
    state: ReplayState = ReplayState.SELECTING
    reached: int = 0


class OpenKey(NamedTuple):
    """An ordering key whose messages are being added to a replay.

    Attributes:
        reached: Number of the last message added.
        opened: What ``reached`` was at first: nothing up to it belongs to the replay.
    """

    key: OrderingKey
    reached: int
    opened: int = 0


class Passed(NamedTuple):
    """A message of a replay that left the stages before deliver: what it made there, or the error that stopped it."""

    run: RunId
    message: MessageId
    deliveries: int
    code: str = ""


class ReplayCounts(NamedTuple):
    """How many messages of a replay there are, were sent on, and came through transform and route.

    Attributes:
        stopped: Those of ``passed`` of which an error stopped at least one delivery before it came to its lane.
        deliveries: What the others made.
    """

    messages: int = 0
    sent: int = 0
    passed: int = 0
    stopped: int = 0
    deliveries: int = 0
