"""What order control codes (ORC-1) and action codes (RXA-21) do to prescriptions, dispenses, administrations and
vaccinations, by their stored status.

Sources: HL7 tables 0119 and 0323, the v2-to-FHIR guide's map ``OrderControlCode[ServiceRequest.status]`` (guide below),
and the statuses of R4, which tell a prescription that was cancelled from one that was stopped. Where a row leaves the
guide, docs/decisions/0020 says why.
"""

from __future__ import annotations

from shared.changes.states import ABSENT, FINAL, FORWARD, SENT, STAYS, Row, Table, to

DRAFT, ACTIVE, ON_HOLD, CANCELLED, STOPPED = "draft", "active", "on-hold", "cancelled", "stopped"
PREPARATION, IN_PROGRESS, DECLINED = "preparation", "in-progress", "declined"
COMPLETED, NOT_DONE, IN_ERROR, UNKNOWN = "completed", "not-done", "entered-in-error", "unknown"

PRESCRIPTION_STATUSES = (ABSENT, DRAFT, ACTIVE, ON_HOLD, CANCELLED, STOPPED, COMPLETED, IN_ERROR, UNKNOWN)
DISPENSE_STATUSES = (
    ABSENT, PREPARATION, IN_PROGRESS, ON_HOLD, CANCELLED, STOPPED, DECLINED, COMPLETED, IN_ERROR, UNKNOWN,
)  # fmt: skip
ADMINISTRATION_STATUSES = (ABSENT, IN_PROGRESS, ON_HOLD, NOT_DONE, STOPPED, COMPLETED, IN_ERROR, UNKNOWN)
IMMUNIZATION_STATUSES = (ABSENT, COMPLETED, NOT_DONE, IN_ERROR)

_NEW = (ABSENT, UNKNOWN, DRAFT)
_OPEN = (*_NEW, ACTIVE, ON_HOLD)
_WITHDRAWN = to(STAYS, (CANCELLED, STOPPED))
_ENDED = _WITHDRAWN | {COMPLETED: STAYS}

_BEGINS = to(ACTIVE, (*_NEW, ACTIVE))
_ACCEPTED = _BEGINS | {ON_HOLD: ON_HOLD} | _ENDED
_RELEASED = to(ACTIVE, _OPEN)
_HELD = to(ON_HOLD, _OPEN)
_KEPT = to(STAYS, _OPEN) | _ENDED

# What ORC-5 may say before the code counts, as for any order: docs/decisions/0177.
_ANY = frozenset(PRESCRIPTION_STATUSES) - {ABSENT, UNKNOWN}
_FOUND = _ANY - {IN_ERROR}


def _rows(moves: dict[str, str], source: str, *codes: str, heeds: frozenset[str] = frozenset()) -> dict[str, Row]:
    return {code: Row(moves, f"0119 {code}: {source}", heeds=heeds) for code in codes}


PRESCRIPTION_ROWS: dict[str, Row] = {
    **_rows(_BEGINS, "a new order; guide", "NW", "RO", "PY", heeds=_ANY),
    **_rows(_BEGINS, "new, for outside dispense, as its replacement PY; the guide has no target", "OP", heeds=_ANY),
    **_rows(_KEPT, "an order that was done before", "PR", heeds=_ANY),
    **_rows(_ACCEPTED, "accepted; guide", "OK", "AF", heeds=_FOUND),
    **_rows(_RELEASED, "released from hold; guide RL", "RL", "OE", "OR"),
    **_rows(_HELD, "held; guide", "HR", "OH"),
    **_rows(to(CANCELLED, _OPEN) | _WITHDRAWN, "cancelled; guide", "CR", "OC"),
    # HL7 4.5.1.1: "replaced orders are treated as though they were canceled"; the guide has RQ active, RU open.
    **_rows(to(CANCELLED, _OPEN) | _WITHDRAWN, "replaced: RO is the order that counts now", "RQ", "RU"),
    **_rows(to(STOPPED, _OPEN) | _WITHDRAWN, "discontinued; guide", "DC", "DR", "OD"),
    # A request to cancel, hold or replace is granted by CR, OC, HR, OH, RQ; the order runs until then.
    **_rows(_KEPT, "a request, not yet granted; guide active", "CA", "HD", heeds=_ANY),
    **_rows(_KEPT, "asked, not done", "RF", "RP", "XO", "SS", "SN", heeds=_ANY),
    # A refill that was made or denied ends no prescription: there may be others. The guide ends the order.
    **_rows(_KEPT, "about one refill", "FU", "DF", "OF"),
    **_rows(_KEPT, "could not be done", "DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX", heeds=_FOUND),
    **_rows(_KEPT, "about its place among others", "CH", "CN", "PA", "LI", "UN", "NA", "MC", "CP", heeds=_ANY),
    **_rows(_KEPT, "answered: ORC-5 says the status", "RR", "SR", heeds=_FOUND),
    **_rows(_KEPT, "changed or reported: ORC-5 says the status", "SC", "RE", "XR", "XX", heeds=_ANY),
    **_rows(_KEPT, "no code, or one that nobody knows: the message's status, forward only", "", heeds=_ANY),
}
PRESCRIPTION = Table(
    PRESCRIPTION_ROWS,
    PRESCRIPTION_STATUSES,
    rank={
        **dict.fromkeys((UNKNOWN, DRAFT), 0),
        **dict.fromkeys((ACTIVE, ON_HOLD), 1),
        **dict.fromkeys((CANCELLED, STOPPED, COMPLETED), FINAL),
        IN_ERROR: FINAL + 1,
    },
    otherwise="",
)

_UNDISPENSED = (ABSENT, UNKNOWN, PREPARATION, IN_PROGRESS, ON_HOLD)
_DISPENSE_ENDED = to(STAYS, (CANCELLED, STOPPED, DECLINED, COMPLETED))
# What was handed over stays so: cancelling the order takes no drug back.
DISPENSE_ROWS: dict[str, Row] = {
    **_rows(to(CANCELLED, _UNDISPENSED) | {CANCELLED: STAYS}, "cancelled before it was dispensed", "OC", "CR"),
    **_rows(to(STOPPED, _UNDISPENSED) | {STOPPED: STAYS}, "discontinued before it was dispensed", "DC", "DR", "OD"),
    **_rows(to(ON_HOLD, _UNDISPENSED), "held", "HR", "OH"),
    **_rows(
        to(IN_PROGRESS, (ON_HOLD,)) | to(FORWARD, (ABSENT, UNKNOWN, PREPARATION, IN_PROGRESS)),
        "released",
        *("RL", "OE", "OR"),
    ),
    **_rows(to(FORWARD, _UNDISPENSED) | _DISPENSE_ENDED, "any other: the message's status, forward only", ""),
}
DISPENSE = Table(
    DISPENSE_ROWS,
    DISPENSE_STATUSES,
    rank={
        UNKNOWN: 0,
        PREPARATION: 1,
        **dict.fromkeys((IN_PROGRESS, ON_HOLD), 2),
        **dict.fromkeys((CANCELLED, STOPPED, DECLINED, COMPLETED), FINAL),
        IN_ERROR: FINAL + 1,
    },
    otherwise="",
)


def _acted(statuses: tuple[str, ...]) -> dict[str, Row]:
    """Return the rows of HL7 table 0323 for what was given, or not given, to a patient."""
    valid = tuple(status for status in statuses if status != IN_ERROR)
    return {
        "A": Row(to(SENT, statuses), "0323 A: added, also after it was deleted"),
        "U": Row(to(SENT, valid), "0323 U: updated; what was deleted is not there to update"),
        "X": Row(to(STAYS, valid), "0323 X: no change", status_only=True),
        "D": Row(to(IN_ERROR, statuses[1:]), "0323 D; guide RXA[Immunization] 26", status_only=True),
    }


_UNFINISHED = (ABSENT, UNKNOWN, IN_PROGRESS, ON_HOLD)
ADMINISTRATION_ROWS: dict[str, Row] = {
    **_acted(ADMINISTRATION_STATUSES),
    **_rows(
        to(FORWARD, _UNFINISHED) | to(STAYS, (NOT_DONE, STOPPED, COMPLETED)),
        "no action code: the message's status, forward only",
        "",
    ),
}
ADMINISTRATION = Table(
    ADMINISTRATION_ROWS,
    ADMINISTRATION_STATUSES,
    rank={
        UNKNOWN: 0,
        **dict.fromkeys((IN_PROGRESS, ON_HOLD), 1),
        **dict.fromkeys((NOT_DONE, STOPPED, COMPLETED), FINAL),
        IN_ERROR: FINAL + 1,
    },
    otherwise="",
)

# Without RXA-21, ORC-1 says what the message is about. A vaccination is a fact: no control of an order undoes it.
_GIVEN_OR_NOT = (ABSENT, COMPLETED, NOT_DONE)
IMMUNIZATION_ROWS: dict[str, Row] = {
    **_acted(IMMUNIZATION_STATUSES),
    "U": Row(to(FORWARD, _GIVEN_OR_NOT), "0323 U: updated; without RXA-20 it stays given, or not given"),
    # RXA-20 CP is a dose that was given, whatever became of its order.
    **_rows(
        to(NOT_DONE, (ABSENT, NOT_DONE)), "cancelled: it was not given", "OC", "CR", "CA", heeds=frozenset({COMPLETED})
    ),
    **_rows(
        {ABSENT: SENT} | to(STAYS, (COMPLETED, NOT_DONE)),
        "about the order, not about what was given",
        "DC", "DR", "OD", "HD", "HR", "OH", "RL", "OE", "OR", "DE", "UA", "UC", "UD", "UH", "UM", "UR", "UX",
    ),
    **_rows(to(FORWARD, _GIVEN_OR_NOT), "any other: what the message says", ""),
}  # fmt: skip
IMMUNIZATION = Table(IMMUNIZATION_ROWS, IMMUNIZATION_STATUSES, otherwise="")
