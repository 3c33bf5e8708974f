"""References found and rewritten."""

from __future__ import annotations

from shared.fhir.references import rewrite_references, walk_references
from tests.unit.fhir.samples import refer, urn, wide_bundle


def test_references_are_found_wherever_they_stand() -> None:
    """In lists, in backbone elements, in extensions, in contained resources."""
    found = [reference["reference"] for reference in walk_references(wide_bundle())]

    assert found.count(urn(5)) == 1  # Encounter.location.location
    assert found.count(urn(10)) == 1  # DiagnosticReport.result
    assert found.count(urn(3)) == 2  # Encounter.participant.individual, Patient.extension
    assert "#drug" in found


def test_references_are_rewritten_in_place_and_counted() -> None:
    """Resolving an identity replaces a minted address by the stored one, everywhere."""
    bundle = wide_bundle()
    before = [reference["reference"] for reference in walk_references(bundle)].count(urn(1))

    count = rewrite_references(bundle, {urn(1): "Patient/stored"}.get)

    after = [reference["reference"] for reference in walk_references(bundle)]
    assert count == before == after.count("Patient/stored")
    assert urn(1) not in after


def test_reference_that_is_left_is_not_counted() -> None:
    """A caller learns from the count whether anything changed."""
    assert rewrite_references(refer(1), lambda _: None) == 0
    assert rewrite_references(refer(1), lambda text: text) == 0
