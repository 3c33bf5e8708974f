"""ARQ and APR: an appointment that is asked for (HL7 chapter 10.3; decision 0036)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.appointment import ORDER_NUMBERS, add_participant, length_in_minutes, nobody_yet, standing
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import concept, fixed, text
from shared.mapping.datatypes.identifier import ei, owned_number
from shared.mapping.datatypes.number import decimal, integer
from shared.mapping.datatypes.time import period
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Resource, Row, Table, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0036"
_NO_ELEMENT = "R4 has no element for it"
_CONTACT = "the guide gives the contact's telephone and place no FHIR element in an SCH, and an ARQ is its request"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"

_LENGTH = one("ARQ-9", "Appointment.minutesDuration", decimal, DECIDED, placed=True)
_PRIORITY = one("ARQ-12", "Appointment.priority", integer, DECIDED, placed=True)
_PEOPLE: tuple[tuple[Row, Resource], ...] = tuple(
    (many(f"ARQ-{number}", "Appointment.participant.actor", practitioner, DECIDED, reuse=True, placed=True), role)
    for number, role in ((15, {"text": "placer contact"}), (19, fixed(_PARTICIPANT, "enterer", "Enterer")))
)


REQUEST = Table(
    "ARQ",
    "Appointment",
    (
        many("ARQ-1", "Appointment.identifier", ei("PLAC", "Placer Identifier"), DECIDED, part="PLAC"),
        many("ARQ-2", "Appointment.identifier", ei("FILL", "Filler Identifier"), DECIDED, part="FILL"),
        many("ARQ-7", "Appointment.reasonCode", concept(table("AppointmentReasonCodes")), DECIDED, reuse=True),
        one("ARQ-8", "Appointment.appointmentType", concept(table("AppointmentTypeCodes")), DECIDED, reuse=True),
        _LENGTH,
        many("ARQ-11", "Appointment.requestedPeriod", period, DECIDED),
        _PRIORITY,
        *(row for row, _ in _PEOPLE),
        many("ARQ-24", "Appointment.basedOn", ORDER_NUMBERS["PLAC"], DECIDED, part="PLAC"),
        many("ARQ-25", "Appointment.basedOn", ORDER_NUMBERS["FILL"], DECIDED, part="FILL"),
    ),
    {
        10: "the unit of ARQ-9: it says how to read it",
        **dict.fromkeys((16, 17, 18, 20, 21), _CONTACT),
        **dict.fromkeys((3, 4, 5, 6, 13, 14, 22, 23), _NO_ELEMENT),
    },
)


def request(node: Node, frame: Frame, scope: Scope) -> None:
    """ARQ: a proposed Appointment; whoever is named has yet to answer."""
    segment = node.segment
    placers, fillers = owned_number(segment, 1, scope), owned_number(segment, 2, scope)
    number = ("placer", *placers) if placers else ("filler", *fillers) if fillers else None
    key = number or scope.this_message()
    resource: Resource = {
        "resourceType": "Appointment",
        "id": scope.child_id("Appointment", *key),
        "status": "proposed",
    }
    scope.add(resource)
    fill(resource, segment, REQUEST, scope)
    minutes = length_in_minutes(first(_LENGTH, segment, scope, resource), segment.text(10))
    if minutes:
        resource["minutesDuration"] = minutes
    rank = first(_PRIORITY, segment, scope, resource)
    if rank is not None and rank >= 0:
        resource["priority"] = rank
    nobody_yet(resource, scope)
    for row, role in _PEOPLE:
        for actor in values(row, segment, scope, resource):
            add_participant(resource, {"type": [role], "actor": actor, "status": standing(scope)}, scope)
    frame.appointment = frame.remarks = resource


@parts_of({1: "", 2: ""})
def criterion(raw: str, scope: Scope) -> str | None:
    """Return an SCV as text: ``PREFSTART 0800``."""
    return " ".join(part for part in scope.texts(raw)[:2] if part) or None


_CRITERIA = tuple(
    many(f"APR-{number}", "Appointment.comment", criterion, DECIDED, placed=True) for number in (1, 2, 3, 5)
)
PREFERENCES = Table(
    "APR",
    "Appointment",
    (*_CRITERIA, one("APR-4", "Appointment.comment", text, DECIDED, placed=True)),
)


def preferences(node: Node, frame: Frame, scope: Scope) -> None:
    """APR: what the asker prefers, as the comment."""
    appointment = frame.appointment
    if appointment is None:
        return
    lines = [said for row in PREFERENCES.rows for said in values(row, node.segment, scope, appointment)]
    known = [appointment["comment"]] if "comment" in appointment else []
    if lines:
        appointment["comment"] = "\n".join([*known, *lines])


TABLES = (REQUEST, PREFERENCES)
HANDLERS: dict[str, Handler] = {"ARQ": request, "APR": preferences}
