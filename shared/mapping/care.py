"""Problems, goals and pathways of one message: which belong together, and what was done to each (decision 0033)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import fixed
from shared.mapping.datatypes.time import instant
from shared.mapping.frame import Frame
from shared.mapping.rows import Resource, Row, first, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0033"
NO_ELEMENT = "R4 has no element for it"
ACTION = "the action: it says what to do with what the segment tells"

# What stands below what, by message (HL7 chapter 12.3): a new one of the left closes those to its right.
_NESTED = {
    "PPR": ("Condition", "CarePlan Goal"),
    "PGL": ("Goal", "CarePlan Condition"),
    "PPG": ("CarePlan", "Goal", "Condition"),
}
_PATHWAY = ("CarePlan", "Condition", "Goal")  # PPP, PTR, PPT, PRR and whoever else sends them
_DELETING = frozenset({"PC3", "PC8", "PCD", "PCJ"})

_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_ACTIVITIES = {
    "AD": fixed(_OPERATION, "CREATE", "create"),
    **dict.fromkeys(("CO", "UP"), fixed(_OPERATION, "UPDATE", "revise")),
    "DE": fixed(_OPERATION, "NULLIFY", "nullify"),
}
UNLINK = "UN"
ACTIONS = bare_table("0287", "ProblemGoalActionCode")


@dataclass(slots=True)
class Care:
    """The problem, goal and pathway at hand; each new one is linked with those that stay open."""

    open: dict[str, Resource]


def action_of(segment: Segment, scope: Scope) -> str:
    """Return the action code of a PRB, GOL or PTH (HL7 table 0287); the event's where it has none."""
    return segment.code(1) or ("DE" if scope.event in _DELETING else "")


def begin(resource: Resource, segment: Segment, frame: Frame, scope: Scope) -> str:
    """Add a Condition, Goal or CarePlan with its action, link it with those it stands with; return its fullUrl."""
    url = scope.add(resource)
    kind = resource["resourceType"]
    if action_of(segment, scope) == "DE":
        scope.noted(resource)["action"] = Action.DELETE
    care = frame.care
    if care is None:
        care = frame.care = Care({})
    for below in _closed_by(kind, scope.code):
        care.open.pop(below, None)
    if segment.code(1) != UNLINK:
        for other in care.open.values():
            _link(resource, other)
            _link(other, resource)
    care.open[kind] = resource
    return url


def _closed_by(kind: str, code: str) -> tuple[str, ...]:
    levels = _NESTED.get(code, _PATHWAY)
    place = next(number for number, level in enumerate(levels) if kind in level)
    return (kind, *" ".join(levels[place + 1 :]).split())


# From what to what, by which element.
_LINKS = {
    ("Goal", "Condition"): "addresses",
    ("CarePlan", "Condition"): "addresses",
    ("CarePlan", "Goal"): "goal",
}


def _link(one_: Resource, other: Resource) -> None:
    element = _LINKS.get((one_["resourceType"], other["resourceType"]))
    if element:
        _add(one_, element, other)


def _add(holder: Resource, element: str, target: Resource) -> None:
    reference = {"reference": "urn:uuid:" + target["id"]}
    if reference not in holder.setdefault(element, []):
        holder[element].append(reference)


def order_for(request: Resource, frame: Frame) -> None:
    """Link an order with the problem, goal and pathway it is for."""
    open_ = frame.care.open if frame.care else {}
    if "Condition" in open_:
        _add(request, "reasonReference", open_["Condition"])
    if "Goal" in open_:
        url = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
        goal = {"reference": "urn:uuid:" + open_["Goal"]["id"]}
        request.setdefault("extension", []).append({"url": url, "valueReference": goal})
    if "CarePlan" in open_:
        reference = {"reference": {"reference": "urn:uuid:" + request["id"]}}
        open_["CarePlan"].setdefault("activity", []).append(reference)


_SUPPORT = {"ServiceRequest": "supportingInfo", "MedicationRequest": "supportingInformation"}


def support(request: Resource | None, reference: Resource) -> bool:
    """Add what an order rests on; tell whether it is an order that has a place for it."""
    element = _SUPPORT.get(request["resourceType"]) if request is not None else None
    if request is None or element is None:
        return False
    if reference not in request.setdefault(element, []):
        request[element].append(reference)
    return True


def give_reason(request: Resource | None, condition: Resource) -> None:
    """Let an order name the diagnosis it was given for (guide: OML_O21 54, ORM_O01 50)."""
    if request is not None and request["resourceType"] in _SUPPORT:
        _add(request, "reasonReference", condition)


def acted(segment: str, number: int) -> Row:
    """Return the row of when the action of a segment was done."""
    return one(f"{segment}-{number}", "Provenance.recorded", instant, DECIDED, placed=True)


def add_act(row: Row, segment: Segment, resource: Resource, frame: Frame, scope: Scope) -> None:
    """Add the Provenance of an action: when it was done, by the sender."""
    when = first(row, segment, scope, {})
    sender = frame.header.get("responsible") or frame.header.get("sender")
    if not when or not sender:
        return
    target = "urn:uuid:" + resource["id"]
    action = action_of(segment, scope)
    found: Resource = {
        "resourceType": "Provenance",
        "id": scope.child_id("Provenance", target, action, when),
        "target": [{"reference": target}],
        "recorded": when,
        "agent": [{"who": sender}],
    }
    if action in _ACTIVITIES:
        found["activity"] = _ACTIVITIES[action]
    scope.note_alike(found, action, when)
    scope.add(found)
