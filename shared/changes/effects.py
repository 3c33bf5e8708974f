"""Which state table speaks for a resource of a message, and what it decides."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.changes.appointment_state import APPOINTMENT, REQUESTED
from shared.changes.document_state import DOCUMENT
from shared.changes.encounter_state import ENCOUNTER, PERSON_ROWS
from shared.changes.merge import NO_EFFECT, Effect
from shared.changes.notes import ChangeNotes, ResourceChange
from shared.changes.order_state import ORDER
from shared.changes.result_state import OBSERVATION, REPORT
from shared.changes.states import ABSENT, Table
from shared.changes.tags import Resource

# Resources whose state moves with the event of the message, and those whose segment carries a code.
_BY_EVENT: dict[tuple[str, str], Table] = {
    ("ADT", "Encounter"): ENCOUNTER,
    ("MDM", "DocumentReference"): DOCUMENT,
    ("SIU", "Appointment"): APPOINTMENT,
    ("SRM", "Appointment"): REQUESTED,
}
_BY_CODE: dict[str, Table] = {
    "DiagnosticReport": REPORT,
    "MedicationRequest": ORDER,
    "Observation": OBSERVATION,
    "ServiceRequest": ORDER,
    "SupplyRequest": ORDER,
}

# R4 gives the same state of an order different names.
_REQUEST_WORDS: Mapping[str, str] = MappingProxyType({})
_SUPPLY_WORDS: Mapping[str, str] = MappingProxyType({"cancelled": "revoked", "suspended": "on-hold"})
_MEDICATION_WORDS: Mapping[str, str] = MappingProxyType({"cancelled": "revoked", "stopped": "revoked"})

_WORDS = {"MedicationRequest": _MEDICATION_WORDS, "SupplyRequest": _SUPPLY_WORDS}


def is_stateless(notes: ChangeNotes, kind: str) -> bool:
    """Tell whether a message does nothing to the state of resources of a type, whatever it says of them."""
    if kind == "Patient":
        return notes.message != "ADT" or notes.event not in PERSON_ROWS
    return kind not in _BY_CODE and (notes.message, kind) not in _BY_EVENT


def effect_of(notes: ChangeNotes, change: ResourceChange, sent: Resource, stored: Resource | None) -> Effect | None:
    """Return what the message does to the state of a resource; None when its table refuses.

    A message that only creates the resource brings its state along.
    """
    if change.provisional:
        return NO_EFFECT
    kind = sent["resourceType"]
    is_said = "status" not in change.initial
    table = _BY_EVENT.get((notes.message, kind))
    if table is not None:
        # Without SCH-25 the status of an appointment is a guess from the event.
        return _decide(table, notes.event, sent, stored, is_said and (kind != "Appointment" or change.control != ""))
    table = _BY_CODE.get(kind)
    if table is not None:
        return _decide(table, change.control, sent, stored, is_said)
    if kind == "Patient" and notes.message == "ADT":
        row = PERSON_ROWS.get(notes.event)
        return Effect(row) if row is not None else NO_EFFECT
    return NO_EFFECT


def _decide(table: Table, key: str, sent: Resource, stored: Resource | None, is_said: bool) -> Effect | None:
    words = _WORDS.get(sent["resourceType"], _REQUEST_WORDS)
    before = ABSENT if stored is None else stored.get("status", ABSENT)
    said = sent.get("status", "")
    after = table.next_status(key, words.get(before, before), words.get(said, said), is_said=is_said)
    return None if after is None else Effect(table.row_of(key), _in_words(after, said, before, words))


def _in_words(after: str, said: str, before: str, words: Mapping[str, str]) -> str:
    """Return a status in the resource's own words: those of the message or the store where they mean the same."""
    for own in (before, said):
        if words.get(own, own) == after:
            return own
    return next((own for own, word in words.items() if word == after), after)
