"""Who a message speaks of: a claim for each Patient and Encounter in it, and for each that it only refers to.

The same claims as HL7 makes of PID and PV1, so that one table answers both. Nothing is looked up here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from shared.fhir.references import LITERAL
from shared.fhir_in.document import Document, Entry, Number, dict_of, dicts_of, read_condition, text_of
from shared.fhir_in.reading import Json
from shared.fhir_in.source import Source
from shared.mapping.claims.claim import Claim, KnownBy
from shared.mapping.claims.numbers import NOT_A_PERSON, is_placeholder, strongest_first
from shared.message.errors.fhir import FhirNotTaken

CLAIMED = frozenset({"Patient", "Encounter"})
_OWN_ID = "FHIR"  # the type of a number that is the id of a resource at its source: it ranks last
_VISIT = "VN"  # HL7 table 0203: as of PV1-19
_TYPES = ("http://terminology.hl7.org/CodeSystem/v2-0203", "http://hl7.org/fhir/v2/0203")  # STU3's is the last


class Target(NamedTuple):
    """What a reference names outside the message: a resource by its id at the source, or by an identifier."""

    kind: str
    id: str = ""
    number: Number | None = None


def claims_of(document: Document, source: Source) -> list[Claim]:
    """Return the claims of a message, in its order; those of its references after them."""
    return [*entry_claims(document, source), *outside_claims(document, source).values()]


def entry_claims(document: Document, source: Source) -> list[Claim]:
    """Return the claims of the Patients and Encounters that a message holds."""
    return [_claim_of(entry, document, source) for entry in document.entries if entry.kind in CLAIMED]


def outside_claims(document: Document, source: Source) -> dict[Target, Claim]:
    """Return a claim for each Patient and Encounter that is referred to and is not in the message."""
    inside = names_of(document)
    found: dict[Target, Claim] = {}
    for entry in document.entries:
        for place, reference in references_of(entry.resource, entry.place):
            target = target_of(reference, source, inside)
            if target is not None and target.kind in CLAIMED and target not in found:
                known = _numbered(target, source)
                found[target] = Claim(target.kind, place, (known,), (source.id, document.digest, place))
    return found


def names_of(document: Document) -> dict[str, Entry]:
    """Return the entries by everything that a reference of the same message may call them."""
    found: dict[str, Entry] = {}
    for entry in document.entries:
        own_id = entry.id or text_of(entry.resource.get("id"))
        names = [entry.full_url, f"{entry.kind}/{own_id}" if own_id else ""]
        numbers = dicts_of(entry.resource.get("identifier"))
        names += [f"{entry.kind}?{one.get('system', '')}|{one.get('value', '')}" for one in numbers]
        for name in names:
            if name:
                found.setdefault(name, entry)
    return found


def references_of(value: object, place: str) -> Iterator[tuple[str, Json]]:
    """Yield every Reference of a resource with its place: with a ``reference``, or an ``identifier`` and a ``type``."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str) or (
            isinstance(value.get("identifier"), dict) and value.get("type") in CLAIMED
        ):
            yield place, value
        for name, inner in value.items():
            if isinstance(inner, dict | list):
                yield from references_of(inner, f"{place}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if isinstance(inner, dict | list):
                yield from references_of(inner, f"{place}[{index}]")


def target_of(reference: Json, source: Source, inside: Mapping[str, object]) -> Target | None:
    """Return what a reference names outside the message; None for what is inside, contained, or of another server."""
    text = text_of(reference.get("reference"))
    if not text:
        number = dict_of(reference.get("identifier"))
        value = text_of(number.get("value"))
        kind = text_of(reference.get("type"))
        return Target(kind, number=Number(text_of(number.get("system")), value)) if value else None
    text = without_version(text)
    if text in inside or text.startswith("#"):
        return None
    kind, is_search, query = text.partition("?")
    if is_search and kind.isalpha():
        try:
            number_named = read_condition(query, "")
        except FhirNotTaken:
            return None
        is_inside = number_named is None or f"{kind}?{number_named.system}|{number_named.value}" in inside
        return None if is_inside else Target(kind, number=number_named)
    literal = LITERAL.fullmatch(text)
    if literal is None or (literal[1] and literal[1].rstrip("/") != source.base):
        return None
    own = text.removeprefix(literal[1] or "")
    return None if own in inside else Target(literal[2], id=own.partition("/")[2])


def without_version(reference: str) -> str:
    """Return a reference to whatever version there is."""
    return reference.partition("/_history/")[0]


def _claim_of(entry: Entry, document: Document, source: Source) -> Claim:
    is_person = entry.kind == "Patient"
    resource = entry.resource
    numbers, flags = _numbers(resource, source, is_person=is_person)
    named = entry.condition
    if named is not None:
        numbers.append(_numbered(Target(entry.kind, number=named), source))
    if entry.id:
        numbers.append(_numbered(Target(entry.kind, id=entry.id), source))
    if not numbers:
        flags = flags | {"unidentified"}
    return Claim(
        entry.kind,
        entry.place,
        strongest_first(dict.fromkeys(numbers), source.defaults),
        (source.id, document.digest, entry.place),
        _family(resource) if is_person else "",
        text_of(resource.get("birthDate")).replace("-", "") if is_person else "",
        flags,
    )


def _numbers(resource: Json, source: Source, *, is_person: bool) -> tuple[list[KnownBy], frozenset[str]]:
    """Return the trusted identifiers of a resource, and flags on the others; an old one may be somebody else's now."""
    found: list[KnownBy] = []
    flags: set[str] = set()
    for one in dicts_of(resource.get("identifier")):
        value, system = text_of(one.get("value")).strip(), text_of(one.get("system"))
        kind = (_type_of(one) or source.type_of(system)) if is_person else _VISIT
        if is_placeholder(value):
            flags.add("placeholder")
        elif one.get("use") != "old" and not (is_person and kind in NOT_A_PERSON):
            found.append(KnownBy(kind, source.assigner_of(system), value))
    return found, frozenset(flags)


def _numbered(target: Target, source: Source) -> KnownBy:
    if target.number is None:
        return KnownBy(_OWN_ID, f"source {source.id}", target.id)
    system, value = target.number
    kind = _VISIT if target.kind == "Encounter" else source.type_of(system)
    return KnownBy(kind, source.assigner_of(system), value)


def _type_of(identifier: Json) -> str:
    codings = dicts_of(dict_of(identifier.get("type")).get("coding"))
    return next((text_of(one.get("code")).upper() for one in codings if one.get("system") in _TYPES), "")


def _family(patient: Json) -> str:
    names = dicts_of(patient.get("name"))
    best = sorted(names, key=lambda name: (name.get("use") != "official", name.get("use") in ("old", "maiden")))
    return next((text_of(name.get("family")).upper() for name in best if text_of(name.get("family"))), "")
