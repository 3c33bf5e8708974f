"""SCH and RGS: the Appointment and who arranges it (guide: SCH[Appointment])."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import DATA_ABSENT, code, concept, fixed
from shared.mapping.datatypes.identifier import ei, owned_number
from shared.mapping.datatypes.number import Number, decimal
from shared.mapping.datatypes.time import instant
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import (
    KEPT,
    Build,
    Resource,
    Row,
    Table,
    Unmapped,
    fill,
    first,
    many,
    one,
    parts_of,
    same_parts,
    values,
)

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

STATUSES = table("FillerStatusCodes[Appointment]")
_NO_TARGET = "the guide gives it no FHIR element"
_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
# The units of a duration, in minutes.
MINUTES: dict[str, float] = {
    **dict.fromkeys(("", "M", "MIN", "MINS", "MINUTE", "MINUTES"), 1),
    **dict.fromkeys(("H", "HR", "HRS", "HOUR", "HOURS"), 60),
    **dict.fromkeys(("S", "SEC", "SECOND", "SECONDS"), 1 / 60),
    **dict.fromkeys(("D", "DAY", "DAYS"), 1440),
}

_LARGEST_INTEGER = 2**31 - 1  # R4 positiveInt
# R4 app-3: these may be without a time. Their participant is somebody, unless nobody is named (1..*).
_TIMELESS = frozenset({"proposed", "cancelled", "waitlist"})
NOBODY: Resource = {
    "actor": {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]},
    "status": "needs-action",
}

# What an SIU event makes of the appointment where SCH-25 does not say (HL7 chapter 10, events S12 to S26).
STATUS_OF_EVENT = {
    **dict.fromkeys(("S12", "S13", "S14", "S16", "S18", "S19", "S20", "S21", "S22", "S23", "S24"), "booked"),
    **dict.fromkeys(("S15",), "cancelled"),
    **dict.fromkeys(("S17",), "entered-in-error"),
    "S26": "noshow",
}


@parts_of({4: "start", 5: "end"}, dict.fromkeys((1, 2, 3, 6, 7, 8, 9, 10, 11, 12), _NO_TARGET))
def timing(raw: str, scope: Scope) -> Resource:
    """Return start and end of SCH-11 (guide: TQ[Appointment])."""
    parts = scope.parts(raw)
    pairs = (("start", parts[3]), ("end", parts[4]))
    return {name: value for name, part in pairs if part and (value := instant(part, scope))}


_REASON = concept(table("AppointmentReasonCodes"))
_TYPE = concept(table("AppointmentTypeCodes"))


def _is_type(segment: Segment) -> bool:
    return segment.text(7, 3) == "HL70277"


def _is_reason(segment: Segment) -> bool:
    return segment.text(7, 3) != "HL70277"


# Who arranges an appointment, by the field of SCH that names them.
CONTACTS = {12: "placer contact", 16: "filler contact", 20: "enterer"}
_FILLER_STATUS = one("SCH-25", "Appointment.status", code(STATUSES), "SCH[Appointment] 34", placed=True)
_LENGTH = one("SCH-9", "Appointment.minutesDuration", decimal, "SCH[Appointment] 12", placed=True)
# What is booked has a time (R4 app-2, app-3), and keeps it when it is cancelled.
_TIMING = one("SCH-11", "Appointment.start", timing, "SCH[Appointment] 14", placed=True, part=KEPT)
_CONTACTS: tuple[tuple[Row, Resource], ...] = (
    (
        many(
            "SCH-12",
            "Appointment.participant.actor",
            practitioner,
            "SCH[Appointment] 15 to 17",
            reuse=True,
            placed=True,
        ),
        {"text": CONTACTS[12]},
    ),
    (
        many(
            "SCH-16",
            "Appointment.participant.actor",
            practitioner,
            "SCH[Appointment] 21 to 23",
            reuse=True,
            placed=True,
        ),
        {"text": CONTACTS[16]},
    ),
    (
        many(
            "SCH-20",
            "Appointment.participant.actor",
            practitioner,
            "SCH[Appointment] 27 to 29",
            reuse=True,
            placed=True,
        ),
        fixed(_PARTICIPANT, CONTACTS[20], "Enterer"),
    ),
)


def _order_number(kind: str, display: str) -> Build:
    number = ei(kind, display)

    @same_parts(number)
    def order(raw: str, scope: Scope) -> Resource | None:
        found = number(raw, scope)
        return {"type": "ServiceRequest", "identifier": found} if found else None

    return order


# References to the order an appointment is for, by its number: the order itself comes in another message.
ORDER_NUMBERS = {
    "PLAC": _order_number("PLAC", "Placer Identifier"),
    "FILL": _order_number("FILL", "Filler Identifier"),
}
_ORDERS = (
    many("SCH-26", "Appointment.basedOn", ORDER_NUMBERS["PLAC"], "SCH[Appointment] 35", part="PLAC"),
    many("SCH-27", "Appointment.basedOn", ORDER_NUMBERS["FILL"], "SCH[Appointment] 36", part="FILL"),
)

SCHEDULE = Table(
    "SCH",
    "Appointment",
    (
        many("SCH-1", "Appointment.identifier", ei("PLAC", "Placer Identifier"), "SCH[Appointment] 3", part="PLAC"),
        many("SCH-2", "Appointment.identifier", ei("FILL", "Filler Identifier"), "SCH[Appointment] 4", part="FILL"),
        many("SCH-7", "Appointment.reasonCode", _REASON, "SCH[Appointment] 9", when=_is_reason, reuse=True),
        one("SCH-7", "Appointment.appointmentType", _TYPE, "SCH[Appointment] 10", when=_is_type, reuse=True),
        one("SCH-8", "Appointment.appointmentType", _TYPE, "SCH[Appointment] 11", reuse=True),
        *(_LENGTH, _TIMING, *(row for row, _ in _CONTACTS), _FILLER_STATUS, *_ORDERS),
    ),
    {
        10: "the unit of SCH-9: it says how to read it",
        6: "why it was changed: the guide gives it no FHIR element",
        **dict.fromkeys((3, 4, 5, 13, 14, 15, 17, 18, 19, 21, 22, 23, 24), _NO_TARGET),
    },
)

GROUP = Table(
    "RGS",
    "Appointment",
    (),
    {1: "set id: position only", 2: "the action: its members have their own", 3: _NO_TARGET},
)


def schedule(node: Node, frame: Frame, scope: Scope) -> None:
    """SCH: the Appointment; whatever follows in the message takes part in it."""
    segment = node.segment
    fillers, placers = owned_number(segment, 2, scope), owned_number(segment, 1, scope)
    number = ("filler", *fillers) if fillers else ("placer", *placers) if placers else None
    key = number or scope.this_message()
    resource: Resource = {
        "resourceType": "Appointment",
        "id": scope.child_id("Appointment", *key),
        "status": "proposed",
    }
    scope.add(resource)
    fill(resource, segment, SCHEDULE, scope)
    nobody_yet(resource, scope)
    for row, role in _CONTACTS:
        for actor in values(row, segment, scope, resource):
            add_participant(resource, {"type": [role], "actor": actor, "status": "accepted"}, scope)
    scope.noted(resource)["control"] = segment.text(25)
    set_status(resource, first(_FILLER_STATUS, segment, scope, resource), scope)
    _set_times(resource, segment, scope)
    _wait_for_time(resource, scope)
    frame.appointment = frame.remarks = resource


def _wait_for_time(resource: Resource, scope: Scope) -> None:
    """Let an appointment without a time be proposed, as app-3 wants, until an AIS gives it one."""
    if "end" not in resource and resource["status"] not in _TIMELESS:
        scope.known["status", resource["id"]] = resource["status"]
        resource["status"] = "proposed"


def has_time(resource: Resource, scope: Scope) -> None:
    kept = scope.known.get(("status", resource["id"]))
    if kept and "end" in resource:
        resource["status"] = kept


def nobody_yet(appointment: Resource, scope: Scope) -> None:
    """Let nobody take part until somebody is named; it counts for a new appointment only."""
    appointment["participant"] = [NOBODY]
    scope.noted(appointment)["initial"] = ("participant",)


def add_participant(appointment: Resource, participant: Resource, scope: Scope) -> None:
    """Add a participant; one who is there already gets the further role."""
    if appointment["participant"] == [NOBODY]:
        appointment["participant"] = []
        scope.noted(appointment).pop("initial", None)
    for known in appointment["participant"]:
        if known.get("actor") == participant.get("actor"):
            roles = [role for role in participant.get("type", ()) if role not in known.get("type", ())]
            if roles:
                known["type"] = [*known.get("type", ()), *roles]
            return
    appointment["participant"].append(participant)


def set_status(resource: Resource, said: object, scope: Scope) -> None:
    if isinstance(said, Unmapped):
        resource["_status"] = said.extension
        said = None
    resource["status"] = said or STATUS_OF_EVENT.get(scope.event, "proposed")


def _set_times(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set start, end and minutes; app-3: both or none, except for a proposed, cancelled or waitlisted one."""
    found = first(_TIMING, segment, scope, resource) or {}
    minutes = length_in_minutes(first(_LENGTH, segment, scope, resource), segment.text(10))
    if minutes:
        resource["minutesDuration"] = minutes
    place_times(resource, found)


def length_in_minutes(length: Number | None, unit: str) -> int:
    """Return a length in whole minutes; 0 where it is none, or its unit is unknown."""
    factor = MINUTES.get(unit.upper())
    minutes = float(length) * factor if length is not None and factor else 0
    return round(minutes) if 0 < minutes <= _LARGEST_INTEGER else 0


def standing(scope: Scope) -> str:
    """Return how a participant stands to the appointment: who is asked for (SRM) has yet to answer."""
    return "needs-action" if scope.code == "SRM" else "accepted"


def place_times(resource: Resource, found: Resource) -> None:
    """Set start and end; where one is missing, the length gives it."""
    start, end = found.get("start"), found.get("end")
    minutes = resource.get("minutesDuration")
    if start and not end and minutes:
        end = later(start, minutes) or ""
    if start and end and start <= end:
        resource["start"], resource["end"] = start, end
    elif start and resource["status"] in _TIMELESS:
        resource["start"] = start


def later(start: str, minutes: float) -> str | None:
    """Return the time some minutes after a FHIR instant, at the same offset; None for a length that is none."""
    if minutes < 0:
        return None
    try:
        return (datetime.fromisoformat(start) + timedelta(minutes=minutes)).isoformat()
    except OverflowError:
        return None


def resource_group(node: Node, frame: Frame, scope: Scope) -> None:
    """RGS: a bracket around services and resources; it says nothing of its own."""
    del node, frame, scope


TABLES = (SCHEDULE, GROUP)
HANDLERS: dict[str, Handler] = {"SCH": schedule, "RGS": resource_group}
