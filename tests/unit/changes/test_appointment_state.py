"""SIU events against stored appointments: the whole matrix."""

from __future__ import annotations

import pytest

from shared.changes.appointment_state import APPOINTMENT, REQUESTED
from shared.changes.rows import has_row
from tests.unit.changes.matrix import drawn, rows_of

LETTERS = {
    "": "-", "proposed": "O", "pending": "P", "waitlist": "W", "booked": "B", "arrived": "A", "checked-in": "I",
    "fulfilled": "F", "cancelled": "C", "noshow": "N", "entered-in-error": "E",
}  # fmt: skip

# Columns: nothing stored, proposed, pending, waitlist, booked, arrived, checked in, fulfilled, cancelled, no show,
# entered in error. HL7 v2.5.1 chapter 10.4.
BOOKED_IS_SENT = rows_of("""
      # -OPW  B AI FCN E
    S12   BBB B B .. . BB .   # a new booking, again after a cancellation; not of what takes place already
    S13   BBB B B BB . BB .   # it will take place, at another time
    S14   BBB B B AI FCN .    # a change brings nothing back
    S15   CCC C C CC . C . .
    S16   CCC C C CC . C . .
    S17   .EE E E EE EEE E    # nothing stored: nothing to delete
    S18   BBB B B AI FCN .
    S19   BBB B B AI FCN .
    S20   BBB B B AI FCN .
    S21   BBB B B AI FCN .
    S22   BBB B B AI FCN .
    S23   ... . . .. ... .    # a blocked slot is nobody's appointment
    S24   ... . . .. ... .
    S26   NNN N N .. . . N .  # who arrived did show up
""")

ARRIVED_IS_SENT = rows_of("""
    S12   AAA A A .. . AA .
    S13   AAA A B BB . BB .   # what was booked is booked for another time
    S14   AAA A A AI FCN .    # forward: booked, arrived, checked in
""")


def test_every_event_moves_every_stored_status_as_the_standard_says() -> None:
    """One wrong cell keeps a room empty, or a patient waiting."""
    assert drawn(APPOINTMENT, LETTERS, "booked") == BOOKED_IS_SENT


def test_the_fillers_status_moves_an_appointment_forward_only() -> None:
    """Many schedulers announce an arrival by S14 with SCH-25."""
    seen = drawn(APPOINTMENT, LETTERS, "arrived")

    assert {event: seen[event] for event in ARRIVED_IS_SENT} == ARRIVED_IS_SENT


def test_a_default_status_moves_nothing() -> None:
    """A modification that does not say a status leaves the patient who arrived where they are."""
    assert APPOINTMENT.next_status("S14", "pending", "booked", is_said=False) == "pending"
    assert APPOINTMENT.next_status("S14", "", "booked", is_said=False) == "booked"


@pytest.mark.parametrize("event", ["S11", "S25", "S27"])
def test_an_event_without_a_row_may_not_write(event: str) -> None:
    """S25 is a query; the others are no scheduling events."""
    assert not has_row("SIU", event)


def test_a_request_creates_a_proposal_and_changes_nothing_that_is_booked() -> None:
    """10.3: whether it is granted, the SIU says; a request that rewrote a booking would be acted upon."""
    letters = {
        "": "-", "proposed": "P", "pending": "W", "waitlist": "L", "booked": "B", "arrived": "A", "checked-in": "I",
        "fulfilled": "F", "cancelled": "C", "noshow": "N", "entered-in-error": "E",
    }  # fmt: skip
    expected = {"S01": "PP........."} | {f"S{number:02}": "PPWLBAIFCN." for number in range(2, 12)}
    assert drawn(REQUESTED, letters, "proposed") == expected
    assert all(row.status_only for event, row in REQUESTED.rows.items() if event != "S01")
