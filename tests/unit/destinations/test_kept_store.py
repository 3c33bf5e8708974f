"""The laptop's store as a destination: records handed to its keeper, in groups."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.destinations.fhir_store import FhirStoreDestination
from shared.adapters.destinations.kept_store import GROUPS_UNDER_WAY, KeptStoreDestination
from shared.adapters.inline_workers import InlineWorkers
from shared.adapters.local import fhir_table, store_keeper
from shared.adapters.local.database import Database, connect
from shared.adapters.local.fhir_store import LocalFhirStore
from shared.adapters.local.store_keeper import StoreKeeper, Submission, Taken
from shared.changes.record import CanonicalRecord, encode_record
from shared.message.delivery import Answer, Delivery, Verdict
from shared.message.envelope import ArchiveRef
from shared.message.errors.storage import StorageFailed, WorkerLost
from tests.doubles.clock import NOON, SettableClock
from tests.doubles.samples import delivery
from tests.unit.changes.samples import patient, record, visit

SEGMENT = "ehr/output/00000001"


@pytest.fixture(autouse=True)
def closing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A keeper's connection ends with its process; here it ends with the test, as Python 3.13 wants it."""
    opened: list[sqlite3.Connection] = []

    def connect_and_note(path: Path) -> sqlite3.Connection:
        opened.append(connect(path))
        return opened[-1]

    monkeypatch.setattr(store_keeper, "connect", connect_and_note)
    yield
    for one in opened:
        one.close()


class Kept:
    """A store with its keeper, and an archive of the records that were sent."""

    def __init__(self, folder: Path, keeper: Any = None) -> None:
        self._segment = folder / SEGMENT
        self._segment.parent.mkdir(parents=True)
        self.clock = SettableClock()
        self.database = Database(folder / "store.db", [fhir_table.SCHEMA])
        self.store = LocalFhirStore(self.database, self.clock)
        self.keeper = keeper or InlineWorkers(
            StoreKeeper(folder / "store.db", folder, now=lambda: self.clock.now().timestamp())
        )
        self.destination = KeptStoreDestination(self.keeper, self.clock)

    def archived(self, body: bytes) -> Delivery:
        with self._segment.open("ab") as segment:
            at = segment.tell()
            segment.write(body)
        ref = ArchiveRef(hashlib.sha256(body).hexdigest(), len(body), f"{SEGMENT}@{at}")
        offered = delivery(1)
        return offered._replace(item=offered.item._replace(canonical=ref))

    async def send(self, one: CanonicalRecord | bytes, seconds: float = 10) -> Answer:
        body = one if isinstance(one, bytes) else encode_record(one)
        return await self.destination.send(self.archived(body), body, "", NOON + timedelta(seconds=seconds))


Play = Callable[[Callable[[Kept], Awaitable[None]]], None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    def run(scenario: Callable[[Kept], Awaitable[None]]) -> None:
        async def scene() -> None:
            kept = Kept(tmp_path)
            await scenario(kept)
            await kept.database.close()

        asyncio.run(scene())

    return run


def result(subject: str, n: int) -> CanonicalRecord:
    about = {"reference": f"urn:uuid:{subject}"}
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "subject": about}
    return record(patient() | {"id": subject}, observation, n=n, message="ORU", event="R01")


def test_a_record_is_stored_and_sent_again_changes_nothing(play: Play) -> None:
    """The destination is idempotent: an ambiguous delivery is simply sent again."""

    async def scenario(kept: Kept) -> None:
        first = await kept.send(record(patient(), visit(), n=1, event="A01"))
        second = await kept.send(record(patient(), visit(), n=1, event="A01"))

        assert first == Answer(Verdict.ACCEPTED, "stored 2")
        assert second == Answer(Verdict.ACCEPTED, "stored 0: older_not_written")
        assert await kept.store.counts() == {"Encounter": 1, "Patient": 1}

    play(scenario)


def test_a_record_that_cannot_be_stored_leaves_its_neighbours_alone(play: Play) -> None:
    """They share a commit, not a fate."""

    async def scenario(kept: Kept) -> None:
        bodies = [result("p", 1), b"MSH|^~\\&|", result("q", 2), record(patient(), visit(), n=3, event="A01")]
        answers = await asyncio.gather(*(kept.send(body) for body in bodies))

        assert [(answer.verdict, answer.code) for answer in answers] == [
            (Verdict.ACCEPTED, "stored 2"),
            (Verdict.PERMANENT, "STORE-012"),
            (Verdict.PERMANENT, "STORE-011"),  # a filler number seen with another patient
            (Verdict.ACCEPTED, "stored 2"),
        ]
        assert await kept.store.counts() == {"Encounter": 1, "Observation": 1, "Patient": 1}

    play(scenario)


def test_after_the_deadline_nothing_is_written(play: Play) -> None:
    """A successor may be at work by then (rule R3)."""

    async def scenario(kept: Kept) -> None:
        assert await kept.send(record(patient(), n=1), seconds=0) == Answer(Verdict.AMBIGUOUS, "timed_out")
        assert await kept.store.counts() == {}

    play(scenario)


def test_the_keeper_leaves_a_record_alone_that_comes_too_late(tmp_path: Path) -> None:
    """It may have waited behind others: what counts is when it would be written."""

    async def scene() -> None:
        kept = Kept(tmp_path)
        keeper = StoreKeeper(tmp_path / "store.db", tmp_path, now=lambda: NOON.timestamp())
        ref = kept.archived(encode_record(record(patient(), n=1))).item.canonical
        assert ref is not None

        taken = keeper([Submission(ref, NOON.timestamp())])

        assert taken == [Taken(Answer(Verdict.AMBIGUOUS, "timed_out"))]
        assert await kept.store.counts() == {}
        await kept.database.close()

    asyncio.run(scene())


def test_a_failing_disk_parks_the_deliveries(tmp_path: Path) -> None:
    """A person makes room; then it goes on by itself."""

    async def scene() -> None:
        kept = Kept(tmp_path, InlineWorkers(StoreKeeper(tmp_path / "nowhere" / "store.db", tmp_path)))
        answers = await asyncio.gather(kept.send(record(patient(), n=1)), kept.send(record(patient(), n=2)))
        assert answers == [Answer(Verdict.TRANSIENT, StorageFailed.code)] * 2
        await kept.database.close()

    asyncio.run(scene())


class Breaking:
    """Workers whose process ends at one record, whoever comes with it."""

    def __init__(self, keeper: StoreKeeper, at: int) -> None:
        self._keeper = keeper
        self._at = at

    async def run(self, jobs: Sequence[Sequence[Submission]]) -> list[list[Taken]]:
        [group] = jobs
        if any(one.record.size == self._at for one in group):
            raise WorkerLost("EOFError")
        return [self._keeper(group)]


def test_a_record_that_ends_the_keeper_is_found_alone(tmp_path: Path) -> None:
    """Its neighbours are stored; it is tried again, and put aside in the end (rule R5)."""

    async def scene() -> None:
        bad = encode_record(record(patient(gender="other"), n=2))
        kept = Kept(tmp_path)
        kept.destination = KeptStoreDestination(
            Breaking(StoreKeeper(tmp_path / "store.db", tmp_path), len(bad)),  # type: ignore[arg-type]
            kept.clock,
        )
        answers = await asyncio.gather(kept.send(record(visit(), n=1, event="A01"), 1e9), kept.send(bad, 1e9))

        assert [answer.verdict for answer in answers] == [Verdict.ACCEPTED, Verdict.TRANSIENT]
        await kept.database.close()

    asyncio.run(scene())


class Waiting:
    """Workers that answer when they are told to."""

    def __init__(self) -> None:
        self.told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked = asyncio.Semaphore(0)

    async def run(self, jobs: Sequence[Sequence[Submission]]) -> list[list[Taken]]:
        self.asked.release()
        await self.told
        return [[Taken(Answer(Verdict.ACCEPTED, "stored 1")) for _ in group] for group in jobs]


def test_a_record_that_comes_while_all_groups_end_is_handed_over(tmp_path: Path) -> None:
    """It would wait until another one comes, or until its time is over."""

    async def scene() -> None:
        keeper = Waiting()
        kept = Kept(tmp_path, keeper)
        under_way = []
        for n in range(1, GROUPS_UNDER_WAY + 1):
            under_way.append(asyncio.create_task(kept.send(record(patient(), n=n))))
            await keeper.asked.acquire()

        async def come() -> Answer:
            await keeper.told  # behind the groups, in the same turn of the loop
            return await kept.send(record(patient(), n=9))

        late = asyncio.create_task(come())
        await asyncio.sleep(0)
        keeper.told.set_result(None)

        async with asyncio.timeout(20):
            answers = await asyncio.gather(late, *under_way)
        assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
        await kept.database.close()

    asyncio.run(scene())


def test_the_keeper_does_what_reading_and_writing_does(tmp_path: Path) -> None:
    """One merge, two ways to the file: what is stored is the same."""
    feed = [
        record(patient(name=[{"family": "Alt"}]), visit(), n=1, event="A01"),
        record(patient(name=[{"family": "Neu"}], gender="female"), n=2, event="A08"),
        record(patient(name=[{"family": "Alt"}]), n=1, event="A08"),  # late: an older one changes nothing
        record(patient(), visit("finished"), n=4, event="A03"),
        result("p", 5),
    ]

    async def scene() -> None:
        kept = Kept(tmp_path / "kept")
        (tmp_path / "asked").mkdir()
        database = Database(tmp_path / "asked" / "store.db", [fhir_table.SCHEMA])
        asked = LocalFhirStore(database, kept.clock)
        by_asking = FhirStoreDestination(asked, kept.clock)
        for one in feed:
            body = encode_record(one)
            answers = await kept.send(one), await by_asking.send(delivery(1), body, "", NOON + timedelta(seconds=9))
            assert answers[0] == answers[1]
        references = ["Patient/p", "Encounter/v", "Observation/o"]
        stored = [await store.read(references) for store in (kept.store, asked)]
        assert stored[0].keys() == set(references)
        for name in references:
            assert stored[0][name].resource == stored[1][name].resource
        await kept.database.close()
        await database.close()

    asyncio.run(scene())
