"""The committed schemas are what the generator makes of the standard."""

from __future__ import annotations

import pytest

from shared.fhir.schema import FOLDER, definitions, resource_types
from tests.tools.generate_r4_schema import generate
from tests.unit.fhir.definitions import find_definitions


@pytest.mark.slow
def test_regenerating_gives_the_committed_files() -> None:
    """A schema corrected by hand would be lost with the next generation: corrections belong in the generator."""
    made = generate(find_definitions())

    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")} == made


def test_every_resource_of_r4_is_there() -> None:
    """R4 (4.0.1) has 146 resource types that can be instantiated (https://hl7.org/fhir/R4/resourcelist.html)."""
    assert len(resource_types()) == 146


@pytest.mark.parametrize(
    ("resource_type", "value_set", "code"),
    [
        ("Patient", "codes:administrative-gender", "female"),
        ("Observation", "codes:observation-status", "entered-in-error"),
        ("Encounter", "codes:encounter-status", "in-progress"),
        ("Bundle", "codes:http-verb", "PATCH"),
    ],
)
def test_required_codes_are_listed(resource_type: str, value_set: str, code: str) -> None:
    """Required codes are what the models of fhir.resources do not know. Values: https://hl7.org/fhir/R4/valuesets.html."""
    assert code in definitions(resource_type)[value_set]["enum"]


def test_open_value_sets_are_not_listed() -> None:
    """Media types, languages and units are bound as required, but the standard does not list them."""
    names = {name for kind in ("Patient", "Binary", "Observation") for name in definitions(kind)}

    assert not names & {"codes:mimetypes", "codes:languages", "codes:all-languages", "codes:ucum-units"}
