"""The store over HTTP: what its contract does not say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.adapters.azure.fhir_store import BUNDLE_LIMIT, TYPES, HttpFhirStore
from shared.message.errors.storage import AzureRefused, AzureUnavailable, VersionConflict
from shared.ports import Write
from tests.doubles.clock import SettableClock
from tests.doubles.fhir_server import FhirServer
from tests.doubles.in_thread import ServerInThread

TOKEN = "a token"


async def token() -> str:
    return TOKEN


async def another() -> str:
    return "another token"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[FhirServer, str]]:
    double = FhirServer(tmp_path / "store.db", SettableClock(), TOKEN)
    with ServerInThread(double.application()) as running:
        yield double, running.url


def patient(name: str, if_match: str | None = None, **elements: str) -> Write:
    return Write(f"Patient/{name}", {"resourceType": "Patient", "id": name, **elements}, if_match)


async def test_a_token_is_shown_with_every_request(server: tuple[FhirServer, str]) -> None:
    """The hub signs in; a server that lets everybody in would be the incident."""
    store = HttpFhirStore(server[1], token)
    await store.write([patient("p")])
    assert set(await store.read(["Patient/p"])) == {"Patient/p"}
    await store.close()


async def test_a_token_that_is_not_accepted_is_named(server: tuple[FhirServer, str]) -> None:
    """A missing role is found by its code."""
    store = HttpFhirStore(server[1], another)
    with pytest.raises(AzureRefused, match="fhir, 401"):
        await store.read(["Patient/p"])
    await store.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    """The delivery waits in its lane and is tried again."""
    store = HttpFhirStore("http://127.0.0.1:9", None)
    with pytest.raises(AzureUnavailable):
        await store.read(["Patient/p"])
    await store.close()


async def test_without_transactions_each_resource_is_written_by_itself(tmp_path: Path) -> None:
    """Some servers have none; versions still keep two writers apart."""
    double = FhirServer(tmp_path / "store.db", SettableClock())
    with ServerInThread(double.application()) as running:
        store = HttpFhirStore(running.url, None, is_atomic=False)
        await store.write([patient("p"), patient("q")])
        with pytest.raises(VersionConflict, match="Patient/p"):
            await store.write([patient("p", if_match="7", gender="other")])
        await store.close()
    assert double.requests == {"put": 3}


def test_every_type_that_the_hub_writes_is_counted():
    """The page would show less than there is."""
    mapping = Path(__file__).parents[4] / "shared" / "mapping"
    written = {
        name
        for file in mapping.rglob("*.py")
        for name in re.findall(r'"resourceType": "(\w+)"', file.read_text("utf-8"))
    }
    not_stored = {"Bundle", "OperationOutcome", "Parameters"}
    assert len(written) > 20
    assert written - not_stored - set(TYPES) == set()


async def test_many_references_are_read_in_several_bundles(tmp_path: Path) -> None:
    """Azure Health Data Services takes 500 entries."""
    double = FhirServer(tmp_path / "store.db", SettableClock())
    with ServerInThread(double.application()) as running:
        store = HttpFhirStore(running.url, None)
        await store.read([f"Patient/p{n}" for n in range(BUNDLE_LIMIT + 1)])
        await store.close()
    assert double.requests == {"batch": 2}
