"""ADT events against stored visits: the whole matrix."""

from __future__ import annotations

import pytest

from shared.changes.encounter_state import ENCOUNTER, ROWS
from shared.changes.rows import has_row
from tests.unit.changes.matrix import drawn, rows_of

LETTERS = {
    "": "-", "planned": "P", "arrived": "A", "triaged": "T", "in-progress": "I", "onleave": "L",
    "finished": "F", "cancelled": "C", "entered-in-error": "E", "unknown": "U", "sent": "s",
}  # fmt: skip

# Columns: nothing stored, planned, arrived, triaged, in progress, on leave, finished, cancelled, entered in error,
# unknown. "s": as the message says, "." refused. HL7 v2.5.1 chapter 3.3; the guide's Event[EncounterStatus] gives
# A01, A02, A13 in-progress, A03 finished, A05 planned, A11 cancelled.
EXPECTED = rows_of("""
      # -PATI LFCE U
    A01   IIIII ..I. I   # an admission begins a visit, again after its cancellation; a discharged one has ended
    A02   IIIII L... I   # who is transferred is here; a leave goes on
    A03   FFFFF FF.. F   # ends any visit that was not cancelled; a second copy changes nothing
    A04   IIIII ..I. I   # "has arrived or checked in"
    A05   P P... ..P. P  # planned, as long as it has not begun
    A06   IIIII .... I
    A07   IIIII .... I
    A08   sPATI LFC. U   # never a status: a discharged visit stays discharged
    A09   sPATI L... U
    A10   sPATI L... U
    A11   CCCCC ..C. C   # not what was discharged: A13 comes first
    A12   sPATI L... U
    A13   I . ATI LI.. I # only a discharge is undone; who is here stays as they are
    A14   P P... ..P. P
    A15   sPATI L... U
    A16   sPATI L... U
    A17   sPATI L... U
    A18   sPATI LFC. U
    A21   L . LLL L... L
    A22   I . III I... I
    A23   . EEEE EEEE E  # nothing stored: nothing to delete
    A24   sPATI LFC. U
    A25   sPATI L... U
    A26   sPATI L... U
    A27   CC... ..C. C   # only a pending admission is undone
    A28   sPATI LFC. U
    A29   sPATI LFC. U
    A30   sPATI LFC. U
    A31   sPATI LFC. U   # never a status
    A32   sPATI L... U
    A33   sPATI L... U
    A34   sPATI LFC. U
    A35   sPATI LFC. U
    A36   sPATI LFC. U
    A37   sPATI LFC. U
    A38   CC... ..C. C   # only a pre-admission is undone
    A39   sPATI LFC. U
    A40   sPATI LFC. U
    A41   sPATI LFC. U
    A42   sPATI LFC. U
    A43   sPATI LFC. U
    A44   sPATI LFC. U
    A45   sPATI LFC. U
    A46   sPATI LFC. U
    A47   sPATI LFC. U
    A48   sPATI LFC. U
    A49   sPATI LFC. U
    A50   sPATI LFC. U
    A51   sPATI LFC. U
    A52   I . III I... I # the leave never was
    A53   L . LLL L... L # the return never was
    A54   sPATI LFC. U
    A55   sPATI LFC. U
    A60   sPATI LFC. U
    A61   sPATI LFC. U
    A62   sPATI LFC. U
""")


def test_every_event_moves_every_stored_status_as_the_standard_says() -> None:
    """One wrong cell discharges, readmits or revives somebody."""
    assert drawn(ENCOUNTER, LETTERS, "sent") == EXPECTED


@pytest.mark.parametrize("event", sorted({f"A{number:02}" for number in range(1, 63)} - set(EXPECTED)))
def test_an_event_without_a_row_moves_no_status_and_may_not_write(event: str) -> None:
    """What nobody thought through must not write: it is quarantined."""
    assert not has_row("ADT", event)
    assert all(ENCOUNTER.next_status(event, stored, "in-progress") is None for stored in ENCOUNTER.statuses)


def test_every_row_says_where_it_comes_from() -> None:
    """A row that cannot be argued cannot be reviewed."""
    assert all(row.source.startswith("3.3.") for row in ROWS.values())
