"""MRG, and the second PID of A24 and A37: whom or what a record replaces or is linked with (0026, 0042, 0144)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.identity_edits import LINK, MERGES, REPLACES, UNLINK, same_number
from shared.changes.notes import IdentityEdit
from shared.hl7 import Segment
from shared.mapping.account import add_account
from shared.mapping.aside import leave_out
from shared.mapping.claims.claim import Claim
from shared.mapping.claims.edits import CHANGES_PERSON, EDITS_ACCOUNT, MOVES_NUMBER
from shared.mapping.claims.segment import account_place
from shared.mapping.datatypes.identifier import cx
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import KEPT, Resource, Table, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PRIOR_ACCOUNT = one("MRG-3", "Account.identifier", cx("AN"), "MRG[Account] 6", placed=True, part=KEPT)

# HL7 v2.5.1 3.3.43, decision 0026: after A43 the number is the person's; other events leave it with the prior record.
_MOVED = many("MRG-1", "Patient.identifier", cx(), "decision 0026", placed=True, part=KEPT)

# Decision 0042: a bundle says whom its Patient takes the place of; MRG-4 and MRG-2 are older numbers (HL7 3.3.18).
_PRIOR = tuple(
    many(f"MRG-{number}", "Patient.link.other.identifier", cx(), "decision 0042", placed=True, part=KEPT)
    for number in (1, 4, 2)
)

# A number that was changed (A46 to A48) stays with its person, as one that is no longer valid.
_CHANGED = tuple(
    many(f"MRG-{number}", "Patient.identifier", cx(), "decision 0144", placed=True, part=KEPT) for number in (1, 4, 2)
)

MERGE = Table(
    "MRG",
    "Account",
    (_PRIOR_ACCOUNT, *_PRIOR, *_CHANGED),
    {
        5: "the prior visit: it edits the identity table, not a resource",
        6: "the prior visit: it edits the identity table, not a resource",
        7: "the prior name: the surviving record has its own",
    },
)


def merge(node: Node, frame: Frame, scope: Scope) -> None:
    """MRG: the prior record gives way to the Patient of this group, with its account; it is not itself rewritten."""
    claim = scope.claim_of(node.segment)
    frame.merged = node.segment
    if frame.person is None or frame.patient is None:
        return
    _merge_account(node.segment, frame, frame.patient, scope)
    if not claim.identifiers:
        return
    prior = scope.resolve(claim)
    survivor = frame.person["id"]
    if scope.code == "ADT" and scope.event in CHANGES_PERSON and prior == survivor:
        numbers = [number for row in _CHANGED for number in values(row, node.segment, scope, frame.person)]
        _add_old(numbers, frame.person)
    elif scope.code == "ADT" and scope.event in MERGES["Patient"]:
        _name_prior(node.segment, frame.person, scope)
    elif scope.code != "ADT" or scope.event not in MOVES_NUMBER:
        leave_out(node.segment, (1, 2, 4), "whose account or visit it was: it finds the record, and is its own", scope)
    if prior != survivor:
        is_move = scope.code == "ADT" and scope.event in MOVES_NUMBER
        if is_move:
            _take_over(node.segment, frame.person, scope)
        scope.identity.append(IdentityEdit("Patient", scope.event, prior, survivor, claim.place if is_move else ""))


def _merge_account(mrg: Segment, frame: Frame, patient: Resource, scope: Scope) -> None:
    """Add the account of MRG-3: a number that the account of PID-18 had, or an Account of its own."""
    numbers = values(_PRIOR_ACCOUNT, mrg, scope, frame.person or {})
    place = account_place(mrg)
    if not numbers:
        return
    if scope.code != "ADT" or scope.event not in EDITS_ACCOUNT or frame.account is None or place not in scope.claims:
        add_account(numbers, patient, scope, place=place, status="unknown")
        return
    _add_old(numbers, frame.account)
    prior = scope.resolve(scope.claims[place])
    if prior != frame.account["id"]:
        scope.identity.append(IdentityEdit("Account", scope.event, prior, frame.account["id"]))


def _add_old(numbers: list[Resource], resource: Resource) -> None:
    """Add numbers that a record had: R4's `old` is for those that are no longer valid, and still searched for."""
    known = resource.setdefault("identifier", [])
    known += [{**number, "use": "old"} for number in numbers if not any(same_number(number, its) for its in known)]


def _name_prior(mrg: Segment, person: Resource, scope: Scope) -> None:
    """Link the Patient with the record whose place it takes, by the numbers of MRG that PID does not name too."""
    said = [identifier for row in _PRIOR for identifier in values(row, mrg, scope, person)]
    kept = person.get("identifier", ())
    given_up = [one_ for one_ in said if not any(same_number(one_, its) for its in kept)] or said
    links = [{"other": {"type": "Patient", "identifier": identifier}, "type": REPLACES} for identifier in given_up]
    if links:
        person["link"] = links


def _take_over(mrg: Segment, person: Resource, scope: Scope) -> None:
    """Add the numbers that move to those of the person (A43: PID-3 may name them or not)."""
    known = person.setdefault("identifier", [])
    for identifier in values(_MOVED, mrg, scope, person):
        if not any(same_number(identifier, one_) for one_ in known):
            known.append(identifier)


def note_link(claim: Claim, person: Resource, scope: Scope) -> None:
    """Note that the second person of A24 or A37 is linked with the first, or no longer (HL7 3.3.24, 3.3.37)."""
    first_ = scope.claims["PID(1)"]
    if scope.code != "ADT" or scope.event not in (LINK, UNLINK) or not (claim.identifiers and first_.identifiers):
        return
    other = scope.resolve(first_)
    if other != person["id"]:
        scope.identity.append(IdentityEdit("Patient", scope.event, other, person["id"]))


TABLES = (MERGE,)
HANDLERS: dict[str, Handler] = {"MRG": merge}
