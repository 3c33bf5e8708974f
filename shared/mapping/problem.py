"""PRB: a problem as Condition (the guide has no map: docs/decisions/0033)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.care import ACTION, DECIDED, NO_ELEMENT, acted, action_of, add_act, begin
from shared.mapping.datatypes.coded import coding, concept, fixed, text
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.lifecycle import worded
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.note import remark
from shared.mapping.rows import Resource, Table, Unmapped, absent, fill, first, many, one, valued

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_CLINICAL, _VERIFICATION = _TERMINOLOGY + "condition-clinical", _TERMINOLOGY + "condition-ver-status"
_PROBLEM = fixed(_TERMINOLOGY + "condition-category", "problem-list-item", "Problem List Item")
_MISTAKEN = fixed(_VERIFICATION, "entered-in-error")
_RESOLVED = fixed(_CLINICAL, "resolved")
# R4 con-4: what has an end is one of these.
_ENDED = frozenset({"inactive", "remission", "resolved"})

_ACTED = acted("PRB", 2)
_VERIFIED = ("unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error")
_STATES = {
    "verificationStatus": one(
        "PRB-13", "Condition.verificationStatus", worded(_VERIFICATION, _VERIFIED), DECIDED, placed=True
    ),
    "clinicalStatus": one(
        "PRB-14",
        "Condition.clinicalStatus",
        worded(_CLINICAL, ("active", "recurrence", "relapse", *sorted(_ENDED))),
        DECIDED,
        placed=True,
    ),
}

PROBLEM = Table(
    "PRB",
    "Condition",
    (
        _ACTED,
        one("PRB-3", "Condition.code", concept(), DECIDED, reuse=True),
        many("PRB-4", "Condition.identifier", ei(), DECIDED),
        one("PRB-7", "Condition.recordedDate", date_time, DECIDED),
        one("PRB-9", "Condition.abatementDateTime", date_time, DECIDED),
        many("PRB-10", "Condition.category", concept(), DECIDED, reuse=True),
        *_STATES.values(),
        one("PRB-16", "Condition.onsetDateTime", date_time, DECIDED),
        one("PRB-17", "Condition.onsetString", text, DECIDED, when=absent(16)),
        many("PRB-17", "Condition.note", remark, DECIDED, when=valued(16)),
        many("PRB-25", "Condition.meta.security", coding(), DECIDED, reuse=True),
        one("PRB-26", "Condition.severity", concept(), DECIDED, reuse=True),
    ),
    {
        1: ACTION,
        5: "R4 leads from the episode to its problem, and PRB-5 says nothing else of it",
        8: "R4 knows when a problem ended, not when somebody thought it would",
        **dict.fromkeys((6, 11, 12, 15, 18, 19, 20, 21, 22, 23, 24, 27, 28), NO_ELEMENT),
    },
)


def problem(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """PRB: the Condition, with what was observed of it as its evidence."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[3:]):
        return None
    key = (segment.text(4, 2) or scope.assigner, segment.text(4)) if segment.text(4) else (segment.text(3),)
    resource: Resource = {
        "resourceType": "Condition",
        "id": scope.child_id("Condition", "problem", frame.patient["reference"], *key),
        "category": [_PROBLEM],
    }
    fill(resource, segment, PROBLEM, scope)
    resource["subject"] = frame.patient
    if frame.encounter:
        resource["encounter"] = frame.encounter
    _settle(resource, segment, scope)
    begin(resource, segment, frame, scope)
    add_act(_ACTED, segment, resource, frame, scope)
    evidence: list[Resource] = []
    if node.first("OBX"):
        resource["evidence"] = [{"detail": evidence}]
    return frame.within(
        remarks=resource, gathers=evidence, order=("problem", resource["id"]), report=None, specimen=None
    )


def _settle(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set the two statuses so that they agree (con-3 to con-5): what ended is resolved, a mistake has no course."""
    for element, row in _STATES.items():
        said = first(row, segment, scope, resource)
        if isinstance(said, Unmapped):
            resource.setdefault("extension", []).append(said.extension)
        elif said:
            resource[element] = said
    sent = resource.get("clinicalStatus", {}).get("coding", [{}])[0].get("code")
    if "abatementDateTime" in resource and sent not in _ENDED:
        if sent:
            scope.find("statement_differs", "Condition.clinicalStatus: an end was sent")
        resource["clinicalStatus"] = _RESOLVED
    if action_of(segment, scope) == "DE":
        resource["verificationStatus"] = _MISTAKEN
    verified = resource.get("verificationStatus", {}).get("coding", [{}])[0].get("code")
    if verified == "entered-in-error":
        resource.pop("clinicalStatus", None)
    elif "clinicalStatus" not in resource:  # con-3: a problem of the list has one
        resource["clinicalStatus"] = fixed(_CLINICAL, "active")
        scope.noted(resource)["initial"] = ("clinicalStatus",)


TABLES = (PROBLEM,)
HANDLERS: dict[str, Handler] = {"PRB": problem}
