"""Repeating elements: what a message's list makes of the stored one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.changes.identity_edits import same_link
from shared.changes.notes import ListMode
from shared.changes.states import Movement

Item = dict[str, Any]
KeyOf = Callable[[Item], str]


def combine(resource_type: str, name: str, stored: list[Any], sent: list[Any], mode: ListMode) -> list[Any]:
    """Return the list after a message.

    Identifiers and links are never lost. Where several fields feed one list, each field's part is a snapshot of its
    own. Any other list is replaced, or grows where the interface follows action codes.
    """
    if name == "identifier":
        return _by_key(stored, sent, _identity)
    if name == "link":
        return [*stored, *(item for item in sent if not any(same_link(item, one) for one in stored))]
    part = _PARTS.get((resource_type, name)) or _PARTS.get(("", name))
    if part is not None:  # which part an item belongs to, the item itself must say
        return _by_key(stored, sent, part)
    if mode is ListMode.SNAPSHOT:
        return sent
    if name == "participant":  # of an appointment: who has declined now had accepted before
        return _by_key(stored, sent, _actor)
    return [*stored, *(item for item in sent if item not in stored)]


def without_part(resource_type: str, name: str, items: list[Any], key: str) -> list[Any]:
    """Return the items of a list that do not belong to one part of it (``participant[ATND]``)."""
    part = selector_of(resource_type, name)
    return [item for item in items if part(item) != key]


def selector_of(resource_type: str, name: str) -> KeyOf:
    """Return what tells which part of a list an item belongs to.

    Raises:
        KeyError: the list has no parts.
    """
    return _PARTS.get((resource_type, name)) or _PARTS.get(("", name)) or _SELECTORS[name]


def move(stored: list[Item], sent: list[Item], movement: Movement) -> list[Item]:
    """Return ``Encounter.location`` after a message: where the patient is, then where they were, latest first."""
    here = [item for item in sent if not _is_past(item)]
    kept = {_kind(item) for item in here}
    before = [item for item in stored if not _is_past(item)]
    past = [item for item in stored if _is_past(item)]
    if movement is Movement.UNDO:
        return _undone(here, before, past)
    if movement is Movement.ADVANCE:
        places = {_place(item) for item in here}
        past = [{**item, "status": "completed"} for item in before if _left(item) and _place(item) not in places] + past
    else:
        here += [item for item in before if _kind(item) not in kept]
    known = {_place(item) for item in past}
    return here + [item for item in sent if _is_past(item) and _place(item) not in known] + past


def _undone(here: list[Item], before: list[Item], past: list[Item]) -> list[Item]:
    if not here and not past:
        return before  # nothing was left, so nothing is taken back
    if not here:
        return [{**past[0], "status": "active"}, *past[1:]]
    back = {_place(item) for item in here}
    again = next((index for index, item in enumerate(past) if _place(item) in back), None)
    return here + [item for index, item in enumerate(past) if index != again]


def _by_key(stored: list[Item], sent: list[Item], key_of: KeyOf) -> list[Item]:
    """Return the list where each key that was sent holds what was sent; the stored order is kept."""
    by_key: dict[str, list[Item]] = {}
    for item in sent:
        by_key.setdefault(key_of(item), []).append(item)
    order = dict.fromkeys([key_of(item) for item in stored] + list(by_key))
    before: dict[str, list[Item]] = {}
    for item in stored:
        before.setdefault(key_of(item), []).append(item)
    return [item for key in order for item in by_key.get(key) or before[key]]


def _identity(item: Item) -> str:
    return f"{item.get('system', '')}|{item.get('value', '')}"


def _url(item: Item) -> str:
    return str(item.get("url", ""))


def _status(item: Item) -> str:
    return str(item.get("status", ""))


def _first_code(concepts: list[Item]) -> str:
    return next(
        (coding["code"] for concept in concepts for coding in concept.get("coding", ()) if "code" in coding), ""
    )


def _role(item: Item) -> str:
    return _first_code(item.get("type", []))


def _identifier_type(item: Item) -> str:
    return _first_code([item.get("type", {})])


def _phone_book(item: Item) -> str:
    # PID-13 holds every number but those of PID-14.
    return "work" if item.get("use") == "work" else "home"


def _actor(item: Item) -> str:
    actor = item.get("actor", {})
    return str(actor.get("reference") or actor.get("display", ""))


def _who(item: Item) -> str:
    return "organization" if str(item.get("reference", "")).startswith("Organization/") else "person"


def _function(item: Item) -> str:
    said = [one["valueCodeableConcept"] for one in item.get("extension", ()) if "valueCodeableConcept" in one]
    return _first_code([item["function"]] if "function" in item else said)


def _number_of_order(item: Item) -> str:
    return _identifier_type(item.get("identifier", {}))


def _relationship(item: Item) -> str:
    return "role" if _hl7_table(item) == "0131" else "kin"


def _hl7_table(item: Item) -> str:
    """Return the number of the HL7 table of a concept, ``text`` where it has no code, nothing for another system."""
    systems = [str(coding.get("system", "")) for coding in item.get("coding", ())]
    tables = (system.removeprefix(_TABLES) for system in systems if system.startswith(_TABLES))
    return next(tables, "" if systems else "text")


_TABLES = "http://terminology.hl7.org/CodeSystem/v2-"
_PARTS: dict[tuple[str, str], KeyOf] = {
    ("", "extension"): _url,
    ("", "modifierExtension"): _url,
    ("Appointment", "basedOn"): _number_of_order,
    ("ChargeItem", "performer"): _function,
    ("DiagnosticReport", "performer"): _function,
    ("Encounter", "participant"): _role,
    ("Immunization", "performer"): _function,
    ("MedicationAdministration", "performer"): _function,
    ("MedicationDispense", "performer"): _function,
    ("Observation", "performer"): _who,
    ("Patient", "generalPractitioner"): _who,
    ("Patient", "telecom"): _phone_book,
    ("Procedure", "performer"): _function,
    ("RelatedPerson", "relationship"): _relationship,
    ("RelatedPerson", "telecom"): _phone_book,
    ("ServiceRequest", "category"): _hl7_table,
    ("ServiceRequest", "performer"): _who,
}
# Lists that a message replaces as a whole, and of which a null in one field ends a part.
_SELECTORS: dict[str, KeyOf] = {
    "code": _hl7_table,
    "identifier": _identifier_type,
    "location": _status,
    "reasonCode": _hl7_table,
    "telecom": _phone_book,
}


def _is_past(item: Item) -> bool:
    return _status(item) == "completed"


def _left(item: Item) -> bool:
    return _status(item) in ("", "active")


def _kind(item: Item) -> str:
    return "reserved" if _status(item) == "reserved" else "present"


def _place(item: Item) -> str:
    return str(item.get("location", {}).get("reference", ""))
