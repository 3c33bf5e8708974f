"""The state of one conversion: how the message is written, what was built, what was noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from shared.changes.notes import Action, ChildList, IdentityEdit, ListMode
from shared.fhir.bundle import SharedEntry
from shared.hl7 import Message, Segment
from shared.mapping.claims.claim import Claim
from shared.mapping.claims.message import identity_claims
from shared.mapping.claims.numbers import Sender
from shared.mapping.reading import Reading
from shared.mapping.reuse import LONGEST_KEPT, Kept, Reused
from shared.mapping.rows import Resource, Row
from shared.message.finding import Finding

if TYPE_CHECKING:
    from shared.mapping.context import MappingContext
    from shared.mapping.identity import Resolver
    from shared.mapping.text_lines import OpenText

T = TypeVar("T")
_BY_ACTION = frozenset({"IAM", "OBX"})
_BY_ACTION_IN = frozenset({("BAR", "P12", "DG1"), ("BAR", "P12", "PR1")})
_DOUBTS = frozenset({"placeholder", "mothers_number"})


@dataclass(frozen=True, slots=True)
class Taken:
    """One repetition of one field that a row carried, for the report."""

    segment: int
    number: int
    repetition: int
    row: Row


class Scope(Reading):
    """Everything the rows of one message read and write.

    Attributes:
        reused: Values of earlier messages with the entries they take, by what built them and text.
        claims: Who each PID, MRG and PV1 speaks of, by its place.
        entries: The entries of the bundle by fullUrl.
        notes: What to note of an entry, by fullUrl and element of a ResourceChange.
        twins: The ids of resources that may say the same, by what they were made of.
        open_texts: The texts of results, each of which further OBX may have gone on with.
        corrections: The results that are corrected (OBX-11 C) and their OBX.
        trace: What was carried, when a report is wanted.
        has_several_orders: Whether a result message (ORU) has more than one OBR.
    """

    __slots__ = (
        "_answers",
        "_completed",
        "_included",
        "_occurrences",
        "_resolver",
        "_sender",
        "assigner",
        "children",
        "claims",
        "code",
        "context",
        "corrections",
        "entries",
        "event",
        "has_several_orders",
        "identity",
        "known",
        "message_time",
        "mint",
        "notes",
        "open_texts",
        "reused",
        "trace",
        "twins",
        "zone",
    )

    def __init__(
        self,
        message: Message,
        header: Segment,
        context: MappingContext,
        resolver: Resolver,
        trace: list[Taken] | None = None,
    ) -> None:
        super().__init__(message, header)
        self.context, self.trace = context, trace
        self.mint = context.mint
        self._resolver = resolver
        self.code, self.event = message.code, message.event
        self.has_several_orders = self.code == "ORU" and message.count("OBR") > 1
        sender = Sender(message, header, context.identity)
        self._sender = sender
        self.message_time = sender.sent
        self.zone = _message_offset(self.message_time) or context.zone
        self.assigner = sender.assigner
        separators = self.component + self.subcomponent + self.escape + self.separator
        alike = (separators, message.charset, self.zone, self.assigner)
        self.reused: Reused = context.reuse.of(*alike) if trace is None else {}
        self.claims = {claim.place: claim for claim in identity_claims(message, context.identity, sender)}
        self.entries: dict[str, Resource] = {}
        self.known: dict[tuple[str, str], Any] = {}
        self.children: dict[tuple[str, str, str], dict[str, None]] = {}  # each member once, in message order
        self.identity: list[IdentityEdit] = []
        self._answers: dict[str, str] = {}  # the resource id of each claim, by its place
        self._completed: dict[int, Resource] = {}
        self._included: dict[int, tuple[Resource, ...]] = {}  # what this bundle includes already, by identity
        self.notes: dict[str, dict[str, Any]] = {}
        self._occurrences: dict[tuple[str, ...], int] = {}
        self.twins: dict[tuple[str, ...], list[str]] = {}
        self.open_texts: list[OpenText] = []
        self.corrections: list[tuple[Resource, Segment]] = []

    # -- building -----------------------------------------------------------------------------------------------

    def take(self, row: Row) -> None:
        """Note for the report that a row carried the repetition at work."""
        if self.trace is not None:
            self.trace.append(Taken(self.segment.index, self.number, self.repetition, row))

    def add(self, resource: Resource) -> str:
        """Add a resource to the bundle and return its fullUrl."""
        resource_id = resource["id"]
        url: str = "urn:uuid:" + resource_id
        request = {"method": "PUT", "url": f"{resource['resourceType']}/{resource_id}"}
        self.entries[url] = {"fullUrl": url, "resource": resource, "request": request}
        return url

    def add_or_complete(self, resource: Resource) -> str:
        """Add a resource, or complete the one of its id by it; return its fullUrl."""
        url: str = "urn:uuid:" + resource["id"]
        if url not in self.entries:
            return self.add(resource)
        self._complete(url, resource)
        return url

    def edit(self, url: str) -> Resource:
        """Return the resource of an entry, to be changed: a copy, because an entry may be shared between bundles."""
        self._included.clear()  # what is included again may differ from what it has become
        entry = self.entries[url]
        resource: Resource = entry["resource"].copy()
        self.entries[url] = {**entry, "resource": resource}
        return resource

    def reuse(self, kind: int | str, raw: str, build: Callable[[str, Scope], T]) -> T:
        """Return what ``build`` makes of a text, and add the resources it takes.

        People, organizations and places of a sender come in message after message: what was built is kept, with its
        entries. It is built apart from the bundle, so that nothing is missing. What came with a finding is built anew,
        because the finding has to be made again.
        """
        key = (kind, raw)
        kept = self.reused.get(key)
        if kept is None:
            before = len(self.findings)
            kept = self._build_apart(raw, build)
            if len(self.findings) == before and len(raw) <= LONGEST_KEPT:
                self.reused[key] = kept
        if kept[1]:
            self.include(kept[1])
        built: T = kept[0]
        return built

    def _build_apart(self, raw: str, build: Callable[[str, Scope], Any]) -> Kept:
        outside = self.entries, self.known, self._included, self.repetition
        self.entries, self.known, self._included = {}, {}, {}
        try:
            return build(raw, self), tuple(map(_shared, self.entries.values()))
        finally:
            self.entries, self.known, self._included, self.repetition = outside

    def include(self, entries: tuple[Resource, ...]) -> None:
        """Add entries that are shared with other bundles."""
        if id(entries) in self._included:
            return
        self._included[id(entries)] = entries
        known, completed = self.entries, self._completed
        for entry in entries:
            if known.setdefault(entry["fullUrl"], entry) is not entry and id(entry) not in completed:
                completed[id(entry)] = entry
                self._complete(entry["fullUrl"], entry["resource"])

    def _complete(self, url: str, resource: Resource) -> None:
        """Complete the resource that is there by another statement of it; the first statement counts."""
        existing = self.edit(url)
        for element, value in resource.items():
            known: Any = existing.setdefault(element, value)
            if known is value or known == value:
                continue
            if element == "identifier":
                existing[element] = [*known, *(one for one in value if one not in known)]
            else:
                self.find("statement_differs", f"{resource['resourceType']}.{element}: the first one counts")

    def claim_of(self, segment: Segment) -> Claim:
        """Return the claim of a PID, an MRG, or a PV1 that names a visit."""
        return self.claims[f"{segment.name}({segment.number})"]

    def resolve(self, claim: Claim) -> str:
        """Return the resource id of a person or visit; one answer per claim and conversion."""
        answer = self._answers.get(claim.place)
        if answer is None:
            answer = self._answers[claim.place] = self._resolver.resolve(claim.kind, claim)
        return answer

    def note_claim(self, resource: Resource, claim: Claim) -> None:
        """Note what is doubtful about who a resource is."""
        if not claim.identifiers:
            self.noted(resource)["unidentified"] = True
            self.findings.append(Finding("identity_missing", claim.place, "no trusted identifier"))
        for flag in sorted(claim.flags & _DOUBTS) if claim.flags else ():
            self.findings.append(Finding(f"identifier_{flag}", claim.place))

    def this_message(self) -> tuple[str, ...]:
        """Return the key of what has no number: it exists in this message only."""
        return self._sender.this_message()

    # -- notes of change ----------------------------------------------------------------------------------------

    def delete(self, resource: Resource, row: Row) -> None:
        """Note that the sender emptied the element of a row; nothing to note before the resource has an id."""
        if "id" not in resource:
            return
        notes = self.noted(resource)
        paths = notes.setdefault("deleted", ())
        self.repetition = 1
        self.take(row)
        is_own = row.target.startswith(resource["resourceType"] + ".")  # a row may make another resource here
        if is_own and row.deletes and row.deletes not in paths:
            notes["deleted"] = (*paths, row.deletes)

    def noted(self, resource: Resource) -> dict[str, Any]:
        """Return the notes of a resource, to add to."""
        return self.notes.setdefault("urn:uuid:" + resource["id"], {})

    def child_id(self, *key: str) -> str:
        """Return the id of a resource whose kind and key may come again in the message: each time another id."""
        count = self._occurrences.get(key, 0) + 1
        self._occurrences[key] = count
        if count == 1:
            return self.mint(*key)
        resource_id = self.mint(*key, str(count))
        self.twins.setdefault(key, [self.mint(*key)]).append(resource_id)
        return resource_id

    def note_alike(self, resource: Resource, *said: str) -> None:
        """Note what a resource was made of: others made of the same text may say the same."""
        self.twins.setdefault((resource["resourceType"], "alike", *said), []).append(resource["id"])

    def add_child(self, resource: Resource, segment: str, parent: str, action: Action = Action.PUT) -> str:
        """Add a resource that belongs to the list of its segment under a parent; return its fullUrl."""
        url = self.add(resource)
        self.list_child(url, resource["resourceType"], segment, parent)
        if action is not Action.PUT:
            self.noted(resource)["action"] = action
        return url

    def list_child(self, url: str, kind: str, segment: str, parent: str) -> None:
        """Let an entry belong to the list of its segment under a parent, once."""
        self.children.setdefault((segment, kind, parent), {})[url] = None

    def list_none(self, kind: str, segment: str, parent: str) -> None:
        """Let the list of a segment under a parent be said, with nothing in it so far."""
        self.children.setdefault((segment, kind, parent), {})

    def list_mode(self, segment: str) -> ListMode:
        """Return whether a segment's repeats are a snapshot: as the interface says, else as the standard has it.

        HL7 v2.5.1 2.10.4: IAM, OBX and the segments of BAR^P12 carry an action or a status of their own; the others are
        a snapshot.
        """
        by_action = segment in _BY_ACTION or (self.code, self.event, segment) in _BY_ACTION_IN
        return self.context.lists.get(segment, ListMode.ACTION if by_action else ListMode.SNAPSHOT)

    def child_lists(self) -> tuple[ChildList, ...]:
        """Return all lists of children with their modes."""
        return tuple(
            ChildList(segment, kind, parent, self.list_mode(segment), tuple(members))
            for (segment, kind, parent), members in self.children.items()
        )


def _shared(entry: Resource) -> Resource:
    return entry if type(entry) is SharedEntry else SharedEntry(entry)


def _message_offset(sent: str) -> str:
    """Return the offset of MSH-7: it holds for every time of the message that has none (HL7 2.A.22)."""
    return sent[-5:] if len(sent) > 5 and sent[-5] in "+-" and sent[-4:].isdigit() else ""
