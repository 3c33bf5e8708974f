"""Coverage as IN1, IN2 and IN3, with its payor (guide: IN1[Coverage], PV1[Coverage], IN3[CareTeam], decision 0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import V2, bare_table, table
from shared.rendering.coded import concept, text
from shared.rendering.codes import system_name
from shared.rendering.draft import composed
from shared.rendering.identifiers import cx, has_type, number, type_of
from shared.rendering.insured import TO_INSURED, is_to_insured, write_holder, write_subscriber
from shared.rendering.people import organization_of, xad, xpn, xtn
from shared.rendering.roles import is_case_manager
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, extension, fill, is_extension, prune
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_DECIDED = "decision 0007"
_GUIDE = "IN1[Coverage]"
_SUBSCRIBER_ID = "http://hl7.org/fhir/5.0/StructureDefinition/extension-subscriberId"
_OF_IN2 = ["MC", "MA", "MI", "SN", "MB"]
_RELATIONSHIP = table("Relationship")
_OF_A_CLASS = frozenset({"resourceType", "id", "meta", "status", "type", "beneficiary", "payor"})


def _is_policy(value: Resource) -> bool:
    return bool(value.get("type", {}).get("text") == "Policy number")


def _is_plan(value: Resource) -> bool:
    return not _is_policy(value) and type_of(value) not in _OF_IN2


def _is_class(name: str) -> Choice:
    def is_class(value: Resource) -> bool:
        return any(one.get("code") == name for one in value.get("type", {}).get("coding", ()))

    return is_class


def is_class(kind: Resource) -> bool:
    """Tell whether a type is the financial class of a visit (PV1-20, HL7 table 0064) and no plan's."""
    return any(one.get("system") == V2 + "0064" for one in kind.get("coding", ()))


def _is_plan_type(kind: Resource) -> bool:
    return not is_class(kind)


def _is_to_patient(relationship: Resource) -> bool:
    return not is_to_insured(relationship)


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
        Row("IN1-15", "Coverage.type", concept(bare_table("0086", "PlanId")), f"{_GUIDE} 19", _is_plan_type),
        Row("IN1-17", "Coverage.relationship", concept(_RELATIONSHIP), f"{_GUIDE} 22", _is_to_patient),
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

COVERAGE_MORE = Table(
    "IN2",
    "Coverage",
    (
        Row("IN2-6", "Coverage.identifier", number, _DECIDED, has_type("MC")),
        Row("IN2-8", "Coverage.identifier", number, _DECIDED, has_type("MA")),
        Row("IN2-10", "Coverage.identifier", number, _DECIDED, has_type("MI")),
        Row("IN2-26", "Coverage.identifier", cx, _DECIDED, has_type("SN")),
        Row("IN2-61", "Coverage.identifier", cx, _DECIDED, has_type("MB")),
        TO_INSURED,
    ),
)
VISIT_CLASS = Table(
    "PV1",
    "Coverage",
    (Row("PV1-20", "Coverage.type", concept(bare_table("0064", "FinancialClass")), "PV1[Coverage] 22", is_class),),
)
CERTIFICATION = Table(
    "IN3",
    "CareTeam.participant",
    (Row("IN3-21", "participant.member.display", text, "IN3[CareTeam] 23 to 25"),),
    (Implied("role", "the field says it"),),
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


def write_coverages(patient: str, draft: Draft) -> None:
    """Write an IN1 for each Coverage of the person, in the order that Coverage.order says."""
    found = [
        (url, one)
        for url, one in draft.all("Coverage")
        if draft.points_at(one.get("beneficiary"), patient) and not _is_class_alone(one)
    ]
    found.sort(key=lambda one: one[1].get("order", len(found)))
    for count, (url, original) in enumerate(found, 1):
        segment = draft.segment("IN1")
        segment.set(1, str(count))
        with draft.open(url) as resource:
            _join_plan_number(resource)
            fill(segment, resource, COVERAGE, draft)
            more = draft.segment("IN2")
            fill(more, resource, COVERAGE_MORE, draft)
            _write_number(segment, resource)
            write_subscriber(segment, more, resource, original.get("relationship"), patient, draft)
            _write_cost(segment, resource, draft)
            _write_payor(segment, resource, draft)
            write_holder(segment, more, resource, draft)
            if not more.fields:
                draft.segments.pop()
        if count == 1:
            _write_managers(patient, draft)


def _write_managers(patient: str, draft: Draft) -> None:
    """Write an IN3 for each case manager of the person; they belong to no coverage of theirs: the first has them."""
    count = 0
    for url, team in draft.all("CareTeam"):
        if draft.points_at(team.get("subject"), patient):
            with draft.open(url) as resource:
                for member in filter(is_case_manager, resource.get("participant", ())):
                    count += 1
                    segment = draft.segment("IN3")
                    segment.set(1, str(count))
                    fill(segment, member, CERTIFICATION, draft)


def _is_class_alone(coverage: Resource) -> bool:
    """Tell whether a Coverage is the financial class of a visit and nothing else: PV1-20 says it."""
    is_paid = any(one.keys() - {"extension"} for one in coverage.get("payor", ()))
    return is_class(coverage.get("type", {})) and not is_paid and not coverage.keys() - _OF_A_CLASS


def write_class(pv1: SegmentDraft, patient: str, draft: Draft) -> None:
    """Write PV1-20 from the coverages whose type is a financial class."""
    for url, coverage in draft.all("Coverage"):
        if draft.points_at(coverage.get("beneficiary"), patient) and is_class(coverage.get("type", {})):
            with draft.open(url) as resource:
                fill(pv1, resource, VISIT_CLASS, draft)
                if _is_class_alone(coverage):
                    for element in ("status", "beneficiary", "payor"):
                        resource.pop(element, None)


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


TABLES = (COVERAGE, COVERAGE_MORE, VISIT_CLASS, CERTIFICATION, PAYOR, CONTACT)
