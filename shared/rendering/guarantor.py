"""Account.guarantor as GT1: a person, an organization, or the patient (decision 0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.rendering.accounts import accounts_of
from shared.rendering.coded import boolean, code, concept
from shared.rendering.draft import composed
from shared.rendering.identifiers import cx, has_type, is_social_security, number
from shared.rendering.patient import spoken
from shared.rendering.people import is_private, is_work, organization_of, xad, xpn, xtn
from shared.rendering.rows import Implied, Resource, Row, Table, fill
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_DECIDED = "decision 0007"
_SELF = composed(["SEL", "Self", "HL70063"])

TERMS = Table(
    "GT1",
    "Account.guarantor",
    (
        Row("GT1-13", "guarantor.period.start", time, _DECIDED),
        Row("GT1-14", "guarantor.period.end", time, _DECIDED),
        Row("GT1-22", "guarantor.onHold", boolean, _DECIDED),
    ),
)
PERSON = Table(
    "GT1",
    "RelatedPerson",
    (
        Row("GT1-12", "RelatedPerson.identifier", number, _DECIDED, is_social_security),
        Row("GT1-19", "RelatedPerson.identifier", cx, _DECIDED, has_type("EI")),
        Row("GT1-2", "RelatedPerson.identifier", cx, _DECIDED),
        Row("GT1-3", "RelatedPerson.name", xpn, _DECIDED),
        Row("GT1-5", "RelatedPerson.address", xad, _DECIDED),
        Row("GT1-6", "RelatedPerson.telecom", xtn, _DECIDED, is_private),
        Row("GT1-7", "RelatedPerson.telecom", xtn, _DECIDED, is_work),
        Row("GT1-8", "RelatedPerson.birthDate", time, _DECIDED),
        Row("GT1-9", "RelatedPerson.gender", code(table("AdministrativeSex")), _DECIDED),
        Row("GT1-11", "RelatedPerson.relationship", concept(table("Relationship")), _DECIDED),
        Row("GT1-36", "RelatedPerson.communication", spoken, _DECIDED),
    ),
    (Implied("patient", "the person of the message"),),
)
ORGANIZATION = Table(
    "GT1",
    "Organization",
    (
        Row("GT1-5", "Organization.address", xad, _DECIDED),
        Row("GT1-6", "Organization.telecom", xtn, _DECIDED, is_private),
        Row("GT1-7", "Organization.telecom", xtn, _DECIDED, is_work),
    ),
    (),
    {21: "comes back from name and number of an Organization"},
)


def guarantors(draft: Draft) -> set[str]:
    """Return the references of those who answer for an account: GT1 names them."""
    found = (one.get("party", {}) for _, account in draft.all("Account") for one in account.get("guarantor", ()))
    return {party["reference"] for party in found if "reference" in party}


def write_guarantors(patient: str, draft: Draft) -> None:
    """Write a GT1 for each guarantor of the person's accounts."""
    count = 0
    for url in accounts_of(patient, draft):
        with draft.open(url) as account:
            account.pop("status", None)
            for one in account.get("guarantor", ()):
                count += 1
                segment = draft.segment("GT1")
                segment.set(1, str(count))
                _write_party(segment, one.get("party", {}), patient, draft)
                fill(segment, one, TERMS, draft)


def _write_party(segment: SegmentDraft, party: Resource, patient: str, draft: Draft) -> None:
    if draft.points_at(party, patient):
        _write_patient(segment, party, draft)
        return
    kind = draft.look(party)[1].get("resourceType")
    if kind == "RelatedPerson":
        with draft.follow(party) as person:
            fill(segment, person, PERSON, draft)
    elif kind == "Organization":
        with draft.follow(party) as organization:
            numbers = organization.get("identifier", [])
            for one in numbers[:-1]:
                segment.add(2, cx(one, draft, "CX"))
            organization["identifier"] = numbers[-1:]
            segment.add(21, organization_of(organization, draft))
            fill(segment, organization, ORGANIZATION, draft)


def _write_patient(segment: SegmentDraft, party: Resource, draft: Draft) -> None:
    """Write the patient as the own guarantor: the name is that of PID, which GT1 requires again."""
    party.pop("reference")
    if "identifier" in party:
        segment.add(2, cx(party["identifier"], draft, "CX"))
    pid = next(one for one in draft.segments if one.name == "PID")
    segment.fields[3] = list(pid.fields.get(5, ()))
    segment.add(11, _SELF)


TABLES = (TERMS, PERSON, ORGANIZATION)
