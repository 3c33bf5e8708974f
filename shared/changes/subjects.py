"""Whose a stored result, order or visit is: it never passes to another person by the way."""

from __future__ import annotations

from collections.abc import Callable

from shared.changes.identity_edits import replaces
from shared.changes.notes import ChangeNotes
from shared.changes.references import subject_of
from shared.changes.tags import Resource
from shared.message.errors.mapping import SubjectConflict

_BOUND = frozenset(
    {"DiagnosticReport", "Encounter", "Immunization", "MedicationAdministration", "MedicationDispense"}
    | {"MedicationRequest", "Observation", "ServiceRequest"}
)
_MOVES_VISITS = frozenset({"A44", "A45"})  # HL7 3.3.44, 3.3.45: move account, move visit


def check_subject(notes: ChangeNotes, sent: Resource, stored: Resource, look: Callable[[str], Resource | None]) -> None:
    """Let a resource pass whose person is the stored one, or took that one's place.

    Raises:
        SubjectConflict: it belongs to somebody else: a filler number or a visit number used twice.
    """
    kind = sent["resourceType"]
    if kind not in _BOUND:
        return
    before, now = subject_of(stored), subject_of(sent)
    if not before or not now or before == now or replaces(look(now), before):
        return
    if any((f"Patient/{one.prior}", f"Patient/{one.survivor}") == (before, now) for one in notes.identity):
        return
    if kind == "Encounter" and notes.message == "ADT" and notes.event in _MOVES_VISITS:
        return
    raise SubjectConflict(kind)
