"""Appointment as SCH, RGS, AIS, AIG, AIL and AIP (guide: SCH[Appointment], AIx[Appointment])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.appointment import CONTACTS
from shared.mapping.codes.tables import table
from shared.message.finding import Finding
from shared.rendering.coded import concept, text
from shared.rendering.codes import inverse_code
from shared.rendering.draft import composed
from shared.rendering.header import said_types
from shared.rendering.identifiers import ei, has_type
from shared.rendering.notes import write_notes
from shared.rendering.people import xcn
from shared.rendering.places import pl
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, fill, prune
from shared.rendering.times import hl7_time, minutes_between

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_STATUSES = table("FillerStatusCodes[Appointment]")
_MINUTES = composed(["min", "minutes", "UCUM"])

# HL7 table 0003 and HL7 chapter 10: the event that says what an appointment has become, and what SCH-6 calls it.
EVENT_OF_STATUS = {"booked": "S12", "cancelled": "S15", "entered-in-error": "S17", "noshow": "S26"}
OTHER_EVENT = "S14"
EVENT_NAMES = {
    "S12": "Notification of new appointment booking",
    "S13": "Notification of appointment rescheduling",
    "S14": "Notification of appointment modification",
    "S15": "Notification of appointment cancellation",
    "S17": "Notification of appointment deletion",
    "S26": "Notification that patient did not show up for scheduled appointment",
}


def is_appointed(resource: Resource, draft: Draft) -> bool:
    """Tell whether an appointment was made: a proposal has no code in SCH-25, and who receives an SIU books it.

    What came as an SIU was made: the mapping calls it proposed where it has no time (R4 app-3).
    """
    return resource.get("status") != "proposed" or any(said.startswith("SIU^") for said in said_types(draft))


def _has_role(name: str) -> Choice:
    def has_role(value: Resource) -> bool:
        roles = value.get("type", ())
        return any(role.get("text") == name or _codes(role) & {name} for role in roles)

    return has_role


def _codes(role: Resource) -> set[str]:
    return {one.get("code", "") for one in role.get("coding", ())}


def contact(name: str) -> Row:
    """Return the row of people who arrange an appointment: the field says their role."""
    field, guide = _CONTACT_FIELDS[name]

    def person(value: Resource, draft: Draft, kind: str) -> str:
        written = xcn({**value.get("actor", {})}, draft, kind)
        if written:
            value["type"] = [role for role in value["type"] if role.get("text") != name and name not in _codes(role)]
            if not value["type"]:
                value.clear()
        return written

    return Row(field, "Appointment.participant", person, f"SCH[Appointment] {guide}", _has_role(name))


_GUIDE_OF = {12: "15 to 17", 16: "21 to 23", 20: "27 to 29"}
_CONTACT_FIELDS = {name: (f"SCH-{field}", _GUIDE_OF[field]) for field, name in CONTACTS.items()}

SCHEDULE = Table(
    "SCH",
    "Appointment",
    (
        Row("SCH-1", "Appointment.identifier", ei(), "SCH[Appointment] 3", has_type("PLAC")),
        Row("SCH-2", "Appointment.identifier", ei(), "SCH[Appointment] 4", has_type("FILL", "")),
        Row("SCH-6", "Appointment.cancelationReason", concept(), "decision 0040"),
        Row("SCH-7", "Appointment.reasonCode", concept(table("AppointmentReasonCodes")), "SCH[Appointment] 9"),
        Row("SCH-8", "Appointment.appointmentType", concept(table("AppointmentTypeCodes")), "SCH[Appointment] 11"),
        Row("SCH-9", "Appointment.minutesDuration", text, "SCH[Appointment] 12"),
        *(contact(name) for name in _CONTACT_FIELDS),
    ),
    (),
    {
        11: "comes back from start and end",
        25: "comes back from the status",
        26: "comes back from the orders that Appointment.basedOn names",
        27: "comes back from the orders that Appointment.basedOn names",
    },
)

SERVICE = Table(
    "AIS",
    "Appointment",
    (Row("AIS-3", "Appointment.serviceType", concept(), "AIS[Appointment] 5"),),
    (),
    {
        4: "comes back in SCH-11: one appointment has one start",
        7: "comes back in SCH-11: one appointment has one end",
        10: "comes back in SCH-25: one appointment has one status",
    },
)


def thing(value: Resource, draft: Draft, kind: str) -> str:
    """Write what is neither person nor place as a CE: by its name."""
    del kind
    said = value.pop("display", "")
    if draft.look(value)[0]:
        with draft.follow(value) as resource:
            named = resource.pop("name", "") or resource.pop("text", "")
            said = said or (named if isinstance(named, str) else "")
    return composed(["", said]) if said else ""


def _taking_part(segment: str, actor: Row, begins: int, lasts: int) -> Table:
    later = "comes back in minutes with the participant's period"
    return Table(
        segment,
        "Appointment.participant",
        (actor, Row(f"{segment}-4", "participant.type", concept(), f"{segment}[Appointment] 6")),
        (Implied("status", "who is listed takes part", ("accepted",)),),
        {
            begins: later,
            begins + 1: "comes back as a time",
            lasts: later,
            begins + 6: "comes back with who has declined",
        },
    )


# HL7 table 0278, of one resource: AIG-14, AIL-12, AIP-12.
_STANDING = {"declined": "Cancelled", "tentative": "Pending"}
_TIMES = {"AIG": (8, 11), "AIL": (6, 9), "AIP": (6, 9)}
RESOURCES = {
    "AIG": _taking_part("AIG", Row("AIG-3", "participant.actor", thing, "AIG[Appointment] 5"), *_TIMES["AIG"]),
    "AIL": _taking_part("AIL", Row("AIL-3", "participant.actor", pl, "AIL[Appointment] 5"), *_TIMES["AIL"]),
    "AIP": _taking_part("AIP", Row("AIP-3", "participant.actor", xcn, "AIP[Appointment] 5"), *_TIMES["AIP"]),
}
_SEGMENT_OF = {"Location": "AIL", "Practitioner": "AIP", "PractitionerRole": "AIP"}


def write_schedule(url: str, event: str, draft: Draft) -> None:
    """Write SCH and its notes."""
    sch = draft.segment("SCH")
    with draft.open(url) as resource:
        start, end = (hl7_time(resource.get(element)) for element in ("start", "end"))
        sch.set(11, composed(["", "", "", start, end]))
        _write_status(sch, resource, draft)
        fill(sch, resource, SCHEDULE, draft)
        if 9 in sch.fields:
            sch.set(10, _MINUTES)
        if 6 not in sch.fields:
            sch.set(6, composed([event, EVENT_NAMES[event], "HL70003"]))
        _write_orders(sch, resource, draft)
        if resource.get("comment"):
            resource.setdefault("note", []).append({"text": resource.pop("comment")})
        write_notes(resource, draft)
        for element in ("start", "end", "serviceType"):
            resource.pop(element, None)  # SCH-11, and AIS below
        resource["participant"] = [one for one in resource.get("participant", ()) if "extension" in one]


def _write_status(sch: SegmentDraft, resource: Resource, draft: Draft) -> None:
    status = resource.pop("status", "")
    own = inverse_code(_STATUSES).get(status, "")
    if own:
        sch.set(25, composed([own, own, "HL70278"]))
    elif status != "proposed":
        draft.findings.append(Finding("code_without_inverse", f"HL7 table {_STATUSES.number}"))
        resource["status"] = status


def _write_orders(sch: SegmentDraft, resource: Resource, draft: Draft) -> None:
    """Write the numbers of the orders that an appointment is for."""
    for reference in resource.get("basedOn", ()):
        if draft.look(reference)[1].get("resourceType") == "ServiceRequest":
            with draft.follow(reference) as order:
                _write_numbers(sch, order.get("identifier", []), draft)
        elif reference.get("type") == "ServiceRequest" and "identifier" in reference:  # another message has the order
            _write_numbers(sch, [reference["identifier"]], draft)
            reference.pop("type")


def _write_numbers(sch: SegmentDraft, identifiers: list[Resource], draft: Draft) -> None:
    for identifier in identifiers:
        number = 27 if has_type("FILL")(identifier) else 26
        sch.add(number, ei()(identifier, draft, "EI"))


def write_resources(url: str, patient: str, draft: Draft) -> None:
    """Write RGS and, below it, a segment for each service and each participant."""
    draft.segment("RGS").set(1, "1")
    with draft.open(url) as resource:
        participants = resource.get("participant", [])
        services = resource.get("serviceType", [])
        for number, service in enumerate(services, 1):
            ais = draft.segment("AIS")
            ais.set(1, str(number))
            fill(ais, {"serviceType": [service]}, SERVICE, draft)
        left = [
            one for one in participants if not _is_arranging(one) and not draft.points_at(one.get("actor"), patient)
        ]
        for name in RESOURCES:
            number = 0
            for one in left:
                if _segment_of(one, draft) == name:
                    number += 1
                    _write_participant(name, number, one, draft)
        for one in participants:
            if _is_arranging(one) or draft.points_at(one.get("actor"), patient):
                one.clear()


def _is_arranging(participant: Resource) -> bool:
    """Tell whether somebody arranges the appointment and takes no part in it: SCH names them."""
    roles = participant.get("type", [])
    return bool(roles) and all(role.get("text") in _CONTACT_FIELDS or "enterer" in _codes(role) for role in roles)


def _segment_of(participant: Resource, draft: Draft) -> str:
    kind = draft.look(participant.get("actor"))[1].get("resourceType", "")
    return _SEGMENT_OF.get(kind, "AIG")


def _write_participant(name: str, number: int, participant: Resource, draft: Draft) -> None:
    segment = draft.segment(name)
    segment.set(1, str(number))
    begins, lasts = _TIMES[name]
    period = participant.get("period", {})
    start, end = period.pop("start", ""), period.pop("end", "")
    segment.set(begins, hl7_time(start))
    minutes = minutes_between(start, end)
    if minutes:
        segment.set(lasts, minutes)
        segment.set(lasts + 1, _MINUTES)
    own = _STANDING.get(participant.get("status", ""))
    if own:
        segment.set(begins + 6, composed([own, own, "HL70278"]))
        del participant["status"]
    participant["type"] = [one for one in participant.get("type", ()) if one.get("text") not in _CONTACT_FIELDS]
    fill(segment, participant, RESOURCES[name], draft)
    prune(participant)


TABLES = (SCHEDULE, SERVICE, *RESOURCES.values())
