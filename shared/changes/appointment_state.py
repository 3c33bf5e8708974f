"""What each SIU and SRM event does to an appointment, by its stored status.

Sources: HL7 v2.5.1 chapter 10.4 (the sections named below); SCH-25 by the v2-to-FHIR guide's map
``FillerStatusCodes[Appointment]``.
"""

from __future__ import annotations

from shared.changes.states import ABSENT, FINAL, FORWARD, SENT, STAYS, Row, Table, to

PROPOSED, PENDING, WAITLIST, BOOKED, ARRIVED = "proposed", "pending", "waitlist", "booked", "arrived"
CHECKED_IN, FULFILLED, CANCELLED, NO_SHOW = "checked-in", "fulfilled", "cancelled", "noshow"
IN_ERROR = "entered-in-error"

STATUSES = (
    ABSENT, PROPOSED, PENDING, WAITLIST, BOOKED, ARRIVED, CHECKED_IN, FULFILLED, CANCELLED, NO_SHOW, IN_ERROR,
)  # fmt: skip

_WAITING = (PROPOSED, PENDING, WAITLIST)
_HERE = (ARRIVED, CHECKED_IN)
_OPEN = (*_WAITING, BOOKED, *_HERE)
_REASON = ("cancelationReason",)  # R4 app-4: only for what was cancelled or missed

_CHANGED = to(FORWARD, (ABSENT, *_OPEN)) | to(STAYS, (FULFILLED, CANCELLED, NO_SHOW))
_CANCELLED = to(CANCELLED, (ABSENT, *_OPEN, CANCELLED))

ROWS: dict[str, Row] = {
    "S12": Row(
        to(SENT, (ABSENT, CANCELLED, NO_SHOW)) | to(FORWARD, (*_WAITING, BOOKED)),
        "10.4.1 new booking",
        deletes=_REASON,
    ),
    "S13": Row(
        to(SENT, (ABSENT, *_WAITING)) | to(BOOKED, (BOOKED, *_HERE, CANCELLED, NO_SHOW)),
        "10.4.2 rescheduled: it will take place, at another time",
        deletes=_REASON,
    ),
    "S14": Row(_CHANGED, "10.4.3 modified"),
    "S15": Row(_CANCELLED, "10.4.4 cancelled"),
    "S16": Row(_CANCELLED, "10.4.5 discontinued: R4 has no other word for what stops under way"),
    "S17": Row(to(IN_ERROR, STATUSES[1:]), "10.4.6 deleted: booked in error", status_only=True),
    "S18": Row(_CHANGED, "10.4.7 service or resource added"),
    "S19": Row(_CHANGED, "10.4.8 service or resource modified"),
    "S20": Row(_CHANGED, "10.4.9 service or resource cancelled"),
    "S21": Row(_CHANGED, "10.4.10 service or resource discontinued"),
    "S22": Row(_CHANGED, "10.4.11 service or resource deleted"),
    # A blocked slot is nobody's appointment: nothing is written of it, whatever is stored.
    "S23": Row({}, "10.4.12 schedule blocked"),
    "S24": Row({}, "10.4.13 schedule opened"),
    "S26": Row(to(NO_SHOW, (ABSENT, *_WAITING, BOOKED, NO_SHOW)), "10.4.14 patient did not show up"),
}

# Without a row: S25 (a query, not an SIU event: decision 0145).

# What is asked of the filler (SRM): a new request is kept as proposed; a request about an appointment that is there
# changes nothing of it: whether it is granted, the SIU says.
_ASKED = Row(to(STAYS, (ABSENT, *_OPEN, FULFILLED, CANCELLED, NO_SHOW)), "10.3.2 to 10.3.11 asked", status_only=True)
REQUEST_ROWS: dict[str, Row] = {
    "S01": Row(to(SENT, (ABSENT, PROPOSED)), "10.3.1 new appointment asked for"),
    **{f"S{number:02}": _ASKED for number in range(2, 12)},
}

_RANK = {PROPOSED: 0, PENDING: 1, WAITLIST: 1, BOOKED: 2, ARRIVED: 3, CHECKED_IN: 4} | {
    FULFILLED: FINAL,
    CANCELLED: FINAL,
    NO_SHOW: FINAL,
    IN_ERROR: FINAL + 1,
}
APPOINTMENT = Table(ROWS, STATUSES, _RANK)
REQUESTED = Table(REQUEST_ROWS, STATUSES, _RANK)
