"""The bundle that transform gives on."""

from __future__ import annotations

from shared.fhir.bundle import put_entry, transaction
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
