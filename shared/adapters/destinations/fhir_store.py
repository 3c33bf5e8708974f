"""The canonical store as a destination: it takes canonical records and makes the changes they ask for."""

from __future__ import annotations

import asyncio
from datetime import datetime

from shared.changes.apply import Applied, apply_changes, needed, needed_after
from shared.changes.change_set import ChangeSet, changes_of
from shared.deliver.answer import answer_to_store_error
from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.errors.base import IntegrationError
from shared.message.errors.storage import VersionConflict
from shared.message.identifiers import LIVE
from shared.observe.log import log
from shared.ports import Clock, FhirStore

CONFLICTS_LIMIT = 5  # then the delivery is parked: others write the same resources without pause
CONFLICT_WAIT_SECONDS = 0.01


class FhirStoreDestination:
    """Reads what a record touches, merges, and writes it back on condition that nobody wrote in between.

    Sending the same record again changes nothing: the store knows the source's sequence.
    """

    def __init__(self, store: FhirStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def send(self, delivery: Delivery, body: bytes, media_type: str, deadline: datetime) -> Answer:
        del media_type  # there is one
        try:
            async with asyncio.timeout((deadline - self._clock.now()).total_seconds()):
                applied = await self._store_record(changes_of(body), is_replay=delivery.item.run != LIVE)
        except TimeoutError:
            return Answer(Verdict.AMBIGUOUS, "timed_out")
        except IntegrationError as error:
            return answer_to_store_error(error)
        for finding in applied.findings:
            log("change_not_stored", message=delivery.item.message, code=finding.code)
        return answer_to_applied(applied)

    async def close(self) -> None:
        """The store is not ours to close."""

    async def _store_record(self, changes: ChangeSet, *, is_replay: bool) -> Applied:
        """Return what was written.

        Raises:
            VersionConflict: others wrote the same resources every time.
        """
        conflicts = 0
        while True:
            stored = await self._store.read(needed(changes))
            more = needed_after(changes, stored)
            if more:
                stored |= await self._store.read(more)
            applied = apply_changes(changes, stored, is_replay=is_replay)
            try:
                await self._store.write(applied.writes)
            except VersionConflict:
                conflicts += 1
                if conflicts == CONFLICTS_LIMIT:
                    raise
                await self._clock.sleep(CONFLICT_WAIT_SECONDS * conflicts)
            else:
                return applied


def answer_to_applied(applied: Applied) -> Answer:
    """Return what the store says once it holds what a record asked for: how much, and what was noticed, by code."""
    left_out = f", left out {len(applied.left_out)}" if applied.left_out else ""
    noticed = ", ".join(dict.fromkeys(finding.code for finding in applied.findings))
    return Answer(Verdict.ACCEPTED, f"stored {len(applied.writes)}{left_out}" + (noticed and f": {noticed}"))
