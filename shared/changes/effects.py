"""Which state table speaks for a resource of a message, and what it decides."""

from __future__ import annotations

from shared.changes.appointment_state import APPOINTMENT, REQUESTED
from shared.changes.document_state import DOCUMENT
from shared.changes.encounter_state import ENCOUNTER, PERSON_ROWS
from shared.changes.medication_state import ADMINISTRATION, DISPENSE, IMMUNIZATION, PRESCRIPTION
from shared.changes.merge import NO_EFFECT, Effect
from shared.changes.notes import ChangeNotes, ResourceChange
from shared.changes.order_state import ACTIVE, ON_HOLD, ORDER, REVOKED, SUPPLY
from shared.changes.result_state import OBSERVATION, REPORT
from shared.changes.states import ABSENT, Table
from shared.changes.tags import Resource
from shared.message.errors.mapping import OrderUnclear

# Resources whose state moves with the event of the message, and those whose segment carries a code.
_BY_EVENT: dict[tuple[str, str], Table] = {
    ("ADT", "Encounter"): ENCOUNTER,
    ("MDM", "DocumentReference"): DOCUMENT,
    ("SIU", "Appointment"): APPOINTMENT,
    ("SRM", "Appointment"): REQUESTED,
}
_RESULTS = frozenset({"DiagnosticReport", "Observation"})
_BY_CODE: dict[str, Table] = {
    "DiagnosticReport": REPORT,
    "Immunization": IMMUNIZATION,
    "MedicationAdministration": ADMINISTRATION,
    "MedicationDispense": DISPENSE,
    "MedicationRequest": PRESCRIPTION,
    "NutritionOrder": ORDER,
    "Observation": OBSERVATION,
    "ServiceRequest": ORDER,
    "SupplyRequest": SUPPLY,
}


def is_stateless(notes: ChangeNotes, kind: str) -> bool:
    """Tell whether a message does nothing to the state of resources of a type, whatever it says of them."""
    if kind == "Patient":
        return notes.message != "ADT" or notes.event not in PERSON_ROWS
    return kind not in _BY_CODE and (notes.message, kind) not in _BY_EVENT


def effect_of(notes: ChangeNotes, change: ResourceChange, sent: Resource, stored: Resource | None) -> Effect | None:
    """Return what the message does to the state of a resource; None when its table refuses.

    A message that only creates the resource brings its state along, and so does the one source of a whole resource: but
    a result goes back for nobody.

    Raises:
        OrderUnclear: it ends an order that cannot be found.
    """
    kind = sent["resourceType"]
    if change.provisional or (change.whole and kind not in _RESULTS):
        return NO_EFFECT
    is_said = "status" not in change.initial
    table = _BY_EVENT.get((notes.message, kind))
    if table is not None:
        # Without SCH-25 the status of an appointment is a guess from the event.
        return _decide(table, notes.event, sent, stored, is_said and (kind != "Appointment" or change.control != ""))
    table = _BY_CODE.get(kind)
    if table is not None:
        effect = _decide(table, change.control, sent, stored, is_said)
        if effect is not None and "code" not in sent and ends_unknown(change.control, sent, stored, effect):
            # A number may hold several services: this would be an order of its own, and the one that is meant go on.
            raise OrderUnclear("ORC")
        return effect
    if kind == "Patient" and notes.message == "ADT":
        row = PERSON_ROWS.get(notes.event)
        return Effect(row) if row is not None else NO_EFFECT
    return NO_EFFECT


def ends_unknown(control: str, sent: Resource, stored: Resource | None, effect: Effect) -> bool:
    """Tell whether a message ends or holds an order that is not stored, and gives none.

    A service is known by its number and OBR-4: whoever names it by another code means an order that goes on.
    """
    if stored is not None or sent["resourceType"] != "ServiceRequest" or effect.status not in (REVOKED, ON_HOLD):
        return False
    row = ORDER.row_of(control)
    return row is None or row.moves.get(ABSENT) != ACTIVE


def _decide(table: Table, key: str, sent: Resource, stored: Resource | None, is_said: bool) -> Effect | None:
    before = ABSENT if stored is None else stored.get("status", ABSENT)
    after = table.next_status(key, before, sent.get("status", ""), is_said=is_said)
    return None if after is None else Effect(table.row_of(key), after)
