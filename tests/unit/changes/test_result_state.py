"""Result statuses against stored results: forward only, the whole matrix."""

from __future__ import annotations

from shared.changes.result_state import OBSERVATION, OBSERVATION_ROWS, REPORT
from tests.unit.changes.matrix import drawn, rows_of

LETTERS = {
    "": "-", "registered": "R", "partial": "H", "preliminary": "P", "final": "F", "amended": "A", "corrected": "C",
    "appended": "N", "cancelled": "X", "entered-in-error": "E", "unknown": "U",
}  # fmt: skip

# Columns: nothing stored, registered, preliminary, final, amended, corrected, cancelled, entered in error, unknown.
# HL7 table 0085; the guide's ObservationResultStatus gives R and P preliminary, F final, C corrected, A amended,
# X cancelled, D and W entered-in-error.
OBSERVATIONS = rows_of("""
    O   RR. ... .. R
    I   RR. ... .. R
    R   PPP ... .. P   # a late preliminary result never replaces a final one
    P   PPP ... .. P
    S   PPP ... .. P
    F   FFF F.. F. F   # nor a final one its correction
    V   FFF FAC .. F   # verified: a correction stays a correction
    U   .FF F.. .. F   # final without the result: there must be one
    A   AAA AAA AA A   # a correction follows everything, even what was withdrawn
    B   AAA AAA AA A
    C   CCC CCC CC C
    N   XXX XXX X. X   # not sought, or not to be had after all: a value that was sent is none
    X   XXX XXX X. X
    D   .EE EEE EE E   # nothing stored: nothing to delete
    W   .EE EEE EE E
    -   CCC CCC C. C   # no code: the message's status (corrected here), forward only
""")

# Columns: nothing stored, registered, partial, preliminary, final, amended, corrected, appended, cancelled, entered in
# error, unknown. HL7 table 0123; the guide's ResultStatus gives O, I, S registered, R partial, P preliminary, F final,
# C corrected, X cancelled.
REPORTS = rows_of("""
    O   RR.. .... .. R
    I   RR.. .... .. R
    S   RR.. .... .. R
    N   RR.. .... .. R
    A   HHHH .... .. H
    R   HHHH .... .. H
    P   PPPP .... .. P
    M   PPPP .... .. P
    F   FFFF F... F. F
    C   CCCC CCCC CC C
    X   XXXX XXXX X. X
    -   FFFF F... F. F   # the message's status (final here), forward only
""")


def test_an_observation_only_moves_forward() -> None:
    """Clinicians act on the status: a final result that turns preliminary again is taken for a new one."""
    assert drawn(OBSERVATION, LETTERS, "corrected") == OBSERVATIONS


def test_a_report_only_moves_forward() -> None:
    """As for its observations."""
    assert drawn(REPORT, LETTERS, "final") == REPORTS


def test_a_status_alone_leaves_the_result_alone() -> None:
    """U, D and W come without the value (table 0085); what they leave out must not be lost."""
    assert {code for code, row in OBSERVATION_ROWS.items() if row.status_only} == {"U", "D", "W"}


def test_a_code_that_nobody_knows_does_not_lose_the_result() -> None:
    """It counts as no code: the message's status decides, forward only."""
    assert OBSERVATION.next_status("FIN", "", "unknown") == "unknown"
    assert OBSERVATION.next_status("FIN", "preliminary", "final") == "final"
    assert OBSERVATION.next_status("FIN", "final", "unknown") is None


def test_a_result_without_a_status_of_its_own_leaves_the_status() -> None:
    """R4 requires a status; what the mapping fills in says nothing about the result."""
    assert OBSERVATION.next_status("", "final", "unknown", is_said=False) == "final"
