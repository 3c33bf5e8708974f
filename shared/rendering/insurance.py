"""Coverage as IN1, with its payor, policy holder and insured person (guide: IN1[Coverage], decision 0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table, table
from shared.rendering.coded import code, concept, text
from shared.rendering.codes import system_name
from shared.rendering.draft import composed
from shared.rendering.identifiers import cx, type_of
from shared.rendering.people import organization_of, xad, xpn, xtn
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, extension, fill, is_extension, prune
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_DECIDED = "decision 0007"
_GUIDE = "IN1[Coverage]"
_SUBSCRIBER_ID = "http://hl7.org/fhir/5.0/StructureDefinition/extension-subscriberId"
_OF_IN2 = ["MC", "MA", "MI", "SN", "MB"]
_RELATIONSHIP = table("Relationship")


def _is_policy(value: Resource) -> bool:
    return bool(value.get("type", {}).get("text") == "Policy number")


def _is_plan(value: Resource) -> bool:
    return not _is_policy(value) and type_of(value) not in _OF_IN2


def _is_class(name: str) -> Choice:
    def is_class(value: Resource) -> bool:
        return any(one.get("code") == name for one in value.get("type", {}).get("coding", ()))

    return is_class


def plan(value: Resource, draft: Draft, kind: str) -> str:
    """Write Coverage.class of a plan as a CE: its code and name."""
    del draft, kind
    value.pop("type")
    return composed([value.pop("value", ""), value.pop("name", ""), system_name(value.pop("system", ""))])


def group_number(value: Resource, draft: Draft, kind: str) -> str:
    """Write the value of Coverage.class of a group, which is the number or the name of it."""
    del draft, kind
    value.pop("type", None)
    return composed([value.pop("value", "")])


def policy_number(value: Resource, draft: Draft, kind: str) -> str:
    """Write the number of a policy."""
    del draft, kind
    value.pop("type")
    return composed([value.pop("value", "")])


def group_name(value: Resource, draft: Draft, kind: str) -> str:
    """Write the name of Coverage.class of a group as an XON."""
    del draft, kind
    return composed([value.pop("name", "")])


def money(value: Resource, draft: Draft, kind: str) -> str:
    """Write Money as a CP: its first component is an MO."""
    del draft, kind
    if "value" not in value:
        return ""
    return composed([[str(value.pop("value")), value.pop("currency", "")]])


def plan_number(value: Resource, draft: Draft, kind: str) -> str:
    """Write an Identifier that is a code as a CE (guide: CWE[Identifier])."""
    del draft, kind
    return composed([value.pop("value", ""), "", system_name(value.pop("system", ""))])


COVERAGE = Table(
    "IN1",
    "Coverage",
    (
        Row("IN1-2", "Coverage.class", plan, _DECIDED, _is_class("plan")),
        Row("IN1-8", "Coverage.class", group_number, _DECIDED, _is_class("group")),
        Row("IN1-9", "Coverage.class", group_name, _DECIDED),
        Row(
            "IN1-10",
            "Coverage.extension",
            extension("valueIdentifier", cx),
            f"{_GUIDE} 12, 13",
            lambda value: is_extension(_SUBSCRIBER_ID)(value) and type_of(value.get("valueIdentifier", {})) == "SN",
        ),
        Row(
            "IN1-49",
            "Coverage.extension",
            extension("valueIdentifier", cx),
            f"{_GUIDE} 54, 55",
            is_extension(_SUBSCRIBER_ID),
        ),
        Row("IN1-12", "Coverage.period.start", time, f"{_GUIDE} 16"),
        Row("IN1-13", "Coverage.period.end", time, f"{_GUIDE} 17"),
        Row("IN1-15", "Coverage.type", concept(bare_table("0086", "PlanId")), f"{_GUIDE} 19"),
        Row("IN1-17", "Coverage.relationship", concept(_RELATIONSHIP), f"{_GUIDE} 22"),
        Row("IN1-22", "Coverage.order", text, _DECIDED),
        Row("IN1-36", "Coverage.identifier", policy_number, _DECIDED, _is_policy),
        Row("IN1-2", "Coverage.identifier", plan_number, f"{_GUIDE} 4", _is_plan),
    ),
    (
        Implied("status", "a coverage that a message lists is in force", ("active",)),
        Implied("beneficiary", "the person of the message"),
    ),
    {37: "comes back where its type is a deductible: Coverage.costToBeneficiary"},
)

PAYOR = Table(
    "IN1",
    "Organization",
    (
        Row("IN1-3", "Organization.identifier", cx, _DECIDED),
        Row("IN1-5", "Organization.address", xad, f"{_GUIDE} 7"),
        Row("IN1-7", "Organization.telecom", xtn, _DECIDED),
    ),
    (),
    {4: "comes back from Organization.name and a number that IN1-3 does not say"},
)
CONTACT = Table("IN1", "Organization.contact", (Row("IN1-6", "contact.name", xpn, _DECIDED),))

HOLDER = Table(
    "IN1",
    "Organization",
    (Row("IN1-44", "Organization.address", xad, _DECIDED),),
    (),
    {11: "comes back from name and number of the policy holder"},
)

INSURED = Table(
    "IN1",
    "RelatedPerson",
    (
        Row("IN1-16", "RelatedPerson.name", xpn, f"{_GUIDE} 20"),
        Row("IN1-17", "RelatedPerson.relationship", concept(_RELATIONSHIP), _DECIDED),
        Row("IN1-18", "RelatedPerson.birthDate", time, _DECIDED),
        Row("IN1-19", "RelatedPerson.address", xad, _DECIDED),
        Row("IN1-43", "RelatedPerson.gender", code(table("AdministrativeSex")), _DECIDED),
    ),
    (Implied("patient", "the person of the message"),),
)


def write_coverages(patient: str, draft: Draft) -> None:
    """Write an IN1 for each Coverage of the person, in the order that Coverage.order says."""
    found = [one for one in draft.all("Coverage") if draft.points_at(one[1].get("beneficiary"), patient)]
    found.sort(key=lambda one: one[1].get("order", len(found)))
    for number, (url, original) in enumerate(found, 1):
        segment = draft.segment("IN1")
        segment.set(1, str(number))
        with draft.open(url) as resource:
            _join_plan_number(resource)
            fill(segment, resource, COVERAGE, draft)
            _write_number(segment, resource)
            _write_subscriber(segment, resource, original.get("relationship"), patient, draft)
            _write_cost(segment, resource, draft)
            _write_payor(segment, resource, draft)
            _write_holder(segment, resource, draft)


def _join_plan_number(resource: Resource) -> None:
    """Give the class of a plan the system of the identifier that is its code: IN1-2 is both (IN1[Coverage] 4)."""
    for one in resource.get("class", ()):
        for identifier in resource.get("identifier", ()):
            if _is_class("plan")(one) and identifier.get("value") == one.get("value") and "type" not in identifier:
                identifier.pop("value")
                one["system"] = identifier.pop("system", "")
    prune(resource)


def _write_number(segment: SegmentDraft, resource: Resource) -> None:
    """Write the number of the subscriber, where IN1-49 does not say it with its assigner."""
    number = resource.get("subscriberId")
    if not number:
        return
    said = {text.split("^")[0] for text in segment.fields.get(49, ())}
    if composed([number]) in said or segment.has_room(49):
        resource.pop("subscriberId")
    if composed([number]) not in said:
        segment.add(49, composed([number]))


def _write_subscriber(
    segment: SegmentDraft, resource: Resource, relationship: object, patient: str, draft: Draft
) -> None:
    """Write the insured person: the patient as SEL, anybody else by name."""
    subscriber = resource.get("subscriber")
    if not subscriber:
        return
    if draft.points_at(subscriber, patient):
        resource.pop("subscriber")
        segment.fields.setdefault(17, [composed(["SEL", "Self", "HL70063"])])
    elif draft.look(subscriber)[1].get("resourceType") == "RelatedPerson":
        with draft.follow(subscriber) as person:
            if person.get("relationship") == [relationship]:
                person.pop("relationship")  # Coverage.relationship is the same IN1-17
            fill(segment, person, INSURED, draft)


def _write_cost(segment: SegmentDraft, resource: Resource, draft: Draft) -> None:
    for one in resource.get("costToBeneficiary", ()):
        codes = [each.get("code") for each in one.get("type", {}).get("coding", ())]
        if codes == ["deductible"] and "valueMoney" in one:
            one.pop("type")
            segment.set(37, money(one["valueMoney"], draft, "CP"))


def _write_payor(segment: SegmentDraft, resource: Resource, draft: Draft) -> None:
    for reference in resource.get("payor", ())[:1]:
        if draft.look(reference)[1].get("resourceType") != "Organization":
            continue
        with draft.follow(reference) as organization:
            numbers = organization.get("identifier", [])
            if len(numbers) > 1:
                fill(segment, {"identifier": numbers[:-1]}, PAYOR, draft)
                organization["identifier"] = numbers[-1:]
            elif numbers:
                segment.add(3, cx({**numbers[0]}, draft, "CX"))
            segment.add(4, organization_of(organization, draft))
            fill(segment, organization, PAYOR, draft)
            for contact in organization.get("contact", ())[:1]:
                fill(segment, contact, CONTACT, draft)


def _write_holder(segment: SegmentDraft, resource: Resource, draft: Draft) -> None:
    holder = resource.get("policyHolder")
    if not holder or draft.look(holder)[1].get("resourceType") != "Organization":
        return
    with draft.follow(holder) as organization:
        segment.add(11, organization_of(organization, draft))
        fill(segment, organization, HOLDER, draft)


TABLES = (COVERAGE, PAYOR, CONTACT, HOLDER, INSURED)
