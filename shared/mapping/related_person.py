"""NK1: RelatedPerson, and an organization's contact of the Patient (guide: NK1[RelatedPerson], NK1[Patient])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import code, concept
from shared.mapping.datatypes.identifier import cx, social_security
from shared.mapping.datatypes.person import address, contact_point, human_name, one_name
from shared.mapping.datatypes.time import date, date_time, keep_in_order
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.organization import complete_organization, organization
from shared.mapping.patient import language
from shared.mapping.rows import ALL, KEPT, Resource, Table, fill, many, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# NK1-3 (without it NK1-7) in these: an employer, agency or insurer, a contact of the Patient and no RelatedPerson. Any
# other may be either or both (guide: ADT_A01 28 to 30): one whom NK1-7 names to be contacted is both.
_INSTITUTIONS = frozenset({"EMR", "E", "F", "I", "S"})
_RELATIONSHIP = concept(table("Relationship"))
_ROLE = concept(table("ContactRole"))
_GENDER = code(table("AdministrativeSex"))
_NO_TARGET = "the guide gives it no FHIR element"
_IGNORED = {
    1: "set id: position only",
    **dict.fromkeys((10, 11, 14, *range(17, 20), *range(21, 30), 34, 35, 36, 38, 39), _NO_TARGET),
}

RELATED = Table(
    "NK1",
    "RelatedPerson",
    (
        many("NK1-2", "RelatedPerson.name", human_name(), "NK1[RelatedPerson] 4", part=KEPT),
        many("NK1-3", "RelatedPerson.relationship", _RELATIONSHIP, "NK1[RelatedPerson] 5", reuse=True, part="kin"),
        many("NK1-4", "RelatedPerson.address", address, "NK1[RelatedPerson] 6", part=ALL),
        many("NK1-5", "RelatedPerson.telecom", contact_point("home"), "NK1[RelatedPerson] 7", part="home"),
        many("NK1-6", "RelatedPerson.telecom", contact_point("work"), "NK1[RelatedPerson] 8, 9", part="work"),
        many("NK1-7", "RelatedPerson.relationship", _ROLE, "NK1[RelatedPerson] 10", reuse=True, part="role"),
        one("NK1-8", "RelatedPerson.period.start", date_time, "NK1[RelatedPerson] 11"),
        one("NK1-9", "RelatedPerson.period.end", date_time, "NK1[RelatedPerson] 12"),
        many("NK1-12", "RelatedPerson.identifier", cx(), "NK1[RelatedPerson] 15", part=KEPT),
        one("NK1-15", "RelatedPerson.gender", _GENDER, "NK1[RelatedPerson] 18", reuse=True),
        one("NK1-16", "RelatedPerson.birthDate", date, "NK1[RelatedPerson] 19"),
        many("NK1-20", "RelatedPerson.communication", language, "NK1[RelatedPerson] 23", reuse=True),
        many("NK1-30", "RelatedPerson.name", human_name(), "NK1[RelatedPerson] 33", part=KEPT),
        many("NK1-31", "RelatedPerson.telecom", contact_point(), "NK1[RelatedPerson] 34", part=KEPT),
        many("NK1-32", "RelatedPerson.address", address, "NK1[RelatedPerson] 35", part=KEPT),
        many("NK1-33", "RelatedPerson.identifier", cx(), "NK1[RelatedPerson] 36", part=KEPT),
        many("NK1-37", "RelatedPerson.identifier", social_security, "NK1[RelatedPerson] 40 to 42", part="SS"),
        many("NK1-40", "RelatedPerson.telecom", contact_point(), "NK1[RelatedPerson] 46", part=KEPT),
        many("NK1-41", "RelatedPerson.telecom", contact_point(), "NK1[RelatedPerson] 47", part=KEPT),
    ),
    {**_IGNORED, 13: "an organization: the guide maps it for a contact of the Patient only"},
)

CONTACT = Table(
    "NK1",
    "Patient",
    (
        one("NK1-2", "Patient.contact.name", one_name, "NK1[Patient] 4"),
        many("NK1-3", "Patient.contact.relationship", _RELATIONSHIP, "NK1[Patient] 5", reuse=True),
        one("NK1-4", "Patient.contact.address", address, "NK1[Patient] 6"),
        many("NK1-5", "Patient.contact.telecom", contact_point("home"), "NK1[Patient] 7"),
        many("NK1-6", "Patient.contact.telecom", contact_point("work"), "NK1[Patient] 8, 9"),
        many("NK1-7", "Patient.contact.relationship", _ROLE, "NK1[Patient] 10", reuse=True),
        one("NK1-8", "Patient.contact.period.start", date_time, "NK1[Patient] 11"),
        one("NK1-9", "Patient.contact.period.end", date_time, "NK1[Patient] 12"),
        one("NK1-13", "Patient.contact.organization", organization, "NK1[Patient] 16"),
        one("NK1-15", "Patient.contact.gender", _GENDER, "NK1[Patient] 18", reuse=True),
        many("NK1-40", "Patient.contact.telecom", contact_point(), "NK1[Patient] 43"),
        many("NK1-41", "Patient.contact.telecom", contact_point(), "NK1[Patient] 44"),
    ),
    {**_IGNORED, **dict.fromkeys((12, 16, 20, 33, 37), "no element in Patient.contact")},
)

OFFICE = Table(
    "NK1",
    "Organization",
    (
        one("NK1-30", "Organization.contact.name", one_name, "NK1[Patient] 33", part=KEPT),
        many("NK1-31", "Organization.contact.telecom", contact_point(), "NK1[Patient] 34", part=KEPT),
        one("NK1-32", "Organization.contact.address", address, "NK1[Patient] 35", part=KEPT),
    ),
)


def related_person(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """NK1: a person becomes a RelatedPerson, an institution a contact of the Patient; with a contact role, both."""
    segment = node.segment
    if frame.person is None or frame.patient is None:
        return None
    if (segment.text(3) or segment.text(7)) in _INSTITUTIONS:
        _contact(node, frame.person, scope)
        return frame.within(remarks=None)
    fields = segment.fields
    said = tuple(fields[number] if number < len(fields) else "" for number in (2, 3, 33))
    if not any(fields[2:]):
        return None
    key = (frame.person["id"], *said)
    resource: Resource = {
        "resourceType": "RelatedPerson",
        "id": scope.child_id("RelatedPerson", *key),
        "patient": frame.patient,
    }
    fill(resource, segment, RELATED, scope)
    keep_in_order(resource, 9, scope)
    scope.add_child(resource, segment.name, frame.patient["reference"])
    scope.note_alike(resource, frame.patient["reference"])
    if segment.code(3) == "EMC" or segment.text(7):
        _contact(node, frame.person, scope)
    return frame.within(remarks=resource) if node.children else None


def _contact(node: Node, person: Resource, scope: Scope) -> None:
    holder: Resource = {"id": person["id"], "resourceType": "Patient"}
    fill(holder, node.segment, CONTACT, scope)
    contact = holder.get("contact")
    if contact:
        keep_in_order(contact, 9, scope)
    if contact and "organization" in contact:
        office: Resource = {}
        fill(office, node.segment, OFFICE, scope)
        if office:
            complete_organization(contact["organization"]["reference"], {"contact": [office["contact"]]}, scope)
    # pat-1: a contact needs a name, telecom, address or organization.
    if contact and contact.keys() & {"name", "telecom", "address", "organization"}:
        person.setdefault("contact", []).append(contact)


TABLES = (RELATED, CONTACT, OFFICE)
HANDLERS: dict[str, Handler] = {"NK1": related_person}
