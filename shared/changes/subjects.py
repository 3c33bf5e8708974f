"""Whose a stored result, order, document, appointment or visit is: it never passes to another person by the way.

A visit, an account or a number may be moved to another person. What is stored below it follows when it comes again:
nobody need search for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from shared.changes.appointment_state import CANCELLED, NO_SHOW
from shared.changes.identity_edits import replaces
from shared.changes.merge import Unchanged
from shared.changes.notes import ChangeNotes
from shared.changes.references import patients_of, subject_of
from shared.changes.tags import Resource, meta_of, moved_from, was_moved_from
from shared.message.errors.mapping import SubjectConflict

_BOUND = frozenset(
    {"Appointment", "DiagnosticReport", "DocumentReference", "Encounter", "Immunization", "MedicationAdministration"}
    | {"MedicationDispense", "MedicationRequest", "NutritionOrder", "Observation", "ServiceRequest"}
)
_GIVEN_BACK = frozenset({CANCELLED, NO_SHOW})
_MOVES = frozenset({"A44", "A45"})  # HL7 3.3.44, 3.3.45: move account, move visit
_HOLDERS = ("Account/", "Encounter/")  # what others are stored below

Look = Callable[[str], Resource | None]


def check_subject(notes: ChangeNotes, sent: Resource, stored: Resource, look: Look, named: Collection[str]) -> None:
    """Let a resource pass whose person is the stored one, took that one's place, or was given what it belongs to.

    Args:
        notes: Of the message.
        sent: What it says of the resource.
        stored: What is stored of it.
        look: Finds what is stored, or already changed by the message.
        named: References of all that the message names.

    Raises:
        SubjectConflict: it belongs to somebody else: a number used twice, of a result, an appointment or a visit.
    """
    kind = sent["resourceType"]
    if kind not in _BOUND:
        return
    then, today = patients_of(stored), patients_of(sent)
    if not then or not today or not set(then).isdisjoint(today) or is_booked_anew(notes, sent, stored):
        return
    if not any(_may_pass(notes, kind, before, now, look, named) for before in then for now in today):
        raise SubjectConflict(kind)


def is_booked_anew(notes: ChangeNotes, sent: Resource, stored: Resource) -> bool:
    """Tell whether a time that was given back is booked (S12) for others, under the number that it has."""
    if sent["resourceType"] != "Appointment" or (notes.message, notes.event) != ("SIU", "S12"):
        return False
    then, today = patients_of(stored), patients_of(sent)
    return stored.get("status") in _GIVEN_BACK and bool(then and today) and set(then).isdisjoint(today)


def _may_pass(notes: ChangeNotes, kind: str, before: str, now: str, look: Look, named: Collection[str]) -> bool:
    """Tell whether what was one person's may be another's: it is the same one, or somebody moved it."""
    if replaces(look(now), before):
        return True
    pairs = (*((one.prior, one.survivor) for one in notes.identity), *((then, one) for one, then in notes.former))
    if (_id(before), _id(now)) in pairs or (kind == "Encounter" and _is_move(notes)):
        return True
    above = (reference for reference in named if reference.startswith(_HOLDERS))
    return any(_came_from(look(reference), _id(before), now) for reference in above)


def moved(notes: ChangeNotes, stored: Resource, after: Resource | Unchanged) -> Resource | Unchanged:
    """Return a visit or an account with a note of whom a person moved it away from; anything else as it is."""
    if isinstance(after, Unchanged) or not _is_move(notes) or not _is_holder(after):
        return after
    before = subject_of(stored)
    if not before or before == subject_of(after):
        return after
    return {**after, "meta": moved_from(meta_of(after), _id(before))}


def _is_move(notes: ChangeNotes) -> bool:
    return notes.message == "ADT" and notes.event in _MOVES


def _is_holder(resource: Resource) -> bool:
    return f"{resource['resourceType']}/" in _HOLDERS


def _came_from(holder: Resource | None, before: str, now: str) -> bool:
    """Tell whether what others are stored below was moved from one person to another."""
    return holder is not None and subject_of(holder) == now and was_moved_from(meta_of(holder), before)


def _id(reference: str) -> str:
    return reference.partition("/")[2]
