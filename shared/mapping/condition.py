"""DG1: Condition and its place in the Encounter (guide: DG1[Condition], DG1[Encounter])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.hl7 import Segment
from shared.mapping.care import give_reason
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import concept, fixed, text
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.number import positive
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Resource, Table, extension, fill, first, many, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_WITHDRAWN = "withdrawn from HL7: the guide gives it no FHIR element"
_NO_TARGET = "the guide gives it no FHIR element"
_CATEGORY = [fixed("http://terminology.hl7.org/CodeSystem/condition-category", "encounter-diagnosis")]
_MISTAKEN = fixed("http://terminology.hl7.org/CodeSystem/condition-ver-status", "entered-in-error")
_USE = one(
    "DG1-6", "Encounter.diagnosis.use", concept(table("DiagnosisType")), "DG1[Encounter] 8", reuse=True, placed=True
)
_RANK = one("DG1-15", "Encounter.diagnosis.rank", positive, "DG1[Encounter] 17", placed=True)
_DESCRIPTION = one("DG1-4", "Condition.code.text", text, "DG1[Condition] 6", placed=True)
_CODE = one("DG1-3", "Condition.code", concept(bare_table("0051", "")), "DG1[Condition] 5", reuse=True)

_PARENT = one("DG1-22", "Condition.extension.valueReference", ei(), "DG1[Condition] 27, 28", placed=True, part=KEPT)
_DUE_TO = EXTENSION + "condition-dueTo"

DIAGNOSIS = Table(
    "DG1",
    "Condition",
    (
        many("DG1-20", "Condition.identifier", ei(), "DG1[Condition] 24"),
        _CODE,
        _DESCRIPTION,
        one("DG1-5", "Condition.onsetDateTime", date_time, "DG1[Condition] 7"),
        *(_USE, _RANK),
        one("DG1-16", "Condition.asserter", practitioner, "DG1[Condition] 18", reuse=True),
        extension(
            "DG1-19",
            "Condition.extension",
            EXTENSION + "condition-assertedDate",
            "valueDateTime",
            date_time,
            "DG1[Condition] 21, 22",
        ),
        one("DG1-19", "Condition.recordedDate", date_time, "DG1[Condition] 23"),
        _PARENT,
    ),
    {
        1: "set id: position only",
        2: "the coding method: DG1-3.3 names the system",
        **dict.fromkeys((7, 8, 9, 10, 11, 12, 13, 14), _WITHDRAWN),
        **dict.fromkeys((17, 18, 23, 24, 25, 26), _NO_TARGET),
        21: "the action: it says what to do with the diagnosis",
    },
)


def diagnosis(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """DG1: one Condition; in a visit, one of its diagnoses."""
    segment = node.segment
    fields = segment.fields
    if frame.patient is None or not any(fields[2:]):
        return None
    key = tuple(fields[number] if number < len(fields) else "" for number in (20, 3, 4, 6))
    of = (frame.encounter or frame.patient)["reference"]
    said = (key[0],) if key[0] else key[1:]
    resource: Resource = {"resourceType": "Condition", "id": scope.child_id("Condition", of, *said)}
    fill(resource, segment, DIAGNOSIS, scope)
    description = first(_DESCRIPTION, segment, scope, resource)
    if description:
        resource["code"] = {"text": description, **resource.get("code", {})}
    resource["subject"] = frame.patient
    _add_parent(resource, segment, of, scope)
    deleted = segment.code(21) == "D"
    if deleted:
        resource["verificationStatus"] = _MISTAKEN
    if frame.encounter:
        resource["encounter"] = frame.encounter
        resource["category"] = _CATEGORY
    reference = scope.add_child(resource, "DG1", of, Action.DELETE if deleted else Action.PUT)
    if not deleted:
        give_reason(frame.request, resource)
    if frame.visit is not None and not deleted:
        _add_to_visit(frame.visit, reference, node, scope)
    return frame.within(remarks=resource) if node.children else None


def _add_parent(resource: Resource, segment: Segment, of: str, scope: Scope) -> None:
    """Point at the diagnosis of the number DG1-22: the one before it in the same visit, else by its number."""
    parent = first(_PARENT, segment, scope, resource)
    if parent:
        url = "urn:uuid:" + scope.mint("Condition", of, segment.fields[22])
        target = {"reference": url} if url in scope.entries else {"type": "Condition", "identifier": parent}
        resource.setdefault("extension", []).append({"url": _DUE_TO, "valueReference": target})


def _add_to_visit(visit: Resource, reference: str, node: Node, scope: Scope) -> None:
    found: Resource = {"condition": {"reference": reference}}
    use, rank = first(_USE, node.segment, scope, visit), first(_RANK, node.segment, scope, visit)
    if use:
        found["use"] = use
    if rank:
        found["rank"] = rank
    visit.setdefault("diagnosis", []).append(found)
    for episode in visit.get("episodeOfCare", ()):  # guide: DG1[EpisodeOfCare] 5 to 17
        in_episode = {"role" if element == "use" else element: value for element, value in found.items()}
        scope.edit(episode["reference"]).setdefault("diagnosis", []).append(in_episode)


TABLES = (DIAGNOSIS,)
HANDLERS: dict[str, Handler] = {"DG1": diagnosis}
