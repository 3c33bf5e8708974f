"""PTH and VAR: a pathway as CarePlan, and what went another way (the guide has no map: docs/decisions/0033)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.care import ACTION, DECIDED, NO_ELEMENT, acted, action_of, add_act, begin
from shared.mapping.datatypes.coded import coded_text, concept, text
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.lifecycle import word
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Resource, Table, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_STATUSES = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
_ACTED = acted("PTH", 6)

PATHWAY = Table(
    "PTH",
    "CarePlan",
    (
        one("PTH-2", "CarePlan.title", coded_text, DECIDED),
        many("PTH-2", "CarePlan.category", concept(), DECIDED, reuse=True),
        many("PTH-3", "CarePlan.identifier", ei(), DECIDED),
        one("PTH-4", "CarePlan.created", date_time, DECIDED),
        one("PTH-5", "CarePlan.status", word(_STATUSES), DECIDED),
        _ACTED,
    ),
    {1: ACTION, 7: NO_ELEMENT},
)


def pathway(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """PTH: the CarePlan that holds problems, goals and orders together."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[2:]):
        return None
    key = (segment.text(3, 2) or scope.assigner, segment.text(3)) if segment.text(3) else (segment.text(2),)
    resource: Resource = {
        "resourceType": "CarePlan",
        "id": scope.child_id("CarePlan", frame.patient["reference"], *key),
        "intent": "plan",
        "subject": frame.patient,
    }
    fill(resource, segment, PATHWAY, scope)
    if action_of(segment, scope) == "DE":
        resource["status"] = "entered-in-error"
    elif "status" not in resource and "_status" not in resource:
        resource["status"] = "unknown"
        scope.noted(resource)["initial"] = ("status",)
    if frame.encounter:
        resource["encounter"] = frame.encounter
    begin(resource, segment, frame, scope)
    add_act(_ACTED, segment, resource, frame, scope)
    return frame.within(remarks=resource)


_TIME = one("VAR-2", "Annotation.time", date_time, DECIDED, placed=True)
_AUTHOR = many("VAR-4", "Annotation.authorReference", practitioner, DECIDED, reuse=True, placed=True)
_KIND = one("VAR-5", "Annotation.text", coded_text, DECIDED, placed=True)
_SAID = many("VAR-6", "Annotation.text", text, DECIDED, placed=True)

VARIANCE = Table("VAR", "Annotation", (_TIME, _AUTHOR, _KIND, _SAID), {1: NO_ELEMENT, 3: NO_ELEMENT})
_TAKES_VARIANCE = frozenset({"Condition", "Goal", "CarePlan", "Observation", "ServiceRequest"})


def variance(node: Node, frame: Frame, scope: Scope) -> None:
    """VAR: a note on what it follows: what went another way than planned."""
    segment, holder = node.segment, frame.remarks
    if holder is None or holder["resourceType"] not in _TAKES_VARIANCE:
        scope.segment, scope.number, scope.repetition = segment, 6, 1
        scope.find("note_without_place", holder["resourceType"] if holder else "")
        return
    kind = first(_KIND, segment, scope, holder)
    lines = [*([kind] if kind else []), *values(_SAID, segment, scope, holder)]
    if not lines:
        return
    found: Resource = {}
    authors, time = values(_AUTHOR, segment, scope, holder), first(_TIME, segment, scope, holder)
    if authors:
        found["authorReference"] = authors[0]
    if time:
        found["time"] = time
    found["text"] = "\n".join(lines)
    holder.setdefault("note", []).append(found)


TABLES = (PATHWAY, VARIANCE)
HANDLERS: dict[str, Handler] = {"PTH": pathway, "VAR": variance}
