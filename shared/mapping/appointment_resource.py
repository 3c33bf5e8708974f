"""AIS, AIG, AIL, AIP: what and who takes part in an Appointment (guide: AIS[Appointment] and kin)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.appointment import (
    MINUTES,
    STATUSES,
    add_participant,
    has_time,
    later,
    place_times,
    standing,
)
from shared.mapping.datatypes.coded import code, concept
from shared.mapping.datatypes.number import decimal
from shared.mapping.datatypes.time import instant
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Resource, Row, Table, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_TARGET = "the guide gives it no FHIR element"

_AIS_STATUS = one("AIS-10", "Appointment.status", code(STATUSES), "AIS[Appointment] 12", placed=True)
SERVICE = Table(
    "AIS",
    "Appointment",
    (
        many("AIS-3", "Appointment.serviceType", concept(), "AIS[Appointment] 5", reuse=True),
        *(
            one("AIS-4", "Appointment.start", instant, "AIS[Appointment] 6", placed=True),
            one("AIS-7", "Appointment.end", decimal, "AIS[Appointment] 9", placed=True),
            _AIS_STATUS,
        ),
    ),
    {
        1: "set id: position only",
        2: "the action: it says what to do with the service",
        8: "the unit of AIS-7: it says how to read it",
        **dict.fromkeys((5, 6, 9, 11, 12), _NO_TARGET),
    },
)


@parts_of({1: "identifier.value", 2: "display"}, dict.fromkeys((3, 4, 5, 6, 9), "a resource is named once"))
def general_resource(raw: str, scope: Scope) -> Resource | None:
    """Return the actor of AIG-3: by its name; what kind of thing it is, AIG-4 says."""
    parts = scope.parts(raw)
    said = scope.text(parts[1]) or scope.text(parts[0])
    return {"display": said} if said else None


def _participants(name: str, actor: Row, number: int, duration: int, ignored: dict[int, str], guide: str) -> Table:
    """Return the table of a resource segment: actor, kind, start and duration, status."""
    status = number + 6
    return Table(
        name,
        "Appointment",
        (
            actor,
            many(f"{name}-4", "Appointment.participant.type", concept(), f"{name}[Appointment] {guide}", placed=True),
            one(
                f"{name}-{number}",
                "Appointment.participant.period.start",
                instant,
                f"{name}[Appointment] 8",
                placed=True,
            ),
            one(
                f"{name}-{duration}",
                "Appointment.participant.period.end",
                decimal,
                f"{name}[Appointment] 11",
                placed=True,
            ),
        ),
        {
            1: "set id: position only",
            2: "the action: it says what to do with the resource",
            duration + 1: "the unit of the duration: it says how to read it",
            number + 1: _NO_TARGET,
            number + 2: _NO_TARGET,
            duration + 2: _NO_TARGET,
            status: "the status of one resource; the Appointment's own counts",
            **ignored,
        },
    )


RESOURCES = {
    "AIG": _participants(
        "AIG",
        many("AIG-3", "Appointment.participant.actor", general_resource, "AIG[Appointment] 5", placed=True),
        8,
        11,
        {5: _NO_TARGET, 6: _NO_TARGET, 7: _NO_TARGET},
        "6",
    ),
    "AIL": _participants(
        "AIL",
        many("AIL-3", "Appointment.participant.actor", location, "AIL[Appointment] 5", reuse=True, placed=True),
        6,
        9,
        {5: _NO_TARGET},
        "6",
    ),
    "AIP": _participants(
        "AIP",
        many("AIP-3", "Appointment.participant.actor", practitioner, "AIP[Appointment] 5", reuse=True, placed=True),
        6,
        9,
        {5: _NO_TARGET},
        "6",
    ),
}


def service(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """AIS: the service; the start of the first one is the appointment's where SCH-11 names none."""
    appointment, segment = frame.appointment, node.segment
    if appointment is None:
        return None
    fill(appointment, segment, SERVICE, scope)
    if "start" not in appointment and "requestedPeriod" not in appointment:
        rows = {row.number: row for row in SERVICE.rows}
        start = first(rows[4], segment, scope, appointment)
        length = first(rows[7], segment, scope, appointment)
        factor = MINUTES.get(segment.text(8).upper())
        if start:
            minutes = float(length) * factor if length is not None and factor else appointment.get("minutesDuration")
            end = later(start, minutes) if minutes else start
            place_times(appointment, {"start": start, "end": end})
            has_time(appointment, scope)
    return frame.within(remarks=appointment)


def taking_part(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """AIG, AIL, AIP: one participant for each actor."""
    appointment, segment = frame.appointment, node.segment
    if appointment is None:
        return None
    actor, kind, begins, lasts = RESOURCES[segment.name].rows
    types = values(kind, segment, scope, appointment)
    period = _period(begins, lasts, segment, scope, appointment)
    for found in values(actor, segment, scope, appointment):
        participant: Resource = {**({"type": types} if types else {}), "actor": found, "status": standing(scope)}
        if period:
            participant["period"] = period
        add_participant(appointment, participant, scope)
    return frame.within(remarks=appointment)


def _period(begins: Row, lasts: Row, segment: Segment, scope: Scope, appointment: Resource) -> Resource:
    start = first(begins, segment, scope, appointment)
    if not start:
        return {}
    length = first(lasts, segment, scope, appointment)
    factor = MINUTES.get(segment.text(lasts.number + 1).upper())
    if length is None or not factor:
        return {"start": start}
    return {"start": start, "end": later(start, float(length) * factor)}


TABLES = (SERVICE, *RESOURCES.values())
HANDLERS: dict[str, Handler] = {
    "AIS": service,
    **dict.fromkeys(("AIG", "AIL", "AIP"), taking_part),
}
