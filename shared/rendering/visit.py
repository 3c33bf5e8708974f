"""Encounter as PV1 and PV2 (guide: PV1[Encounter], PV2[Encounter])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.visit_parts import PARTICIPANTS
from shared.rendering.coded import coding, concept
from shared.rendering.draft import composed, escaped
from shared.rendering.identifiers import cx, has_type, type_of
from shared.rendering.insurance import write_class
from shared.rendering.people import xcn
from shared.rendering.places import pl, placed, status_is
from shared.rendering.roles import visiting, write_visiting
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, extension, fill, is_extension
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_PLANNED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.planned"
_NOT_APPLICABLE = "N"  # HL7 table 0004
_UNKNOWN = "U"


def _in_role(field: int) -> Choice:
    """Return the choice of participants by the field of PV1 that names them."""
    code, _ = PARTICIPANTS[field]

    def is_in_role(value: Resource) -> bool:
        return any(one.get("code") == code for kind in value.get("type", ()) for one in kind.get("coding", ()))

    return is_in_role


def participant(value: Resource, draft: Draft, kind: str) -> str:
    """Write one Encounter.participant as an XCN; the field says the role."""
    found = xcn(value.get("individual", {}), draft, kind)
    if found:
        value.pop("type", None)
    return found


def temporary(value: Resource) -> bool:
    """Tell whether an Encounter.location is the temporary one of PV1-11."""
    return any(one.get("url") == EXTENSION + "subject-locationClassification" for one in value.get("extension", ()))


def days(value: Resource, draft: Draft, kind: str) -> str:
    """Write a Duration in days as a number; any other unit has no field."""
    del draft, kind
    if value.get("code") not in ("d", None) or "value" not in value:
        return ""
    found = escaped(value.pop("value"))
    value.clear()
    return found


def discharged_to(value: Resource, draft: Draft, kind: str) -> str:
    """Write the Location that a patient goes to as a DLD: its code, else its name."""
    del kind
    if draft.look(value)[1].get("resourceType") != "Location":
        return ""
    with draft.follow(value) as place:
        place.pop("mode", None)
        first: Resource = next((one for each in place.get("type", ()) for one in each.get("coding", ())), {})
        name, said = place.pop("name", ""), first.pop("code", "")
        for holder, element in ((first, "display"), *((one, "text") for one in place.get("type", ()))):
            if holder.get(element) == name:
                holder.pop(element)
        return composed([said or name])


def _staying(element: str, number: int, guide: str, name: str, code_table: str = "") -> Row:
    codes = bare_table(code_table, name) if code_table else table(name)
    return Row(f"PV1-{number}", f"Encounter.hospitalization.{element}", concept(codes), f"PV1[Encounter] {guide}")


VISIT = Table(
    "PV1",
    "Encounter",
    (
        Row("PV1-2", "Encounter.class", coding(table("PatientClass[EncounterClass]")), "PV1[Encounter] 4"),
        Row("PV1-3", "Encounter.location", placed, "PV1[Encounter] 6, 7", status_is("active", "")),
        Row("PV1-4", "Encounter.type", concept(table("AdmissionType")), "PV1[Encounter] 9"),
        Row("PV1-5", "Encounter.hospitalization.preAdmissionIdentifier", cx, "PV1[Encounter] 10"),
        Row("PV1-6", "Encounter.location", placed, "PV1[Encounter] 11, 12", status_is("completed")),
        Row("PV1-7", "Encounter.participant", participant, "PV1[Encounter] 13 to 16", _in_role(7)),
        Row("PV1-8", "Encounter.participant", participant, "PV1[Encounter] 17 to 20", _in_role(8)),
        Row("PV1-9", "Encounter.participant", participant, "PV1[Encounter] 21 to 24", _in_role(9)),
        Row("PV1-10", "Encounter.serviceType", concept(table("HospitalService")), "PV1[Encounter] 25"),
        Row("PV1-11", "Encounter.location", placed, "PV1[Encounter] 26 to 30", temporary),
        _staying("reAdmission", 13, "32", "ReadmissionIndicator"),
        _staying("admitSource", 14, "33", "AdmitSource", "0023"),
        _staying("specialArrangement", 15, "34", "AmbulatoryStatus"),
        _staying("specialCourtesy", 16, "35", "VIPIndicator", "0099"),
        Row("PV1-17", "Encounter.participant", participant, "PV1[Encounter] 36 to 39", _in_role(17)),
        Row("PV1-19", "Encounter.identifier", cx, "PV1[Encounter] 41 to 44", has_type("VN", "")),
        _staying("dischargeDisposition", 36, "61", "DischargeDisposition", "0112"),
        _staying("dietPreference", 38, "63", "DietType", "0114"),
        Row("PV1-37", "Encounter.hospitalization.destination", discharged_to, "PV1[Encounter] 62"),
        Row("PV1-42", "Encounter.location", placed, "PV1[Encounter] 67, 68", status_is("reserved")),
        Row("PV1-44", "Encounter.period.start", time, "PV1[Encounter] 70"),
        Row("PV1-45", "Encounter.period.end", time, "PV1[Encounter] 71"),
        Row("PV1-50", "Encounter.identifier", cx, "PV1[Encounter] 77"),
        Row("PV1-52", "Encounter.participant", participant, "PV1[Encounter] 79 to 82", _in_role(52)),
    ),
    (
        Implied("status", "the event says it"),
        Implied("subject", "the person of the message"),
    ),
    {
        53: "not in 2.5.1",
        54: "not in 2.5.1",
    },
)

VISIT_MORE = Table(
    "PV2",
    "Encounter",
    (
        Row("PV2-1", "Encounter.location", placed, "PV2[Encounter] 3, 4", status_is("planned")),
        Row("PV2-3", "Encounter.reasonCode", concept(), "PV2[Encounter] 7"),
        Row(
            "PV2-8",
            "Encounter.extension",
            extension("valueDateTime", time),
            "PV2[Encounter] 12, 13",
            is_extension(_PLANNED + "StartDate"),
        ),
        Row(
            "PV2-9",
            "Encounter.extension",
            extension("valueDateTime", time),
            "PV2[Encounter] 14, 15",
            is_extension(_PLANNED + "EndDate"),
        ),
        Row("PV2-11", "Encounter.length", days, "PV2[Encounter] 17"),
        Row("PV2-25", "Encounter.priority", concept(table("EncounterPriority")), "PV2[Encounter] 34"),
        Row(
            "PV2-38",
            "Encounter.extension",
            extension("valueCoding", coding(table("ModeOfArrivalCode"))),
            "PV2[Encounter] 47, 48",
            is_extension(EXTENSION + "encounter-modeOfArrival"),
        ),
    ),
    (),
    {13: "comes back as PV1-8: both are the referring doctor"},
)

BED = Table(
    "PV1",
    "Location",
    (Row("PV1-40", "Location.operationalStatus", coding(table("BedStatus")), "PV1[Encounter] 65"),),
)
_HISTORY = "http://hl7.org/fhir/5.0/StructureDefinition/extension-EncounterHistory"


def earlier_place(value: Resource, draft: Draft, kind: str) -> str:
    """Write a place where a patient was before, of the guide's stand-in for the EncounterHistory of R5."""
    for inner in value.get("extension", ()):
        found = pl(inner.get("valueReference", {}), draft, kind)
        if found:
            inner.pop("url")
            value.pop("url")
            return found
    return ""


HISTORY = Table(
    "PV1",
    "Basic",
    (
        Row(
            "PV1-43",
            "Basic.extension",
            earlier_place,
            "PV1[Basic-EncounterHistory] 51 to 58",
            is_extension(_HISTORY + ".location"),
        ),
    ),
    (
        Implied("code", "the field says it"),
        Implied("subject", "the person of the message"),
    ),
)

_PLACED_AS_PLANNED = Row("PV1-3", "Encounter.location", placed, "PV1[Encounter] 6, 8", status_is("planned"))
PLANNED = Table("PV1", "Encounter", (_PLACED_AS_PLANNED,))


def write_visit(url: str, patient: str, draft: Draft, *, has_roles: bool = False, has_more: bool = True) -> None:
    """Write PV1 and, where something is left for it, PV2; without a visit a PV1 that says so.

    Args:
        has_roles: The message structure has a ROL below it.
        has_more: It has a PV2.
    """
    pv1 = draft.segment("PV1")
    pv1.set(1, "1")
    write_class(pv1, patient, draft)
    if not url:
        pv1.set(2, _NOT_APPLICABLE)
        return
    with draft.open(url) as resource:
        participants = list(visiting(resource, draft)) if has_roles else []
        if resource.get("class", {}).get("code") == "UNK":
            resource.pop("class")
        _number(pv1, resource, draft)
        _write_bed(pv1, resource, draft)
        _write_history(pv1, url, draft)
        fill(pv1, resource, VISIT, draft)
        if pv1.fields.get(2) == ["P"]:
            fill(pv1, resource, PLANNED, draft)
        if 2 not in pv1.fields:
            pv1.set(2, _UNKNOWN)
        if has_more:
            fill(draft.segment("PV2"), resource, VISIT_MORE, draft)
            draft.drop_empty()
        write_visiting(participants, draft)


def _write_bed(pv1: SegmentDraft, resource: Resource, draft: Draft) -> None:
    for one in resource.get("location", ())[:1]:
        url, place = draft.look(one.get("location"))
        if "operationalStatus" in place:
            with draft.open(url) as location:
                fill(pv1, location, BED, draft)


def _write_history(pv1: SegmentDraft, visit: str, draft: Draft) -> None:
    for url, basic in draft.all("Basic"):
        of = [one for one in basic.get("extension", ()) if one.get("url") == _HISTORY + ".encounter"]
        if any(draft.points_at(one.get("valueReference"), visit) for one in of):
            with draft.open(url) as history:
                fill(pv1, history, HISTORY, draft)
                for one in history.get("extension", ()):
                    if one.get("url") == _HISTORY + ".encounter":
                        one.clear()


def _number(pv1: SegmentDraft, resource: Resource, draft: Draft) -> None:
    """Give PV1-19 the first number where none is a visit number: HL7 knows a visit by it."""
    identifiers = resource.get("identifier", [])
    if identifiers and not any(type_of(one) in ("VN", "") for one in identifiers):
        pv1.set(19, cx(identifiers[0], draft, "CX"))


TABLES = (VISIT, PLANNED, BED, HISTORY, VISIT_MORE)
