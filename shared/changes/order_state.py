"""What each order control code (ORC-1) does to an order, by its stored status.

Sources: HL7 table 0119 by the v2-to-FHIR guide's map ``OrderControlCode[ServiceRequest.status]`` (guide below). Codes
without a target there say something about the order and leave its status alone, or move it to what ORC-5 says.
"""

from __future__ import annotations

from shared.changes.states import ABSENT, FINAL, FORWARD, STAYS, Row, Table, to

DRAFT, ACTIVE, ON_HOLD, REVOKED = "draft", "active", "on-hold", "revoked"
COMPLETED, IN_ERROR, UNKNOWN = "completed", "entered-in-error", "unknown"

STATUSES = (ABSENT, DRAFT, ACTIVE, ON_HOLD, REVOKED, COMPLETED, IN_ERROR, UNKNOWN)

_NEW = (ABSENT, UNKNOWN, DRAFT)
_OPEN = (*_NEW, ACTIVE, ON_HOLD)
_ENDED = to(STAYS, (REVOKED, COMPLETED))

_BEGINS = to(ACTIVE, (*_NEW, ACTIVE))
_ACCEPTED = _BEGINS | {ON_HOLD: ON_HOLD} | _ENDED
_RELEASED = to(ACTIVE, _OPEN)
_HELD = to(ON_HOLD, _OPEN)
_ENDS = to(REVOKED, (*_OPEN, REVOKED))
_KEPT = to(STAYS, _OPEN) | _ENDED
_TOLD = to(FORWARD, _OPEN) | _ENDED


def _rows(moves: dict[str, str], source: str, *codes: str) -> dict[str, Row]:
    return {code: Row(moves, f"0119 {code}: {source}") for code in codes}


ROWS: dict[str, Row] = {
    **_rows(_BEGINS, "a new order; guide", "NW", "RO", "PR", "PY"),
    **_rows(_ACCEPTED, "accepted; guide", "OK", "AF", "RQ"),
    **_rows(_RELEASED, "released from hold; guide RL", "RL", "OE", "OR"),
    **_rows(_HELD, "held; guide", "HR", "OH"),
    **_rows(_ENDS, "ended; guide", "CR", "DC", "DF", "DR", "OC", "OD"),
    **_rows(to(COMPLETED, (*_OPEN, COMPLETED)), "refilled; guide", "FU"),
    # A request to cancel or to hold is granted by CR, OC, HR or OH; the guide keeps the order active until then.
    **_rows(_KEPT, "a request, not yet granted; guide active", "CA", "HD"),
    **_rows(_KEPT, "asked, not done", "RF", "RP", "XO", "SS", "SN"),
    **_rows(_KEPT, "could not be done", "DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX"),
    **_rows(_KEPT, "about its place among others", "CH", "CN", "PA", "LI", "UN", "NA", "MC", "CP", "OP", "RR", "OF"),
    **_rows(_TOLD, "changed or reported: ORC-5 says the status", "SC", "SR", "RE", "XR", "XX", "RU"),
    **_rows(_TOLD, "no code: the message's status, forward only", ""),
}

ORDER = Table(
    ROWS,
    STATUSES,
    rank={UNKNOWN: 0, DRAFT: 0, ACTIVE: 1, ON_HOLD: 1, REVOKED: FINAL, COMPLETED: FINAL, IN_ERROR: FINAL + 1},
)

# An order of things (RQD) has the states of any order; R4 gives two of them other names.
_THINGS = {REVOKED: "cancelled", ON_HOLD: "suspended"}


def _of_things(status: str) -> str:
    return _THINGS.get(status, status)


SUPPLY = Table(
    {
        code: Row({_of_things(before): _of_things(after) for before, after in row.moves.items()}, row.source)
        for code, row in ROWS.items()
    },
    tuple(map(_of_things, STATUSES)),
    rank={_of_things(status): rank for status, rank in ORDER.rank.items()},
)
