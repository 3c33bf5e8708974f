"""Deliveries on their way down, as the spool keeps them: by the hub's delivery id, in the order in which they came."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from connector.spool import Spool
from connector.states import HOLDING, Down, DownEvent, after_down
from shared.message.errors.connector import DeliveryConflict
from shared.message.errors.pipeline import NotFound

_ADD = """INSERT INTO down (delivery, destination, lane, state, digest, control_id, attempts, code, changed, body)
          VALUES (?, ?, ?, ?, ?, ?, 0, '', ?, ?)"""
_FINAL = (Down.DELIVERED, Down.CANCELLED)
_HELD = ", ".join(f"'{state}'" for state in sorted(HOLDING))
_WAITS = f"'{Down.COMMITTED}', '{Down.SENDING}', {_HELD}"

# The oldest that waits, and nothing before it in its lane holds it. One line for all is one lane.
_NEXT = f"""
    SELECT id, delivery, lane, control_id, attempts, body FROM down AS head
    WHERE destination = ? AND state = '{Down.COMMITTED}' AND NOT EXISTS (
        SELECT 1 FROM down AS before WHERE before.destination = head.destination AND before.lane = head.lane
        AND before.id < head.id AND before.state IN ({{holding}}))
    ORDER BY id LIMIT ?"""  # noqa: S608  # states of ours, no input


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the hub hears of a delivery.

    Attributes:
        code: The system's own answer: MSA-1, or how the send ended without one.
        changed: Unix time.
    """

    state: Down
    code: str
    attempts: int
    changed: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery whose turn it may be."""

    id: int
    delivery: str
    lane: str
    control_id: str
    attempts: int
    body: bytes


class DownQueue:
    """Every delivery of this spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    async def take(self, delivery: str, destination: str, lane: str, control_id: str, body: bytes) -> Outcome:
        """Return the outcome of a delivery, once it is durable; the same again for one that came before.

        Raises:
            DeliveryConflict: another one has this id.
            StorageFull, StorageFailed: it is not kept.
        """
        digest = hashlib.sha256(f"{destination}\n{lane}\n".encode() + body).digest()

        def work(connection: sqlite3.Connection) -> Outcome | None:
            found = connection.execute(
                "SELECT state, code, attempts, changed, digest FROM down WHERE delivery = ?", (delivery,)
            ).fetchone()
            if found is not None:
                return _outcome(found[:4]) if found[4] == digest else None
            now = self._spool.clock()
            sealed = self._spool.cipher.seal(body, f"down {delivery}")
            connection.execute(
                _ADD,
                (delivery, destination, lane, Down.COMMITTED, digest, control_id, now, sealed),
            )
            return Outcome(Down.COMMITTED, "", 0, now)

        outcome = await self._spool.write(work)
        if outcome is None:
            raise DeliveryConflict(delivery)
        return outcome

    def outcome(self, delivery: str) -> Outcome:
        """Return what became of a delivery.

        Raises:
            NotFound: there is none of this id, or its outcome was forgotten.
        """
        found = self._spool.read("SELECT state, code, attempts, changed FROM down WHERE delivery = ?", (delivery,))
        if not found:
            raise NotFound("delivery")
        return _outcome(found[0])

    async def move(self, delivery: str, event: DownEvent, code: str = "", *, then: DownEvent | None = None) -> Outcome:
        """Return the outcome after something happened to a delivery, once it is durable.

        Args:
            then: What follows from that, in the same commit: nobody sees the state between the two.
        Raises:
            NotFound: there is none of this id.
            ValueError: it cannot happen to it as it is.
            StorageFull, StorageFailed: nothing was written.
        """
        problem: list[ValueError] = []

        def work(connection: sqlite3.Connection) -> Outcome | None:
            found = connection.execute(
                "SELECT state, code, attempts, changed FROM down WHERE delivery = ?", (delivery,)
            ).fetchone()
            if found is None:
                return None
            before = _outcome(found)
            try:
                state = after_down(before.state, event)
                state = state if then is None else after_down(state, then)
            except ValueError as error:
                problem.append(error)
                return before
            if state is before.state and not code:
                return before
            after = Outcome(
                state, code or before.code, before.attempts + (event is DownEvent.SENT), self._spool.clock()
            )
            connection.execute(
                _MOVE_FINAL if state in _FINAL else _MOVE, (state, after.code, after.attempts, after.changed, delivery)
            )
            return after

        outcome = await self._spool.write(work)
        if outcome is None:
            raise NotFound("delivery")
        if problem:
            raise problem[0]
        return outcome

    def next_for(self, destination: str, *, holds: bool, limit: int) -> list[Waiting]:
        """Return what may be sent, oldest first: the first of each lane, behind nothing that holds it.

        Args:
            holds: What was rejected, or is ambiguous, keeps its lane until somebody decides.
        """
        holding = _WAITS if holds else f"'{Down.COMMITTED}', '{Down.SENDING}'"
        rows = self._spool.read(_NEXT.format(holding=holding), (destination, limit))
        return [self._waiting(row) for row in rows]

    def head_of(self, destination: str, *, holds: bool) -> list[Waiting]:
        """Return the oldest delivery of a destination with one line for all; none where something before it holds."""
        first = {state: self._first(destination, state) for state in (Down.COMMITTED, Down.SENDING, *HOLDING)}
        head = first.pop(Down.COMMITTED)
        before = [first[Down.SENDING], *(first[state] for state in HOLDING if holds)]
        if head is None or any(id is not None and id < head for id in before):
            return []
        sql = "SELECT id, delivery, lane, control_id, attempts, body FROM down WHERE id = ?"
        return [self._waiting(row) for row in self._spool.read(sql, (head,))]

    def _first(self, destination: str, state: Down) -> int | None:
        found: int | None
        ((found,),) = self._spool.read(
            "SELECT MIN(id) FROM down WHERE destination = ? AND state = ?", (destination, state)
        )
        return found

    def _waiting(self, row: tuple[int, str, str, str, int, bytes]) -> Waiting:
        id, delivery, lane, control_id, attempts, sealed = row
        return Waiting(id, delivery, lane, control_id, attempts, self._spool.cipher.open(sealed, f"down {delivery}"))

    def interrupted(self, destination: str) -> list[str]:
        """Return the deliveries that were being sent when the last process ended."""
        sql = "SELECT delivery FROM down WHERE destination = ? AND state = ? ORDER BY id"
        return [delivery for (delivery,) in self._spool.read(sql, (destination, Down.SENDING))]

    def counts(self, destination: str) -> dict[Down, int]:
        """Return how many deliveries are in each state that is not final."""
        sql = f"SELECT state, COUNT(*) FROM down WHERE destination = ? AND state IN ({_WAITS}) GROUP BY state"  # noqa: S608
        return {Down(state): count for state, count in self._spool.read(sql, (destination,))}

    async def forget(self, before: float) -> int:
        """Return how many outcomes older than a Unix time were forgotten."""

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute("DELETE FROM down WHERE body IS NULL AND changed < ?", (before,)).rowcount

        return await self._spool.write(work)


_MOVE = "UPDATE down SET state = ?, code = ?, attempts = ?, changed = ? WHERE delivery = ?"
_MOVE_FINAL = "UPDATE down SET state = ?, code = ?, attempts = ?, changed = ?, body = NULL WHERE delivery = ?"

Move = Callable[[str, DownEvent, str], Outcome]


def _outcome(row: tuple[str, str, int, float]) -> Outcome:
    state, code, attempts, changed = row
    return Outcome(Down(state), code, attempts, changed)
