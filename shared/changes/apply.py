"""One message and a store: which resources it needs to see, and what it writes. No I/O, always the same answer.

changes = changes_of(record)
stored = await store.read(needed(changes))
stored |= await store.read(needed_after(changes, stored))     # nothing, most of the time
applied = apply_changes(changes, stored)
await store.write(applied.writes)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.changes.change_set import PUT, ChangeSet, changes_of
from shared.changes.children import Listing, retire
from shared.changes.effects import effect_of, ends_unknown, is_stateless
from shared.changes.identity_edits import linked
from shared.changes.meant import Meaning
from shared.changes.members import follow_children
from shared.changes.merge import SHARED, Effect, Unchanged, create, marks_of, merge, update
from shared.changes.notes import Action, IdentityEdit, ResourceChange
from shared.changes.readings import Told, meaning_of, others_of, speaks_of_results
from shared.changes.references import refers, without
from shared.changes.subjects import check_subject, is_booked_anew, moved
from shared.changes.tags import (
    NOT_SEEN,
    Resource,
    corrected_from,
    in_sequence,
    is_older,
    marks,
    meta_of,
    moved_on,
    unplaced,
)
from shared.message.finding import Finding
from shared.message.identifiers import Sequence as Place
from shared.ports import MetaWrite, Stored, Write

_ORIGIN = "Provenance/"


@dataclass(frozen=True, slots=True)
class Applied:
    """What a message does to the resources it found.

    Attributes:
        left_out: References of entries that were refused; nothing of them is written.
    """

    writes: tuple[Write | MetaWrite, ...]
    findings: tuple[Finding, ...]
    left_out: tuple[str, ...]


def apply_record(
    body: bytes, read: Callable[[Sequence[str]], dict[str, Stored]], *, is_replay: bool = False
) -> Applied:
    """Return what a canonical record does to a store that answers at once.

    Raises:
        RecordUnreadable, SubjectConflict, OrderUnclear, ResultUnclear: see `changes_of` and `apply_changes`.
    """
    changes = changes_of(body)
    del body  # it may be large, and its parts are copies
    stored = read(needed(changes))
    more = needed_after(changes, stored)
    if more:
        stored |= read(more)
    return apply_changes(changes, stored, is_replay=is_replay)


def needed(changes: ChangeSet) -> list[str]:
    """Return the references to read first."""
    edited = (f"{edit.kind}/{one}" for edit in changes.notes.identity for one in (edit.prior, edit.survivor))
    return list(dict.fromkeys([*changes.texts, *(one.reference for one in changes.listings), *edited]))


def needed_after(changes: ChangeSet, stored: Mapping[str, Stored]) -> list[str]:
    """Return the references to read once the first are known: children no longer listed, results that may be meant."""
    gone = (member for one in changes.listings for member in one.gone(stored.get(one.reference)))
    meant = others_of(_told(changes, stored)) if _reports_results(changes) else ()
    return [member for member in dict.fromkeys((*gone, *meant)) if member not in changes.texts]


def apply_changes(changes: ChangeSet, stored: Mapping[str, Stored], *, is_replay: bool = False) -> Applied:
    """Return the writes of a message, given every stored resource it needs to see.

    Args:
        is_replay: The message comes again together with all that followed it, in order (rule R8): what is stored of it
            and of those is no reason to leave it out, but for what many patients share and for visits.

    Raises:
        RecordUnreadable: an entry is not one.
        SubjectConflict: a result, an order or an appointment is stored for another patient; nothing may be written.
        OrderUnclear: an order that is ended cannot be found; nothing may be written.
        ResultUnclear: a result may be one of several; nothing may be written.
    """
    source = changes.sequence.source
    told = _told(changes, stored, is_replay=is_replay)
    meaning = meaning_of(told) if _reports_results(changes) else Meaning()
    if meaning.names or meaning.left_out:
        changes = changes.renamed(meaning.names, meaning.left_out)
    seen = {name: _unplaced(name, one, source) for name, one in stored.items()} if is_replay else stored
    work = _Work(changes, seen, meaning)
    new = [reference for reference in changes.texts if not work.move_on(reference)]
    for reference, sent in zip(new, changes.resources(new), strict=True):
        work.put(reference, sent)
    for reference in meaning.within:
        work.retire_text(reference)
    for listing in changes.listings:
        work.keep_list(listing)
    for edit in changes.notes.identity:
        work.edit_links(edit)
    return work.applied()


# What a replay does not write again: what many patients share, and a visit, whose list of places grows with each event.
_IN_PLACE = SHARED | {"Encounter"}
_NOBODY = ResourceChange("", deleted=("entry",))  # an empty list says that there are none


class _Work:
    """The resources of one message on their way."""

    def __init__(self, changes: ChangeSet, stored: Mapping[str, Stored], meaning: Meaning) -> None:
        self._changes = changes
        self._stored = stored
        self._after: dict[str, Resource] = {}
        self._moved: dict[str, Resource] = {}  # the new `meta` of what is written as it is stored
        self._as_sent: set[str] = set()  # what is written as the message says it
        self._findings: list[Finding] = [*meaning.findings]
        self._left_out: list[str] = [*meaning.left_out]
        self._was = meaning.was

    def move_on(self, reference: str) -> bool:
        """Take an entry that says what is stored, in the very same bytes; return False where there is more to do.

        Most of what comes again about a patient does. Nobody need read it: its place in the sequence moves on.
        """
        stored, change = self._stored.get(reference), self._changes.changes.get(reference, PUT)
        kind = reference.partition("/")[0]
        if stored is None or stored.text != self._changes.texts[reference] or change.action is Action.DELETE:
            return False
        if change.deleted or not is_stateless(self._changes.notes, kind) or self._changes.notes.identity:
            return False
        if change.provisional:
            return True
        if is_older(stored.meta, self._changes.sequence):
            if kind not in SHARED:  # a ward is said in the same words by everybody's messages, in whatever order
                self._findings.append(Finding("older_not_written", kind))
            return True
        if marks(stored.meta) != marks_of(change):
            return False
        if kind not in SHARED:
            self._moved[reference] = moved_on(stored.meta, self._changes.sequence)
        return True

    def put(self, reference: str, sent: Resource) -> None:
        """Merge one entry, retire it, or leave it out."""
        change = self._changes.changes.get(reference, PUT)
        if change.provisional and reference in self._stored:
            return
        stored: Resource | None = _resource(self._stored, reference)
        notes, sequence = self._changes.notes, self._changes.sequence
        if stored is not None:
            if is_older(meta_of(stored), sequence):
                self._findings.append(Finding("older_not_written", sent["resourceType"]))
                return
            check_subject(notes, sent, stored, self._newest, self._changes.texts)
        if change.action is Action.DELETE:
            self._delete(reference, stored)
            return
        effect = effect_of(notes, change, sent, stored)
        if effect is None:
            self._refuse(reference, change.control or notes.event, stored)
            if stored is not None and sent["resourceType"] == "DiagnosticReport":
                self._list_results(reference, stored, sent)
            return
        if stored is None:
            if ends_unknown(change.control, sent, stored, effect):
                self._findings.append(Finding("order_not_known", reference, change.control))
            after = self._after[reference] = _created(sent, change, sequence, effect)
            if not self._changes.may_hold_decimals and _is_as_sent(after, sent):
                self._as_sent.add(reference)
        else:
            if is_booked_anew(notes, sent, stored):
                change = change._replace(whole=True)  # nothing of whose it was is the new one's
            said = follow_children(sent, stored, notes, self._changes.changes)
            if change.control == "X" and sent["resourceType"] == "DiagnosticReport":
                self._note_remaining(reference, said)
            self._keep(reference, moved(notes, stored, update(stored, said, change, sequence, effect, notes.repeats)))

    def keep_list(self, listing: Listing) -> None:
        """Keep what the source lists now, and retire what it listed before and no longer does."""
        reference, sequence = listing.reference, self._changes.sequence
        stored = self._stored.get(reference)
        if listing.parent in self._left_out or (stored is not None and is_older(stored.meta, sequence)):
            return
        if stored is not None and stored.text == listing.text:
            self._moved[reference] = moved_on(stored.meta, sequence)
            return
        for member in listing.gone(stored):
            child = _resource(self._stored, member)
            if child is not None and member not in self._changes.texts:
                self._keep(member, retire(child, sequence, is_deleted=False))
        self._keep(
            reference,
            merge(
                _resource(self._stored, reference), listing.resource(), PUT if listing.members else _NOBODY, sequence
            ),
        )

    def retire_text(self, reference: str) -> None:
        """Retire a result that another one holds now."""
        child = _resource(self._stored, reference)
        if child is not None:
            self._keep(reference, retire(child, self._changes.sequence, is_deleted=False))

    def edit_links(self, edit: IdentityEdit) -> None:
        """Link or unlink the records that a person edited together."""
        sequence = self._changes.sequence
        for one in linked(edit, self._newest):
            reference = f"{edit.kind}/{one['id']}"
            stored: Resource | None = _resource(self._stored, reference)
            if stored is None or not is_older(meta_of(stored), sequence):
                self._as_sent.discard(reference)
                self._after[reference] = {**one, "meta": in_sequence(meta_of(one), sequence)}

    def applied(self) -> Applied:
        """Return the writes, without references to what was left out and is not stored."""
        gone = {reference for reference in self._left_out if reference not in self._stored}
        if gone:
            kept = {name: without(one, gone) if refers(one, gone) else one for name, one in self._after.items()}
            # A Provenance of nothing but what was refused says nothing.
            self._after = {name: one for name, one in kept.items() if "target" in one or not name.startswith(_ORIGIN)}
            self._as_sent.clear()
        texts = self._changes.texts
        writes = [
            Write(name, one, self._version(name), texts[name] if name in self._as_sent else b"")
            for name, one in self._after.items()
        ]
        moved = [MetaWrite(name, meta, self._stored[name]) for name, meta in self._moved.items()]
        return Applied((*writes, *moved), tuple(self._findings), tuple(self._left_out))

    def _delete(self, reference: str, stored: Resource | None) -> None:
        if stored is None:
            self._left_out.append(reference)
        else:
            self._keep(reference, retire(stored, self._changes.sequence, is_deleted=True))

    def _refuse(self, reference: str, key: str, stored: Resource | None) -> None:
        before = "nothing" if stored is None else stored.get("status", "no status")
        self._findings.append(Finding("state_refused", reference, f"{key} on {before}"))
        self._left_out.append(reference)

    def _list_results(self, report: str, stored: Resource, sent: Resource) -> None:
        """Let a report that stays as it is list the results that come with it: each has its own status.

        Its place in the sequence moves on in any case: it tells whether a message about its results was overtaken.
        """
        listed, meta = stored.get("result", []), moved_on(meta_of(stored), self._changes.sequence)
        added = [one for one in sent.get("result", ()) if one not in listed]
        if added:
            self._after[report] = {**stored, "result": [*listed, *added], "meta": meta}
        else:
            self._moved[report] = meta

    def _note_remaining(self, report: str, said: Resource) -> None:
        """Note the results of a cancelled report of which the message says nothing: they stay as they are."""
        remaining = [one for one in said.get("result", ()) if one["reference"] not in self._changes.texts]
        if remaining:
            self._findings.append(Finding("results_remain", report, f"{len(remaining)} not named"))

    def _keep(self, reference: str, after: Resource | Unchanged | None) -> None:
        if isinstance(after, dict):
            was = self._was.get(reference)
            self._after[reference] = after if was is None else {**after, "meta": corrected_from(meta_of(after), was)}

    def _newest(self, reference: str) -> Resource | None:
        return self._after.get(reference) or _resource(self._stored, reference)

    def _version(self, reference: str) -> str | None:
        found = self._stored.get(reference)
        return None if found is None else found.version


def _created(sent: Resource, change: ResourceChange, sequence: Place, effect: Effect) -> Resource:
    """Return a resource that was not there before; of a correction with a note that its original may come yet."""
    after = create(sent, change, sequence, effect)
    if change.timed and change.control == "C":
        after["meta"] = corrected_from(meta_of(after), NOT_SEEN)
    return after


def _reports_results(changes: ChangeSet) -> bool:
    return speaks_of_results(changes.notes.message, changes.notes.children)


def _told(changes: ChangeSet, stored: Mapping[str, Stored], *, is_replay: bool = False) -> Told:
    return Told(changes.texts, changes.changes, changes.sequence, stored, is_replay)


def _is_as_sent(after: Resource, sent: Resource) -> bool:
    """Tell whether a resource is what the message says, but for its ``meta``."""
    same = all(after.get(name) is value for name, value in sent.items())
    return same and "meta" not in sent and len(after) == len(sent) + 1


def _unplaced(reference: str, stored: Stored, source: str) -> Stored:
    """Return a resource as if its source had not numbered it; one of `_IN_PLACE` stays as it is."""
    if reference.partition("/")[0] in _IN_PLACE:
        return stored
    return Stored(
        lambda: {**stored.resource, "meta": unplaced(stored.meta, source)},
        stored.version,
        stored.text,
        lambda: unplaced(stored.meta, source),
    )


def _resource(stored: Mapping[str, Stored], reference: str) -> Resource | None:
    found = stored.get(reference)
    return found.resource if found is not None else None
