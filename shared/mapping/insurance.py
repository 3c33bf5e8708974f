"""IN1, IN2 and IN3: Coverage (guide: IN1[Coverage], PV1[Coverage], IN3[CareTeam]).

The guide has no map of IN2 and leaves most of IN1 open; what R4 has an element for is carried all the same
(docs/decisions/0007). The segments of one plan are one Coverage: IN2 completes what its IN1 began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import DATA_ABSENT, concept, fixed, text
from shared.mapping.datatypes.identifier import coded_number, cx, number_of, typed_number
from shared.mapping.datatypes.money import price
from shared.mapping.datatypes.number import positive
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.insured import add_policy_holder, add_subscriber, payor, subscriber_number
from shared.mapping.organization import organization_name
from shared.mapping.participation import care_team
from shared.mapping.rows import KEPT, Resource, Table, extension, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_CLASSES = "http://terminology.hl7.org/CodeSystem/coverage-class"
_SUBSCRIBER_ID = "http://hl7.org/fhir/5.0/StructureDefinition/extension-subscriberId"
_DEDUCTIBLE = fixed("http://terminology.hl7.org/CodeSystem/coverage-copay-type", "deductible", "Deductible")
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_NO_TARGET = "the guide gives it no FHIR element"
_DECIDED = "decision 0007"


@parts_of({1: "value", 2: "name"})
def plan(raw: str, scope: Scope) -> Resource | None:
    """Return Coverage.class of a plan: its code and name."""
    value, name = (scope.text(part) for part in scope.parts(raw)[:2])
    return _class("plan", "Plan", value, name)


@parts_of({1: "value"})
def policy_number(raw: str, scope: Scope) -> Resource | None:
    """Return the number of a policy: HL7 table 0203 has no type for it."""
    value = scope.text(raw)
    return {"type": {"text": "Policy number"}, "value": value} if value else None


def _class(kind: str, display: str, value: str, name: str) -> Resource | None:
    if not value and not name:
        return None
    found: Resource = {"type": fixed(_CLASSES, kind, display), "value": value or name}
    return {**found, "name": name} if value and name else found


@parts_of({1: "coding.code"}, {2: "when the class began: Coverage.type has no date"})
def financial_class(raw: str, scope: Scope) -> Resource | None:
    """Return the class of an FC: a CWE whose components are subcomponents here."""
    found: Resource | None = _FINANCIAL(scope.parts(raw)[0].replace(scope.subcomponent, scope.component), scope)
    return found


_FINANCIAL = concept(bare_table("0064", "FinancialClass"))
_GROUP = one("IN1-8", "Coverage.class.value", text, _DECIDED, placed=True, part=KEPT)
_GROUP_NAME = many("IN1-9", "Coverage.class.name", organization_name, _DECIDED, placed=True, part=KEPT)
_START = one("IN1-12", "Coverage.period.start", date_time, "IN1[Coverage] 16", placed=True)
_END = one("IN1-13", "Coverage.period.end", date_time, "IN1[Coverage] 17", placed=True)
_NUMBER = one("IN1-49", "Coverage.subscriberId", number_of, _DECIDED, placed=True)
_COST = one("IN1-37", "Coverage.costToBeneficiary.valueMoney", price, _DECIDED, placed=True, part=KEPT)

COVERAGE = Table(
    "IN1",
    "Coverage",
    (
        many("IN1-2", "Coverage.identifier", coded_number, "IN1[Coverage] 4", part=KEPT),
        many("IN1-2", "Coverage.class", plan, _DECIDED, part=KEPT),
        *(_GROUP, _GROUP_NAME, _START, _END),
        one("IN1-15", "Coverage.type", concept(bare_table("0086", "PlanId")), "IN1[Coverage] 19", reuse=True),
        one("IN1-17", "Coverage.relationship", concept(table("Relationship")), "IN1[Coverage] 22", reuse=True),
        one("IN1-22", "Coverage.order", positive, _DECIDED),
        many("IN1-36", "Coverage.identifier", policy_number, _DECIDED, part=KEPT),
        _COST,
        extension(
            "IN1-10",
            "Coverage.extension",
            _SUBSCRIBER_ID,
            "valueIdentifier",
            subscriber_number,
            "IN1[Coverage] 12, 13",
        ),
        extension("IN1-49", "Coverage.extension", _SUBSCRIBER_ID, "valueIdentifier", cx(), "IN1[Coverage] 54, 55"),
        _NUMBER,
    ),
    {
        1: "set id: position only",
        **dict.fromkeys((14, 20, 21, *range(23, 36), *range(38, 43), 45, 46, 47, 48, 50, 51, 52, 53, 54), _NO_TARGET),
        55: "the action: it says what to do with the coverage",
    },
)

_TO_INSURED = one("IN2-72", "Coverage.relationship", concept(bare_table("0344", "")), _DECIDED, reuse=True, placed=True)

COVERAGE_MORE = Table(
    "IN2",
    "Coverage",
    (
        many("IN2-6", "Coverage.identifier", typed_number("MC"), _DECIDED, part=KEPT),
        many("IN2-8", "Coverage.identifier", typed_number("MA"), _DECIDED, part=KEPT),
        many("IN2-10", "Coverage.identifier", typed_number("MI"), _DECIDED, part=KEPT),
        many("IN2-26", "Coverage.identifier", cx("SN"), _DECIDED, part=KEPT),
        many("IN2-61", "Coverage.identifier", cx("MB"), _DECIDED, part=KEPT),
        _TO_INSURED,
    ),
    dict.fromkeys(
        (4, 5, 7, 9, *range(11, 25), *range(27, 34), *range(35, 49), *range(51, 61), 62, 65, 66, 67, 68, 71),
        "the guide has no map of IN2 and R4 no element for it",
    ),
)

_CLASS = one("PV1-20", "Coverage.type", financial_class, "PV1[Coverage] 22", reuse=True, placed=True, part=KEPT)
VISIT_CLASS = Table("PV1", "Coverage", (_CLASS,))

_MANAGER = one("IN3-21", "CareTeam.participant.member.display", text, "IN3[CareTeam] 23 to 25", placed=True, part=KEPT)
CERTIFICATION = Table(
    "IN3",
    "CareTeam",
    (_MANAGER,),
    {1: "set id: position only", **dict.fromkeys((*range(2, 21), *range(22, 28)), _NO_TARGET)},
)
CASE_MANAGER: Resource = {"coding": [{"system": "http://snomed.info/sct", "code": "768832004"}], "text": "case manager"}


def coverage(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """IN1: one Coverage of the person; what a message does not say of its payor is said to be unknown."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[2:]):
        return None
    of = frame.patient["reference"]
    resource: Resource = {"resourceType": "Coverage", "id": scope.child_id("Coverage", of, *_key_of(segment))}
    resource["status"] = "active"
    fill(resource, segment, COVERAGE, scope)
    _complete(resource, segment, frame, scope)
    resource["beneficiary"] = frame.patient
    resource["payor"] = [payor(segment, scope) or _UNKNOWN]
    add_subscriber(resource, segment, frame, scope)
    add_policy_holder(resource, segment, scope)
    deleted = segment.code(55) == "D"
    if deleted:
        resource["status"] = "cancelled"
    url = scope.add_child(resource, "IN1", of, Action.DELETE if deleted else Action.PUT)
    if frame.account is not None and not deleted:
        frame.account.setdefault("coverage", []).append({"coverage": {"reference": url}})
    return frame.within(remarks=resource)


def _key_of(segment: Segment) -> tuple[str, ...]:
    """Return what tells the plans of a person apart: plan, company and policy."""
    return tuple(segment.text(number) for number in (2, 3, 4, 8, 36, 49))


def _complete(resource: Resource, segment: Segment, frame: Frame, scope: Scope) -> None:
    """Add the group, the period, the number of the subscriber and the deductible."""
    names = values(_GROUP_NAME, segment, scope, resource)
    group = _class("group", "Group", first(_GROUP, segment, scope, resource) or "", ", ".join(names))
    if group:
        resource.setdefault("class", []).append(group)
    period = ordered(first(_START, segment, scope, resource), first(_END, segment, scope, resource), scope)
    if period:
        resource["period"] = period
    number = first(_NUMBER, segment, scope, resource)
    if number:
        resource["subscriberId"] = number
    deductible = first(_COST, segment, scope, resource)
    if deductible:
        resource["costToBeneficiary"] = [{"type": _DEDUCTIBLE, "valueMoney": deductible}]
    if "type" not in resource and frame.visit_segment is not None:
        _add_class(resource, frame.visit_segment, scope)


def _add_class(resource: Resource, visit: Segment, scope: Scope) -> None:
    found = first(_CLASS, visit, scope, resource)
    if found:
        resource["type"] = found


def class_alone(visit: Segment, frame: Frame, scope: Scope) -> None:
    """Add the Coverage of a financial class where no IN1 of the message can take it (guide: ADT_A01 37)."""
    if len(visit.fields) <= 20 or not visit.fields[20] or frame.patient is None or scope.message.all("IN1"):
        return
    resource: Resource = {
        "resourceType": "Coverage",
        "id": scope.mint("Coverage", frame.patient["reference"], "financial class", visit.text(20)),
        "status": "active",
    }
    _add_class(resource, visit, scope)
    if "type" in resource:
        resource.update(beneficiary=frame.patient, payor=[_UNKNOWN])
        scope.add(resource)


def coverage_more(node: Node, frame: Frame, scope: Scope) -> None:
    """IN2: more of the Coverage, its subscriber and policy holder."""
    resource, segment = frame.remarks, node.segment
    if resource is None or resource["resourceType"] != "Coverage":
        return
    fill(resource, segment, COVERAGE_MORE, scope)
    relationship = first(_TO_INSURED, segment, scope, resource) if "relationship" not in resource else None
    if relationship:
        resource["relationship"] = relationship
    add_subscriber(resource, segment, frame, scope)
    add_policy_holder(resource, segment, scope)


def certification(node: Node, frame: Frame, scope: Scope) -> None:
    """IN3: the case manager, as a member of the person's CareTeam."""
    manager = first(_MANAGER, node.segment, scope, {})
    team = care_team(frame, scope) if manager else None
    if team is not None:
        team["participant"].append({"role": [CASE_MANAGER], "member": {"display": manager}})


TABLES = (COVERAGE, COVERAGE_MORE, VISIT_CLASS, CERTIFICATION)
HANDLERS: dict[str, Handler] = {"IN1": coverage, "IN2": coverage_more, "IN3": certification}
