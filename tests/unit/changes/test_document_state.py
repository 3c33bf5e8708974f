"""MDM events against stored documents: the whole matrix."""

from __future__ import annotations

import pytest

from shared.changes.document_state import DOCUMENT
from tests.unit.changes.matrix import drawn

LETTERS = {"": "-", "current": "C", "superseded": "S", "entered-in-error": "E"}

# Columns: nothing stored, current, superseded, entered in error. HL7 v2.5.1 chapter 9.6.1 to 9.6.11.
TOLD = {"superseded": "SSS.", "current": "CCC.", "entered-in-error": "EEE."}


@pytest.mark.parametrize("sent", sorted(TOLD))
def test_every_event_moves_every_stored_status_as_the_table_says(sent: str) -> None:
    """A withdrawn document that comes back is read as true; an obsolete one that stays current misleads."""
    expected = {f"T{number:02}": TOLD[sent] for number in range(1, 11)} | {"T11": ".EEE"}
    assert drawn(DOCUMENT, LETTERS, sent) == expected


def test_a_status_that_the_message_does_not_say_brings_no_obsolete_document_back() -> None:
    """TXA-19 is optional: a change of TXA-17 alone (T03) must not make a document current again."""
    assert DOCUMENT.next_status("T03", "superseded", "current", is_said=False) == "superseded"


def test_a_cancelled_document_loses_its_claim_to_be_final() -> None:
    """9.6.11: it should not be used; a final docStatus beside entered-in-error would say the opposite."""
    row = DOCUMENT.row_of("T11")
    assert row is not None
    assert row.sets == {"docStatus": "entered-in-error"}
    assert row.status_only
