"""GT1: who answers for the account (the guide has no map: docs/decisions/0007).

A person becomes a RelatedPerson, an organization an Organization, the patient stays the Patient; Account.guarantor
names it. A person without an account of a number (PID-18) gets one that exists for the guarantor alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.account import add_account
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import boolean, code, concept
from shared.mapping.datatypes.identifier import cx, social_security
from shared.mapping.datatypes.person import address, contact_point, human_name
from shared.mapping.datatypes.time import date, date_time, ordered
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.organization import add_organization, organization_name, organization_number
from shared.mapping.patient import language
from shared.mapping.rows import KEPT, Resource, Table, fill, first, many, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DECIDED = "decision 0007"
_NO_TARGET = "the guide has no map of GT1 and R4 no element for it"
_IS_THE_PATIENT = "of the guarantor, where that is the patient: PID says it"
_START = one("GT1-13", "Account.guarantor.period.start", date_time, _DECIDED, placed=True, part=KEPT)
_END = one("GT1-14", "Account.guarantor.period.end", date_time, _DECIDED, placed=True, part=KEPT)
_HOLD = one("GT1-22", "Account.guarantor.onHold", boolean(table("YesNoIndicator")), _DECIDED, placed=True, part=KEPT)

ACCOUNT = Table("GT1", "Account", (_START, _END, _HOLD))

PERSON = Table(
    "GT1",
    "RelatedPerson",
    (
        many("GT1-2", "RelatedPerson.identifier", cx(), _DECIDED, part=KEPT),
        many("GT1-3", "RelatedPerson.name", human_name(), _DECIDED, part=KEPT),
        many("GT1-5", "RelatedPerson.address", address, _DECIDED, part=KEPT),
        many("GT1-6", "RelatedPerson.telecom", contact_point("home"), _DECIDED, part=KEPT),
        many("GT1-7", "RelatedPerson.telecom", contact_point("work"), _DECIDED, part=KEPT),
        one("GT1-8", "RelatedPerson.birthDate", date, _DECIDED, part=KEPT),
        one("GT1-9", "RelatedPerson.gender", code(table("AdministrativeSex")), _DECIDED, reuse=True, part=KEPT),
        many("GT1-11", "RelatedPerson.relationship", concept(table("Relationship")), _DECIDED, reuse=True, part=KEPT),
        many("GT1-12", "RelatedPerson.identifier", social_security, _DECIDED, part=KEPT),
        many("GT1-19", "RelatedPerson.identifier", cx("EI"), _DECIDED, part=KEPT),
        many("GT1-36", "RelatedPerson.communication", language, _DECIDED, reuse=True, part=KEPT),
    ),
    {
        1: "set id: position only",
        **dict.fromkeys((4, 10, *range(15, 19), 20, *range(23, 36), *range(37, 58)), _NO_TARGET),
    },
)

ORGANIZATION = Table(
    "GT1",
    "Organization",
    (
        many("GT1-2", "Organization.identifier", cx(), _DECIDED, part=KEPT),
        many("GT1-5", "Organization.address", address, _DECIDED, part=KEPT),
        many("GT1-6", "Organization.telecom", contact_point(), _DECIDED, part=KEPT),
        many("GT1-7", "Organization.telecom", contact_point("work"), _DECIDED, part=KEPT),
        many("GT1-21", "Organization.identifier", organization_number, _DECIDED, part=KEPT),
        one("GT1-21", "Organization.name", organization_name, _DECIDED, part=KEPT),
    ),
)
_OWN_NUMBER = one("GT1-2", "Account.guarantor.party.identifier", cx(), _DECIDED, placed=True, part=KEPT)
_PATIENT = Table(
    "GT1",
    "Patient",
    (_OWN_NUMBER,),
    {
        **dict.fromkeys((3, 5, 6, 7, 8, 9, 11, 12, 19, 36), _IS_THE_PATIENT),
        21: "the guarantor is a person: GT1-3 names it",
    },
)


def guarantor(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """GT1: one guarantor of the person's account."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[2:]):
        return None
    party = _party(segment, frame.patient, scope)
    if party is None:
        scope.segment, scope.number, scope.repetition = segment, 3, 1
        scope.find("guarantor_unnamed")
        return None
    if frame.account is None:
        frame.account = add_account([], frame.patient, scope)
    account = frame.account
    found: Resource = {"party": party}
    hold = first(_HOLD, segment, scope, account)
    if hold is not None:
        found["onHold"] = hold
    period = ordered(first(_START, segment, scope, account), first(_END, segment, scope, account), scope)
    if period:
        found["period"] = period
    if found not in account.setdefault("guarantor", []):
        account["guarantor"].append(found)
    return frame.within(remarks=None)


def _party(segment: Segment, patient: Resource, scope: Scope) -> Resource | None:
    """Return a reference to whom a GT1 names; None when it names nobody."""
    if segment.code(11) == "SEL":
        number = first(_OWN_NUMBER, segment, scope, {})
        return {**patient, "identifier": number} if number else patient
    if not segment.text(3) and not segment.text(3, 2):
        found: Resource = {}
        fill(found, segment, ORGANIZATION, scope)
        return add_organization(found, scope) if found.keys() & {"name", "identifier"} else None
    person = patient["reference"]
    key = (segment.text(2), segment.text(3).upper(), segment.text(3, 2).upper())
    resource: Resource = {"resourceType": "RelatedPerson", "id": scope.mint("RelatedPerson", person, "guarantor", *key)}
    resource["patient"] = patient
    fill(resource, segment, PERSON, scope)
    scope.note_alike(resource, person)
    url = scope.add_or_complete(resource)
    scope.list_child(url, "RelatedPerson", "GT1", person)
    return {"reference": url}


TABLES = (ACCOUNT, PERSON, ORGANIZATION, _PATIENT)
HANDLERS: dict[str, Handler] = {"GT1": guarantor}
