"""What the state tables are made of: what one event or code does to a resource in one stored state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

ABSENT = ""  # nothing is stored yet
STAYS = "stays"  # the stored status remains; without one, the message's
SENT = "sent"  # the message's status
FORWARD = "forward"  # the message's status where it is not behind the stored one, which stays otherwise
ONLY_FORWARD = "only forward"  # as above, and refused otherwise
FINAL = 10  # from this rank on, nothing of the same rank may follow


class Movement(StrEnum):
    """What an event does to the places of a visit."""

    REPLACE = "replace"  # the present places are those of the message; earlier ones remain as history
    ADVANCE = "advance"  # as above, and the place that was left becomes history
    UNDO = "undo"  # the present place was a mistake: it is dropped, and the one before it is present again


@dataclass(frozen=True, slots=True)
class Row:
    """What one event or code does.

    Attributes:
        moves: Stored status -> new status, or `STAYS`, `SENT`, `FORWARD`. A stored status that is missing: refused.
        sets: Elements that the event itself sets.
        deletes: Element paths that the event removes, whatever the message still says of them.
        withdraws: Element paths that the event takes back: what the message says of them counts, nothing stored does.
        movement: What becomes of ``Encounter.location``.
        status_only: Nothing but the status is taken from the message.
        heeds: Statuses that count before `moves` where the sender says them and they are not behind the stored one.
        source: Where the row comes from.
    """

    moves: Mapping[str, str]
    source: str
    sets: Mapping[str, object] = field(default_factory=dict)
    deletes: tuple[str, ...] = ()
    withdraws: tuple[str, ...] = ()
    movement: Movement = Movement.REPLACE
    status_only: bool = False
    heeds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one state machine.

    Attributes:
        statuses: Every stored status, `ABSENT` first.
        rank: How far on a status is, for `FORWARD`.
        otherwise: The key whose row a key without one gets; None: it is refused.
    """

    rows: Mapping[str, Row]
    statuses: tuple[str, ...]
    rank: Mapping[str, int] = field(default_factory=dict)
    otherwise: str | None = None

    def row_of(self, key: str) -> Row | None:
        """Return the row of an event or control code."""
        row = self.rows.get(key)
        return self.rows[self.otherwise] if row is None and self.otherwise is not None else row

    def next_status(self, key: str, stored: str, sent: str, *, is_said: bool = True) -> str | None:
        """Return the status after an event, or None when it is refused.

        Args:
            key: Event or control code.
            stored: The stored status, `ABSENT` when nothing is stored.
            sent: The message's status; empty when it has none.
            is_said: The sender said it; otherwise it is a default, which moves nothing forward.
        """
        row = self.row_of(key)
        target = row.moves.get(stored) if row is not None else None
        if row is None or target is None:
            return None
        if is_said and sent in row.heeds and (stored == ABSENT or self.is_forward(stored, sent)):
            return sent
        if target == SENT:
            return sent or stored
        if target in (FORWARD, ONLY_FORWARD):
            if stored == ABSENT or (is_said and self.is_forward(stored, sent)):
                return sent
            return stored if target == FORWARD or not is_said else None
        if target == STAYS:
            return stored or sent
        return target

    def is_forward(self, stored: str, sent: str) -> bool:
        """Tell whether a status sent may follow the stored one without going backward."""
        if not sent:
            return False
        before, after = self.rank.get(stored, 0), self.rank.get(sent, 0)
        return after > before or after == before < FINAL


def to(status: str, stored: Iterable[str]) -> dict[str, str]:
    """Return moves to one status from each of the stored ones."""
    return dict.fromkeys(stored, status)
