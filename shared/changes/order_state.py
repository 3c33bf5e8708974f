"""What each order control code (ORC-1) does to an order, by its stored status.

Sources: HL7 table 0119 by the v2-to-FHIR guide's map ``OrderControlCode[ServiceRequest.status]`` (guide below). Codes
without a target there say something about the order and leave its status alone. Where ORC-5 says the status it counts
before the code (guide ``ORC[ServiceRequest]`` 3), but for codes that themselves end, hold or release an order
(docs/decisions/0177).
"""

from __future__ import annotations

from shared.changes.states import ABSENT, FINAL, STAYS, Row, Table, to

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

NOTHING: frozenset[str] = frozenset()
ANY = frozenset(STATUSES) - {ABSENT, UNKNOWN}
FOUND = ANY - {IN_ERROR}  # ORC-5 ER is "order not found": whoever answers so ends no order of somebody else


def _rows(moves: dict[str, str], heeds: frozenset[str], source: str, *codes: str) -> dict[str, Row]:
    return {code: Row(moves, f"0119 {code}: {source}", heeds=heeds) for code in codes}


ROWS: dict[str, Row] = {
    **_rows(_BEGINS, ANY, "a new order; guide", "NW", "RO", "PY"),
    # Table 0119: an order of earlier results that come along with a new one. The guide has it active.
    **_rows(_KEPT, ANY, "an order that was done before", "PR"),
    **_rows(_ACCEPTED, FOUND, "accepted; guide", "OK", "AF"),
    **_rows(_RELEASED, NOTHING, "released from hold; guide RL", "RL", "OE", "OR"),
    **_rows(_HELD, NOTHING, "held; guide", "HR", "OH"),
    **_rows(_ENDS, NOTHING, "ended; guide", "CR", "DC", "DF", "DR", "OC", "OD"),
    # Table 0119, RO: "replaced orders are treated as though they were canceled"; the guide has RQ active, RU open.
    **_rows(_ENDS, NOTHING, "replaced: RO is the order that counts now", "RQ", "RU"),
    **_rows(to(COMPLETED, (*_OPEN, COMPLETED)), NOTHING, "refilled; guide", "FU"),
    # A request to cancel or to hold is granted by CR, OC, HR or OH; the guide keeps the order active until then.
    **_rows(_KEPT, ANY, "a request, not yet granted; guide active", "CA", "HD"),
    **_rows(_KEPT, ANY, "asked, not done", "RF", "RP", "XO", "SS", "SN"),
    **_rows(_KEPT, FOUND, "could not be done", "DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX"),
    **_rows(_KEPT, ANY, "about its place among others", "CH", "CN", "PA", "LI", "UN", "NA", "MC", "CP", "OP", "OF"),
    **_rows(_KEPT, FOUND, "answered: ORC-5 says the status", "RR", "SR"),
    **_rows(_KEPT, ANY, "changed or reported: ORC-5 says the status", "SC", "RE", "XR", "XX"),
    **_rows(_KEPT, ANY, "no code, or one that nobody knows: the message's status, forward only", ""),
}

# An order under a code that the table does not know must not be lost: it counts as no code.
ORDER = Table(
    ROWS,
    STATUSES,
    rank={UNKNOWN: 0, DRAFT: 0, ACTIVE: 1, ON_HOLD: 1, REVOKED: FINAL, COMPLETED: FINAL, IN_ERROR: FINAL + 1},
    otherwise="",
)

# An order of things (RQD) has the states of any order; R4 gives two of them other names.
_THINGS = {REVOKED: "cancelled", ON_HOLD: "suspended"}


def _of_things(status: str) -> str:
    return _THINGS.get(status, status)


SUPPLY = Table(
    {
        code: Row(
            {_of_things(before): _of_things(after) for before, after in row.moves.items()},
            row.source,
            heeds=frozenset(map(_of_things, row.heeds)),
        )
        for code, row in ROWS.items()
    },
    tuple(map(_of_things, STATUSES)),
    rank={_of_things(status): rank for status, rank in ORDER.rank.items()},
    otherwise="",
)
