"""PV1 and PV2: the Encounter (guide: PV1[Encounter], PV2[Encounter], PV1[Patient], PV1[Coverage], MSH[Encounter])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import IdentityEdit
from shared.hl7 import Segment
from shared.mapping.claims.segment import names_a_visit, prior_visit_place
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import coding, concept, fixed, text
from shared.mapping.datatypes.identifier import cx
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.datatypes.time import date_time, is_before
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.insurance import class_alone
from shared.mapping.location import location, place
from shared.mapping.rows import KEPT, Resource, Row, Table, fill, first, many, one, values
from shared.mapping.visit_parts import PARTICIPANTS, discharge_place, participant, temporary_place

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_CLASSES = table("PatientClass[EncounterClass]")
_UNKNOWN_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK", "display": "unknown"}
_STATUS_OF_CLASS = table("PatientClass[EncounterStatus]").targets
_HISTORY = "http://hl7.org/fhir/5.0/StructureDefinition/extension-EncounterHistory"
_NO_TARGET = "the guide gives it no FHIR element"
_NO_EXTENSION = "the guide's extension does not exist"
_BILLING = "billing: the guide gives it no FHIR element"

# MSH[Encounter] and Event[EncounterStatus]: what an event makes of the visit. The guide's rows for A04 ("planned") and
# A08 ("unknown") are not taken: a registered outpatient has arrived, and an update says nothing of the status. A14,
# A27 and A38 follow from what the events mean (HL7 chapter 3).
STATUS_OF_EVENT = {
    **dict.fromkeys(("A01", "A02", "A13", "A22", "A52"), "in-progress"),
    **dict.fromkeys(("A21", "A53"), "onleave"),
    **dict.fromkeys(("A05", "A14"), "planned"),
    "A03": "finished",
    **dict.fromkeys(("A11", "A27", "A38"), "cancelled"),
    "A23": "entered-in-error",
}


def _is_planned(segment: Segment) -> bool:
    return segment.code(2) == "P"


def _is_not_planned(segment: Segment) -> bool:
    return segment.code(2) != "P"


def _hospitalization(number: int, element: str, guide: str, name: str, code_table: str = "") -> Row:
    """Return the row of a coded element of Encounter.hospitalization."""
    codes = table(name) if not code_table else bare_table(code_table, name)
    target = f"Encounter.hospitalization.{element}"
    return one(f"PV1-{number}", target, concept(codes), f"PV1[Encounter] {guide}", reuse=True)


_EPISODE = many("PV1-54", "EpisodeOfCare.identifier", cx(), "PV1[Encounter] 85", placed=True)
_EPISODE_TEXT = one("PV1-53", "EpisodeOfCare.extension", text, "PV1[Encounter] 83, 84", placed=True)
_PRIOR = many("PV1-43", "Basic.extension", location, "PV1[Basic-EncounterHistory] 51 to 58", placed=True, part=KEPT)
_BED = one("PV1-40", "Location.operationalStatus", coding(table("BedStatus")), "PV1[Encounter] 65", placed=True)

VISIT = Table(
    "PV1",
    "Encounter",
    (
        one("PV1-2", "Encounter.class", coding(_CLASSES), "PV1[Encounter] 4", reuse=True),
        many(
            "PV1-3",
            "Encounter.location",
            place("active"),
            "PV1[Encounter] 6, 7",
            when=_is_not_planned,
            part="active",
            reuse=True,
        ),
        many(
            "PV1-3",
            "Encounter.location",
            place("planned"),
            "PV1[Encounter] 6, 8",
            when=_is_planned,
            part="planned",
            reuse=True,
        ),
        many("PV1-4", "Encounter.type", concept(table("AdmissionType")), "PV1[Encounter] 9", reuse=True),
        one("PV1-5", "Encounter.hospitalization.preAdmissionIdentifier", cx(), "PV1[Encounter] 10"),
        many("PV1-6", "Encounter.location", place("completed"), "PV1[Encounter] 11, 12", part="completed", reuse=True),
        many(
            "PV1-7",
            "Encounter.participant",
            participant(*PARTICIPANTS[7]),
            "PV1[Encounter] 13 to 16",
            part="ATND",
            reuse=True,
        ),
        many(
            "PV1-8",
            "Encounter.participant",
            participant(*PARTICIPANTS[8]),
            "PV1[Encounter] 17 to 20",
            part="REF",
            reuse=True,
        ),
        many(
            "PV1-9",
            "Encounter.participant",
            participant(*PARTICIPANTS[9]),
            "PV1[Encounter] 21 to 24",
            part="CON",
            reuse=True,
        ),
        one("PV1-10", "Encounter.serviceType", concept(table("HospitalService")), "PV1[Encounter] 25", reuse=True),
        many("PV1-11", "Encounter.location", temporary_place, "PV1[Encounter] 26 to 30", part=KEPT, reuse=True),
        _hospitalization(13, "reAdmission", "32", "ReadmissionIndicator"),
        _hospitalization(14, "admitSource", "33", "AdmitSource", "0023"),
        many(
            "PV1-15",
            "Encounter.hospitalization.specialArrangement",
            concept(table("AmbulatoryStatus")),
            "PV1[Encounter] 34",
            reuse=True,
        ),
        many(
            "PV1-16",
            "Encounter.hospitalization.specialCourtesy",
            concept(bare_table("0099", "VIPIndicator")),
            "PV1[Encounter] 35",
            reuse=True,
        ),
        many(
            "PV1-17",
            "Encounter.participant",
            participant(*PARTICIPANTS[17]),
            "PV1[Encounter] 36 to 39",
            part="ADM",
            reuse=True,
        ),
        many("PV1-19", "Encounter.identifier", cx("VN"), "PV1[Encounter] 41 to 44", part=KEPT),
        _hospitalization(36, "dischargeDisposition", "61", "DischargeDisposition", "0112"),
        one("PV1-37", "Encounter.hospitalization.destination", discharge_place, "PV1[Encounter] 62", reuse=True),
        many(
            "PV1-38",
            "Encounter.hospitalization.dietPreference",
            concept(bare_table("0114", "DietType")),
            "PV1[Encounter] 63",
            reuse=True,
        ),
        _BED,
        many("PV1-42", "Encounter.location", place("reserved"), "PV1[Encounter] 67, 68", part="reserved", reuse=True),
        one("PV1-44", "Encounter.period.start", date_time, "PV1[Encounter] 70"),
        one("PV1-45", "Encounter.period.end", date_time, "PV1[Encounter] 71"),
        many("PV1-50", "Encounter.identifier", cx(), "PV1[Encounter] 77", part=KEPT),
        many(
            "PV1-52",
            "Encounter.participant",
            participant(*PARTICIPANTS[52]),
            "PV1[Encounter] 79 to 82",
            part="PART",
            reuse=True,
        ),
        *(_EPISODE_TEXT, _EPISODE, _PRIOR),
    ),
    {
        **dict.fromkeys((12, 18, 39, 51), _NO_TARGET),
        **dict.fromkeys((*range(21, 36), 41, 46, 47, 48, 49), _BILLING),
        1: "set id: position only",
    },
)


def visit(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """PV1: the Encounter."""
    segment = node.segment
    if not names_a_visit(segment):
        return None
    claim = scope.claim_of(segment)
    resource: Resource = {"resourceType": "Encounter", "id": scope.resolve(claim), "status": "unknown"}
    scope.note_claim(resource, claim)
    reference = {"reference": scope.add(resource)}
    fill(resource, segment, VISIT, scope)
    if frame.patient:
        resource["subject"] = frame.patient
    _set_status(resource, segment, scope)
    _order_period(resource, scope)
    _add_bed_status(resource, segment, scope)
    _add_episode(resource, segment, frame, scope)
    _add_history(resource, segment, frame, scope)
    class_alone(segment, frame, scope)
    _note_edit(resource, frame, scope)
    frame.visit, frame.encounter, frame.visit_segment = resource, reference, segment
    return frame.within(remarks=resource)


def _note_edit(resource: Resource, frame: Frame, scope: Scope) -> None:
    """Note that the visit of MRG-5 gives way to this one, where both are known (A42, A45, A50, A51)."""
    claim = scope.claims.get(prior_visit_place(frame.merged)) if frame.merged is not None else None
    if claim is None:
        return
    prior = scope.resolve(claim)
    if prior != resource["id"]:
        scope.identity.append(IdentityEdit("Encounter", scope.event, prior, resource["id"]))


def _set_status(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set the status: the event's, else finished with a discharge time, else that of the class.

    Only an event with a row moves a stored visit; any other status counts for a visit that is new.
    """
    by_event = STATUS_OF_EVENT.get(scope.event) if scope.code == "ADT" else None
    initial = [] if by_event else ["status"]
    if "class" not in resource:
        resource["class"] = _UNKNOWN_CLASS
        initial.append("class")
    if initial:
        scope.noted(resource)["initial"] = tuple(initial)
    of_class = _STATUS_OF_CLASS.get(segment.code(2))
    discharged = "end" in resource.get("period", {})
    resource["status"] = by_event or ("finished" if discharged else of_class.code if of_class else "unknown")


def _order_period(resource: Resource, scope: Scope) -> None:
    """Drop an end before the start (per-1), with a finding."""
    period = resource.get("period", {})
    if len(period) == 2 and is_before(period["end"], period["start"]):
        scope.find("period_reversed", "the end is dropped")
        del period["end"]


def _add_bed_status(resource: Resource, segment: Segment, scope: Scope) -> None:
    status = first(_BED, segment, scope, resource)
    places = resource.get("location")
    if status and places:
        scope.edit(places[0]["location"]["reference"])["operationalStatus"] = status


def _add_episode(resource: Resource, segment: Segment, frame: Frame, scope: Scope) -> None:
    identifiers = values(_EPISODE, segment, scope, resource)
    if not identifiers or not frame.patient:
        return
    key = (identifiers[0].get("system", scope.assigner), identifiers[0]["value"])
    episode: Resource = {"resourceType": "EpisodeOfCare", "id": scope.mint("EpisodeOfCare", *key)}
    said = first(_EPISODE_TEXT, segment, scope, resource)
    if said:
        episode["extension"] = [{"url": EXTENSION + "resource-instance-description", "valueMarkdown": said}]
    episode.update(identifier=identifiers, status="active", patient=frame.patient)
    resource["episodeOfCare"] = [{"reference": scope.add(episode)}]


def _add_history(resource: Resource, segment: Segment, frame: Frame, scope: Scope) -> None:
    """Add where the patient was before, as the guide's stand-in for the EncounterHistory of R5 (ADT_A01 35)."""
    found = values(_PRIOR, segment, scope, resource)
    if not found:
        return
    places = [
        {"url": _HISTORY + ".location", "extension": [{"url": "location", "valueReference": place}]} for place in found
    ]
    history: Resource = {
        "resourceType": "Basic",
        "id": scope.mint("Basic", "EncounterHistory", resource["id"]),
        "extension": [
            {"url": _HISTORY + ".encounter", "valueReference": {"reference": "urn:uuid:" + resource["id"]}},
            *places,
        ],
        "code": fixed("http://hl7.org/fhir/fhir-types", "EncounterHistory"),
    }
    if frame.patient:
        history["subject"] = frame.patient
    scope.add(history)


TABLES = (VISIT,)
HANDLERS: dict[str, Handler] = {"PV1": visit}
