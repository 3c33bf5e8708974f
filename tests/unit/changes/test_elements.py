"""Elements that stand instead of one another."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import shared.fhir
from shared.changes.elements import CHOICES, compose, drop_replaced, remove

R4 = Path(shared.fhir.__file__).parent / "r4"
TYPES = (
    "Age", "Attachment", "Boolean", "CodeableConcept", "Coding", "Date", "DateTime", "Duration", "Instant", "Integer",
    "Period", "Quantity", "Range", "Ratio", "Reference", "SampledData", "String", "Time", "Timing", "Uri",
)  # fmt: skip


def choices_of(resource_type: str) -> tuple[str, ...]:
    """Return the choice elements at the top of a resource: names that R4 spells with several types."""
    properties = json.loads((R4 / f"{resource_type}.json").read_text())["definitions"][resource_type]["properties"]
    typed = {
        (name.removesuffix(one), one) for name in properties for one in TYPES if name.endswith(one) and name[0] != "_"
    }
    # Longest type wins: ``valueDateTime`` is no ``valueDate`` of type Time.
    counted = Counter(name for name, _ in typed if f"{name}DateTime" not in properties or not name.endswith("Date"))
    return tuple(sorted(name for name, count in counted.items() if count > 1 and name not in properties))


@pytest.mark.parametrize("resource_type", sorted(CHOICES))
def test_the_choices_are_those_of_r4(resource_type: str) -> None:
    """A choice that is missed here leaves two values side by side: invalid, and one of them wrong."""
    assert CHOICES[resource_type] == choices_of(resource_type)


@pytest.mark.parametrize(
    ("resource_type", "stored", "sent", "left"),
    [
        ("Observation", {"valueQuantity": 1}, {"valueString": "?"}, set()),
        ("Observation", {"valueString": "a"}, {"dataAbsentReason": {}}, set()),
        ("Observation", {"dataAbsentReason": {}}, {"valueString": "a"}, set()),
        ("Observation", {"valueString": "a"}, {"effectivePeriod": {}}, {"valueString"}),
        ("Observation", {"_valueString": {}}, {"valueString": "a"}, set()),
        ("Patient", {"_birthDate": {}}, {"birthDate": "1980"}, set()),
        ("Patient", {"birthDate": "1980"}, {"_birthDate": {}}, set()),
        ("Patient", {"_birthDate": {}}, {"birthDate": "1980", "_birthDate": {}}, {"_birthDate"}),
        ("Patient", {"deceasedBoolean": True}, {"deceasedDateTime": "2026"}, set()),
    ],
)
def test_a_new_element_stands_alone(
    resource_type: str, stored: dict[str, object], sent: dict[str, object], left: set[str]
) -> None:
    """R4 allows one type of a choice, no value beside a reason for its absence (obs-6), no stale ``_`` sibling."""
    resource = {"resourceType": resource_type, **stored}

    drop_replaced(resource, sent)

    assert set(resource) - {"resourceType"} == left


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("birthDate", {"name", "deceasedBoolean", "telecom", "contact"}),
        ("deceased", {"name", "birthDate", "_birthDate", "telecom", "contact"}),
        ("deceasedBoolean", {"name", "birthDate", "_birthDate", "telecom", "contact"}),
        ("telecom[work]", {"name", "birthDate", "_birthDate", "deceasedBoolean", "telecom", "contact"}),
        ("contact.name", {"name", "birthDate", "_birthDate", "deceasedBoolean", "telecom"}),
        ("maritalStatus.text", {"name", "birthDate", "_birthDate", "deceasedBoolean", "telecom", "contact"}),
    ],
)
def test_a_deleted_path_removes_that_and_no_more(path: str, left: set[str]) -> None:
    """A sender's ``""`` in one field empties that field."""
    person = {
        "resourceType": "Patient",
        "name": [{"family": "Muster"}],
        "birthDate": "1980",
        "_birthDate": {"extension": []},
        "deceasedBoolean": False,
        "telecom": [{"use": "home", "value": "1"}, {"use": "work", "value": "2"}],
        "contact": [{"name": {"family": "Muster"}}],
    }

    remove(person, path)

    assert set(person) - {"resourceType"} == left
    if path == "telecom[work]":
        assert person["telecom"] == [{"use": "home", "value": "1"}]


def test_removing_a_part_leaves_the_other_version_alone() -> None:
    """The stored version is compared with the new one afterwards."""
    stored = {"resourceType": "Encounter", "period": {"start": "2026-01-01", "end": "2026-01-02"}}
    after = dict(stored)

    remove(after, "period.end")

    assert after["period"] == {"start": "2026-01-01"}
    assert stored["period"] == {"start": "2026-01-01", "end": "2026-01-02"}


def test_an_element_without_parts_is_gone() -> None:
    """R4 has no empty objects."""
    resource = {"resourceType": "Encounter", "hospitalization": {"admitSource": {"text": "x"}}}

    remove(resource, "hospitalization.admitSource")

    assert resource == {"resourceType": "Encounter"}


def test_a_composite_element_keeps_one_type_of_a_choice() -> None:
    """A specimen taken over ten minutes was not also taken at one: R4 allows one collected[x]."""
    before = {"collectedDateTime": "2024-03-10", "collector": {"reference": "Practitioner/1"}}
    sent = {"collectedPeriod": {"start": "2024-03-10"}}
    assert compose("Specimen", "collection", before, sent) == {"collector": {"reference": "Practitioner/1"}, **sent}
    assert compose("Coverage", "period", {"start": "2024"}, {"end": "2025"}) == {"start": "2024", "end": "2025"}
