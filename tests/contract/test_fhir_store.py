"""The contract of `FhirStore`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.message.errors.storage import VersionConflict
from shared.ports import MetaWrite, Write
from tests.contract.conftest import Run

Resource = dict[str, Any]


def patient(name: str, /, **elements: Any) -> Resource:
    return {"resourceType": "Patient", "id": name, **elements}


def put(resource: Resource, if_match: str | None = None) -> Write:
    return Write(f"{resource['resourceType']}/{resource['id']}", resource, if_match)


def content(resource: Resource) -> Resource:
    """Return a resource without what the server keeps."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    return {name: value for name, value in resource.items() if name != "meta"} | ({"meta": meta} if meta else {})


def test_what_was_written_is_read_after_a_restart(run: Run) -> None:
    """An accepted delivery is never sent again: this is where it must be."""
    written = patient("p", name=[{"family": "Müller"}], meta={"tag": [{"system": "urn:x", "code": "1"}]})

    async def write(hub: Any) -> None:
        await hub.fhir_store.write([put(written)])

    async def read(hub: Any) -> None:
        found = await hub.fhir_store.read(["Patient/p", "Patient/q", "Encounter/p"])

        assert {name: content(one.resource) for name, one in found.items()} == {"Patient/p": written}

    run(write)
    run(read)


def test_a_write_from_the_newest_version_replaces_it(run: Run) -> None:
    """The version read is the one to name."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient("p", gender="female"))])
        before = (await hub.fhir_store.read(["Patient/p"]))["Patient/p"]
        await hub.fhir_store.write([put(patient("p", gender="other"), before.version)])
        after = (await hub.fhir_store.read(["Patient/p"]))["Patient/p"]

        assert after.resource["gender"] == "other"
        assert after.version != before.version

    run(scenario)


def test_a_resource_tells_its_version_and_time(run: Run) -> None:
    """Clients of the FHIR API read ``meta``."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient("p"))])
        found = (await hub.fhir_store.read(["Patient/p"]))["Patient/p"]

        assert found.resource["meta"] == {"versionId": found.version, "lastUpdated": "2026-03-02T12:00:00.000Z"}

    run(scenario)


@pytest.mark.parametrize("if_match", [None, "0", "2", "another server's"])
def test_a_write_from_any_other_version_conflicts(run: Run, if_match: str | None) -> None:
    """Two deliveries that read the same version must not lose one of the two changes."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient("p", gender="female"))])
        with pytest.raises(VersionConflict):
            await hub.fhir_store.write([put(patient("p", gender="other"), if_match)])

        assert (await hub.fhir_store.read(["Patient/p"]))["Patient/p"].resource["gender"] == "female"

    run(scenario)


def test_an_update_of_what_is_not_there_conflicts(run: Run) -> None:
    """Somebody erased it: the merge must be computed anew."""

    async def scenario(hub: Any) -> None:
        with pytest.raises(VersionConflict):
            await hub.fhir_store.write([put(patient("p"), "1")])

        assert await hub.fhir_store.read(["Patient/p"]) == {}

    run(scenario)


TAGGED = {"tag": [{"system": "urn:x", "code": "2"}]}


def test_a_write_of_meta_alone_leaves_the_rest_as_it_was(run: Run) -> None:
    """Most of what a message says is stored already: nothing but the place in its sequence moves on."""
    written = patient("p", identifier=[{"system": "s", "value": "1"}], multipleBirthInteger=2)

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(written | {"meta": {"tag": [{"system": "urn:x", "code": "1"}]}})])
        before = (await hub.fhir_store.read(["Patient/p"]))["Patient/p"]
        await hub.fhir_store.write([MetaWrite("Patient/p", TAGGED, before), put(patient("q"))])
        after = (await hub.fhir_store.read(["Patient/p"]))["Patient/p"]
        [found] = await hub.fhir_store.search("Patient", {"identifier": "s|1"})

        assert content(after.resource) == content(found.resource) == written | {"meta": TAGGED}
        assert after.meta["tag"] == TAGGED["tag"]
        assert after.text == before.text
        assert after.version != before.version

    run(scenario)


def test_a_write_of_meta_alone_conflicts_with_any_other(run: Run) -> None:
    """It says that the rest is as it was read."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient("p"))])
        before = (await hub.fhir_store.read(["Patient/p"]))["Patient/p"]
        await hub.fhir_store.write([put(patient("p", gender="other"), before.version)])
        with pytest.raises(VersionConflict):
            await hub.fhir_store.write([put(patient("q")), MetaWrite("Patient/p", TAGGED, before)])

        found = await hub.fhir_store.read(["Patient/p", "Patient/q"])
        assert {name: content(one.resource) for name, one in found.items()} == {
            "Patient/p": patient("p", gender="other")
        }

    run(scenario)


def test_a_conflict_of_one_write_undoes_them_all(run: Run) -> None:
    """Half of a message would be taken for the whole."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient("p"))])
        with pytest.raises(VersionConflict):
            await hub.fhir_store.write([put(patient("q")), put(patient("p"))])

        assert set(await hub.fhir_store.read(["Patient/p", "Patient/q"])) == {"Patient/p"}
        assert await hub.fhir_store.counts() == {"Patient": 1}

    run(scenario)


def test_of_concurrent_writers_one_wins_and_the_others_are_told(run: Run) -> None:
    """Partitions run side by side and share organisations and practitioners."""

    async def scenario(hub: Any) -> None:
        outcomes = await asyncio.gather(
            *(hub.fhir_store.write([put(patient("p", gender=str(n)))]) for n in range(8)), return_exceptions=True
        )

        assert sum(outcome is None for outcome in outcomes) == 1
        assert sum(isinstance(outcome, VersionConflict) for outcome in outcomes) == 7

    run(scenario)


def test_writing_nothing_is_nothing(run: Run) -> None:
    """A message that changes nothing."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([])

        assert await hub.fhir_store.counts() == {}

    run(scenario)


def test_many_references_are_read_at_once(run: Run) -> None:
    """A result message may touch more resources than a statement takes parameters."""
    names = [f"p{n}" for n in range(1500)]

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient(name)) for name in names])
        found = await hub.fhir_store.read([f"Patient/{name}" for name in names])

        assert len(found) == 1500

    run(scenario)


IDENTIFIED = patient("p", identifier=[{"system": "urn:a", "value": "1"}, {"value": "2"}])


@pytest.mark.parametrize(
    ("resource_type", "parameters", "found"),
    [
        ("Patient", {"_id": "p"}, ["p"]),
        ("Patient", {"_id": "o"}, []),
        ("Patient", {"identifier": "urn:a|1"}, ["p"]),
        ("Patient", {"identifier": "1"}, ["p"]),
        ("Patient", {"identifier": "urn:b|1"}, []),
        ("Patient", {"identifier": "|1"}, []),
        ("Patient", {"identifier": "|2"}, ["p"]),
        ("Patient", {"identifier": "2"}, ["p"]),
        ("Observation", {"identifier": "1"}, []),
        ("Observation", {"patient": "p"}, ["o2", "o1"]),
        ("Observation", {"subject": "Patient/p"}, ["o2", "o1"]),
        ("Observation", {"patient": "p", "identifier": "9"}, ["o2"]),
        ("Observation", {"patient": "q"}, []),
        ("Coverage", {"patient": "p"}, ["c"]),
        ("Appointment", {"patient": "p"}, ["a"]),
        ("Account", {"subject": "p"}, ["k"]),
        ("Patient", {}, ["q", "p"]),
    ],
)
def test_resources_are_found_by_identifier_and_patient_newest_first(
    run: Run, resource_type: str, parameters: dict[str, str], found: list[str]
) -> None:
    """The parameters that the FHIR API and the console use; the patient is spelled differently by type."""
    about = {"reference": "Patient/p"}
    resources: list[Resource] = [
        IDENTIFIED,
        {"resourceType": "Observation", "id": "o1", "subject": about},
        {"resourceType": "Observation", "id": "o2", "subject": about, "identifier": [{"value": "9"}]},
        {"resourceType": "Coverage", "id": "c", "beneficiary": about},
        {"resourceType": "Appointment", "id": "a", "participant": [{"actor": about}, {"actor": {"display": "x"}}]},
        {"resourceType": "Account", "id": "k", "subject": [about]},
        patient("q"),
    ]

    async def scenario(hub: Any) -> None:
        for resource in resources:
            await hub.fhir_store.write([put(resource)])
        hits = await hub.fhir_store.search(resource_type, parameters)

        assert [hit.resource["id"] for hit in hits] == found

    run(scenario)


def test_a_resource_is_no_longer_found_by_what_it_no_longer_says(run: Run) -> None:
    """An observation posted to the wrong patient and moved must not show there."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(IDENTIFIED)])
        await hub.fhir_store.write([put(patient("p", identifier=[{"value": "3"}]), "1")])

        assert await hub.fhir_store.search("Patient", {"identifier": "1"}) == []
        assert [hit.version for hit in await hub.fhir_store.search("Patient", {"identifier": "3"})] == ["2"]

    run(scenario)


def test_a_search_ends_at_its_limit(run: Run) -> None:
    """A page is a page, however many there are."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient(f"p{n}")) for n in range(5)])
        hits = await hub.fhir_store.search("Patient", {}, limit=2)

        assert [hit.resource["id"] for hit in hits] == ["p4", "p3"]

    run(scenario)


def test_resources_are_counted_by_type(run: Run) -> None:
    """The console shows it at one look; an update is no new resource."""

    async def scenario(hub: Any) -> None:
        await hub.fhir_store.write([put(patient("p")), put(patient("q")), put({"resourceType": "List", "id": "l"})])
        await hub.fhir_store.write([put(patient("p"), "1")])

        assert await hub.fhir_store.counts() == {"List": 1, "Patient": 2}

    run(scenario)


def test_a_long_document_is_written_whole_and_replaced_whole(run: Run) -> None:
    """It is not bound to a statement, but written piece by piece."""

    def document(letter: str) -> Resource:
        return {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": letter * (5 << 20)}

    async def write(hub: Any) -> None:
        await hub.fhir_store.write([put(document("A"))])
        before = (await hub.fhir_store.read(["Binary/b"]))["Binary/b"]
        await hub.fhir_store.write([put(document("B"), before.version)])

    async def read(hub: Any) -> None:
        found = (await hub.fhir_store.read(["Binary/b"]))["Binary/b"]
        assert content(found.resource) == document("B")

    run(write)
    run(read)
