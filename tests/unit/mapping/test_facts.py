"""The facts of the public corpus, by docs/mapping-differences.md."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import orjson
import pytest

from shared.fhir import exact_json
from shared.hl7 import parse
from shared.mapping import convert
from shared.message.errors.base import IntegrationError
from tests.tools.facts import Count, Page, cases, count
from tests.unit.mapping.samples import context

PAGE = Path(__file__).parents[3] / "docs" / "mapping-differences.md"
MICROSOFT, GOOGLE = "microsoft/FHIR-Converter", "GoogleCloudPlatform/healthcare-data-harmonization"
REPORTSTREAM, INTERMEDIARY = "CDCgov/prime-reportstream", "CDCgov/trusted-intermediary"
# Share of the facts that must be met at their path, and on their type.
BARS = {MICROSOFT: (0.92, 0.94), GOOGLE: (0.85, 0.87), REPORTSTREAM: (0.88, 0.88), INTERMEDIARY: (0.98, 0.98)}
# What must never be missed, where the expected value is right.
ALWAYS = frozenset(
    {"Patient.identifier.value", "Patient.name.family", "Patient.name.given", "Patient.birthDate", "Patient.gender"}
    | {"Observation.code.coding.code", "DiagnosticReport.code.coding.code", "Immunization.vaccineCode.coding.code"}
    | {"Observation.valueQuantity.value", "Observation.valueString", "Observation.valueCodeableConcept.coding.code"}
    | {"Observation.valueDateTime", "Observation.valueRange.low.value", "Observation.valueRatio.numerator.value"}
)


@pytest.fixture(scope="module")
def counted(shared_dir: Path) -> dict[str, Count]:
    """Return the counts of each source, over the whole corpus."""
    page = Page.read(PAGE.read_text("utf-8"))
    found: dict[str, Count] = defaultdict(Count)
    for case in cases(shared_dir / "corpus"):
        try:
            conversion = convert(parse(case.file.read_bytes()), context())
        except IntegrationError:
            continue
        # As any reader of JSON has it: 10.00 is 10.0, and the facts say so.
        count(case, orjson.loads(exact_json.dumps(conversion.bundle)), page, found[case.source])
    return found


@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.parametrize("source", BARS)
def test_facts_of_other_converters_are_met(counted: dict[str, Count], source: str):
    """What two converters agree on is not opinion; where they differ from the guide, the page says which row."""
    strict, lenient = counted[source].shares
    assert (strict >= BARS[source][0], lenient >= BARS[source][1]) == (True, True), (strict, lenient)


@pytest.mark.corpus
@pytest.mark.slow
def test_who_it_is_and_what_was_found_is_never_missed(counted: dict[str, Count]):
    """A patient's number, name, birth date and sex, and what was observed: none is missed that is rightly expected."""
    wrong = Page.read(PAGE.read_text("utf-8")).wrong
    missed = [(path, source) for source, one in counted.items() for path, _ in one.missed if path in ALWAYS]
    assert sorted(set(missed) - wrong) == []
