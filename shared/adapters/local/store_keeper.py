"""Writes canonical records to the store's file, in a process beside the hub.

A FHIR server is a system of its own: merging a message into what is stored costs as much as everything else that the
hub does for it, and here the other core does it. It is the file's only writer, so nothing comes between reading and
writing; whoever else reads the file sees whole groups.
"""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from shared.adapters.destinations.fhir_store import answer_to_applied
from shared.adapters.local import fhir_table
from shared.adapters.local.archive import read_body
from shared.adapters.local.database import connect, query_of
from shared.adapters.local.fhir_table import Kept, Writing, time_of_write
from shared.adapters.local.storage_error import storage_error
from shared.changes.apply import apply_record
from shared.deliver.answer import answer_to_store_error
from shared.message.delivery import Answer, Verdict
from shared.message.envelope import ArchiveRef
from shared.message.errors.base import IntegrationError
from shared.ports import Stored

LONGEST_RECENT = 64 * 1024
RECENT_LIMIT = 16 * 1024  # resources as they were read or written last, about 1.5 kB each


class Submission(NamedTuple):
    """One record for the store, read where the archive keeps it: it need not pass through two sockets again.

    Attributes:
        deadline: In seconds since 1970: after it nothing of this submission may be written.
        is_replay: See `apply_changes`.
    """

    record: ArchiveRef
    deadline: float
    is_replay: bool = False


class Taken(NamedTuple):
    """What became of a record: the answer to its delivery, and the codes of what was noticed."""

    answer: Answer
    findings: tuple[str, ...] = ()


class StoreKeeper:
    """Takes groups of records, one commit each. It can be pickled, and opens the file where it is unpickled."""

    def __init__(self, path: Path, archive: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._archive = archive
        self._now = now
        self._connection: sqlite3.Connection | None = None
        self._recent: OrderedDict[str, Kept] = OrderedDict()  # true, because nobody else writes

    def __call__(self, group: Sequence[Submission]) -> list[Taken]:
        """Return what became of each record, in order, once all of them are durable.

        An error that names one record (`SubjectConflict`, `RecordUnreadable`) leaves the others alone.

        Raises:
            StorageFull, StorageFailed: nothing of the group was written.
        """
        try:
            taken = self._commit(self._open(), group)
        except BaseException as error:
            self._recent.clear()
            if self._connection is not None and self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise storage_error(error) from None
            raise
        while len(self._recent) > RECENT_LIMIT:
            self._recent.popitem(last=False)
        return taken

    def __reduce__(self) -> tuple[Any, ...]:
        return StoreKeeper, (self._path, self._archive)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection

    def _commit(self, connection: sqlite3.Connection, group: Sequence[Submission]) -> list[Taken]:
        now = self._now()
        connection.execute("BEGIN IMMEDIATE")
        writing = Writing(connection, time_of_write(datetime.fromtimestamp(now, UTC)))
        taken = [self._take(connection, writing, one, now) for one in group]
        writing.close()
        connection.execute("COMMIT")
        return taken

    def _take(self, connection: sqlite3.Connection, writing: Writing, one: Submission, now: float) -> Taken:
        if now >= one.deadline:
            return Taken(Answer(Verdict.AMBIGUOUS, "timed_out"))
        try:
            applied = apply_record(
                read_body(self._archive, one.record), partial(self._read, connection), is_replay=one.is_replay
            )
        except IntegrationError as error:
            return Taken(answer_to_store_error(error))
        written = writing.put([fhir_table.draft_of(write) for write in applied.writes], self._recent)
        self._recent.update([(kept.reference, kept) for kept in written])
        for kept in written:
            if len(kept.text) > LONGEST_RECENT:
                del self._recent[kept.reference]
        return Taken(answer_to_applied(applied), tuple([finding.code for finding in applied.findings]))

    def _read(self, connection: sqlite3.Connection, references: Sequence[str]) -> dict[str, Stored]:
        recent = self._recent
        missing = [reference for reference in references if reference not in recent]
        if missing:
            recent.update(fhir_table.read(query_of(connection), missing))
        found: dict[str, Stored] = {}
        for reference in references:
            kept = recent.get(reference)
            if kept is not None:
                recent.move_to_end(reference)
                found[reference] = kept
        return found
