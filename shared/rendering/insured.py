"""Who a Coverage insures and who holds the policy, as IN1 and IN2 (guide: IN1[Coverage], decision 0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import V2, bare_table, table
from shared.rendering.coded import code, concept
from shared.rendering.draft import composed
from shared.rendering.identifiers import cx, is_social_security, number
from shared.rendering.patient import spoken
from shared.rendering.people import organization_of, xad, xpn, xtn
from shared.rendering.rows import Implied, Resource, Row, Table, fill
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_DECIDED = "decision 0007"
_RELATIONSHIP = table("Relationship")
_TO_INSURED = V2 + "0344"
_AS_IN1_11 = "comes back in IN1-11: one Organization holds the policy"

HOLDER = Table(
    "IN1",
    "Organization",
    (Row("IN1-44", "Organization.address", xad, _DECIDED),),
    (),
    {11: "comes back from name and number of the policy holder"},
)
HOLDER_MORE = Table(
    "IN2",
    "Organization",
    (Row("IN2-64", "Organization.telecom", xtn, _DECIDED),),
    (),
    {25: "comes back as a repetition of IN1-3", 69: _AS_IN1_11, 70: _AS_IN1_11},
)
HOLDER_CONTACT = Table(
    "IN2",
    "Organization.contact",
    (
        Row("IN2-49", "contact.name", xpn, _DECIDED),
        Row("IN2-50", "contact.telecom", xtn, _DECIDED),
    ),
)
INSURED = Table(
    "IN1",
    "RelatedPerson",
    (
        Row("IN1-16", "RelatedPerson.name", xpn, "IN1[Coverage] 20"),
        Row("IN1-17", "RelatedPerson.relationship", concept(_RELATIONSHIP), _DECIDED),
        Row("IN1-18", "RelatedPerson.birthDate", time, _DECIDED),
        Row("IN1-19", "RelatedPerson.address", xad, _DECIDED),
        Row("IN1-43", "RelatedPerson.gender", code(table("AdministrativeSex")), _DECIDED),
    ),
    (Implied("patient", "the person of the message"),),
)
INSURED_MORE = Table(
    "IN2",
    "RelatedPerson",
    (
        Row("IN2-2", "RelatedPerson.identifier", number, _DECIDED, is_social_security),
        Row("IN2-1", "RelatedPerson.identifier", cx, _DECIDED),
        Row("IN2-34", "RelatedPerson.communication", spoken, _DECIDED),
        Row("IN2-63", "RelatedPerson.telecom", xtn, _DECIDED),
    ),
)


def is_to_insured(relationship: Resource) -> bool:
    """Tell whether a relationship is of HL7 table 0344, which IN2-72 holds."""
    return any(one.get("system") == _TO_INSURED for one in relationship.get("coding", ()))


TO_INSURED = Row("IN2-72", "Coverage.relationship", concept(bare_table("0344", "")), _DECIDED, is_to_insured)


def write_subscriber(
    in1: SegmentDraft, in2: SegmentDraft, resource: Resource, relationship: object, patient: str, draft: Draft
) -> None:
    """Write the insured person: the patient as SEL, anybody else by name."""
    subscriber = resource.get("subscriber")
    if not subscriber:
        return
    if draft.points_at(subscriber, patient):
        resource.pop("subscriber")
        in1.fields.setdefault(17, [composed(["SEL", "Self", "HL70063"])])
    elif draft.look(subscriber)[1].get("resourceType") == "RelatedPerson":
        with draft.follow(subscriber) as person:
            if person.get("relationship") == [relationship]:
                person.pop("relationship")  # Coverage.relationship is the same IN1-17
            fill(in1, person, INSURED, draft)
            fill(in2, person, INSURED_MORE, draft)


def write_holder(in1: SegmentDraft, in2: SegmentDraft, resource: Resource, draft: Draft) -> None:
    """Write the organization that holds the policy, and whom to ask there."""
    holder = resource.get("policyHolder")
    if not holder or draft.look(holder)[1].get("resourceType") != "Organization":
        return
    with draft.follow(holder) as organization:
        numbers = organization.get("identifier", [])
        while len(numbers) > 1 and in1.has_room(10):
            in1.add(10, cx(numbers.pop(0), draft, "CX"))
        in1.add(11, organization_of(organization, draft))
        fill(in1, organization, HOLDER, draft)
        fill(in2, organization, HOLDER_MORE, draft)
        for contact in organization.get("contact", ())[:1]:
            fill(in2, contact, HOLDER_CONTACT, draft)


TABLES = (HOLDER, HOLDER_MORE, HOLDER_CONTACT, INSURED, INSURED_MORE)
