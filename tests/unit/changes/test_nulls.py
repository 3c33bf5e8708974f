"""What an HL7 null ends, for every row: what its field says, nothing of another field, nothing that R4 wants.

The walk knows R4 from its schemas, so that a new row cannot forget.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.changes.elements import remove
from shared.changes.lists import selector_of
from shared.fhir.schema import definitions
from shared.mapping.nulls import outlasts_null
from shared.mapping.registry import TABLES
from shared.mapping.rows import Row
from tests.unit.changes.feed import Feed

INTERFACES = Path(__file__).parents[3] / "interfaces"
KEYS = {("PID", 3)}  # without it the message is about somebody else
# How a message travels, and what stands inside other resources: no store has them.
_NOT_STORED = {"Annotation", "MessageHeader", "OperationOutcome", "Parameters", "Provenance"}
# Segments that make resources of their own of a type; the others of a type may say one resource together.
_APART: dict[str, tuple[set[str], ...]] = {
    "AllergyIntolerance": ({"AL1"}, {"IAM", "IAR"}),
    "Appointment": ({"ARQ", "APR"}, {"SCH"}),
    "Condition": ({"DG1"}, {"PRB"}),
    "Observation": ({"OBX"}, {"ACC"}, {"ABS"}),
    "Organization": ({"IN1"}, {"IN2"}, {"GT1"}),
    "Practitioner": ({"STF"},),
    "PractitionerRole": ({"STF", "PRA"}, {"ORG"}),
    "RelatedPerson": ({"NK1"}, {"IN1", "IN2"}, {"GT1"}),
    "ServiceRequest": ({"ORC", "OBR", "TQ1"}, {"RF1"}, {"IPC"}),
}
ROWS = [(table.segment, row) for table in TABLES for row in table.rows if "." in row.target]
STORED = [(segment, row) for segment, row in ROWS if row.target.partition(".")[0] not in _NOT_STORED]


def steps(target: str) -> Iterator[tuple[str, bool, bool]]:
    """Return each element on the way to a target, whether it is a list, and whether R4 requires it."""
    kind, *names = target.split(".")
    defined = definitions(kind)
    holder, path = defined[kind], kind
    for name in names:
        path += "." + name
        element = holder.get("properties", {}).get(name, {})
        is_list = element.get("type") == "array"
        yield path, is_list, is_required(holder, name)
        reference = (element["items"] if is_list else element).get("$ref", "")
        holder = defined.get(reference.rpartition("/")[2], {})


def is_required(holder: dict[str, Any], name: str) -> bool:
    rules = holder.get("allOf", [])
    if name in holder.get("required", ()) or f"required: {name}" in [rule["title"] for rule in rules]:
        return True
    choices = [rule for rule in rules if "oneOf" in rule and rule["title"].endswith("[x]")]
    return any(f"'{name}'" in str(rule) and "not" not in rule["oneOf"][0] for rule in choices)


def test_no_null_ends_what_r4_requires_or_one_item_of_a_list() -> None:
    """A visit without its class is no R4; a null in AIP-6 does not say whose time ends."""
    wrong = []
    for _, row in STORED:
        *above, (_, _, is_needed) = steps(row.target)
        ought = is_needed or any(is_list for _, is_list, _ in above)
        if outlasts_null(row.target) != ought and row.part is None:
            wrong.append(row.target)
    assert wrong == []


def test_each_of_several_fields_that_feed_one_list_says_what_its_null_ends() -> None:
    """OBX-15 names the laboratory and OBX-16 who looked: who deletes the one still has the other."""
    feeding: dict[tuple[str, int], list[tuple[str, Row]]] = {}
    for segment, row in STORED:
        *_, (_, is_list, _) = steps(row.target)
        if is_list:
            apart = _APART.get(row.target.partition(".")[0], ())
            group = next((place for place, names in enumerate(apart) if segment in names), -1)
            feeding.setdefault((row.target, group), []).append((segment, row))
    several = [rows for rows in feeding.values() if len({row.source for _, row in rows}) > 1]
    forgotten = [
        row.source for rows in several for _, row in rows if row.part is None and not outlasts_null(row.target)
    ]
    assert forgotten == []


def test_every_part_that_a_null_ends_can_be_told_from_the_others() -> None:
    """A part that nothing can select would stop the message when it is stored, for good."""
    for _, row in STORED:
        if row.deletes.endswith("]") and not row.deletes.endswith("[x]"):
            kind = "" if row.parents else row.target.partition(".")[0]
            assert selector_of(kind, row.leaf)


def test_a_null_in_any_field_can_be_stored() -> None:
    """The store reads what is deleted long after the sender was told that all is well."""
    for _, row in STORED:
        if row.deletes:
            remove({"resourceType": row.target.partition(".")[0], row.path.partition(".")[0]: []}, row.deletes)


SAMPLES = (
    *("hospital_adt/samples/01-admission.hl7", "hospital_lab/samples/01-electrolytes-preliminary.hl7"),
    "clinic_scheduling/samples/05-booked-in-person.hl7",
)


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_null_in_any_field_of_a_message_leaves_what_every_fhir_server_takes(sample: str) -> None:
    """The message is told, then again with one field deleted; the feed judges what is stored after each."""
    said = (INTERFACES / sample).read_text("utf-8").replace("\n", "\r").strip("\r").split("\r")
    event = said[0].split("|")[8]
    for place, line in enumerate(said[1:], 1):
        fields = line.split("|")
        for number in range(1, len(fields)):
            if fields[number] and (fields[0], number) not in KEYS:
                deleted = "|".join([*fields[:number], '""', *fields[number + 1 :]])
                feed = Feed()
                feed.tell(event, *said[1:])
                feed.tell(event, *said[1:place], deleted, *said[place + 1 :])
