"""Observation as OBX (guide: OBX[Observation], OBX[Observation-Component])."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.observation import STATUSES
from shared.rendering.attachments import taken_attachment
from shared.rendering.coded import code, concept
from shared.rendering.codes import system_name
from shared.rendering.draft import composed, escaped
from shared.rendering.identifiers import ei
from shared.rendering.notes import write_notes
from shared.rendering.people import xad, xcn, xon
from shared.rendering.rows import Implied, Resource, Row, Table, extension, fill, is_extension, prune
from shared.rendering.times import time
from shared.rendering.values import taken_value, unit

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_ATTACHED = "https://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment"
_SUB_ID = EXTENSION + "observation-v2-subid"
_LATER = "not in 2.5.1"


def producer(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to the Organization that produced a result as a CE: number, name, system."""
    del kind
    if draft.look(value)[1].get("resourceType") != "Organization":
        return ""
    with draft.follow(value) as organization:
        first = (organization.get("identifier") or [{}])[0]
        number, system = first.pop("value", ""), first.pop("system", "")
        return composed([number, organization.pop("name", ""), system_name(system)])


def observer(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to the observer as an XCN; an organization's role is OBX-23 to OBX-25."""
    _, target = draft.look(value)
    return "" if "organization" in target else xcn(value, draft, kind)


def equipment(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to a Device as an EI."""
    if draft.look(value)[1].get("resourceType") != "Device":
        return ""
    with draft.follow(value) as device:
        first = (device.get("identifier") or [{}])[0]
        return ei()(first, draft, kind)


def sub_id(value: Resource, draft: Draft, kind: str) -> str:
    """Write the sub-id of a result; OBX-4 of 2.5.1 has one component."""
    del draft, kind
    inner = {one.get("url"): one for one in value.get("extension", ())}
    first = inner.get("original-sub-identifier", {})
    if "valueString" not in first:
        return ""
    first.pop("url")
    if len(inner) == 1:
        value.pop("url")
    return escaped(first.pop("valueString"))


def reference_range(value: Resource, draft: Draft, kind: str) -> str:
    """Write a referenceRange: its text, else its ends."""
    del draft, kind
    ends = [value.get(end, {}) for end in ("low", "high")]
    low, high = (str(one.get("value", "")) for one in ends)
    said = value.pop("text", "") or (
        f"{low}-{high}" if low and high else f">={low}" if low else f"<={high}" if high else ""
    )
    if said:
        for end in ends:
            end.clear()
    return escaped(said)


RESULT = Table(
    "OBX",
    "Observation",
    (
        Row("OBX-3", "Observation.code", concept(), "OBX[Observation] 5"),
        Row("OBX-4", "Observation.extension", sub_id, "OBX[Observation] 6", is_extension(_SUB_ID)),
        Row("OBX-7", "Observation.referenceRange", reference_range, "OBX[Observation] 37"),
        Row("OBX-8", "Observation.interpretation", concept(table("InterpretationCodes")), "OBX[Observation] 38"),
        Row(
            "OBX-10",
            "Observation.extension",
            extension("valueCodeableConcept", concept(table("NatureOfAbnormalTesting"))),
            "OBX[Observation] 40, 41",
            is_extension(EXTENSION + "observation-nature-of-abnormal-test"),
        ),
        Row("OBX-11", "Observation.status", code(STATUSES), "OBX[Observation] 42"),
        Row("OBX-14", "Observation.effectiveDateTime", time, "OBX[Observation] 50"),
        Row("OBX-16", "Observation.performer", observer, "OBX[Observation] 53 to 55"),
        Row("OBX-17", "Observation.method", concept(), "OBX[Observation] 56"),
        Row("OBX-18", "Observation.device", equipment, "OBX[Observation] 57"),
        Row(
            "OBX-19",
            "Observation.extension",
            extension("valueDateTime", time),
            "OBX[Observation] 58, 59",
            is_extension(EXTENSION + "observation-analysis-date-time"),
        ),
    ),
    (
        Implied("subject", "the person of the message"),
        Implied("encounter", "the visit of the message"),
        Implied("specimen", "the SPM of the order"),
        Implied("partOf", "what it stands below"),
        Implied("category", "the order says it"),
        Implied("status", "without OBX-11 nobody knows it", ("unknown",)),
    ),
    {
        5: "comes back by the kind of value: see docs/rendering.md",
        6: "comes back with the value",
        15: "comes back where the performer is an Organization without an address or a director",
        20: _LATER,
        21: _LATER,
        23: "comes back where the performer is an Organization with an address or a director",
        24: "comes back with OBX-23",
        25: "comes back with OBX-23",
        **dict.fromkeys((29, 30, 32, 33), _LATER),
    },
)

COMPONENT = Table(
    "OBX",
    "Observation.component",
    (
        Row("OBX-3", "component.code", concept(), "OBX[Observation-Component] 5"),
        Row("OBX-7", "component.referenceRange", reference_range, "OBX[Observation-Component] 37"),
        Row(
            "OBX-8", "component.interpretation", concept(table("InterpretationCodes")), "OBX[Observation-Component] 38"
        ),
    ),
)


def write_results(urls: Iterable[str], draft: Draft, *, after: int = 0) -> None:
    """Write an OBX, and its notes, for each Observation; further ones for its components; numbered after others."""
    number = after
    for url in urls:
        with draft.open(url) as resource:
            number = _write_result(resource, number + 1, draft)
            write_notes(resource, draft)


def _write_result(resource: Resource, number: int, draft: Draft) -> int:
    obx = draft.segment("OBX")
    obx.set(1, str(number))
    _write_organization(obx, resource, draft)
    same, others = _parted(resource)
    _write_value(obx, resource, same, draft)
    if _was_not_asked(resource):
        obx.set(11, "N")
        resource.pop("status", None)
    if "_status" in resource:  # the code that was sent: the row writes it where there is no other
        resource.pop("status", None)
    fill(obx, resource, RESULT, draft)
    if others and 4 not in obx.fields:
        obx.set(4, str(number))  # what belongs together has one sub-id
    for component in others:
        number += 1
        more = draft.segment("OBX")
        more.set(1, str(number))
        _write_value(more, component, [], draft)
        fill(more, component, COMPONENT, draft)
        for field in (4, 11, 14):
            more.set(field, "".join(obx.fields.get(field, ())))
    return number


def _parted(resource: Resource) -> tuple[list[Resource], list[Resource]]:
    """Return the components that are further values of the same code, as the mapping makes them, and the others."""
    components = resource.get("component", [])
    same = [one for one in components if one.get("code") == resource.get("code")]
    return same, [one for one in components if one not in same]


def _write_value(obx: SegmentDraft, holder: Resource, same: list[Resource], draft: Draft) -> None:
    """Write OBX-2, OBX-5 and OBX-6; the interpretation of a number's range goes with its unit."""
    for one in holder.get("extension", ()):
        found = taken_attachment(one["valueAttachment"]) if _is_attached(one) else None
        if found:
            one.pop("url")
            obx.set(2, found[0])
            obx.fields.setdefault(5, []).append(found[1])
    for each in (holder, *same):
        value = taken_value(each)
        if value is None:
            continue
        obx.set(2, value[0])
        obx.fields.setdefault(5, []).extend(value[1])
        obx.set(6, unit(value[2]) or "".join(obx.fields.get(6, ())))
    for each in same:
        each.pop("code", None)
    prune(holder)
    del draft


def has_attachment(observation: Resource) -> bool:
    """Tell whether a result is a document, or refers to one."""
    return any(map(_is_attached, observation.get("extension", ())))


def _is_attached(one: Resource) -> bool:
    return one.get("url") == _ATTACHED and "valueAttachment" in one


def _was_not_asked(resource: Resource) -> bool:
    """Tell whether the value is absent because nobody asked (HL7 table 0085, N), and take that."""
    for one in resource.get("dataAbsentReason", {}).get("coding", ()):
        if one.get("code") == "not-asked":
            resource.pop("dataAbsentReason")
            return True
    return False


def _write_organization(obx: SegmentDraft, resource: Resource, draft: Draft) -> None:
    """Write the performing organization: with an address or a director OBX-23 to OBX-25, else OBX-15."""
    for reference in resource.get("performer", ()):
        _, target = draft.look(reference)
        kind = target.get("resourceType")
        if kind == "PractitionerRole" and "organization" in target:
            with draft.follow(reference) as role:
                role["code"] = [one for one in role.get("code", ()) if not _is_director(one)]
                obx.set(25, xcn(role.get("practitioner", {}), draft, "XCN"))
                _write_performing(obx, role["organization"], draft)
        elif kind == "Organization" and ("address" in target or obx.fields.get(15) or _has_assigner(target)):
            _write_performing(obx, reference, draft)
        elif kind == "Organization":
            obx.set(15, producer(reference, draft, "CE"))
    prune(resource)


def _has_assigner(organization: Resource) -> bool:
    """Tell whether an organization's number has an assigner, which OBX-15 has no place for."""
    return any("assigner" in one or "type" in one for one in organization.get("identifier", ()))


def _is_director(role: Resource) -> bool:
    return any(one.get("code") == "MDIR" for one in role.get("coding", ()))


def _write_performing(obx: SegmentDraft, reference: Resource, draft: Draft) -> None:
    addresses = draft.look(reference)[1].get("address", [])
    url, _ = draft.look(reference)
    obx.set(23, xon(reference, draft, "XON"))
    if addresses:
        with draft.open(url) as organization:
            obx.set(24, xad(organization["address"][0], draft, "XAD"))


TABLES = (RESULT, COMPONENT)
