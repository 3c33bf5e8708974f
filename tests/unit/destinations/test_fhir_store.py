"""The store as a destination."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.destinations.fhir_store import CONFLICTS_LIMIT, FhirStoreDestination
from shared.adapters.local import fhir_table
from shared.adapters.local.database import Database
from shared.adapters.local.fhir_store import LocalFhirStore
from shared.changes.record import CanonicalRecord, encode_record
from shared.message.delivery import Answer, Verdict
from shared.message.errors.storage import StorageFailed, VersionConflict
from shared.ports import Stored, Write
from tests.doubles.clock import NOON, SettableClock
from tests.doubles.samples import delivery
from tests.unit.changes.samples import patient, record, visit

FHIR_JSON = "application/json"


class Impatient(SettableClock):
    """Nobody waits: sleeping is over at once."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)


class Disturbed:
    """A store where somebody else writes between reading and writing, so many times."""

    def __init__(self, store: LocalFhirStore, times: int, error: Exception | None = None) -> None:
        self._store = store
        self._times = times
        self._error = error
        self.reads = 0

    async def read(self, references: Sequence[str]) -> dict[str, Stored]:
        self.reads += 1
        return await self._store.read(references)

    async def write(self, writes: Sequence[Write]) -> None:
        if self._times:
            self._times -= 1
            raise self._error or VersionConflict("Patient")
        await self._store.write(writes)


Scenario = Callable[[LocalFhirStore], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scenario], None]:
    def run(scenario: Scenario) -> None:
        async def with_store() -> None:
            database = Database(tmp_path / "store.db", [fhir_table.SCHEMA])
            try:
                await scenario(LocalFhirStore(database, Impatient()))
            finally:
                await database.close()

        asyncio.run(with_store())

    return run


async def send(store: Any, one: CanonicalRecord | bytes, seconds: float = 10) -> Answer:
    destination = FhirStoreDestination(store, Impatient())
    body = one if isinstance(one, bytes) else encode_record(one)
    return await destination.send(delivery(1), body, FHIR_JSON, NOON + timedelta(seconds=seconds))


def test_a_record_is_stored_and_sent_again_changes_nothing(play: Callable[[Scenario], None]) -> None:
    """The destination is idempotent: an ambiguous delivery is simply sent again."""

    async def scenario(store: LocalFhirStore) -> None:
        first = await send(store, record(patient(), visit(), n=1, event="A01"))
        second = await send(store, record(patient(), visit(), n=1, event="A01"))

        assert first == Answer(Verdict.ACCEPTED, "stored 2")
        assert second == Answer(Verdict.ACCEPTED, "stored 0: older_not_written")
        assert await store.counts() == {"Encounter": 1, "Patient": 1}

    play(scenario)


def test_what_the_state_table_refuses_is_told_in_the_answer(play: Callable[[Scenario], None]) -> None:
    """The operator sees it in the trace of the message."""

    async def scenario(store: LocalFhirStore) -> None:
        await send(store, record(patient(), visit("finished"), n=1, event="A03"))
        answer = await send(store, record(patient(gender="other"), visit(), n=2, event="A01"))

        assert answer == Answer(Verdict.ACCEPTED, "stored 1, left out 1: state_refused")

    play(scenario)


def test_a_conflict_is_resolved_from_the_newer_version(play: Callable[[Scenario], None]) -> None:
    """Another session wrote the same organisation; nobody parks for that."""

    async def scenario(store: LocalFhirStore) -> None:
        disturbed = Disturbed(store, times=CONFLICTS_LIMIT - 1)
        answer = await send(disturbed, record(patient(), n=1))

        assert answer == Answer(Verdict.ACCEPTED, "stored 1")
        assert disturbed.reads == CONFLICTS_LIMIT

    play(scenario)


def test_conflicts_without_end_park_the_delivery(play: Callable[[Scenario], None]) -> None:
    """It gives way instead of spinning."""

    async def scenario(store: LocalFhirStore) -> None:
        answer = await send(Disturbed(store, times=1000), record(patient(), n=1))

        assert answer == Answer(Verdict.TRANSIENT, VersionConflict.code)

    play(scenario)


def test_writers_of_a_shared_resource_do_not_disturb_one_another(play: Callable[[Scenario], None]) -> None:
    """Every message of a hospital names the same organisation: it is written once."""
    organisation = {"resourceType": "Organization", "id": "h"}

    def admission(n: int) -> CanonicalRecord:
        person = patient(identifier=[{"value": str(n), "assigner": {"reference": "urn:uuid:h"}}]) | {"id": f"p{n}"}
        return record(organisation, person, n=n, source=f"feed {n}")

    async def scenario(store: LocalFhirStore) -> None:
        answers = await asyncio.gather(*(send(store, admission(n)) for n in range(20)))

        assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}
        assert (await store.read(["Organization/h"]))["Organization/h"].version == "1"
        assert await store.counts() == {"Organization": 1, "Patient": 20}

    play(scenario)


def test_a_result_stored_for_another_patient_is_quarantined(play: Callable[[Scenario], None]) -> None:
    """Design section 6: a filler number seen with another patient."""

    def result(subject: str, n: int) -> CanonicalRecord:
        about = {"reference": f"urn:uuid:{subject}"}
        observation = {"resourceType": "Observation", "id": "o", "status": "final", "subject": about}
        return record(patient() | {"id": subject}, observation, n=n, message="ORU", event="R01")

    async def scenario(store: LocalFhirStore) -> None:
        await send(store, result("p", 1))
        answer = await send(store, result("q", 2))

        assert answer == Answer(Verdict.PERMANENT, "STORE-011")
        assert await store.counts() == {"Observation": 1, "Patient": 1}

    play(scenario)


def test_a_body_that_is_no_record_is_quarantined(play: Callable[[Scenario], None]) -> None:
    """It will be none tomorrow either."""

    async def scenario(store: LocalFhirStore) -> None:
        assert await send(store, b"MSH|^~\\&|") == Answer(Verdict.PERMANENT, "STORE-012")

    play(scenario)


def test_a_failing_disk_parks_the_delivery(play: Callable[[Scenario], None]) -> None:
    """A person makes room; then it goes on by itself."""

    async def scenario(store: LocalFhirStore) -> None:
        answer = await send(Disturbed(store, 1, StorageFailed("disk")), record(patient(), n=1))

        assert answer == Answer(Verdict.TRANSIENT, StorageFailed.code)

    play(scenario)


def test_after_the_deadline_nothing_is_written(play: Callable[[Scenario], None]) -> None:
    """A successor may be at work by then (rule R3)."""

    async def scenario(store: LocalFhirStore) -> None:
        answer = await send(store, record(patient(), n=1), seconds=-1)

        assert answer == Answer(Verdict.AMBIGUOUS, "timed_out")
        assert await store.counts() == {}

    play(scenario)
