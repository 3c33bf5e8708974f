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
from shared.mapping.aside import leave_out
from shared.mapping.codes.decided import decided
from shared.mapping.datatypes.coded import code, concept
from shared.mapping.datatypes.number import decimal
from shared.mapping.datatypes.time import instant
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Resource, Row, Table, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_TARGET = "the guide gives it no FHIR element"
_TAKEN_OFF = "D"  # HL7 table 0206
# The guide has AIP-12 in participant.status and names no map, AIG-14 and AIL-12 nowhere (docs/decisions/0179).
_STANDING = decided(
    "0278", "http://hl7.org/fhir/participationstatus",
    Booked="accepted", Started="accepted", Complete="accepted", Overbook="accepted",
    Pending="tentative", Waitlist="tentative", Cancelled="declined", Dc="declined", Deleted="declined",
)  # fmt: skip

_AIS_STATUS = one("AIS-10", "Appointment.status", code(STATUSES), "AIS[Appointment] 12", placed=True)
SERVICE = Table(
    "AIS",
    "Appointment",
    (
        many("AIS-3", "Appointment.serviceType", concept(), "AIS[Appointment] 5", reuse=True),
        *(
            one("AIS-4", "Appointment.start", instant, "AIS[Appointment] 6", placed=True, part=KEPT),
            one("AIS-7", "Appointment.end", decimal, "AIS[Appointment] 9", placed=True, part=KEPT),
            _AIS_STATUS,
        ),
    ),
    {
        1: "set id: position only",
        2: "the action: what it takes off (D) is left out",
        8: "the unit of AIS-7: it says how to read it",
        **dict.fromkeys((5, 6), "an offset to the start of the appointment: R4 gives a service no time of its own"),
        **dict.fromkeys((9, 11, 12), _NO_TARGET),
    },
)


@parts_of({1: "identifier.value", 2: "display"}, dict.fromkeys((3, 4, 5, 6, 9), "a resource is named once"))
def general_resource(raw: str, scope: Scope) -> Resource | None:
    """Return the actor of AIG-3: by its name; what kind of thing it is, AIG-4 says."""
    parts = scope.parts(raw)
    said = scope.text(parts[1]) or scope.text(parts[0])
    return {"display": said} if said else None


def _participants(name: str, actor: Row, number: int, ignored: dict[int, str], lines: tuple[int, int, int]) -> Table:
    """Return the table of a resource segment: actor, kind, start or offset, duration, status.

    Args:
        number: The field of its start; the others follow.
        lines: The rows of the guide for start, offset and duration.
    """
    duration, status = number + 3, number + 6
    start = "Appointment.participant.period.start"
    return Table(
        name,
        "Appointment",
        (
            actor,
            many(f"{name}-4", "Appointment.participant.type", concept(), f"{name}[Appointment] 6", placed=True),
            one(f"{name}-{number}", start, instant, f"{name}[Appointment] {lines[0]}", placed=True),
            one(f"{name}-{number + 1}", start, decimal, f"{name}[Appointment] {lines[1]}", placed=True),
            one(
                f"{name}-{duration}",
                "Appointment.participant.period.end",
                decimal,
                f"{name}[Appointment] {lines[2]}",
                placed=True,
            ),
            one(
                f"{name}-{status}",
                "Appointment.participant.status",
                code(_STANDING),
                "AIP[Appointment] 14" if name == "AIP" else "decision 0179",
                placed=True,
            ),
        ),
        {
            1: "set id: position only",
            2: "the action: whoever is taken off (D) has declined",
            duration + 1: "the unit of the duration: it says how to read it",
            number + 2: "the unit of the offset: it says how to read it",
            duration + 2: _NO_TARGET,
            **ignored,
        },
    )


RESOURCES = {
    "AIG": _participants(
        "AIG",
        many("AIG-3", "Appointment.participant.actor", general_resource, "AIG[Appointment] 5", placed=True),
        8,
        {5: _NO_TARGET, 6: _NO_TARGET, 7: _NO_TARGET},
        (10, 11, 13),
    ),
    "AIL": _participants(
        "AIL",
        many("AIL-3", "Appointment.participant.actor", location, "AIL[Appointment] 5", reuse=True, placed=True),
        6,
        {5: _NO_TARGET},
        (8, 9, 11),
    ),
    "AIP": _participants(
        "AIP",
        many("AIP-3", "Appointment.participant.actor", practitioner, "AIP[Appointment] 5", reuse=True, placed=True),
        6,
        {5: _NO_TARGET},
        (8, 9, 11),
    ),
}


def service(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """AIS: the service; the start of the first one is the appointment's where SCH-11 names none."""
    appointment, segment = frame.appointment, node.segment
    if appointment is None:
        return None
    if segment.code(2) == _TAKEN_OFF:
        leave_out(segment, range(1, 13), "the service is taken off the appointment", scope)
        return frame.within(remarks=None)
    fill(appointment, segment, SERVICE, scope)
    if "start" not in appointment and "requestedPeriod" not in appointment:
        rows = {row.number: row for row in SERVICE.rows}
        start = first(rows[4], segment, scope, appointment)
        length = first(rows[7], segment, scope, appointment)
        factor = MINUTES.get(segment.code(8))
        if start:
            minutes = float(length) * factor if length is not None and factor else appointment.get("minutesDuration")
            end = later(start, minutes) if minutes else None
            end = end or start
            place_times(appointment, {"start": start, "end": end})
            has_time(appointment, scope)
    else:
        leave_out(segment, (4, 7), "SCH-11, or the service before, says when the appointment is", scope)
    return frame.within(remarks=appointment)


def taking_part(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """AIG, AIL, AIP: one participant for each actor."""
    appointment, segment = frame.appointment, node.segment
    if appointment is None:
        return None
    actor, kind, *times, state = RESOURCES[segment.name].rows
    types = values(kind, segment, scope, appointment)
    period = _period(times, segment, scope, appointment)
    said = first(state, segment, scope, appointment)
    status = "declined" if segment.code(2) == _TAKEN_OFF else said if isinstance(said, str) else standing(scope)
    for found in values(actor, segment, scope, appointment):
        participant: Resource = {**({"type": types} if types else {}), "actor": found, "status": status}
        if period:
            participant["period"] = period
        add_participant(appointment, participant, scope)
    return frame.within(remarks=appointment)


def _period(times: list[Row], segment: Segment, scope: Scope, appointment: Resource) -> Resource:
    """Return when somebody takes part: from a time, else from an offset to the start of the appointment."""
    begins, offset, lasts = times
    start, after = (first(row, segment, scope, appointment) for row in (begins, offset))
    unit = MINUTES.get(segment.text(offset.number + 1).upper())
    if not start and after is not None and unit and "start" in appointment:
        start = _at(appointment["start"], float(after) * unit, scope)
    if not start:
        return {}
    length = first(lasts, segment, scope, appointment)
    factor = MINUTES.get(segment.text(lasts.number + 1).upper())
    if length is None or not factor:
        return {"start": start}
    end = _at(start, float(length) * factor, scope)
    return {"start": start, "end": end} if end else {"start": start}


def _at(start: str, minutes: float, scope: Scope) -> str | None:
    found = later(start, minutes)
    if found is None:
        scope.find("number_out_of_range", "no length of time")
    return found


TABLES = (SERVICE, *RESOURCES.values())
HANDLERS: dict[str, Handler] = {
    "AIS": service,
    **dict.fromkeys(("AIG", "AIL", "AIP"), taking_part),
}
