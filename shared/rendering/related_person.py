"""RelatedPerson and Patient.contact as NK1 (guide: NK1[RelatedPerson], NK1[Patient])."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.rendering.coded import code, concept
from shared.rendering.identifiers import cx, number, type_of
from shared.rendering.patient import is_mother, spoken
from shared.rendering.people import is_private, is_work, xad, xon, xpn, xtn
from shared.rendering.rows import Implied, Resource, Row, Table, fill
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_RELATIONSHIP, _ROLE, _GENDER = table("Relationship"), table("ContactRole"), table("AdministrativeSex")
_LATER = "not in 2.5.1"
_OF_AN_OFFICE = "comes back on the Organization of the contact, which no field names"


def _is_role(value: Resource) -> bool:
    """Tell whether a relationship is a contact role (HL7 table 0131), which NK1-7 holds."""
    systems = {one.get("system") for one in value.get("coding", ())}
    return bool(systems & {_ROLE.system, "http://terminology.hl7.org/CodeSystem/v2-0131"})


def _is_relationship(value: Resource) -> bool:
    return not _is_role(value)


def _is_ssn(value: Resource) -> bool:
    return type_of(value) == "SS"


RELATED = Table(
    "NK1",
    "RelatedPerson",
    (
        Row("NK1-2", "RelatedPerson.name", xpn, "NK1[RelatedPerson] 4"),
        Row("NK1-3", "RelatedPerson.relationship", concept(_RELATIONSHIP), "NK1[RelatedPerson] 5", _is_relationship),
        Row("NK1-4", "RelatedPerson.address", xad, "NK1[RelatedPerson] 6"),
        Row("NK1-5", "RelatedPerson.telecom", xtn, "NK1[RelatedPerson] 7", is_private),
        Row("NK1-6", "RelatedPerson.telecom", xtn, "NK1[RelatedPerson] 8, 9", is_work),
        Row("NK1-7", "RelatedPerson.relationship", concept(_ROLE), "NK1[RelatedPerson] 10", _is_role),
        Row("NK1-8", "RelatedPerson.period.start", time, "NK1[RelatedPerson] 11"),
        Row("NK1-9", "RelatedPerson.period.end", time, "NK1[RelatedPerson] 12"),
        Row("NK1-15", "RelatedPerson.gender", code(_GENDER), "NK1[RelatedPerson] 18"),
        Row("NK1-16", "RelatedPerson.birthDate", time, "NK1[RelatedPerson] 19"),
        Row("NK1-20", "RelatedPerson.communication", spoken, "NK1[RelatedPerson] 23"),
        Row("NK1-37", "RelatedPerson.identifier", number, "NK1[RelatedPerson] 40 to 42", _is_ssn),
        Row("NK1-33", "RelatedPerson.identifier", cx, "NK1[RelatedPerson] 36"),
    ),
    (
        Implied("patient", "the person of the message"),
        Implied("active", "a person a message names is in use", (True,)),
    ),
    {
        12: "comes back in NK1-33: both are numbers of the person",
        30: "comes back in NK1-2, which repeats",
        31: "comes back in NK1-5 or NK1-6, which repeat",
        32: "comes back in NK1-4, which repeats",
        40: _LATER,
        41: _LATER,
    },
)

CONTACT = Table(
    "NK1",
    "Patient.contact",
    (
        Row("NK1-2", "contact.name", xpn, "NK1[Patient] 4"),
        Row("NK1-3", "contact.relationship", concept(_RELATIONSHIP), "NK1[Patient] 5", _is_relationship),
        Row("NK1-4", "contact.address", xad, "NK1[Patient] 6"),
        Row("NK1-5", "contact.telecom", xtn, "NK1[Patient] 7", is_private),
        Row("NK1-6", "contact.telecom", xtn, "NK1[Patient] 8, 9", is_work),
        Row("NK1-7", "contact.relationship", concept(_ROLE), "NK1[Patient] 10", _is_role),
        Row("NK1-8", "contact.period.start", time, "NK1[Patient] 11"),
        Row("NK1-9", "contact.period.end", time, "NK1[Patient] 12"),
        Row("NK1-13", "contact.organization", xon, "NK1[Patient] 16"),
        Row("NK1-15", "contact.gender", code(_GENDER), "NK1[Patient] 18"),
    ),
    (),
    {30: _OF_AN_OFFICE, 31: _OF_AN_OFFICE, 32: _OF_AN_OFFICE},
)


def write_related(patient: str, draft: Draft, *, leave: Set[str]) -> None:
    """Write an NK1 for each RelatedPerson, and for each contact of the Patient that none of them is.

    Args:
        leave: References of those whom another segment names.
    """
    left = {draft.look({"reference": reference})[0] for reference in leave}
    count = 0
    written = []
    for url, related in draft.all("RelatedPerson"):
        if url in left or is_mother(related) or not draft.points_at(related.get("patient"), patient):
            continue
        count += 1
        segment = draft.segment("NK1")
        segment.set(1, str(count))
        written.append((related.get("name"), related.get("telecom")))
        with draft.open(url) as resource:
            fill(segment, resource, RELATED, draft)
    with draft.open(patient) as person:
        for contact in person.get("contact", ()):
            if any(_is_same(contact, *one) for one in written):
                contact.clear()
                continue
            count += 1
            segment = draft.segment("NK1")
            segment.set(1, str(count))
            fill(segment, contact, CONTACT, draft)


def _is_same(contact: Resource, names: object, telecoms: object) -> bool:
    """Tell whether a contact is a RelatedPerson once more, as the mapping makes both of one NK1."""
    return isinstance(names, list) and contact.get("name") in names and contact.get("telecom") == telecoms


TABLES = (RELATED, CONTACT)
