"""The rows of a deliver session in Table Storage; the session is their partition (rule R3).

| key | row |
|---|---|
| ``owner`` | who may write, and what the session comes to; part of every transaction |
| ``w!<position>`` | a delivery in its lane, all of it |
| ``d!<message>!<delivery>`` | a delivery that was offered once: where it waits, or how it ended |
| ``q!<newest position>`` | that a person must look at it |

Two partitions are about no session: ``sessions`` lists them, ``status!<destination>`` holds what they share.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.azure.packed import pack_attempts, pack_delivery, unpack_attempts, unpack_delivery
from shared.adapters.azure.session_state import STOPPED, Owner, Waiting, is_waiting
from shared.adapters.azure.table import Row, Step, key, tag_of
from shared.adapters.local.instant import optional_instant, optional_microseconds
from shared.message.delivery import Attempt, Delivery
from shared.message.identifiers import MessageId

OWNER = "owner"
SESSIONS = "sessions"
END = "~"

_HIGHEST = 10**20 - 1
_ATTEMPTS_KEPT = 200  # the newest of one delivery: a column holds 32,000 characters


def waiting_key(position: int) -> str:
    return f"w!{position:020}"


def known_prefix(message: MessageId) -> str:
    return f"d!{key(message)}!"


def known_key(delivery: Delivery) -> str:
    return f"{known_prefix(delivery.item.message)}{delivery.id}"


def stopped_key(delivery: Delivery) -> str:
    return f"q!{_HIGHEST - delivery.position:020}"


def owner_step(before: Owner, after: Owner) -> Step:
    """Return the step that changes the owner row, on condition that it is the one we know."""
    wake = optional_microseconds(after.wake)
    columns = {
        "destination": after.destination,
        "epoch": str(after.epoch),  # as text: the SDK takes a number for 32 bits
        "wake": "" if wake is None else str(wake),
        "last": str(after.last),
        "waiting": str(after.waiting),
        "passed": str(after.passed),
        "movable": after.movable,
    }
    return Step("create" if before.tag is None else "update", OWNER, columns, before.tag)


def owner_of(row: Row | None) -> Owner:
    if row is None:
        return Owner()
    return Owner(
        destination=row["destination"],
        epoch=int(row["epoch"]),
        wake=optional_instant(int(row["wake"]) if row["wake"] else None),
        last=int(row["last"]),
        waiting=int(row["waiting"]),
        passed=int(row["passed"]),
        movable=row["movable"],
        tag=tag_of(row),
    )


def offer_steps(delivery: Delivery) -> list[Step]:
    """Return the rows of a delivery that nobody knows yet; where somebody does, nothing is written."""
    return [Step("create", known_key(delivery), _where(delivery)), waiting_step(Waiting(delivery))]


def waiting_step(waiting: Waiting) -> Step:
    return Step("put", waiting_key(waiting.delivery.position), _columns(waiting.delivery, waiting.attempts))


def change_steps(before: Delivery, after: Delivery, attempts: Sequence[Attempt]) -> list[Step]:
    """Return the rows that make a delivery what it is after a change."""
    steps: list[Step] = []
    if is_waiting(after):
        steps.append(waiting_step(Waiting(after, tuple(attempts))))
        if not is_waiting(before):
            steps.append(Step("put", known_key(after), _where(after)))
    else:
        steps.append(Step("put", known_key(after), _columns(after, attempts)))
        if is_waiting(before):
            steps.append(Step("delete", waiting_key(after.position), {}))
    was_stopped, is_stopped = before.state in STOPPED, after.state in STOPPED
    if is_stopped:
        named = {"message": after.item.message, "delivery": after.id}
        steps.append(Step("put", stopped_key(after), named))
    elif was_stopped:
        steps.append(Step("delete", stopped_key(after), {}))
    return steps


def waiting_of(row: Row) -> Waiting:
    """Return the delivery of a row that holds all of it."""
    return Waiting(unpack_delivery(row["delivery"]), unpack_attempts(row["attempts"]))


def waits_at(row: Row) -> str:
    """Return the key of the row where a known delivery waits; empty when it has ended and is in this row."""
    return str(row.get("at", ""))


def _where(delivery: Delivery) -> Row:
    return {"at": waiting_key(delivery.position)}


def _columns(delivery: Delivery, attempts: Sequence[Attempt]) -> Row:
    return {"delivery": pack_delivery(delivery), "attempts": pack_attempts(attempts[-_ATTEMPTS_KEPT:])}
