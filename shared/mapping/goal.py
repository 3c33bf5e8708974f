"""GOL: a goal (the guide has no map: docs/decisions/0033)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.care import ACTION, DECIDED, NO_ELEMENT, acted, action_of, add_act, begin
from shared.mapping.datatypes.coded import concept, text_concept
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.lifecycle import word
from shared.mapping.datatypes.time import date
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.note import remark
from shared.mapping.rows import ALL, KEPT, Resource, Table, fill, first, many, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_REVIEW = "R4 knows the state of a goal, not the calendar of its reviews"
_LIFECYCLE = (
    *("proposed", "planned", "accepted", "active", "on-hold", "completed", "cancelled"),
    *("entered-in-error", "rejected"),
)
_ACTED = acted("GOL", 2)
_UNDESCRIBED = {"text": "goal without a description"}


_DUE = one("GOL-8", "Goal.target.dueDate", date, DECIDED, placed=True, ends="target")

GOAL = Table(
    "GOL",
    "Goal",
    (
        _ACTED,
        one("GOL-3", "Goal.description", concept(), DECIDED, reuse=True),
        many("GOL-4", "Goal.identifier", ei(), DECIDED),
        one("GOL-6", "Goal.priority", text_concept, DECIDED),
        one("GOL-7", "Goal.startDate", date, DECIDED),
        _DUE,
        many("GOL-9", "Goal.category", concept(), DECIDED, reuse=True, part=ALL),
        many("GOL-10", "Goal.category", concept(), DECIDED, reuse=True, part=KEPT),
        one("GOL-16", "Goal.achievementStatus", concept(), DECIDED, reuse=True),
        many("GOL-17", "Goal.note", remark, DECIDED),
        one("GOL-18", "Goal.lifecycleStatus", word(_LIFECYCLE), DECIDED),
        one("GOL-19", "Goal.statusDate", date, DECIDED),
    ),
    {
        1: ACTION,
        5: "R4 leads from the episode to its problem, and GOL-5 says nothing else of it",
        **dict.fromkeys((11, 12, 13, 14, 15), _REVIEW),
        **dict.fromkeys((20, 21, 22), NO_ELEMENT),
    },
)


def goal(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """GOL: the Goal, with what was observed of it as its outcome."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[3:]):
        return None
    key = (segment.text(4, 2) or scope.assigner, segment.text(4)) if segment.text(4) else (segment.text(3),)
    resource: Resource = {
        "resourceType": "Goal",
        "id": scope.child_id("Goal", frame.patient["reference"], *key),
        "subject": frame.patient,
    }
    fill(resource, segment, GOAL, scope)
    due = first(_DUE, segment, scope, resource)
    if due:
        resource["target"] = [{"dueDate": due}]
    resource.setdefault("description", _UNDESCRIBED)
    if action_of(segment, scope) == "DE":
        resource["lifecycleStatus"] = "entered-in-error"
    elif "lifecycleStatus" not in resource and "_lifecycleStatus" not in resource:
        resource["lifecycleStatus"] = "active"
        scope.noted(resource)["initial"] = ("lifecycleStatus",)
    begin(resource, segment, frame, scope)
    add_act(_ACTED, segment, resource, frame, scope)
    outcome: list[Resource] = []
    if node.first("OBX"):
        resource["outcomeReference"] = outcome
    return frame.within(remarks=resource, gathers=outcome, order=("goal", resource["id"]), report=None, specimen=None)


TABLES = (GOAL,)
HANDLERS: dict[str, Handler] = {"GOL": goal}
