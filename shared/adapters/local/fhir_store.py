"""A FHIR R4 store in SQLite: what a FHIR server is to the hub, for a laptop and for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from shared.adapters.local import fhir_table
from shared.adapters.local.database import Database, query_of
from shared.ports import Clock, MetaWrite, Stored, Write


class LocalFhirStore:
    """Resources by reference, with versions, ``If-Match`` and a small index for searching."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(self, references: Sequence[str]) -> dict[str, Stored]:
        return dict(fhir_table.read(self._database.read, references))

    async def write(self, writes: Sequence[Write | MetaWrite]) -> None:
        if not writes:
            return
        now, drafts = fhir_table.time_of_write(self._clock.now()), [fhir_table.draft_of(write) for write in writes]

        def work(connection: sqlite3.Connection) -> None:
            known = fhir_table.read(query_of(connection), [draft.reference for draft in drafts])
            writing = fhir_table.Writing(connection, now)
            writing.put(drafts, known)
            writing.close()

        await self._database.write(work)

    async def search(self, resource_type: str, parameters: Mapping[str, str], limit: int = 50) -> list[Stored]:
        if "_id" in parameters:
            found = await self.read([f"{resource_type}/{parameters['_id']}"])
            return list(found.values())
        return fhir_table.search(self._database.read, resource_type, parameters, limit)

    async def counts(self) -> dict[str, int]:
        return dict(self._database.read("SELECT type, number FROM fhir_count ORDER BY type"))
