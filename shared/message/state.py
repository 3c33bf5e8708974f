"""The states of a message and of a delivery, and what may follow what."""

from __future__ import annotations

from enum import StrEnum


class MessageState(StrEnum):
    """How far a message is (one row of the ledger)."""

    RESERVED = "reserved"  # archived and numbered; not yet acknowledged
    ABANDONED = "abandoned"  # reserved long ago: its sender was not answered; a copy of it goes on from here
    QUEUED = "queued"  # in the queue: acknowledged, or about to be
    TRANSFORMED = "transformed"
    ROUTED = "routed"  # every delivery is known
    FILTERED = "filtered"  # no route wanted it; the reasons are kept
    QUARANTINED = "quarantined"  # kept until a person acts
    REFUSED = "refused"  # answered AR: the sender still has it; kept for a person, forgotten for duplicates
    DISCARDED = "discarded"  # a person gave the reason


# Numbered, and perhaps never sent on: whoever brings a copy sends it (rule R1).
UNSENT = frozenset({MessageState.RESERVED, MessageState.ABANDONED})
# Only a higher rank is a step forward.
RANK = {
    MessageState.RESERVED: 0,
    MessageState.ABANDONED: 1,
    MessageState.QUEUED: 2,
    MessageState.TRANSFORMED: 3,
    MessageState.ROUTED: 4,
    MessageState.FILTERED: 4,
    MessageState.QUARANTINED: 5,
    MessageState.REFUSED: 5,
    MessageState.DISCARDED: 6,
}
# The sender still has it, or a person threw it away: when it comes again it is new.
FORGOTTEN = frozenset({MessageState.REFUSED, MessageState.DISCARDED})
UNSETTLED = (*UNSENT, MessageState.QUEUED, MessageState.TRANSFORMED, MessageState.QUARANTINED)


class DeliveryState(StrEnum):
    """How far one message is on its way to one destination."""

    PARKED = "parked"  # in its lane, waiting for its turn or its next attempt
    INTENT = "intent"  # about to be sent, or sent with no answer yet
    ACCEPTED = "accepted"
    REVIEW = "review"  # ambiguous: it may have been taken
    QUARANTINED = "quarantined"
    DISCARDED = "discarded"
    SKIPPED = "skipped"  # of a replay: the destination has the same already, and nothing older came after it
    PASSED = "passed"  # a token: what it stood for has gone


# Nothing changes a delivery that is in one of these.
FINAL = (DeliveryState.ACCEPTED, DeliveryState.DISCARDED, DeliveryState.SKIPPED)
