"""The rows of a deliver session in Table Storage; the session is their partition (rule R3).

| key | row |
|---|---|
| ``owner`` | who may write, and what the session comes to; part of every transaction |
| ``w!<position>`` | a delivery in its lane, all of it |
| ``d!<message>!<delivery>`` | a delivery that was offered once: where it waits, or how it ended |
| ``q!<newest position>`` | that a person must look at it |
| ``e!<place>`` | an entry of the session's chain: deliveries that one transaction settled for good |
| ``r!<run>`` | of a replay: how many of its deliveries are in which state |
| ``o!<ordering key>!<position>`` | of a replay: a delivery that the destination may have taken |

Two partitions are about no session: ``sessions`` lists them, ``status!<destination>`` holds what they share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from shared.adapters.azure.ledger_rows import digest
from shared.adapters.azure.packed import pack_attempts, pack_delivery, unpack_attempts, unpack_delivery
from shared.adapters.azure.session_state import STOPPED, Owner, Waiting, is_waiting
from shared.adapters.azure.table import Row, Step, key, tag_of
from shared.adapters.instant import optional_instant, optional_microseconds
from shared.message.delivery import Attempt, Delivery
from shared.message.envelope import Item, is_older
from shared.message.identifiers import LIVE, MessageId, OrderingKey, RunId
from shared.message.identifiers import Sequence as SourceSequence
from shared.message.state import FINAL

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


def run_key(run: RunId) -> str:
    return f"r!{key(run)}"


def sent_prefix(order: OrderingKey) -> str:
    return f"o!{digest(order)}!"


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
        "entries": str(after.entries),
        "digest": after.digest,
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
        entries=int(row["entries"]),
        digest=row["digest"],
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
    if after.item.run != LIVE and (before.may_have_arrived or after.may_have_arrived):
        steps.append(_sent_step(after))
    return steps


def run_step(run: RunId, counts: Mapping[str, int]) -> Step:
    """Return the row that counts the deliveries of a replay by state."""
    return Step("put", run_key(run), {"counts": orjson.dumps(dict(counts)).decode()})


def run_counts_of(row: Row | None) -> Counter[str]:
    return Counter({} if row is None else orjson.loads(row["counts"]))


def entry_step(after: Owner, settled: Sequence[Delivery]) -> Step:
    """Return the entry of deliveries that are settled for good; it is the owner's last one."""
    named = orjson.dumps([known_key(delivery) for delivery in settled]).decode()
    return Step("create", f"e!{after.entries:020}", {"deliveries": named, "digest": after.digest})


def deliveries_of(row: Row) -> list[str]:
    """Return the keys of the deliveries that an entry names."""
    return list(orjson.loads(row["deliveries"]))


def settled_of(row: Row) -> str | None:
    """Return what a delivery's row says once it is settled for good; None: it is not."""
    if waits_at(row) or waiting_of(row).delivery.state not in FINAL:
        return None
    return str(row["delivery"])


@dataclass(frozen=True, slots=True)
class Sent:
    """What a replay sent to a destination."""

    message: MessageId
    sequence: SourceSequence

    def is_older_than(self, item: Item) -> bool:
        """Tell whether it came before."""
        return is_older(self.message, self.sequence, item)


def sent_of(row: Row) -> Sent:
    message, sequence = orjson.loads(row["sent"])
    return Sent(MessageId(message), SourceSequence(*sequence))


def _sent_step(delivery: Delivery) -> Step:
    item = delivery.item
    said = orjson.dumps((item.message, tuple(item.sequence))).decode()
    named = f"{sent_prefix(item.key)}{delivery.position:020}"
    return Step("put", named, {"sent": said, "counts": delivery.may_have_arrived})


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
