"""Order control codes against stored orders: the whole matrix."""

from __future__ import annotations

import pytest

from shared.changes.medication_state import PRESCRIPTION
from shared.changes.order_state import ORDER, SUPPLY
from shared.changes.states import Table
from tests.unit.changes.matrix import drawn

LETTERS = {
    "": "-", "draft": "D", "active": "A", "on-hold": "H", "revoked": "R", "completed": "C",
    "entered-in-error": "E", "unknown": "U",
}  # fmt: skip

# Columns: nothing stored, draft, active, on hold, revoked, completed, entered in error, unknown.
# HL7 table 0119; the guide's OrderControlCode gives active: AF CA HD NW OK PR PY RL RO RQ, on-hold: HR OH,
# revoked: CR DC DF DR OC OD, completed: FU. Against it: RQ, RU and PR (decision 0177).
RELEASED, HELD, ENDED, REFILLED = "AAAA...A", "HHHH...H", "RRRRR..R", "CCCC.C.C"
_BY_ITSELF = (
    dict.fromkeys(("RL", "OE", "OR"), RELEASED)
    | dict.fromkeys(("HR", "OH"), HELD)
    | dict.fromkeys(("CR", "DC", "DF", "DR", "OC", "OD", "RQ", "RU"), ENDED)
    | {"FU": REFILLED}
)
# Asked for and not granted yet, could not be done, answered, changed, reported, or about something else.
_TELLING = (
    "CA", "HD", "RF", "RP", "XO", "SS", "SN", "PR", "DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX", "CH", "CN",
    "PA", "LI", "UN", "NA", "MC", "CP", "OP", "OF", "RR", "SR", "SC", "RE", "XR", "XX", "",
)  # fmt: skip
# ORC-5 says completed: guide ORC[ServiceRequest] 3 has ORC-1 count where ORC-5 is not valued.
SAID = _BY_ITSELF | dict.fromkeys(("NW", "RO", "PY"), "CCC....C") | dict.fromkeys(("OK", "AF", *_TELLING), "CCCCRC.C")
# ORC-5 is silent; the code gives active.
UNSAID = (
    _BY_ITSELF
    | dict.fromkeys(("NW", "RO", "PY"), "AAA....A")
    | dict.fromkeys(("OK", "AF"), "AAAHRC.A")
    | dict.fromkeys(_TELLING, "ADAHRC.U")
)


def test_every_code_moves_every_stored_status_as_the_table_says() -> None:
    """A revoked order that comes back is given; an active one that is revoked is missed."""
    assert drawn(ORDER, LETTERS, "completed") == SAID
    assert drawn(ORDER, LETTERS, "active", is_said=False) == UNSAID


@pytest.mark.parametrize("code", ["SR", "RR", "OK", "AF", "DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX"])
def test_an_order_that_whoever_answers_does_not_find_is_still_there(code: str) -> None:
    """ORC-5 ER is "order not found" (HL7 table 0038); entered in error would take it off every list for good."""
    assert ORDER.next_status(code, "active", "entered-in-error") == "active"
    assert PRESCRIPTION.next_status(code, "active", "entered-in-error") == "active"


def test_a_cancellation_that_says_so_in_orc_5_is_one() -> None:
    """Many placers send CA with ORC-5 CA and wait for no answer; an order to hold the same way."""
    assert ORDER.next_status("CA", "active", "revoked") == "revoked"
    assert ORDER.next_status("HD", "active", "on-hold") == "on-hold"
    assert ORDER.next_status("CA", "revoked", "active") == "revoked"
    assert PRESCRIPTION.next_status("CA", "active", "cancelled") == "cancelled"


def test_every_code_of_table_0119_has_a_row() -> None:
    """An order whose code has no row is left out: that must be a choice."""
    table_0119 = (
        "AF CA CH CN CP CR DC DE DF DR FU HD HR LI MC NA NW OC OD OE OF OH OK OP OR PA PR PY RE RF RL RO RP RQ RR RU "
        "SC SN SR SS UA UC UD UF UH UM UN UR UX XO XR XX"
    )

    assert " ".join(sorted(ORDER.rows)).strip() == table_0119


@pytest.mark.parametrize("table", [ORDER, SUPPLY, PRESCRIPTION])
@pytest.mark.parametrize("sent", ["active", "completed", "unknown"])
def test_a_code_that_nobody_knows_counts_as_none(table: Table, sent: str) -> None:
    """Left out, a new order would be carried out by nobody; nobody knows what it does to a running one."""
    for stored in table.statuses:
        assert table.next_status("ZZ", stored, sent) == table.next_status("", stored, sent)
    assert table.next_status("ZZ", "", sent) == sent
    assert table.next_status("ZZ", "active", "unknown") == "active"


def test_an_order_of_things_moves_as_any_order_in_its_own_words() -> None:
    """R4 suspends and cancels a SupplyRequest where it holds and revokes others."""
    words = {**LETTERS, "suspended": "H", "cancelled": "R"}
    assert drawn(SUPPLY, words, "completed") == SAID
    assert drawn(SUPPLY, words, "active", is_said=False) == UNSAID
    assert {"on-hold", "revoked"}.isdisjoint(SUPPLY.statuses)
