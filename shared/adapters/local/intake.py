"""Numbering and sending in one transaction: ledger and queue are tables of one file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from shared.adapters.local.database import Database
from shared.adapters.local.ledger_intake import number
from shared.adapters.local.ledger_moves import note_steps
from shared.adapters.local.queue import LocalQueue
from shared.message.patient import KeyDigest
from shared.message.record import Arrival, Reservation
from shared.message.state import MessageState
from shared.ports import Parcel


class LocalIntake:
    """The ledger and the broker of one home, as one."""

    def __init__(self, database: Database, digest: KeyDigest, queue: LocalQueue) -> None:
        self._database = database
        self._digest = digest
        self._queue = queue

    async def take(
        self,
        arrivals: Sequence[Arrival],
        window_seconds: float,
        queue: str,
        parcel_of: Callable[[Sequence[Reservation]], Parcel],
    ) -> None:
        def work(connection: sqlite3.Connection) -> Parcel:
            # The rows say at once what nearly all steps would: what is refused is moved on from there.
            numbered = number(connection, arrivals, window_seconds, self._digest, MessageState.QUEUED)
            parcel = parcel_of(numbered)
            self._queue.add(connection, queue, parcel.outgoing)
            note_steps(connection, parcel.steps)
            return parcel

        parcel = await self._database.write(work)
        self._queue.announce_sent(queue, parcel.outgoing)
