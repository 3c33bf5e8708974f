"""Resources are written once: who judges, keeps and sends a bundle reads the same bytes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.fhir import exact_json
from shared.fhir.bundle import SharedEntry, join_entries
from shared.fhir.validate import validate_bundle, write_and_validate
from tests.unit.fhir.defects import DEFECTS, Defect, plant
from tests.unit.fhir.samples import put_entry, sample_bundle, wide_bundle


def test_a_bundle_joined_from_its_resources_is_the_bundle() -> None:
    """A number keeps its precision on either way."""
    bundle = wide_bundle()
    bundle["entry"][6]["resource"]["valueQuantity"]["value"] = Decimal("7.10")

    written, findings = write_and_validate(bundle, is_closed=True)

    assert findings == []
    assert written.has_decimals
    assert join_entries(bundle, written.texts) == exact_json.dumps(bundle)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_what_is_written_first_is_judged_no_less(defect: Defect) -> None:
    """The texts only spare work."""
    assert write_and_validate(plant(defect))[1] == validate_bundle(plant(defect))


def test_what_cannot_be_written_is_judged_all_the_same() -> None:
    """A bug of a mapping is a finding, not an error that stops the stage."""
    bundle = sample_bundle()
    bundle["entry"][0]["resource"]["name"] = [{"family": b"bytes"}]

    written, findings = write_and_validate(bundle)

    assert findings
    assert written.texts == []


def test_a_resource_said_twice_in_another_order_is_found() -> None:
    """Equal content is equal in whatever order its elements are written, and under another id."""
    bundle = sample_bundle()
    twin = dict(reversed(bundle["entry"][6]["resource"].items())) | {"id": "r9"}
    bundle["entry"].append(put_entry(twin, "urn:uuid:6f1f0c5e-0000-4000-8000-000000000099"))

    assert [finding.code for finding in write_and_validate(bundle)[1]] == ["fhir_duplicate"]


def test_an_entry_of_many_bundles_is_written_and_judged_once_and_still_looked_up_in_each() -> None:
    """What it leads to must be in every bundle that holds it, not only in the first."""
    bundle = sample_bundle()
    shared = [SharedEntry(entry) for entry in bundle["entry"]]
    assert write_and_validate({**bundle, "entry": shared})[1] == []
    assert write_and_validate({**bundle, "entry": shared})[0].texts == write_and_validate(bundle)[0].texts

    referring = next(entry for entry in shared if entry.sound is not None and entry.sound[3])
    alone, findings = write_and_validate({**bundle, "entry": [referring]})
    assert alone.texts == [referring.text]
    assert {finding.code for finding in findings} == {"fhir_reference"}
