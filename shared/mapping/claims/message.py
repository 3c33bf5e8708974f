"""The claims of a message, in message order."""

from __future__ import annotations

from shared.hl7 import Message
from shared.mapping.claims.claim import Claim, ClaimDefaults
from shared.mapping.claims.edits import EDITS_VISIT, claims_of_edit, names_prior
from shared.mapping.claims.numbers import Sender
from shared.mapping.claims.segment import (
    ACCOUNT_FIELDS,
    account_claim,
    names_a_visit,
    person_claim,
    prior_person_claim,
    visit_claim,
)


def identity_claims(message: Message, defaults: ClaimDefaults, sender: Sender | None = None) -> list[Claim]:
    """Return the claims of all persons, visits and accounts of a message, in message order."""
    segments = message.segments
    sender = sender or Sender(message, segments[0], defaults)
    if names_prior(message):
        return claims_of_edit(message, sender)
    claims: list[Claim] = []
    person: Claim | None = None
    for segment in segments:
        name = segment.name
        if name == "PID":
            person = person_claim(segment, sender)
            claims.append(person)
        elif name == "MRG":
            claims.append(prior_person_claim(segment, sender))
        elif name == "PV1" and names_a_visit(segment):
            claims.append(visit_claim(segment, person or _only_person(message, sender), sender))
        if name in ACCOUNT_FIELDS and len(segment.fields) > ACCOUNT_FIELDS[name]:
            account = account_claim(segment, sender)
            claims += [account] if account is not None else []
    return claims


def _only_person(message: Message, sender: Sender) -> Claim | None:
    """Return the claim of the only PID, whose visit may come before it; None of several."""
    pid = message.first("PID") if message.count("PID") == 1 else None
    return None if pid is None else person_claim(pid, sender)


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
    sender = Sender(message, header, defaults)
    if names_prior(message):
        return next((one for one in claims_of_edit(message, sender) if (one.kind, one.role) == (kind, "subject")), None)
    pid = message.first("PID")
    person = None if pid is None else person_claim(pid, sender)
    if kind == "Patient":
        return person
    pv1 = message.first("PV1")
    return None if pv1 is None or not names_a_visit(pv1) else visit_claim(pv1, person, sender)
