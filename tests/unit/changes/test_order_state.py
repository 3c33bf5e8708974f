"""Order control codes against stored orders: the whole matrix."""

from __future__ import annotations

from shared.changes.order_state import ORDER, SUPPLY
from tests.unit.changes.matrix import drawn

LETTERS = {
    "": "-", "draft": "D", "active": "A", "on-hold": "H", "revoked": "R", "completed": "C",
    "entered-in-error": "E", "unknown": "U",
}  # fmt: skip

# Columns: nothing stored, draft, active, on hold, revoked, completed, entered in error, unknown.
# HL7 table 0119; the guide's OrderControlCode gives active: AF CA HD NW OK PR PY RL RO RQ, on-hold: HR OH,
# revoked: CR DC DF DR OC OD, completed: FU. The message's own status (ORC-5) is completed here.
NEW, ACCEPTED, RELEASED, HELD, ENDED = "AAA....A", "AAAHRC.A", "AAAA...A", "HHHH...H", "RRRRR..R"
KEPT, TOLD = "CDAHRC.U", "CCCCRC.C"
EXPECTED = (
    dict.fromkeys(("NW", "RO", "PR", "PY"), NEW)
    | dict.fromkeys(("OK", "AF", "RQ"), ACCEPTED)
    | dict.fromkeys(("RL", "OE", "OR"), RELEASED)
    | dict.fromkeys(("HR", "OH"), HELD)
    | dict.fromkeys(("CR", "DC", "DF", "DR", "OC", "OD"), ENDED)
    | {"FU": "CCCC.C.C"}
    # Asked for and not granted yet, could not be done, or about something else.
    | dict.fromkeys(("CA", "HD", "RF", "RP", "XO", "SS", "SN"), KEPT)
    | dict.fromkeys(("DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX"), KEPT)
    | dict.fromkeys(("CH", "CN", "PA", "LI", "UN", "NA", "MC", "CP", "OP", "RR", "OF"), KEPT)
    # A change or a report: ORC-5 says where the order is, and an ended order stays ended.
    | dict.fromkeys(("SC", "SR", "RE", "XR", "XX", "RU", ""), TOLD)
)


def test_every_code_moves_every_stored_status_as_the_table_says() -> None:
    """A revoked order that comes back is given; an active one that is revoked is missed."""
    assert drawn(ORDER, LETTERS, "completed") == EXPECTED


def test_every_code_of_table_0119_has_a_row() -> None:
    """An order whose code has no row is left out: that must be a choice."""
    table_0119 = (
        "AF CA CH CN CP CR DC DE DF DR FU HD HR LI MC NA NW OC OD OE OF OH OK OP OR PA PR PY RE RF RL RO RP RQ RR RU "
        "SC SN SR SS UA UC UD UF UH UM UN UR UX XO XR XX"
    )

    assert " ".join(sorted(ORDER.rows)).strip() == table_0119


def test_an_unknown_code_is_refused() -> None:
    """Nobody knows what it does to a running order."""
    assert all(ORDER.next_status("ZZ", stored, "active") is None for stored in ORDER.statuses)


def test_an_order_of_things_moves_as_any_order_in_its_own_words() -> None:
    """R4 suspends and cancels a SupplyRequest where it holds and revokes others."""
    words = {**LETTERS, "suspended": "H", "cancelled": "R"}
    assert drawn(SUPPLY, words, "completed") == EXPECTED
    assert {"on-hold", "revoked"}.isdisjoint(SUPPLY.statuses)
