"""No invariant of the standard is forgotten."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.fhir.coherence import ELEMENTS, RESOURCES
from shared.fhir.invariants import INVARIANTS
from shared.fhir.schema import definitions, resource_types
from tests.doubles.packages import REPOSITORY
from tests.tools.generate_r4_schema import read_structures
from tests.unit.fhir.defects import DEFECTS
from tests.unit.fhir.definitions import find_definitions

# Checked by the schemas themselves, by references.py and by entries.py.
ELSEWHERE = {"ele-1", "txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5", "ref-1", "bdl-7"}
# The standard writes these on a child; we judge them from the element above it.
ABOVE = {
    "org-2": "Organization.address",
    "org-3": "Organization.telecom",
    "ras-1": "RiskAssessment.prediction.probability[x]",
}


def checked() -> set[str]:
    """Return the keys of the invariants that are checked."""
    compared = {key for key, _ in (*ELEMENTS.values(), *RESOURCES.values())}
    return {invariant.key for invariant in INVARIANTS} | compared | ELSEWHERE


def excused() -> set[str]:
    """Return the keys that the docs excuse."""
    page = Path(REPOSITORY, "docs", "fhir-validation.md").read_text(encoding="utf-8")
    table = page.partition("## Invariants that are not checked")[2]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`([a-z]+-\d+[ab]?)`", row.split("|")[1])}


@pytest.fixture(scope="module")
def standard() -> dict[str, set[str]]:
    """The paths of every invariant of severity error, by its key."""
    folder = find_definitions() / "dist" / "fhir" / "r4"
    names = ("profiles-types.json", "profiles-resources.json")
    structures = [structure for name in names for structure in read_structures(folder, name).values()]
    paths: dict[str, set[str]] = {}
    for element in (element for structure in structures for element in structure["snapshot"]["element"]):
        for constraint in element.get("constraint", ()):
            if constraint["severity"] == "error":
                paths.setdefault(constraint["key"], set()).add(element["path"])
    return paths


def test_every_invariant_is_checked_or_excused(standard: dict[str, set[str]]) -> None:
    """A rule nobody thought of is found by a partner's server, at night."""
    assert set(standard) == checked() | excused()


def test_no_invariant_is_both_checked_and_excused() -> None:
    """An excuse that has outlived its reason misleads."""
    assert checked() & excused() == set()


def test_every_invariant_stands_where_the_standard_has_it(standard: dict[str, set[str]]) -> None:
    """A rule on a wrong path is silent, or wrong."""
    misplaced = [
        invariant.key
        for invariant in INVARIANTS
        if ABOVE.get(invariant.key, invariant.path) not in standard[invariant.key]
    ]

    assert misplaced == []


def test_every_invariant_reaches_a_definition() -> None:
    """The table is joined by path: a misspelt path would be dropped without a word."""
    paths = {path for name in resource_types() for path in definitions(name)}

    assert {invariant.path for invariant in INVARIANTS} <= paths


def test_the_rules_a_mapping_breaks_most_have_a_planted_defect() -> None:
    """Each rule on a resource of the samples is seen failing, so that none is vacuous."""
    sampled = {
        "Patient",
        "Organization",
        "Observation",
        "AllergyIntolerance",
        "Condition",
        "Appointment",
        "ServiceRequest",
    }
    wanted = {invariant.key for invariant in INVARIANTS if invariant.path.split(".")[0] in sampled}

    assert wanted - {defect.rule for defect in DEFECTS} == {"con-2"}
