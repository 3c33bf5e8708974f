"""Annotations as NTE (guide: NTE[Observation], NTE[ServiceRequest], NTE[Appointment-Comment])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rendering.draft import escaped
from shared.rendering.rows import Resource, Row, Table

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_EXTENSIONS = (
    "http://hl7.org/fhir/StructureDefinition/note",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.note",
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note",
)


def comment(value: str, draft: Draft, kind: str) -> str:
    """Write one line of a comment."""
    del draft, kind
    return escaped(value)


NOTE = Table(
    "NTE",
    "Annotation",
    (Row("NTE-3", "Annotation.text", comment, "NTE[Observation] 5"),),
    (),
    {5: "not in 2.5.1", 6: "not in 2.5.1"},
)


def write_notes(resource: Resource, draft: Draft) -> None:
    """Write an NTE for each note of a resource; its lines are repetitions."""
    notes = list(resource.get("note", ()))
    for one in resource.get("extension", ()):
        if one.get("url") in _EXTENSIONS and "valueAnnotation" in one:
            one.pop("url")
            notes.append(one["valueAnnotation"])
    for number, note in enumerate((one for one in notes if one.get("text")), 1):
        segment = draft.segment("NTE")
        segment.set(1, str(number))
        segment.fields[3] = [escaped(line) for line in note.pop("text").split("\n")]


TABLES = (NOTE,)
