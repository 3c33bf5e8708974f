"""NTE: a note on what it follows (guide: NTE[Observation], NTE[ServiceRequest], NTE[Appointment-Comment])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.datatypes.time import date_time
from shared.mapping.document_reference import text_attachment
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Resource, Table, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# Resource types whose element ``note`` takes Annotations.
_TAKES_NOTES = frozenset(
    {"Observation", "ServiceRequest", "Specimen", "Condition", "AllergyIntolerance", "Procedure", "Immunization"}
    | {
        "MedicationRequest",
        "NutritionOrder",
        "MedicationAdministration",
        "MedicationDispense",
        "CareTeam",
        "Goal",
        "Device",
        "Flag",
        "ChargeItem",
        "CarePlan",
    }
)
_APPOINTMENT_NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.note"
_REPORT_NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
# HL7's own extension for a note on any resource (FHIR Extensions Pack), where R4 and the guide have no other place.
_ANY_NOTE = "http://hl7.org/fhir/StructureDefinition/note"
_EXTENSIONS = {
    "Appointment": _APPOINTMENT_NOTE,
    "DiagnosticReport": _REPORT_NOTE,
    **dict.fromkeys(("Patient", "RelatedPerson", "Encounter", "Coverage", "Account"), _ANY_NOTE),
}


def comment(raw: str, scope: Scope) -> str | None:
    """Return the text of a comment, its lines and blanks kept."""
    said = scope.lines(raw)
    return said if said.strip() else None


@parts_of({1: "text"})
def remark(raw: str, scope: Scope) -> Resource | None:
    """Return an Annotation of a text."""
    said = scope.text(raw)
    return {"text": said} if said else None


_TEXT = many("NTE-3", "Annotation.text", comment, "NTE[Observation] 5", placed=True)
_AUTHOR = one("NTE-5", "Annotation.authorReference", practitioner, "NTE[Observation] 7", reuse=True, placed=True)
_TIME = one("NTE-6", "Annotation.time", date_time, "NTE[Observation] 8", placed=True)

NOTE = Table(
    "NTE",
    "Annotation",
    (_TEXT, _AUTHOR, _TIME),
    {
        1: "set id: position only",
        2: "whose comment: what it follows says it",
        4: "the guide's extension does not exist",
        7: "the guide gives it no FHIR element",
        8: "the guide gives it no FHIR element",
    },
)


def note(node: Node, frame: Frame, scope: Scope) -> None:
    """NTE: the note of the resource it stands under; the repetitions are its lines."""
    holder, segment = frame.remarks, node.segment
    if holder is None or not _can_take(holder):
        scope.segment, scope.number, scope.repetition = segment, 3, 1
        if any(segment.fields[3:]):
            scope.find("note_without_place", holder["resourceType"] if holder else "")
        return
    lines = values(_TEXT, segment, scope, holder)
    if not lines:
        return
    found: Resource = {}
    author, time = first(_AUTHOR, segment, scope, holder), first(_TIME, segment, scope, holder)
    if author:
        found["authorReference"] = author
    if time:
        found["time"] = time
    found["text"] = "\n".join(lines)
    if holder["resourceType"] == "DocumentReference":  # guide: NTE[DocumentReference] 5, 6
        holder["content"].append({"attachment": text_attachment(found["text"])})
    elif holder["resourceType"] in _TAKES_NOTES:
        holder.setdefault("note", []).append(found)
    else:
        url = _EXTENSIONS[holder["resourceType"]]
        holder.setdefault("extension", []).append({"url": url, "valueAnnotation": found})


def _can_take(holder: Resource) -> bool:
    kind = holder["resourceType"]
    return kind in _TAKES_NOTES or kind in _EXTENSIONS or kind == "DocumentReference"


TABLES = (NOTE,)
HANDLERS: dict[str, Handler] = {"NTE": note}
