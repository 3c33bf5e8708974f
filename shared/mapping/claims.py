"""Who a message speaks of: the identifiers of each person, visit and account, strongest first.

Nothing is looked up here. A claim lists what the sender says; a resolver decides which stored record that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.hl7 import Message, Segment

# HL7 table 0203: numbers of a person, strongest first. A type that is not listed ranks after them.
PERSON_TYPES = ("MR", "PI", "PT", "MRT", "NI", "NH", "PN", "U", "EI", "", "PPN", "DL", "SS")
# Numbers of something else that senders put into PID-3.
NOT_A_PERSON = frozenset(
    {"AN", "VN", "AC", "ACSN", "ANON", "ANC", "AND", "ANT", "BA", "BC", "FI", "XX", "GN", "MA", "MC"}
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

_ACCOUNT_FIELDS = {"PID": 18, "MRG": 3, "BLG": 3}  # where a segment names an account

_NONE: frozenset[str] = frozenset()
_UNIDENTIFIED = frozenset({"unidentified"})
_PLACEHOLDER_BEGINS = frozenset('09XxUuNnTt-?"')
_PLACEHOLDER = re.compile(
    r"0+|9{3,}|X{2,}|-+|\?+|\"\"|UNK(NOWN)?|NONE|NULL|N/?A|TEMP|TBD|NO ?MRN|NOT ?AVAILABLE", re.IGNORECASE
)


# A number without a type is a medical record number: feeds of one hospital often differ in nothing else. Other types
# stay apart, because one assigner may give the same digits as MR and as PI to two people (HL7 2.A.14.5), and a split
# record can be merged, while a wrong merge harms.
_RECORD_NUMBER = "MR"
_UNTYPED = frozenset({"", "U"})

_ADMITTED = re.compile(r"[12]\d{7}", re.ASCII)  # a day at least: what is none would make all visits of a person one


class KnownBy(NamedTuple):
    """One trusted identifier: HL7 type code, assigner (never empty) and value."""

    type: str
    assigner: str
    value: str

    @property
    def number(self) -> tuple[str, str, str]:
        """What makes two identifiers one and the same."""
        return (_RECORD_NUMBER if self.type in _UNTYPED else self.type), self.assigner, self.value


class Claim(NamedTuple):
    """What one segment says about who or which visit it speaks of.

    Attributes:
        kind: ``Patient``, ``Encounter`` or ``Account``.
        place: The segment, ``PID(2)``, and the field where a segment speaks of several: ``PID(2)-18``.
        identifiers: Trusted identifiers, strongest first; empty when there are none.
        fallback: Key parts to mint an id from when there are none.
        family: Family name, for the conflict check.
        birth_date: PID-7 as eight digits, for the conflict check.
        flags: ``unidentified``, ``placeholder``, ``default_assigner``, ``mothers_number``.
        role: ``subject``, or ``prior`` for what a merge takes away.
    """

    kind: str
    place: str
    identifiers: tuple[KnownBy, ...]
    fallback: tuple[str, ...]
    family: str = ""
    birth_date: str = ""
    flags: frozenset[str] = _NONE
    role: str = "subject"


@dataclass(frozen=True, slots=True)
class ClaimDefaults:
    """What an interface declares about identifiers.

    Attributes:
        assigner: Assigner of identifiers that name none; empty: the sender itself (MSH-4 and MSH-3).
        types: Identifier types, strongest first.
        assigners: Assigners, strongest first; others follow.
    """

    assigner: str = ""
    types: tuple[str, ...] = PERSON_TYPES
    assigners: tuple[str, ...] = field(default=())


def identity_claims(message: Message, defaults: ClaimDefaults, sender: Sender | None = None) -> list[Claim]:
    """Return the claims of all persons, visits and accounts of a message, in message order."""
    segments = message.segments
    sender = sender or Sender(segments[0], message.control_id, defaults)
    if message.code == "ADT" and message.event in EDITS:
        return _edited_claims(message, sender)
    claims: list[Claim] = []
    person: Claim | None = None
    for segment in segments:
        name = segment.name
        if name == "PID":
            person = _person_claim(segment, sender)
            claims.append(person)
        elif name == "MRG":
            claims.append(_prior_person_claim(segment, sender))
        elif name == "PV1" and names_a_visit(segment):
            claims.append(_visit_claim(segment, person, sender))
        if name in _ACCOUNT_FIELDS and len(segment.fields) > _ACCOUNT_FIELDS[name]:
            account = _account_claim(segment, sender)
            claims += [account] if account is not None else []
    return claims


def edits_identity(message: Message) -> bool:
    """Tell whether a message merges, links, moves or renumbers records: two of a kind (3.3.18 to 3.3.51)."""
    return message.code == "ADT" and (message.event in EDITS or message.event in LINKS)


def edited_claims(message: Message, defaults: ClaimDefaults) -> list[Claim]:
    """Return the claims of the records that such a message brings together or takes apart.

    Persons always; visits where the event is about visits; accounts never: nothing is in line with one.
    """
    claims = identity_claims(message, defaults)
    kinds = ("Patient", "Encounter") if message.event in EDITS_VISIT else ("Patient",)
    return [claim for claim in claims if claim.kind in kinds]


def subject_claim(message: Message, kind: str, defaults: ClaimDefaults) -> Claim | None:
    """Return the claim of the first person or visit (``Patient``, ``Encounter``) of a message; None without one."""
    header = message.first("MSH")
    assert header is not None  # a message begins with it
    sender = Sender(header, message.control_id, defaults)
    if message.code == "ADT" and message.event in EDITS:
        return next((one for one in _edited_claims(message, sender) if (one.kind, one.role) == (kind, "subject")), None)
    pid = message.first("PID")
    person = None if pid is None else _person_claim(pid, sender)
    if kind == "Patient":
        return person
    pv1 = message.first("PV1")
    return None if pv1 is None or not names_a_visit(pv1) else _visit_claim(pv1, person, sender)


def _edited_claims(message: Message, sender: Sender) -> list[Claim]:
    """Return the claims of an event that merges, moves or renumbers: each PID and PV1 is read beside its MRG."""
    event, segments = message.event, message.segments
    claims: list[Claim] = []
    person: Claim | None = None
    account: Claim | None = None
    mrg: Segment | None = None
    for place, segment in enumerate(segments):
        name = segment.name
        if name == "PID":
            person = _person_claim(segment, sender)
            mrg = _next_mrg(segments[place + 1 :])
            if mrg is not None:
                person = _beside(person, _prior_person_claim(mrg, sender, event), event in CHANGES_PERSON, event)
            claims.append(person)
            account = _edited_account(segment, mrg, sender, event)
            claims += [account] if account is not None else []
        elif name == "MRG":
            mrg = segment
            prior = _prior_person_claim(segment, sender, event)
            claims.append(prior if person is None or event in MOVES_NUMBER else _without(prior, person))
            claims += _prior_account(segment, account, sender, event)
        elif name == "PV1" and names_a_visit(segment):
            visit = _visit_claim(segment, person, sender)
            if mrg is not None and event in EDITS_VISIT:
                prior = _prior_visit_claim(mrg, sender)
                claims += [_without(prior, visit)] if prior.identifiers else []
                visit = _beside(visit, prior, event in CHANGES_VISIT, event)
            claims.append(visit)
    return claims


def _edited_account(pid: Segment, mrg: Segment | None, sender: Sender, event: str) -> Claim | None:
    """Return the claim of the account of a PID, read beside that of its MRG where the event is about accounts."""
    account = _account_claim(pid, sender)
    prior = None if mrg is None or event not in EDITS_ACCOUNT else _account_claim(mrg, sender)
    return account if account is None or prior is None else _beside(account, prior, event in CHANGES_ACCOUNT, event)


def _prior_account(mrg: Segment, account: Claim | None, sender: Sender, event: str) -> list[Claim]:
    """Return the claim of the account that an MRG names, known by what the account of its PID does not share."""
    prior = _account_claim(mrg, sender)
    if prior is None:
        return []
    return [prior if account is None or event not in EDITS_ACCOUNT else _without(prior, account)]


def _next_mrg(segments: Sequence[Segment]) -> Segment | None:
    """Return the first MRG of a group that begins before these segments."""
    for segment in segments:
        if segment.name == "MRG":
            return segment
        if segment.name == "PID":
            return None
    return None


def _beside(claim: Claim, prior: Claim, is_renumbered: bool, event: str) -> Claim:
    """Return who survives: known first by the numbers that the prior record does not share.

    A new number is bound to the record of the old one, where it is not known yet. A number that moves says nothing
    about whom it moves to.
    """
    taken = {one.number for one in prior.identifiers}
    alone = tuple(one for one in claim.identifiers if one.number not in taken)
    if event in MOVES_NUMBER:
        return claim._replace(identifiers=alone)
    shared = tuple(one for one in claim.identifiers if one.number in taken)
    own = {one.number for one in claim.identifiers}
    former = tuple(one for one in prior.identifiers if one.number not in own) if is_renumbered else ()
    return claim._replace(identifiers=alone + shared + former)


def _without(prior: Claim, survivor: Claim) -> Claim:
    """Return the prior record, known by what the survivor does not share, if anything."""
    kept = {one.number for one in survivor.identifiers}
    alone = tuple(one for one in prior.identifiers if one.number not in kept)
    return prior._replace(identifiers=alone) if alone else prior


class Sender:
    """What the header and the interface say about every number of a message."""

    __slots__ = ("assigner", "control_id", "defaults", "sent")

    def __init__(self, header: Segment, control_id: str, defaults: ClaimDefaults) -> None:
        self.defaults = defaults
        self.assigner = default_assigner(header, defaults)
        self.control_id, self.sent = control_id, header.text(7)


def _person_claim(pid: Segment, sender: Sender) -> Claim:
    """Return the claim of a PID: PID-3, then the older PID-2 and PID-4."""
    fields = pid.fields
    mother = frozenset(pid.components(raw)[0] for raw in pid.repeats(21)) if len(fields) > 21 else _NONE
    identifiers, flags = _identifiers(pid, (3, 2, 4), sender, excluded=mother)
    family, birth_date = pid.text(5).upper(), pid.text(7)[:8]
    return Claim("Patient", _place(pid), identifiers, _fallback(pid, sender), family, birth_date, flags)


def _prior_person_claim(mrg: Segment, sender: Sender, event: str = "") -> Claim:
    """Return the claim of an MRG: the record that a merge takes away (MRG-1, then the older MRG-4 and MRG-2).

    Of a number that moves it is MRG-1 alone: whom it is known as now.
    """
    identifiers, flags = _identifiers(mrg, (1,) if event in MOVES_NUMBER else (1, 4, 2), sender)
    return Claim("Patient", _place(mrg), identifiers, _fallback(mrg, sender), flags=flags, role="prior")


def _prior_visit_claim(mrg: Segment, sender: Sender) -> Claim:
    """Return the claim of the visit that an MRG names: MRG-5, then MRG-6."""
    identifiers, _ = _identifiers(mrg, (5, 6), sender, any_type="VN")
    return Claim("Encounter", prior_visit_place(mrg), identifiers, _fallback(mrg, sender), role="prior")


def prior_visit_place(mrg: Segment) -> str:
    """Return the place of the claim of the visit that an MRG names."""
    return f"{_place(mrg)}-5"


def account_place(segment: Segment) -> str:
    """Return the place of the claim of the account that a segment names."""
    return f"{_place(segment)}-{_ACCOUNT_FIELDS[segment.name]}"


def _account_claim(segment: Segment, sender: Sender) -> Claim | None:
    """Return the claim of the account that a PID, MRG or BLG names; None where its number is a placeholder."""
    identifiers, flags = _identifiers(segment, (_ACCOUNT_FIELDS[segment.name],), sender, any_type="AN")
    if not identifiers:
        return None
    role = "prior" if segment.name == "MRG" else "subject"
    return Claim("Account", account_place(segment), identifiers, (), flags=flags, role=role)


def _visit_claim(pv1: Segment, person: Claim | None, sender: Sender) -> Claim:
    """Return the claim of a PV1: PV1-19, then PV1-50; without either, the patient's admission time identifies it."""
    identifiers, flags = _identifiers(pv1, (19, 50), sender, any_type="VN")
    admitted = "" if identifiers else pv1.text(44)
    if person is not None and person.identifiers and _ADMITTED.match(admitted) and not is_placeholder(admitted):
        first = person.identifiers[0]
        identifiers = (KnownBy("admission", first.assigner, f"{first.type} {first.value} {admitted}"),)
        flags -= _UNIDENTIFIED
    return Claim("Encounter", _place(pv1), identifiers, _fallback(pv1, sender), flags=flags)


def names_a_visit(pv1: Segment) -> bool:
    """Tell whether a PV1 says more than its own number."""
    return any(pv1.fields[2:])


def default_assigner(header: Segment, defaults: ClaimDefaults) -> str:
    """Return the assigner of identifiers that name none: declared, or the sender itself."""
    return defaults.assigner or f"sender {header.text(4)} {header.text(3)}".strip()


def is_placeholder(value: str) -> bool:
    """Tell whether a value stands for "no number": ``0``, ``UNKNOWN``, all nines and their like."""
    return not value or (value[0] in _PLACEHOLDER_BEGINS and _PLACEHOLDER.fullmatch(value) is not None)


def _place(segment: Segment) -> str:
    return f"{segment.name}({segment.number})"


def _fallback(segment: Segment, sender: Sender) -> tuple[str, ...]:
    return sender.assigner, sender.control_id, sender.sent, _place(segment)


def _identifiers(
    segment: Segment,
    numbers: tuple[int, ...],
    sender: Sender,
    *,
    excluded: frozenset[str] = _NONE,
    any_type: str = "",
) -> tuple[tuple[KnownBy, ...], frozenset[str]]:
    """Return the trusted identifiers of these fields, strongest first, and flags on the others."""
    flags: set[str] = set()
    found: dict[KnownBy, None] = {}
    fields, written = segment.fields, segment.delimiters
    length = len(fields)
    for number in numbers:
        if number >= length or not fields[number]:
            continue
        for raw in fields[number].split(written.repetition):
            parts = raw.split(written.component)
            value = _text(parts[0], segment)
            type_code = _text(parts[4], segment).upper() if len(parts) > 4 else ""
            if is_placeholder(value):
                flags.add("placeholder")
            elif value in excluded:
                flags.add("mothers_number")
            elif any_type or type_code not in NOT_A_PERSON:
                named = _assigner(segment, parts[3]) if len(parts) > 3 else ""
                if not named:
                    flags.add("default_assigner")
                found[KnownBy(any_type or type_code, named or sender.assigner, value)] = None
    if not found:
        flags.add("unidentified")
    ordered = strongest_first(found, sender.defaults) if len(found) > 1 else tuple(found)
    return ordered, frozenset(flags) if flags else _NONE


def _text(raw: str, segment: Segment) -> str:
    return raw if raw.isalnum() else segment.unescape(raw).strip()


def _assigner(segment: Segment, raw: str) -> str:
    """Return the universal id of an HD that is one component, else its namespace."""
    if raw.isalnum():
        return raw
    namespace, _, others = raw.partition(segment.delimiters.subcomponent)
    universal = others.partition(segment.delimiters.subcomponent)[0]
    return segment.unescape(universal).strip() or segment.unescape(namespace).strip()


def strongest_first(found: Iterable[KnownBy], defaults: ClaimDefaults) -> tuple[KnownBy, ...]:
    """Return identifiers as an interface trusts them: by type, then by assigner."""
    types, assigners = defaults.types, defaults.assigners

    def rank(one: KnownBy) -> tuple[int, int, KnownBy]:
        by_type = types.index(one.type) if one.type in types else len(types)
        by_assigner = assigners.index(one.assigner) if one.assigner in assigners else 99
        return by_type, by_assigner, one

    return tuple(sorted(found, key=rank))
