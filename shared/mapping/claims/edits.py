"""Events that merge, link, move or renumber: what the survivor and the prior record are known by."""

from __future__ import annotations

from collections.abc import Sequence

from shared.hl7 import Message, Segment
from shared.mapping.claims.claim import Claim
from shared.mapping.claims.numbers import Sender
from shared.mapping.claims.segment import (
    account_claim,
    names_a_visit,
    person_claim,
    prior_person_claim,
    prior_visit_claim,
    visit_claim,
)

# HL7 v2.5.1 3.3.18 to 3.3.51: events whose MRG names another record, by what they do with it.
MOVES_NUMBER = frozenset({"A43"})
CHANGES_PERSON = frozenset({"A46", "A47", "A48"})
CHANGES_VISIT = frozenset({"A45", "A50", "A51"})  # A45 moves a visit, and may give it a new number (3.3.45)
EDITS_VISIT = CHANGES_VISIT | {"A42"}
CHANGES_ACCOUNT = frozenset({"A44", "A49"})  # A44 moves an account, under the same number or a new one
EDITS_ACCOUNT = CHANGES_ACCOUNT | {"A35", "A36", "A41"}
EDITS = frozenset({"A18", "A30", "A34", "A39", "A40"}) | (MOVES_NUMBER | CHANGES_PERSON | EDITS_VISIT | EDITS_ACCOUNT)

LINKS = frozenset({"A24", "A37"})  # two PIDs and no MRG


def edits_identity(message: Message) -> bool:
    """Tell whether a message merges, links, moves or renumbers records: two of a kind (3.3.18 to 3.3.51)."""
    return message.code == "ADT" and (message.event in EDITS or message.event in LINKS)


def names_prior(message: Message) -> bool:
    """Tell whether a message names a prior record in its MRG, to merge, move or renumber it."""
    return message.code == "ADT" and message.event in EDITS


def claims_of_edit(message: Message, sender: Sender) -> list[Claim]:
    """Return the claims of an event that merges, moves or renumbers: each PID and PV1 is read beside its MRG."""
    edit = _Edit(message.event, sender)
    segments = message.segments
    for place, segment in enumerate(segments):
        if segment.name == "PID":
            edit.read_pid(segment, _next_mrg(segments[place + 1 :]))
        elif segment.name == "MRG":
            edit.read_mrg(segment)
        elif segment.name == "PV1" and names_a_visit(segment):
            edit.read_pv1(segment)
    return edit.claims


def _next_mrg(segments: Sequence[Segment]) -> Segment | None:
    """Return the first MRG of a group that begins before these segments."""
    for segment in segments:
        if segment.name == "MRG":
            return segment
        if segment.name == "PID":
            return None
    return None


class _Edit:
    """What was read of one event: its claims, and the person, the account and the MRG of the group at hand."""

    def __init__(self, event: str, sender: Sender) -> None:
        self.claims: list[Claim] = []
        self._event, self._sender = event, sender
        self._person: Claim | None = None
        self._account: Claim | None = None
        self._mrg: Segment | None = None

    def read_pid(self, pid: Segment, mrg: Segment | None) -> None:
        """Add the person and the account of a PID, each read beside that of its MRG."""
        person = person_claim(pid, self._sender)
        if mrg is not None:
            person = self._beside(person, self._prior_person(mrg), CHANGES_PERSON)
        self.claims.append(person)
        account = account_claim(pid, self._sender)
        prior = account_claim(mrg, self._sender) if mrg is not None and self._event in EDITS_ACCOUNT else None
        if account is not None:
            account = account if prior is None else self._beside(account, prior, CHANGES_ACCOUNT)
            self.claims.append(account)
        self._person, self._account, self._mrg = person, account, mrg

    def read_mrg(self, mrg: Segment) -> None:
        """Add the person and the account that an MRG names, known by what those of its PID do not share."""
        self._mrg = mrg
        person = self._person if self._event not in MOVES_NUMBER else None
        self.claims.append(_without(self._prior_person(mrg), person))
        prior = account_claim(mrg, self._sender)
        if prior is not None:
            self.claims.append(_without(prior, self._account if self._event in EDITS_ACCOUNT else None))

    def read_pv1(self, pv1: Segment) -> None:
        """Add the visit of a PV1, and before it the one that its MRG names, where the event is about visits."""
        visit = visit_claim(pv1, self._person, self._sender)
        if self._mrg is not None and self._event in EDITS_VISIT:
            prior = prior_visit_claim(self._mrg, self._sender)
            self.claims += [_without(prior, visit)] if prior.identifiers else []
            visit = self._beside(visit, prior, CHANGES_VISIT)
        self.claims.append(visit)

    def _prior_person(self, mrg: Segment) -> Claim:
        return prior_person_claim(mrg, self._sender, number_moves=self._event in MOVES_NUMBER)

    def _beside(self, claim: Claim, prior: Claim, renumbering: frozenset[str]) -> Claim:
        """Return who survives: known first by the numbers that the prior record does not share.

        A new number is bound to the record of the old one, where it is not known yet. A number that moves says nothing
        about whom it moves to.
        """
        taken = {one.number for one in prior.identifiers}
        alone = tuple(one for one in claim.identifiers if one.number not in taken)
        if self._event in MOVES_NUMBER:
            return claim._replace(identifiers=alone, fallback=(*self._sender.this_message(), claim.place))
        shared = tuple(one for one in claim.identifiers if one.number in taken)
        own = {one.number for one in claim.identifiers}
        is_renumbered = self._event in renumbering
        former = tuple(one for one in prior.identifiers if one.number not in own) if is_renumbered else ()
        return claim._replace(identifiers=alone + shared + former)


def _without(prior: Claim, survivor: Claim | None) -> Claim:
    """Return the prior record, known by what the survivor does not share, if anything."""
    kept = {one.number for one in survivor.identifiers} if survivor is not None else set()
    alone = tuple(one for one in prior.identifiers if one.number not in kept)
    return prior._replace(identifiers=alone) if alone else prior
