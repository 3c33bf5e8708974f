"""All local adapters of one home folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from shared.adapters.inline_workers import InlineWorkers
from shared.adapters.local import (
    archive,
    audit,
    barriers,
    chain,
    fhir_table,
    fleet,
    holds,
    identities,
    lanes,
    ledger,
    queue_table,
    replays,
)
from shared.adapters.local.archive import LocalArchive, open_archive
from shared.adapters.local.audit import LocalAudit
from shared.adapters.local.barriers import LocalBarriers
from shared.adapters.local.chain import LocalChain
from shared.adapters.local.clock import SystemClock
from shared.adapters.local.database import Database
from shared.adapters.local.fhir_store import LocalFhirStore
from shared.adapters.local.fleet import LocalFleet
from shared.adapters.local.folder import FolderLock
from shared.adapters.local.history import LocalHistory
from shared.adapters.local.holds import LocalHolds
from shared.adapters.local.identities import LocalIdentities
from shared.adapters.local.intake import LocalIntake
from shared.adapters.local.lanes import LocalLanes
from shared.adapters.local.ledger import LocalLedger
from shared.adapters.local.publisher import LocalPublisher
from shared.adapters.local.queue import LocalQueue, QueueRules
from shared.adapters.local.replays import LocalReplays
from shared.adapters.local.secrets import HUB_KEY, LocalSecrets
from shared.adapters.local.store_keeper import StoreKeeper, Submission, Taken
from shared.adapters.local.workers import ProcessWorkers
from shared.message.patient import key_digest
from shared.ports import Clock, Workers
from shared.settings import Settings, read_secrets

# See `database.py`: the threads that wait for the disk need the interpreter for microseconds, and soon.
SWITCH_SECONDS = 0.0001

_TABLES = (archive, audit, barriers, chain, fleet, holds, identities, lanes, ledger, queue_table, replays)

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LocalAdapters:
    """The ports of one home folder, which is theirs alone until `close`."""

    clock: Clock
    archive: LocalArchive
    ledger: LocalLedger
    history: LocalHistory
    audit: LocalAudit
    chain: LocalChain
    replays: LocalReplays
    queue: LocalQueue
    intake: LocalIntake | None
    lanes: LocalLanes
    barriers: LocalBarriers
    holds: LocalHolds
    identities: LocalIdentities
    fleet: LocalFleet
    fhir_store: LocalFhirStore
    publisher: LocalPublisher
    secrets: LocalSecrets
    hub_key: bytes
    database: Database
    store: Database
    lock: FolderLock
    worker_count: int
    store_keeper: ProcessWorkers[Sequence[Submission], list[Taken]] | None

    def workers(self, function: Callable[[J], R]) -> Workers[J, R]:
        """Return workers for a function: processes, or none where the settings want none."""
        return ProcessWorkers(function, self.worker_count) if self.worker_count else InlineWorkers(function)

    async def close(self) -> None:
        """Finish every write and let go of the folder."""
        if self.store_keeper is not None:
            await self.store_keeper.close()
        await self.archive.close()
        await self.database.close()
        await self.store.close()
        self.lock.release()


def open_local(settings: Settings, clock: Clock | None = None, rules: QueueRules | None = None) -> LocalAdapters:
    """Return the adapters of the home folder, created if needed and recovered from however it was left.

    Raises:
        HomeInUse: another process works there.
    """
    home, clock = settings.home, clock or SystemClock()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FolderLock(home)
    sys.setswitchinterval(SWITCH_SECONDS)
    secrets = LocalSecrets(home / "secrets", read_secrets())
    # One file for all: a step of a message touches ledger, queue and lanes, and they share a commit. Measured with 16
    # workers: 900 messages a second through all of them, 680 to 820 with two or three files.
    database = Database(home / "hub.db", [each.SCHEMA for each in _TABLES])
    # What the hub tells the world is not the hub's own state: it is kept, moved and erased by itself.
    store = Database(home / "store.db", [fhir_table.SCHEMA])
    hub_key = secrets.read(HUB_KEY).encode()
    digest = partial(key_digest, hub_key=hub_key)
    worker_count = _worker_count(settings)
    holding = LocalHolds(database)
    ledger, queue = LocalLedger(database, digest), LocalQueue(database, clock, rules)
    return LocalAdapters(
        clock=clock,
        archive=open_archive(home / "archive", database),
        ledger=ledger,
        history=LocalHistory(database, digest),
        audit=LocalAudit(database),
        chain=LocalChain(database),
        replays=LocalReplays(database),
        queue=queue,
        intake=LocalIntake(database, digest, queue),
        lanes=LocalLanes(database),
        barriers=LocalBarriers(database, clock, holding),
        holds=holding,
        identities=LocalIdentities(database),
        fleet=LocalFleet(database),
        fhir_store=LocalFhirStore(store, clock),
        publisher=LocalPublisher(),
        secrets=secrets,
        hub_key=hub_key,
        database=database,
        store=store,
        lock=lock,
        worker_count=worker_count,
        store_keeper=ProcessWorkers(StoreKeeper(home / "store.db", home / "archive"), 1) if worker_count else None,
    )


def _worker_count(settings: Settings) -> int:
    """Return how many processes work for the hub: one for each core but its own, and for each partition at most."""
    if sys.platform == "win32":
        return 0  # a process cannot have a socket for its standard input there
    if settings.workers is not None:
        return settings.workers
    return max(1, min((os.cpu_count() or 1) - 1, settings.partitions))
