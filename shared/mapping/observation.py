"""OBX: the Observation (guide: OBX[Observation], OBX[Observation-Component])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.changes.notes import ListMode
from shared.hl7 import Segment
from shared.mapping.codes.systems import code_system
from shared.mapping.codes.tables import V2, bare_table, table
from shared.mapping.datatypes.attachment import encapsulated, pointer
from shared.mapping.datatypes.coded import DATA_ABSENT, alternate, code, concept, fixed, text
from shared.mapping.datatypes.identifier import ei, eip
from shared.mapping.datatypes.number import unit_of
from shared.mapping.datatypes.person import EXTENSION, address
from shared.mapping.datatypes.time import date_time
from shared.mapping.datatypes.value import LINES, bounds, read_value
from shared.mapping.document_reference import CONTENT
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.organization import organization
from shared.mapping.practitioner import practitioner, role, role_of
from shared.mapping.rows import (
    KEPT,
    NULL,
    Resource,
    Table,
    Unmapped,
    extension,
    fill,
    first,
    many,
    one,
    parts_of,
    values,
)

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# The guide leaves these open. A placeholder or pending result is registered, an unverified or partial one preliminary;
# U and V change the status to final; B ("appended") amends; what was not sought (N) was never begun, which FHIR calls
# cancelled, as the store's table does (HL7 table 0085, FHIR observation-status).
STATUSES = table("ObservationResultStatusCodesInterpretation").also(
    I="registered", O="registered", R="preliminary", S="preliminary", U="final", V="final", N="cancelled", B="amended"
)
_UNKNOWN_CODE = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_NOT_ASKED = fixed("http://terminology.hl7.org/CodeSystem/data-absent-reason", "not-asked", "Not Asked")
_DIRECTOR = fixed(V2 + "0912", "MDIR", "Medical Director")
_ATTACHED = "https://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.valueAttachment"
_NO_TARGET = "the guide gives it no FHIR element"


@parts_of(
    {1: "code", 2: "unit", 3: "system"},
    {
        4: "Quantity holds one unit",
        5: "Quantity holds one unit",
        6: "Quantity holds one unit",
        9: "Quantity holds one unit",
    },
)
def unit(raw: str, scope: Scope) -> Resource:
    """Return the unit elements of OBX-6 (guide: CWE[Quantity])."""
    parts = scope.parts(raw)
    return unit_of(scope.text(parts[0]), scope.text(parts[1]) or scope.text(parts[8]), scope.text(parts[2]))


@parts_of({1: "identifier.value", 2: "name", 3: "identifier.system"}, {4: _NO_TARGET, 5: _NO_TARGET, 6: _NO_TARGET})
def producer(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Organization of OBX-15 (guide: CWE[Organization])."""
    return scope.reuse("producer", raw, _producer)


def _producer(raw: str, scope: Scope) -> Resource | None:
    parts = scope.parts(raw)
    number, name = scope.text(parts[0]), scope.text(parts[1])
    if not number and not name:
        return None
    system = code_system(scope.text(parts[2]))
    resource: Resource = {
        "resourceType": "Organization",
        "id": scope.mint("Organization", "producer", system or scope.assigner, number, name),
    }
    if number:
        resource["identifier"] = [{**({"system": system} if system else {}), "value": number}]
    if name:
        resource["name"] = name
    return {"reference": scope.add(resource)}


@parts_of({1: "identifier.value", 2: "identifier.system", 3: "identifier.system", 4: "identifier.system"})
def equipment(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Device of OBX-18."""
    return scope.reuse("equipment", raw, _equipment)


def _equipment(raw: str, scope: Scope) -> Resource | None:
    identifier = ei()(raw, scope)
    if not identifier:
        return None
    key = (identifier.get("system", scope.assigner), identifier["value"])
    resource: Resource = {
        "resourceType": "Device",
        "id": scope.mint("Device", "equipment", *key),
        "identifier": [identifier],
    }
    return {"reference": scope.add(resource)}


@parts_of({1: "valueString", 2: "valueString", 3: "valueString", 4: "valueString"})
def sub_id(raw: str, scope: Scope) -> Resource | None:
    """Return the extension of OBX-4 (guide: OG[Extension-Subidentifier])."""
    parts = [scope.text(part) for part in scope.parts(raw)[:4]]
    names = ("original-sub-identifier", "group", "sequence", "identifier")
    inner = [{"url": name, "valueString": said} for name, said in zip(names, parts, strict=True) if said]
    return {"url": EXTENSION + "observation-v2-subid", "extension": inner} if inner else None


@parts_of({1: "text"})
def reference_range(raw: str, scope: Scope) -> Resource | None:
    """Return one referenceRange: its text; the numbers are read where there is a unit to give them."""
    said = scope.text(raw)
    return {"text": said} if said else None


_SPECIMEN_NUMBERS = eip("PGN", "FGN")


@parts_of({1: "identifier", 2: "identifier"})
def known_specimen(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to a specimen by its number: it comes with another message."""
    numbers = _SPECIMEN_NUMBERS(raw, scope)
    return {"type": "Specimen", "identifier": numbers[0]} if numbers else None


@parts_of({1: "extension"})
def not_obtained(raw: str, scope: Scope) -> Unmapped | None:
    """Return the original of a result that cannot be obtained: ``cancelled`` does not say so."""
    sent = scope.text(raw)
    return Unmapped(alternate({"coding": [{"system": STATUSES.system, "code": sent}]})) if sent == "X" else None


@parts_of({1: "coding"})
def not_asked(raw: str, scope: Scope) -> Resource | None:
    """Return why there is no value of what nobody asked for."""
    return _NOT_ASKED if scope.text(raw) == "N" else None


_NOT_OBTAINED = one("OBX-11", "Observation.status", not_obtained, "OBX[Observation] 43 to 45", placed=True, part=KEPT)
_NOT_SOUGHT = one(
    "OBX-11", "Observation.dataAbsentReason", not_asked, "OBX[Observation] 46, 47", placed=True, part=KEPT
)
_UNIT = one("OBX-6", "Observation.valueQuantity", unit, "OBX[Observation] 31 to 36", reuse=True, placed=True)
_ATTACHMENT = many(
    "OBX-5", "Observation.extension.valueAttachment", encapsulated, "OBX[Observation] 26, 27", placed=True
)
_POINTER = many("OBX-5", "Observation.extension.valueAttachment", pointer, "OBX[Observation] 29, 30", placed=True)
_VALUE = one("OBX-5", "Observation.value[x]", text, "OBX[Observation] 7 to 25", placed=True)
_ABSENT = one("OBX-32", "Observation.dataAbsentReason", concept(), "decision 0037", reuse=True, placed=True)
_RELATED = one("OBX-33", "Observation.specimen", known_specimen, "OBX[Observation] 85, 86", placed=True)
_PERFORMING = one("OBX-23", "Observation.performer", organization, "OBX[Observation] 64, 65", reuse=True, placed=True)
_WHERE = one("OBX-24", "Organization.address", address, "OBX[Observation] 66, 67", reuse=True, placed=True)
_HEAD = one(
    "OBX-25", "PractitionerRole.practitioner", practitioner, "OBX[Observation] 68 to 70", reuse=True, placed=True
)

RESULT = Table(
    "OBX",
    "Observation",
    (
        one("OBX-3", "Observation.code", concept(), "OBX[Observation] 5", reuse=True),
        many("OBX-4", "Observation.extension", sub_id, "OBX[Observation] 6", reuse=True),
        *(_VALUE, _ATTACHMENT, _POINTER, _UNIT),
        many("OBX-7", "Observation.referenceRange", reference_range, "OBX[Observation] 37", reuse=True),
        many(
            "OBX-8",
            "Observation.interpretation",
            concept(table("InterpretationCodes")),
            "OBX[Observation] 38",
            reuse=True,
        ),
        extension(
            "OBX-10",
            "Observation.extension",
            EXTENSION + "observation-nature-of-abnormal-test",
            "valueCodeableConcept",
            concept(table("NatureOfAbnormalTesting")),
            "OBX[Observation] 40, 41",
            reuse=True,
        ),
        one("OBX-11", "Observation.status", code(STATUSES), "OBX[Observation] 42", reuse=True),
        one("OBX-14", "Observation.effectiveDateTime", date_time, "OBX[Observation] 50", reuse=True),
        many("OBX-15", "Observation.performer", producer, "OBX[Observation] 51", reuse=True),
        many(
            "OBX-16",
            "Observation.performer",
            role(
                "http://terminology.hl7.org/CodeSystem/practitioner-role", "responsibleObserver", "Responsible Observer"
            ),
            "OBX[Observation] 53 to 55",
            reuse=True,
        ),
        one("OBX-17", "Observation.method", concept(), "OBX[Observation] 56", reuse=True),
        one("OBX-18", "Observation.device", equipment, "OBX[Observation] 57", reuse=True),
        extension(
            "OBX-19",
            "Observation.extension",
            EXTENSION + "observation-analysis-date-time",
            "valueDateTime",
            date_time,
            "OBX[Observation] 58, 59",
            reuse=True,
        ),
        one("OBX-20", "Observation.bodySite", concept(table("BodySite")), "OBX[Observation] 60", reuse=True),
        many("OBX-21", "Observation.identifier", ei("FILL", "Filler Identifier"), "OBX[Observation] 61, 62"),
        *(_PERFORMING, _WHERE, _HEAD),
        many(
            "OBX-29",
            "Observation.category",
            concept(bare_table("0936", "ObservationType")),
            "OBX[Observation] 74, 75",
            reuse=True,
        ),
        extension(
            "OBX-30",
            "Observation.extension",
            EXTENSION + "observation-structure-type",
            "valueCodeableConcept",
            concept(bare_table("0937", "ObservationSubType")),
            "OBX[Observation] 76 to 78",
            reuse=True,
        ),
        *(_ABSENT, _NOT_OBTAINED, _NOT_SOUGHT, _RELATED),
    ),
    {
        1: "set id: position only",
        2: "the type of OBX-5: it says how to read the value",
        9: _NO_TARGET,
        12: _NO_TARGET,
        13: _NO_TARGET,
        22: _NO_TARGET,
        26: _NO_TARGET,
        27: _NO_TARGET,
        28: _NO_TARGET,
        31: "the action: it says what to do with the result",
    },
    together=11,
)


def observation(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """OBX: one Observation; a result of its report, if it has one. Below a TXA it may be content of the document."""
    segment = node.segment
    fields = segment.fields
    if frame.document is not None and segment.text(2) in CONTENT:
        return None  # the document has it
    code_sent = fields[3] if len(fields) > 3 else ""
    named = code_sent.split(scope.component, 1)[0] or code_sent  # a name alone tells results apart, too
    key = (*frame.order, named, fields[4] if len(fields) > 4 else "")
    resource: Resource = {"resourceType": "Observation", "id": scope.child_id("Observation", *key)}
    if scope.code != "ORU":
        scope.note_alike(resource, code_sent)  # the groups of other messages may carry one and the same result
    elif scope.has_several_orders:
        scope.note_alike(resource, *fields[2:])  # several orders may carry one and the same result
    fill(resource, segment, RESULT, scope)
    related = first(_RELATED, segment, scope, resource) if len(fields) > 33 else None
    _set_context(resource, frame, frame.specimen or related)
    if len(fields) > 5 and fields[5]:
        _set_value(resource, segment, scope)
    else:
        _explain_absence(resource, segment, scope)
    if len(fields) > 23:
        _add_performer(resource, segment, scope)
    url = scope.add(resource)
    if len(fields) > 11 and fields[11]:
        scope.notes.setdefault(url, {})["control"] = fields[11]
        if fields[11] == "X" and (original := first(_NOT_OBTAINED, segment, scope, resource)):
            resource["_status"] = original.extension
    if "OBX" in scope.context.lists and scope.list_mode("OBX") is ListMode.SNAPSHOT:
        _list(url, frame, scope)
    if frame.report is not None:
        frame.report.setdefault("result", []).append({"reference": url})
    if frame.gathers is not None:
        frame.gathers.append({"reference": url})
    return frame.within(remarks=resource) if node.children else None


def _list(url: str, frame: Frame, scope: Scope) -> None:
    """Let a result belong to the list of its report, or of whom else it stands below."""
    report = {"reference": "urn:uuid:" + frame.report["id"]} if frame.report is not None else None
    about = report or frame.part_of or frame.encounter or frame.patient
    if about:
        scope.list_child(url, "Observation", "OBX", about["reference"])


def _set_context(resource: Resource, frame: Frame, specimen: Resource | None) -> None:
    """Set what an Observation has from those it belongs to: person, visit, specimen, time, and their status."""
    if "code" not in resource:
        resource["code"] = _UNKNOWN_CODE
    if "status" not in resource:  # the report's: its own is about all its results
        resource["status"] = frame.result_status or "unknown"
    if frame.patient:
        resource["subject"] = frame.patient
    if frame.encounter:
        resource["encounter"] = frame.encounter
    if specimen:
        resource["specimen"] = specimen
    if frame.part_of:
        resource["partOf"] = [frame.part_of]
    if frame.effective and "effectiveDateTime" not in resource:
        resource["effectiveDateTime"] = frame.effective


def _set_value(resource: Resource, segment: Segment, scope: Scope) -> None:
    fields = segment.fields
    raw = fields[5]
    scope.segment, scope.number, scope.repetition = segment, 5, 1
    if raw == NULL:
        scope.delete(resource, _VALUE)
        return
    kind = fields[2].upper() if fields[2].isalpha() else segment.text(2).upper()  # some send a CWE for the code
    if kind in {"ED", "RP"}:
        row = _ATTACHMENT if kind == "ED" else _POINTER
        found = values(row, segment, scope, resource)
        if found:
            resource.setdefault("extension", []).extend({"url": _ATTACHED, "valueAttachment": one_} for one_ in found)
        return
    units = first(_UNIT, segment, scope, resource) or {}
    scope.number = 5
    if scope.separator in raw:
        _place_values(resource, kind, raw, units, scope)
    elif (value := read_value(kind, raw, units, scope)) is not None:
        resource[value[0]] = value[1]
        scope.take(_VALUE)
    if "valueQuantity" in resource and "referenceRange" in resource:
        resource["referenceRange"] = _measured(resource["referenceRange"], fields, units, scope)


def _measured(ranges: list[Resource], fields: list[str], units: Resource, scope: Scope) -> list[Resource]:
    """Return reference ranges with their numbers in the unit of the value."""
    said = fields[7] + NULL + fields[6]
    kept = scope.reused.get(("measured", said))
    if kept is not None:
        found: list[Resource] = kept[0]
        return found
    return scope.reuse("measured", said, lambda _, __: [{**bounds(one_["text"], units), **one_} for one_ in ranges])


def _place_values(resource: Resource, kind: str, raw: str, units: Resource, scope: Scope) -> None:
    """Place several values, one component for each; the lines of a text are one value."""
    found: list[tuple[str, Any]] = []
    lines: list[str] = []
    for repetition, part in enumerate(raw.split(scope.separator), 1):
        scope.repetition = repetition
        value = read_value(kind, part, units, scope) if part and part != NULL else None
        lines.append(value[1] if value is not None else "")
        if value is not None:
            found.append(value)
            scope.take(_VALUE)
    if found and kind in LINES:
        resource["valueString"] = "\n".join(lines).strip("\n")  # an empty line within a text is one of it
    elif len(found) == 1:
        resource[found[0][0]] = found[0][1]
    elif found:
        resource["component"] = [{"code": resource["code"], element: value} for element, value in found]


def _explain_absence(resource: Resource, segment: Segment, scope: Scope) -> None:
    reason = first(_ABSENT, segment, scope, resource) or first(_NOT_SOUGHT, segment, scope, resource)
    if reason:
        resource["dataAbsentReason"] = reason


def _add_performer(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Add the performing organization, with its address; through its director's role where one is named."""
    performing = first(_PERFORMING, segment, scope, resource)
    where = first(_WHERE, segment, scope, resource)
    head = first(_HEAD, segment, scope, resource)
    if performing and where:
        organization_ = scope.edit(performing["reference"])
        known = organization_.get("address", [])
        if where not in known:
            organization_["address"] = [*known, where]
    if head:
        performing = role_of(head, scope, code=_DIRECTOR, organization=performing)
    if performing:
        resource.setdefault("performer", []).append(performing)


TABLES = (RESULT,)
HANDLERS: dict[str, Handler] = {"OBX": observation}
