"""The claim of each segment that names somebody: PID and MRG, PV1, and where an account is named."""

from __future__ import annotations

import re

from shared.hl7 import Segment
from shared.mapping.claims.claim import Claim, KnownBy
from shared.mapping.claims.numbers import Sender, is_placeholder, trusted_identifiers

ACCOUNT_FIELDS = {"PID": 18, "MRG": 3, "BLG": 3}  # where a segment names an account

_NONE: frozenset[str] = frozenset()
_UNIDENTIFIED = frozenset({"unidentified"})
_ADMITTED = re.compile(r"[12]\d{7}", re.ASCII)  # a day at least: what is none would make all visits of a person one


def person_claim(pid: Segment, sender: Sender) -> Claim:
    """Return the claim of a PID: PID-3, then the older PID-2 and PID-4."""
    fields = pid.fields
    named = len(fields) > 21 and fields[21]
    mother = frozenset(pid.components(raw)[0] for raw in pid.repeats(21)) if named else _NONE
    identifiers, flags = trusted_identifiers(pid, (3, 2, 4), sender, excluded=mother)
    family, birth_date = pid.text(5).upper(), pid.text(7)[:8]
    fallback = () if identifiers else _fallback(pid, sender)
    return Claim("Patient", _place(pid), identifiers, fallback, family, birth_date, flags)


def prior_person_claim(mrg: Segment, sender: Sender, *, number_moves: bool = False) -> Claim:
    """Return the claim of an MRG: the record that a merge takes away (MRG-1, then the older MRG-4 and MRG-2).

    Of a number that moves it is MRG-1 alone: whom it is known as now.
    """
    identifiers, flags = trusted_identifiers(mrg, (1,) if number_moves else (1, 4, 2), sender)
    fallback = () if identifiers else _fallback(mrg, sender)
    return Claim("Patient", _place(mrg), identifiers, fallback, flags=flags, role="prior")


def prior_visit_claim(mrg: Segment, sender: Sender) -> Claim:
    """Return the claim of the visit that an MRG names: MRG-5, then MRG-6."""
    identifiers, _ = trusted_identifiers(mrg, (5, 6), sender, any_type="VN")
    fallback = () if identifiers else _fallback(mrg, sender)
    return Claim("Encounter", prior_visit_place(mrg), identifiers, fallback, role="prior")


def prior_visit_place(mrg: Segment) -> str:
    """Return the place of the claim of the visit that an MRG names."""
    return f"{_place(mrg)}-5"


def account_place(segment: Segment) -> str:
    """Return the place of the claim of the account that a segment names."""
    return f"{_place(segment)}-{ACCOUNT_FIELDS[segment.name]}"


def account_claim(segment: Segment, sender: Sender) -> Claim | None:
    """Return the claim of the account that a PID, MRG or BLG names; None where its number is a placeholder."""
    identifiers, flags = trusted_identifiers(segment, (ACCOUNT_FIELDS[segment.name],), sender, any_type="AN")
    if not identifiers:
        return None
    role = "prior" if segment.name == "MRG" else "subject"
    return Claim("Account", account_place(segment), identifiers, (), flags=flags, role=role)


def visit_claim(pv1: Segment, person: Claim | None, sender: Sender) -> Claim:
    """Return the claim of a PV1: PV1-19, then PV1-50; without either, the patient's admission time identifies it."""
    identifiers, flags = trusted_identifiers(pv1, (19, 50), sender, any_type="VN")
    admitted = "" if identifiers else pv1.text(44)
    if person is not None and person.identifiers and _ADMITTED.match(admitted) and not is_placeholder(admitted):
        first = person.identifiers[0]
        identifiers = (KnownBy("admission", first.assigner, f"{first.type} {first.value} {admitted}"),)
        flags -= _UNIDENTIFIED
    fallback = () if identifiers else _fallback(pv1, sender)
    return Claim("Encounter", _place(pv1), identifiers, fallback, flags=flags)


def names_a_visit(pv1: Segment) -> bool:
    """Tell whether a PV1 says more than its own number."""
    return any(pv1.fields[2:])


def _place(segment: Segment) -> str:
    return f"{segment.name}({segment.number})"


def _fallback(segment: Segment, sender: Sender) -> tuple[str, ...]:
    return (*sender.this_message(), _place(segment))
