"""Looks up who a message speaks of, and redirects the records that a person merged."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.changes.identity_edits import MERGES
from shared.changes.notes import ChangeNotes, IdentityEdit
from shared.hl7 import Message
from shared.mapping.claims.claim import Claim
from shared.mapping.claims.edits import MOVES_NUMBER
from shared.mapping.claims.message import edited_claims, subject_claim
from shared.mapping.identity import Minter
from shared.message.errors.mapping import IdentityConflict, MergeCycle
from shared.message.finding import Finding
from shared.mpi.keys import Keys
from shared.mpi.trust import Declares, claim_defaults
from shared.ports import Identities, IdentityClaim, Resolution


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answers to the claims of one message, as the mapping asks for them.

    Attributes:
        ids: By the place of the claim.
        findings: What was noticed.
        former: Whom a person's number means now, and whom it meant before a merge or a move.
        meant: By the place of the claim: what its numbers meant before a merge or a move, where that is something else.
    """

    ids: Mapping[str, str]
    findings: tuple[Finding, ...] = ()
    former: tuple[tuple[str, str], ...] = ()
    meant: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def resolve(self, kind: str, claim: Claim) -> str:
        """Return the id of the resource that the claim is about."""
        del kind  # the claim's place says its kind
        return self.ids[claim.place]

    def as_noted(self, notes: ChangeNotes, claims: Sequence[Claim]) -> Resolved:
        """Return the answers as a message found them when it was new: whom it ended has an id of its own again.

        Args:
            notes: What the message changed then.
            claims: The message's.
        """
        ids = dict(self.ids)
        for claim in claims:
            if claim.role == "prior":
                meant = (ids[claim.place], *self.meant.get(claim.place, ()))
                own = (edit.prior for edit in notes.identity if _ended(edit, claim, meant))
                ids[claim.place] = next(own, ids[claim.place])
        return replace(self, ids=ids, former=notes.former)


class PersonIndex:
    """Persons and visits by any identifier that they are known by.

    Args:
        key: The hub's key: a deployment has one, for ever.
    """

    def __init__(self, identities: Identities, key: bytes) -> None:
        self._identities = identities
        self._keys = Keys(key, Minter(key))

    async def resolve(self, messages: Sequence[Sequence[Claim]]) -> list[Resolved | IdentityConflict]:
        """Return the answers for each message's claims, in order, in one step; an error instead where they conflict.

        What was unknown is bound, durably. A claim that conflicts binds nothing.
        """
        asked = [[self._keys.of(claim) for claim in claims] for claims in messages]
        found = iter(await self._identities.resolve([claim for claims in asked for claim in claims]))
        return [_answer(*pair, found) for pair in zip(messages, asked, strict=True)]

    async def lookup(self, claims: Sequence[Claim]) -> Resolved:
        """Return the answers to a message's claims as `resolve` would give them now; nothing is bound.

        Raises:
            IdentityConflict: they conflict.
        """
        asked = [self._keys.of(claim) for claim in claims]
        answer = _answer(claims, asked, iter(await self._identities.known(asked)))
        if isinstance(answer, IdentityConflict):
            raise answer
        return answer

    async def subject_of(self, message: Message, interface: Declares, kind: str) -> tuple[str, ...]:
        """Return the id of the first person or visit (``Patient``, ``Encounter``) of a message; nothing without one.

        After it come the ids that its numbers meant before a merge or a move. It is bound at once: the same person has
        the same ordering key from the first message on.
        """
        subject = subject_claim(message, kind, claim_defaults(interface))
        if subject is None:
            return ()
        [resolution] = await self._identities.resolve([self._keys.of(subject)])
        return (resolution.resource, *resolution.former)

    async def edited_by(self, message: Message, interface: Declares, kinds: Container[str]) -> list[tuple[str, str]]:
        """Return kind and id of every record that a merge, link or move is about, and of what they were before."""
        claims = [one for one in edited_claims(message, claim_defaults(interface)) if one.kind in kinds]
        found = await self._identities.resolve([self._keys.of(claim) for claim in claims])
        pairs = zip(claims, found, strict=True)
        return [(claim.kind, one) for claim, each in pairs for one in (each.resource, *each.former)]

    async def keys_of(self, claims: Sequence[Claim]) -> list[str]:
        """Return the id of the person or visit of each claim, bound at once, and what its numbers meant before."""
        found = await self._identities.resolve([self._keys.of(claim) for claim in claims])
        return list(dict.fromkeys(one for each in found for one in (each.resource, *each.former)))

    async def known_subject_of(self, message: Message, interface: Declares, kind: str) -> str | None:
        """Return the first id that `subject_of` would, and bind nothing."""
        subject = subject_claim(message, kind, claim_defaults(interface))
        return None if subject is None else await self.known_of(subject)

    async def known_of(self, claim: Claim) -> str:
        """Return the id of the person or visit of a claim, bind nothing, and do not ask whether facts contradict."""
        [found] = await self._identities.known([self._keys.of(claim)])
        return found.resource

    async def edit(self, edit: IdentityEdit, claims: Sequence[Claim]) -> None:
        """Do what a person decided: redirect a record that was merged, bind a number that moves to whom it moves to.

        Args:
            claims: Of the message that asks for it: they hold the numbers.

        Raises:
            MergeCycle: the survivor gave way to the prior record before; nothing was changed.
        """
        if edit.event in MOVES_NUMBER:
            keys = [key for claim in claims if claim.place == edit.place for key in self._keys.of(claim).keys]
            if await self._identities.lookup(keys[:1]) == [edit.prior]:  # or it has moved, and may have moved on since
                await self._identities.move(keys, edit.survivor)
            return
        is_merge = edit.event in MERGES.get(edit.kind, ()) and edit.prior != edit.survivor
        if is_merge and not await self._identities.merge(edit.prior, edit.survivor):
            raise MergeCycle(edit.event)

    async def check_direction(self, event: str, claims: Sequence[Claim]) -> None:
        """Check that no survivor of a merge has given way to its prior record before.

        Both are one record by then, and nothing is left to redirect. A merge that is only sent again finds its prior
        number redirected, and not the survivor's.

        Raises:
            MergeCycle: one has; the sender's idea of who is who is not the hub's.
        """
        kinds = [kind for kind, events in MERGES.items() if event in events]
        keyed = [(claim.role, self._keys.of(claim).keys) for claim in claims if claim.kind in kinds]
        best = [(role, keys[0]) for role, keys in keyed if keys]
        bound = await self._identities.bound([key for _, key in best])
        now = await self._identities.lookup([key for _, key in best])
        gave_way: dict[str | None, dict[str, bool]] = {}
        for (role, _), at, end in zip(best, bound, now, strict=True):
            gave_way.setdefault(end, {})[role] = at != end
        if any(roles.get("subject", False) and not roles.get("prior", True) for roles in gave_way.values()):
            raise MergeCycle(event)


def _answer(
    claims: Sequence[Claim], asked: Sequence[IdentityClaim], found: Iterator[Resolution]
) -> Resolved | IdentityConflict:
    resolutions = [next(found) for _ in claims]
    conflict: IdentityConflict | None = None
    findings: list[Finding] = []
    given_up = {one.resource for claim, one in zip(claims, resolutions, strict=True) if claim.role == "prior"}
    for claim, one, resolution in zip(claims, asked, resolutions, strict=True):
        if conflict is None and resolution.contradicts(one):
            conflict = IdentityConflict(claim.place)
        others = [other for other in resolution.others if other not in given_up]  # the message itself joins those
        if others:
            findings.append(Finding("identifiers_disagree", claim.place, f"{len(others)} others"))
    ids = {claim.place: resolution.resource for claim, resolution in zip(claims, resolutions, strict=True)}
    pairs = list(zip(claims, resolutions, strict=True))
    meant = {claim.place: one.former for claim, one in pairs if one.former}
    former = {(one.resource, each): None for claim, one in pairs if claim.kind == "Patient" for each in one.former}
    return conflict or Resolved(ids, tuple(findings), tuple(former), meant)


def _ended(edit: IdentityEdit, claim: Claim, meant: Container[str]) -> bool:
    """Tell whether an edit took the numbers of a claim, given whom they mean and meant."""
    return edit.place == claim.place if edit.place else edit.kind == claim.kind and edit.prior in meant
