"""What one message asks of a store, read from its canonical record."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from shared.changes.children import Listing, list_children
from shared.changes.notes import Action, ChangeNotes, ListMode, ResourceChange
from shared.changes.record import KeptRecord, full_url_of, open_record, read_resources
from shared.changes.references import redirect
from shared.changes.rows import PASSING
from shared.changes.tags import Resource
from shared.message.errors.mapping import RecordUnreadable
from shared.message.identifiers import Sequence as Place

PUT: Final = ResourceChange("")  # of an entry of which nothing is noted


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What one message asks of a store; everything by reference (``Patient/<id>``).

    Attributes:
        texts: What to store, each resource as JSON, with references as the store knows them.
        may_hold_decimals: See `exact_json.loads`.
    """

    texts: Mapping[str, bytes]
    changes: Mapping[str, ResourceChange]
    listings: tuple[Listing, ...]
    notes: ChangeNotes
    sequence: Place
    may_hold_decimals: bool

    def resources(self, references: Sequence[str]) -> list[Resource]:
        """Return some of the resources.

        Raises:
            RecordUnreadable: one is none.
        """
        texts = [self.texts[reference] for reference in references]
        try:
            return read_resources(texts, may_hold_decimals=self.may_hold_decimals)
        except ValueError as error:
            raise RecordUnreadable(type(error).__name__) from None

    def renamed(self, names: Mapping[str, str], left_out: Collection[str]) -> ChangeSet:
        """Return the same with other references for some of its resources, and without some."""
        pieces, _ = redirect([*self.texts.values()], {one.encode(): name.encode() for one, name in names.items()})
        texts = dict(zip(self.texts, b"".join(pieces).split(b"\n"), strict=True))
        return replace(
            self,
            texts={
                names.get(one, one): _with_id(text, one, names[one]) if one in names else text
                for one, text in texts.items()
                if one not in left_out
            },
            changes={names.get(one, one): change for one, change in self.changes.items() if one not in left_out},
        )


def changes_of(body: bytes) -> ChangeSet:
    """Return what a canonical record, as encoded, asks of a store.

    Raises:
        RecordUnreadable: it is not one, or its notes name an entry that the bundle does not have.
    """
    kept = open_record(body)
    if kept.notes.message in PASSING:
        return ChangeSet({}, {}, (), kept.notes._replace(identity=()), kept.sequence, kept.may_hold_decimals)
    names = {full_url_of(name): name for name in kept.names}
    try:
        changes = {names[one.full_url]: one for one in kept.notes.resources}
        listings = tuple(_listings(kept, names, changes))
    except (KeyError, TypeError) as error:
        raise RecordUnreadable(type(error).__name__) from None
    entries = zip(kept.names, kept.stored, kept.texts, strict=True)
    texts = {name: text for name, is_stored, text in entries if is_stored == "1"}
    return ChangeSet(texts, changes, listings, kept.notes, kept.sequence, kept.may_hold_decimals)


def _listings(kept: KeptRecord, names: Mapping[str, str], changes: Mapping[str, ResourceChange]) -> Iterator[Listing]:
    for one in kept.notes.children:
        parent = names[one.parent]
        if one.mode is ListMode.SNAPSHOT and not changes.get(parent, PUT).provisional:
            members = (names[url] for url in one.members)
            put = tuple([member for member in members if changes.get(member, PUT).action is Action.PUT])
            yield list_children(kept.sequence.source, one.segment, parent, put)


def _with_id(text: bytes, reference: str, name: str) -> bytes:
    """Return a resource as JSON with another id."""
    before, after = (b'"id":"%b"' % one.partition("/")[2].encode() for one in (reference, name))
    return text.replace(before, after, 1)
