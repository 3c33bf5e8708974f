"""One resource: what is stored, what a message says of it, and what it is after. Nothing given is changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from shared.changes import tags
from shared.changes.children import revive
from shared.changes.elements import COMPOSITES, compose, drop_replaced, remove
from shared.changes.lists import combine, move
from shared.changes.notes import ListMode, ResourceChange
from shared.changes.states import Movement, Row
from shared.changes.tags import Mark, Resource
from shared.message.identifiers import Sequence


class Unchanged(StrEnum):
    """Why a message changes nothing of a resource."""

    SAME = "same"  # it says what is stored of a resource that many patients share
    OLDER = "older"  # the store holds this message of the source, or a later one
    NOT_OWNED = "not_owned"  # this message type may only create it


@dataclass(frozen=True, slots=True)
class Effect:
    """What the state table decided for one resource.

    Attributes:
        row: The event's row; None where no table speaks.
        status: The status after the event; empty leaves it alone.
    """

    row: Row | None = None
    status: str = ""


NO_EFFECT = Effect()

# Every message of a hospital names these: written each time, they would be where all sessions collide.
SHARED = frozenset({"Device", "Endpoint", "Location", "Medication", "Organization", "Practitioner", "PractitionerRole"})
_META = frozenset({"meta"})
_UNTOUCHED = frozenset({"resourceType", "id", "meta"})


def merge(
    stored: Resource | None,
    sent: Resource,
    change: ResourceChange,
    sequence: Sequence,
    effect: Effect = NO_EFFECT,
    repeats: ListMode = ListMode.SNAPSHOT,
) -> Resource | Unchanged:
    """Return the resource after a message, or why it stays as it is.

    Absent elements are unchanged, deleted ones are gone, and what the event's row says comes last.
    """
    if stored is None:
        return create(sent, change, sequence, effect)
    if change.provisional:
        return Unchanged.NOT_OWNED
    if tags.is_older(tags.meta_of(stored), sequence):
        return Unchanged.OLDER
    return update(stored, sent, change, sequence, effect, repeats)


def create(sent: Resource, change: ResourceChange, sequence: Sequence, effect: Effect) -> Resource:
    """Return a resource that was not there before."""
    after = dict(sent)
    if effect.row is not None and sent["resourceType"] == "Encounter" and "location" in after:
        after["location"] = move([], sent["location"], effect.row.movement)
    _take_effect(after, effect)
    meta = tags.describe(None, sent, marks_of(change))
    # What is provisional claims no place in the sequence: its owner's message is newer whatever its number.
    after["meta"] = meta if change.provisional else tags.in_sequence(meta, sequence)
    return after


def update(
    stored: Resource,
    sent: Resource,
    change: ResourceChange,
    sequence: Sequence,
    effect: Effect,
    repeats: ListMode,
) -> Resource | Unchanged:
    """Return the resource after a newer message that owns it.

    What is one patient's is written even when nothing but its sequence moves on: otherwise a message that was overtaken
    would pass for new. What many share is written when it says something new (`Unchanged.SAME`).
    """
    before, marks = tags.marks(tags.meta_of(stored)), marks_of(change)
    known = stored
    is_shared = stored["resourceType"] in SHARED
    says_nothing_new = _is_all_said if change.whole else _says_nothing_new
    if is_shared and before == marks and not change.deleted and says_nothing_new(stored, sent):
        return Unchanged.SAME
    if change.whole and not (effect.row is not None and effect.row.status_only):
        after = dict(sent)
        _take_effect(after, effect)
    elif effect == NO_EFFECT and before == marks and not change.deleted and _is_all_said(stored, sent):
        after = dict(sent)  # in the order sent, so that the same text is known by its bytes the next time
    else:
        known = after = _merged(stored, sent, change, effect, repeats)  # a null may have ended some of its meta
    meta = tags.describe(known, sent, marks)
    if is_shared and after == stored and meta == tags.describe(stored, {}, before):
        return Unchanged.SAME
    after["meta"] = tags.in_sequence(meta, sequence)
    return after


def _says_nothing_new(stored: Resource, sent: Resource) -> bool:
    return "meta" not in sent and all(stored.get(name) == value for name, value in sent.items())


def _is_all_said(stored: Resource, sent: Resource) -> bool:
    """Tell whether a message says all that is stored and nothing else: no element makes room for another one then."""
    return stored.keys() - _META == sent.keys() - _META and all(
        stored[name] == value for name, value in sent.items() if name != "meta"
    )


def _merged(stored: Resource, sent: Resource, change: ResourceChange, effect: Effect, repeats: ListMode) -> Resource:
    after = dict(stored)
    if Mark.RETIRED in tags.marks(tags.meta_of(stored)):
        revive(after)
    row = effect.row
    if row is None or not row.status_only:
        said = {name: value for name, value in sent.items() if name not in _UNTOUCHED and name not in change.initial}
        for path in (*change.deleted, *(row.withdraws if row is not None else ())):
            remove(after, path)
        drop_replaced(after, said)
        for name, value in said.items():
            after[name] = _element(after, name, value, row, repeats)
        if row is not None and row.movement is Movement.UNDO and "location" not in said and "location" in after:
            after["location"] = move(after["location"], [], row.movement)
    if effect.status and "_status" not in sent:
        after.pop("_status", None)  # the original of a code that was sent before
    _take_effect(after, effect)
    return after


def _element(after: Resource, name: str, value: Any, row: Row | None, repeats: ListMode) -> Any:
    before = after.get(name)
    if before is None or before == value:
        return value
    if isinstance(value, list):
        if name == "location" and row is not None:
            return move(before, value, row.movement)
        return combine(after["resourceType"], name, before, value, repeats)
    if name in COMPOSITES.get(after["resourceType"], ()):
        return compose(after["resourceType"], name, before, value)
    return value


def _take_effect(after: Resource, effect: Effect) -> None:
    if effect.status:
        after["status"] = effect.status
    if effect.row is not None:
        after.update(effect.row.sets)
        for path in effect.row.deletes:
            remove(after, path)


def marks_of(change: ResourceChange) -> tuple[Mark, ...]:
    """Return the marks that a message gives to a resource."""
    if not change.provisional and not change.unidentified:
        return ()
    marks = ((change.provisional, Mark.PROVISIONAL), (change.unidentified, Mark.UNIDENTIFIED))
    return tuple(mark for is_set, mark in marks if is_set)
