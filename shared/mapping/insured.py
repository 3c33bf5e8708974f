"""Who a Coverage names: payor, insured person, and the organization that holds the policy (guide: IN1[Coverage]).

An insured who is the patient is the Patient: what IN1 and IN2 repeat of a person is PID's to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import code, concept
from shared.mapping.datatypes.identifier import cx, social_security
from shared.mapping.datatypes.person import address, contact_point, human_name, one_name
from shared.mapping.datatypes.time import date
from shared.mapping.frame import Frame, Handler
from shared.mapping.organization import add_organization, complete_organization, organization_name, organization_number
from shared.mapping.patient import language
from shared.mapping.rows import KEPT, Resource, Table, fill, many, one, same_parts

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DECIDED = "decision 0007"
_GUIDE = "IN1[Coverage]"
_IS_THE_PATIENT = "of the insured, where that is the patient: PID says it"


@same_parts(cx())
def group_number(raw: str, scope: Scope) -> Resource | None:
    """Return a number of IN1-10 that is the employer's: any but the subscriber's."""
    found: Resource | None = None if _is_subscribers(raw, scope) else cx()(raw, scope)
    return found


@same_parts(cx())
def subscriber_number(raw: str, scope: Scope) -> Resource | None:
    """Return a number of IN1-10 that is the subscriber's."""
    found: Resource | None = cx()(raw, scope) if _is_subscribers(raw, scope) else None
    return found


def _is_subscribers(raw: str, scope: Scope) -> bool:
    """Tell whether a CX has the type SN (guide: IN1[Coverage] 12 to 14)."""
    return scope.text(scope.parts(raw)[4]) == "SN"


PAYOR = Table(
    "IN1",
    "Organization",
    (
        many("IN1-3", "Organization.identifier", cx(), _DECIDED, part=KEPT),
        many("IN1-4", "Organization.identifier", organization_number, f"{_GUIDE} 6", part=KEPT),
        one("IN1-4", "Organization.name", organization_name, f"{_GUIDE} 6", part=KEPT),
        many("IN1-5", "Organization.address", address, f"{_GUIDE} 7", part=KEPT),
        one("IN1-6", "Organization.contact.name", one_name, _DECIDED, part=KEPT),
        many("IN1-7", "Organization.telecom", contact_point(), _DECIDED, part=KEPT),
    ),
)
_PAYOR_MORE = Table("IN2", "Organization", (many("IN2-25", "Organization.identifier", cx(), _DECIDED, part=KEPT),))

_HOLDER = Table(
    "IN1",
    "Organization",
    (
        many("IN1-10", "Organization.identifier", group_number, f"{_GUIDE} 14", part=KEPT),
        many("IN1-11", "Organization.identifier", organization_number, f"{_GUIDE} 15", part=KEPT),
        one("IN1-11", "Organization.name", organization_name, f"{_GUIDE} 15", part=KEPT),
        many("IN1-44", "Organization.address", address, _DECIDED, part=KEPT),
    ),
)
_HOLDER_MORE = Table(
    "IN2",
    "Organization",
    (
        one("IN2-49", "Organization.contact.name", one_name, _DECIDED, part=KEPT),
        many("IN2-50", "Organization.contact.telecom", contact_point(), _DECIDED, part=KEPT),
        many("IN2-64", "Organization.telecom", contact_point(), _DECIDED, part=KEPT),
        many("IN2-69", "Organization.identifier", organization_number, _DECIDED, part=KEPT),
        one("IN2-69", "Organization.name", organization_name, _DECIDED, part=KEPT),
        many("IN2-70", "Organization.identifier", organization_number, _DECIDED, part=KEPT),
        one("IN2-70", "Organization.name", organization_name, _DECIDED, part=KEPT),
    ),
)

_INSURED = Table(
    "IN1",
    "RelatedPerson",
    (
        many("IN1-16", "RelatedPerson.name", human_name(), f"{_GUIDE} 20", part=KEPT),
        many("IN1-17", "RelatedPerson.relationship", concept(table("Relationship")), _DECIDED, reuse=True, part=KEPT),
        one("IN1-18", "RelatedPerson.birthDate", date, _DECIDED, part=KEPT),
        many("IN1-19", "RelatedPerson.address", address, _DECIDED, part=KEPT),
        one("IN1-43", "RelatedPerson.gender", code(table("AdministrativeSex")), _DECIDED, reuse=True, part=KEPT),
    ),
)
_INSURED_MORE = Table(
    "IN2",
    "RelatedPerson",
    (
        many("IN2-1", "RelatedPerson.identifier", cx(), _DECIDED, part=KEPT),
        many("IN2-2", "RelatedPerson.identifier", social_security, _DECIDED, part=KEPT),
        many("IN2-34", "RelatedPerson.communication", language, _DECIDED, reuse=True, part=KEPT),
        many("IN2-63", "RelatedPerson.telecom", contact_point("home"), _DECIDED, part=KEPT),
    ),
)
_PATIENT_INSURED = (
    Table("IN1", "Patient", (), dict.fromkeys((16, 18, 19, 43), _IS_THE_PATIENT)),
    Table("IN2", "Patient", (), dict.fromkeys((1, 2, 34, 63), _IS_THE_PATIENT)),
)


def payor(segment: Segment, scope: Scope) -> Resource | None:
    """Return a reference to the Organization of IN1-3 to IN1-7; None where it has neither name nor number."""
    return _organization(segment, PAYOR, scope)


def _organization(segment: Segment, rows: Table, scope: Scope) -> Resource | None:
    found = _described(segment, rows, scope)
    if not found.keys() & {"name", "identifier"}:  # org-1
        return None
    return add_organization(found, scope)


def _described(segment: Segment, rows: Table, scope: Scope) -> Resource:
    found: Resource = {}
    fill(found, segment, rows, scope)
    if "contact" in found:
        found["contact"] = [found["contact"]]
    return found


def add_policy_holder(coverage: Resource, segment: Segment, scope: Scope) -> None:
    """Add the insured's employer or group as policy holder, from an IN1; complete it and the payor from an IN2."""
    if segment.name == "IN1":
        holder = _organization(segment, _HOLDER, scope)
        if holder:
            coverage["policyHolder"] = holder
        return
    _complete(coverage["payor"][0], _described(segment, _PAYOR_MORE, scope), scope)
    known = coverage.get("policyHolder")
    if known:
        _complete(known, _described(segment, _HOLDER_MORE, scope), scope)
    elif holder := _organization(segment, _HOLDER_MORE, scope):
        coverage["policyHolder"] = holder


def _complete(reference: Resource, found: Resource, scope: Scope) -> None:
    if found and "reference" in reference:
        complete_organization(reference["reference"], found, scope)


def add_subscriber(coverage: Resource, segment: Segment, frame: Frame, scope: Scope) -> None:
    """Add the insured person: the Patient (SEL, 01), else a RelatedPerson where IN1 names one."""
    assert frame.patient is not None
    if segment.name == "IN1":
        if segment.code(17) == "SEL":
            coverage["subscriber"] = frame.patient
        elif segment.text(16) or segment.text(16, 2):
            coverage["subscriber"] = _related_person(segment, frame, scope)
    elif "subscriber" not in coverage and segment.code(72) == "01":
        coverage["subscriber"] = frame.patient
    elif coverage.get("subscriber", frame.patient) != frame.patient:
        more: Resource = {}
        fill(more, segment, _INSURED_MORE, scope)
        known = coverage["subscriber"]["reference"].removeprefix("urn:uuid:")
        scope.add_or_complete({"resourceType": "RelatedPerson", "id": known, **more})


def _related_person(segment: Segment, frame: Frame, scope: Scope) -> Resource:
    assert frame.patient is not None
    person = frame.patient["reference"]
    key = (segment.text(16).upper(), segment.text(16, 2).upper(), segment.text(18)[:8])
    resource: Resource = {"resourceType": "RelatedPerson", "id": scope.mint("RelatedPerson", person, "insured", *key)}
    resource["patient"] = frame.patient
    fill(resource, segment, _INSURED, scope)
    scope.note_alike(resource, person)
    return {"reference": scope.add_or_complete(resource)}


TABLES = (PAYOR, _PAYOR_MORE, _HOLDER, _HOLDER_MORE, _INSURED, _INSURED_MORE, *_PATIENT_INSURED)
HANDLERS: dict[str, Handler] = {}
