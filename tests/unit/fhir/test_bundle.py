"""The bundle that transform gives on."""

from __future__ import annotations

import tracemalloc

import pytest

from shared.fhir.bundle import SharedEntry, put_entry, transaction, write_entries
from shared.fhir.validate import validate_bundle
from tests.unit.fhir.samples import patient, urn


def test_entry_writes_a_resource_under_its_type_and_id() -> None:
    """A PUT to Type/id is the same however often it is sent: promise 2."""
    assert put_entry(patient(), urn(1))["request"] == {"method": "PUT", "url": "Patient/p1"}


def test_transaction_of_entries_is_valid() -> None:
    """What the builder makes passes the validator."""
    bundle = transaction([put_entry(patient(), urn(1))], timestamp="2024-03-12T10:15:00Z")

    assert validate_bundle(bundle, is_closed=True) == []


def test_transaction_of_nothing_is_valid() -> None:
    """FHIR has no empty lists; a message that changes nothing still has a bundle."""
    bundle = transaction([])

    assert bundle == {"resourceType": "Bundle", "type": "transaction"}
    assert validate_bundle(bundle) == []


@pytest.mark.parametrize(("kind", "count"), [(dict, 300), (SharedEntry, 30)], ids=["long bundle", "shared entries"])
def test_a_text_that_is_kept_takes_no_more_than_its_own_size(kind, count) -> None:
    """orjson leaves each text 4 kB and more: a message of 10 MB of allergies took 1.6 GB, most of them empty."""
    entries = [kind(put_entry(patient() | {"id": f"p{n}"}, urn(n))) for n in range(count)]
    tracemalloc.start()
    try:
        written = write_entries(entries)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 2 * sum(len(text) + 33 for text in written.texts)  # 33: what CPython adds to bytes
