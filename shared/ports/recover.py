"""What a replay, the audit and the proof of the ledger are kept in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.message.audit import AuditEntry
from shared.message.chain import ChainHead, ChainReport
from shared.message.delivery import Delivery
from shared.message.identifiers import DestinationId, MessageId, OrderingKey, RunId
from shared.message.patient import PatientHash
from shared.message.replay import Numbered, OpenKey, Passed, Replay, ReplayCounts, ReplayState, Selection
from shared.message.state import DeliveryState


class History(Protocol):
    """The ledger, asked for what messages have in common."""

    @property
    def slack(self) -> int:
        """By how much the number of a message may be lower than one that was seen before it; 0: numbers only rise."""
        ...

    async def select(self, wanted: Selection, after: int = 0, limit: int = 500) -> list[Numbered]:
        """Return messages that fit, in the order of the ledger, with numbers above ``after``.

        Fewer than ``limit`` does not mean that there are no more; none does.
        """
        ...

    async def key_of(self, patient: PatientHash) -> OrderingKey | None:
        """Return the ordering key that a patient hash stands for; None: no message has it."""
        ...

    async def of_key(self, key: OrderingKey, after: int = 0, limit: int = 500) -> list[Numbered]:
        """Return the messages of an ordering key in order, with numbers above ``after``.

        Fewer than ``limit`` are all that there are.
        """
        ...


class Replays(Protocol):
    """The replays of this hub, and how far each is; durable on return."""

    async def begin(self, replay: Replay) -> Replay:
        """Record a replay, or return one with the same order that is not done: an order given twice is one order."""
        ...

    async def get(self, run: RunId) -> Replay | None: ...

    async def recent(self, limit: int = 20) -> list[Replay]:
        """Return the newest first."""
        ...

    async def unfinished(self) -> list[Replay]:
        """Return those that are not done, oldest first."""
        ...

    async def add(
        self, run: RunId, messages: Sequence[MessageId], keys: Sequence[OpenKey], reached: int | None = None
    ) -> int:
        """Add messages to the end, then open keys or move them on, then note up to which number was selected.

        A message that is there already stays where it is. A key is open at the lowest number it was first opened with.

        Returns:
            How many messages were new.
        """
        ...

    async def move(self, run: RunId, state: ReplayState) -> None: ...

    async def open_keys(self, run: RunId, limit: int) -> list[OpenKey]: ...

    async def close_keys(self, run: RunId, keys: Sequence[OrderingKey]) -> None: ...

    async def unsent(self, run: RunId, limit: int) -> list[MessageId]:
        """Return messages that were not sent on, in the order they were added."""
        ...

    async def mark_sent(self, run: RunId, messages: Sequence[MessageId]) -> None: ...

    async def mark_passed(self, passed: Sequence[Passed]) -> None:
        """Record what came of messages before deliver; told a second time, the last word about each counts."""
        ...

    async def counts(self, run: RunId) -> ReplayCounts: ...

    async def deliveries(self, run: RunId) -> dict[DestinationId, dict[DeliveryState, int]]:
        """Return how many deliveries of a replay are in which state, by destination."""
        ...

    async def overtaken(self, delivery: Delivery, position: int) -> bool:
        """Tell whether a replay sent an older message of the same key to the destination after this position."""
        ...


class Audit(Protocol):
    """What people did; only ever added to."""

    async def append(self, entry: AuditEntry) -> None:
        """Return once the entry is durable: what it is about happens after."""
        ...

    async def recent(self, limit: int = 50) -> list[AuditEntry]:
        """Return the newest first."""
        ...


class Chain(Protocol):
    """The hash chains over what was settled (rule R10): one for each partition."""

    async def verify(self, heads: Sequence[ChainHead] = ()) -> ChainReport:
        """Return what is wrong with any message or settled delivery: changed, missing, or put in from outside.

        Args:
            heads: Of earlier reports: each must still be on its chain.
        """
        ...

    async def heads(self, since: datetime) -> list[ChainHead]:
        """Return the heads of the chains, without a check; one that has not grown since may be left out."""
        ...
