"""Control and action codes against stored prescriptions, dispenses, administrations and vaccinations: the matrices."""

from __future__ import annotations

import pytest

from shared.changes.medication_state import ADMINISTRATION, DISPENSE, IMMUNIZATION, PRESCRIPTION
from shared.changes.notes import ResourceChange
from tests.unit.changes.matrix import drawn, rows_of
from tests.unit.changes.samples import Store, change, record

LETTERS = {
    "": "-", "draft": "D", "active": "A", "on-hold": "H", "cancelled": "X", "stopped": "S", "completed": "C",
    "entered-in-error": "E", "unknown": "U", "preparation": "P", "in-progress": "I", "declined": "L", "not-done": "N",
}  # fmt: skip

# HL7 table 0119; guide: active AF CA HD NW OK PR PY RL RO RQ, on-hold HR OH, revoked CR DC DF DR OC OD, completed FU.
# R4 has two words for revoked. Against the guide, by decision 0020: RQ and RU (replaced), FU and DF (one refill), OP.
# Columns: nothing stored, draft, active, on hold, cancelled, stopped, completed, entered in error, unknown.
_BY_ITSELF = (
    dict.fromkeys(("RL", "OE", "OR"), "AAAA....A")
    | dict.fromkeys(("HR", "OH"), "HHHH....H")
    | dict.fromkeys(("CR", "OC", "RQ", "RU"), "XXXXXS..X")
    | dict.fromkeys(("DC", "DR", "OD"), "SSSSXS..S")
)
_REFILLS = ("FU", "DF", "OF")
_TELLING = (
    "CA", "HD", "RF", "RP", "XO", "SS", "SN", "PR", "DE", "UA", "UC", "UD", "UF", "UH", "UM", "UR", "UX", "CH", "CN",
    "PA", "LI", "UN", "NA", "MC", "CP", "RR", "SR", "SC", "RE", "XR", "XX", "",
)  # fmt: skip
# ORC-5 says completed, and counts before the code (decision 0177), but not for what is about one refill.
PRESCRIPTIONS = (
    _BY_ITSELF
    | dict.fromkeys(("NW", "RO", "PY", "OP"), "CCC.....C")
    | dict.fromkeys(("OK", "AF", *_TELLING), "CCCCXSC.C")
    | dict.fromkeys(_REFILLS, "CDAHXSC.U")
)
# ORC-5 is silent; the code gives active.
UNSAID = (
    _BY_ITSELF
    | dict.fromkeys(("NW", "RO", "PY", "OP"), "AAA.....A")
    | dict.fromkeys(("OK", "AF"), "AAAHXSC.A")
    | dict.fromkeys((*_REFILLS, *_TELLING), "ADAHXSC.U")
)

# Columns: nothing, preparation, in progress, on hold, cancelled, stopped, declined, completed, in error, unknown.
DISPENSES = """
OC  X X X X X . . . . X
CR  X X X X X . . . . X
DC  S S S S . S . . . S
DR  S S S S . S . . . S
OD  S S S S . S . . . S
HR  H H H H . . . . . H
OH  H H H H . . . . . H
RL  C C C I . . . . . C
OE  C C C I . . . . . C
OR  C C C I . . . . . C
-   C C C C X S L C . C
"""

# Columns: nothing, in progress, on hold, not done, stopped, completed, in error, unknown. The message: completed.
ADMINISTRATIONS = """
A   C C C C C C C C
U   C C C C C C . C
X   C I H N S C . U
D   . E E E E E E E
-   C C C N S C . C
"""

# Columns: nothing, completed, not done, in error. The message says completed (RXA-20 CP), which no cancellation undoes.
ABOUT_THE_ORDER = "CCN."
IMMUNIZATIONS = rows_of("""
A   C C C C
U   C C C .
X   C C N .
D   . E E E
OC  C . C .
CR  C . C .
CA  C . C .
-   C C C .
""") | dict.fromkeys(
    ("DC", "DR", "OD", "HD", "HR", "OH", "RL", "OE", "OR", "DE", "UA", "UC", "UD", "UH", "UM", "UR", "UX"),
    ABOUT_THE_ORDER,
)  # fmt: skip


def test_every_code_moves_every_stored_prescription_as_the_table_says() -> None:
    """A stopped drug that comes back is given; a running one that is stopped is missed."""
    assert drawn(PRESCRIPTION, LETTERS, "completed") == PRESCRIPTIONS
    assert drawn(PRESCRIPTION, LETTERS, "active", is_said=False) == UNSAID


def test_every_code_of_table_0119_has_a_row() -> None:
    """A code without a row counts as none: that must be a choice."""
    table_0119 = (
        "AF CA CH CN CP CR DC DE DF DR FU HD HR LI MC NA NW OC OD OE OF OH OK OP OR PA PR PY RE RF RL RO RP RQ RR RU "
        "SC SN SR SS UA UC UD UF UH UM UN UR UX XO XR XX"
    )
    assert " ".join(sorted(PRESCRIPTION.rows)).strip() == table_0119


def test_what_was_dispensed_stays_dispensed() -> None:
    """No cancellation takes back a drug that was handed over."""
    assert drawn(DISPENSE, LETTERS, "completed") == rows_of(DISPENSES)
    assert DISPENSE.next_status("NW", "completed", "preparation") == "completed"


def test_action_codes_move_administrations_as_table_0323_says() -> None:
    """A dose that was deleted comes back only by being added again."""
    assert drawn(ADMINISTRATION, LETTERS, "completed") == rows_of(ADMINISTRATIONS)


def test_action_and_control_codes_move_vaccinations() -> None:
    """A dose that was given cannot be cancelled, only deleted as an error."""
    assert drawn(IMMUNIZATION, LETTERS, "completed") == IMMUNIZATIONS


def test_a_cancelled_vaccination_was_not_given() -> None:
    """Without RXA-20 the order's cancellation is all that is known."""
    after = {IMMUNIZATION.next_status(code, "", "not-done", is_said=False) for code in ("OC", "CR", "CA")}
    assert after == {"not-done"}


@pytest.mark.parametrize("code", ["", "RE", "U"])
def test_a_vaccine_that_was_refused_was_not_given_because_a_message_is_silent(code: str) -> None:
    """Without RXA-20 the mapping says completed, as the guide does: for a dose that is told for the first time."""
    assert IMMUNIZATION.next_status(code, "not-done", "completed", is_said=False) == "not-done"
    assert IMMUNIZATION.next_status(code, "not-done", "completed") == "completed"
    assert IMMUNIZATION.next_status(code, "", "completed", is_said=False) == "completed"


def _vaccination(store: Store, control: str, n: int, status: str = "completed", **elements: str) -> list[str]:
    dose = {
        "resourceType": "Immunization",
        "id": "i",
        "status": status,
        "patient": {"reference": "urn:uuid:p"},
    } | elements
    person = {"resourceType": "Patient", "id": "p"}
    notes: tuple[ResourceChange, ...] = (change("i", control=control), change("p", provisional=True))
    applied = store.take(record(person, dose, n=n, message="VXU", event="V04", resources=notes))
    return [finding.code for finding in applied.findings]


def test_a_deleted_vaccination_keeps_what_it_said() -> None:
    """RXA-21 D: entered in error, nothing of the deleting message but the status."""
    store = Store()
    _vaccination(store, "A", 1, lotNumber="L1")
    _vaccination(store, "D", 2, "entered-in-error", lotNumber="L2")
    said = store.said("Immunization/i")
    assert (said["status"], said["lotNumber"]) == ("entered-in-error", "L1")


def test_an_update_of_a_deleted_vaccination_is_refused_and_an_addition_is_not() -> None:
    """An overtaken correction must not bring back a dose that nobody got."""
    store = Store()
    _vaccination(store, "A", 1)
    _vaccination(store, "D", 2, "entered-in-error")
    assert _vaccination(store, "U", 3) == ["state_refused"]
    assert store.said("Immunization/i")["status"] == "entered-in-error"
    assert _vaccination(store, "A", 4) == []
    assert store.said("Immunization/i")["status"] == "completed"


def test_deleting_what_was_never_stored_stores_nothing() -> None:
    """A D for a dose that this store does not know."""
    store = Store()
    assert _vaccination(store, "D", 1, "entered-in-error") == ["state_refused"]
    assert "Immunization/i" not in store.held


@pytest.mark.parametrize(
    ("control", "status"), [("OC", "cancelled"), ("OD", "stopped"), ("OH", "on-hold"), ("CA", "active")]
)
def test_a_prescription_follows_its_control_codes(control: str, status: str) -> None:
    """R4's own words: cancelled before it began, stopped afterwards."""
    store = Store()
    order = {"resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order"}
    store.take(record(order, n=1, message="OMP", event="O09", resources=(change("m", control="NW"),)))
    said = order | {"status": "active" if control == "CA" else status}
    store.take(record(said, n=2, message="OMP", event="O09", resources=(change("m", control=control),)))
    assert store.said("MedicationRequest/m")["status"] == status
