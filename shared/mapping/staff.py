"""STF and what follows it: a member of the staff and what it does where (decision 0035)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import boolean, code, concept, text_concept
from shared.mapping.datatypes.identifier import coded_number, cx, drivers_license, number_of, personnel_number
from shared.mapping.datatypes.person import address, contact_point, human_name
from shared.mapping.datatypes.time import date, date_time, keep_in_order, ordered
from shared.mapping.datatypes.time import period as period_of
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.master_file import DECIDED, add_entry, settle
from shared.mapping.organization import coded_organization
from shared.mapping.rows import ALL, KEPT, Resource, Table, fill, first, many, one, parts_of, same_parts, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_ELEMENT = "R4 has no element for it"
_PRIVATE = "a Practitioner has no place for it: it is a matter of the employer"
_ACTIVE = decided("0183", "http://hl7.org/fhir/boolean", A="true", I="false")


@parts_of({1: "value"})
def email(raw: str, scope: Scope) -> Resource | None:
    """Return an e-mail address (ST)."""
    said = scope.text(raw)
    return {"system": "email", "value": said} if said else None


@parts_of({1: "period"}, {2: "the institution: the record's own counts"})
def began(raw: str, scope: Scope) -> str | None:
    """Return the date of a DIN: when somebody became active or inactive."""
    found: str | None = date_time(scope.parts(raw)[0], scope)
    return found


@parts_of({1: "coding.code", 3: "text"}, {2: "the class of the job beside the job"})
def job(raw: str, scope: Scope) -> Resource | None:
    """Return the job of a JCC."""
    parts = scope.texts(raw)
    found: Resource = {"coding": [{"code": " ".join(parts[0].split())}]} if parts[0] else {}
    if parts[2]:
        found["text"] = parts[2]
    return found or None


_NUMBER = cx()


@same_parts(_NUMBER)
def staff_number(raw: str, scope: Scope) -> list[Resource]:
    """Return the numbers of STF-2: a CX, until 2.3 a code."""
    found: list[Resource] | Resource | None = (coded_number if scope.is_before("2.3.1") else _NUMBER)(raw, scope)
    return found if isinstance(found, list) else [found] if found else []


_KEY = one("STF-1", "Practitioner.identifier", number_of, DECIDED, placed=True, part=KEPT)

STAFF = Table(
    "STF",
    "Practitioner",
    (
        _KEY,
        many("STF-2", "Practitioner.identifier", staff_number, DECIDED, part=KEPT),
        many("STF-3", "Practitioner.name", human_name(), DECIDED),
        one("STF-5", "Practitioner.gender", code(table("AdministrativeSex")), DECIDED, reuse=True),
        one("STF-6", "Practitioner.birthDate", date, DECIDED),
        one("STF-7", "Practitioner.active", boolean(_ACTIVE), DECIDED),
        many("STF-10", "Practitioner.telecom", contact_point(), DECIDED, part=KEPT),
        many("STF-11", "Practitioner.address", address, DECIDED),
        many("STF-15", "Practitioner.telecom", email, DECIDED, part=KEPT),
        many("STF-22", "Practitioner.identifier", drivers_license, DECIDED, part="DL"),
    ),
    {
        **dict.fromkeys((14, 16, 17, 20, 21, *range(23, 31), *range(33, 42)), _PRIVATE),
        31: "a Practitioner has no death: STF-7 and MFE-1 say that it is no longer active",
        32: "a Practitioner has no death: STF-7 and MFE-1 say that it is no longer active",
    },
)

_STARTED = one("STF-12", "PractitionerRole.period.start", began, DECIDED, placed=True)
_STOPPED = one("STF-13", "PractitionerRole.period.end", began, DECIDED, placed=True)
_DEPARTMENT = one("STF-8", "PractitionerRole.organization", coded_organization, DECIDED, reuse=True, placed=True)

POSITION = Table(
    "STF",
    "PractitionerRole",
    (
        many(
            "STF-4", "PractitionerRole.code", concept(bare_table("0182", "StaffType")), DECIDED, reuse=True, part="0182"
        ),
        _DEPARTMENT,
        many(
            "STF-9", "PractitionerRole.specialty", concept(bare_table("0069", "HospitalService")), DECIDED, reuse=True
        ),
        *(_STARTED, _STOPPED),
        many("STF-18", "PractitionerRole.code", text_concept, DECIDED, part="text"),
        many("STF-19", "PractitionerRole.code", job, DECIDED, part=KEPT),
    ),
)


def staff(node: Node, frame: Frame, scope: Scope) -> Frame:
    """STF: the Practitioner, known as XCN fields know it, and its position."""
    segment = node.segment
    resource: Resource = {"resourceType": "Practitioner", "id": ""}
    numbers = staff_number(segment.repeats(2)[0], scope) if segment.text(2) else []
    key = first(_KEY, segment, scope, resource) or ""
    strongest = numbers[0] if numbers else {"value": key}
    resource["id"] = scope.mint("Practitioner", strongest.get("system", scope.assigner), strongest["value"])
    fill(resource, segment, STAFF, scope)
    if key and all(one_["value"] != key for one_ in resource.get("identifier", ())):
        resource.setdefault("identifier", []).append({"value": key})
    settle(resource, frame, scope)
    person = {"reference": scope.add(resource)}
    add_entry(resource, frame, scope)
    position = _position(segment, person, frame, scope)
    return frame.within(person=resource, practitioner=person, position=position, remarks=None)


def _position(segment: Segment, person: Resource, frame: Frame, scope: Scope) -> Resource:
    """Return the PractitionerRole of a record; it is added when it says something."""
    found: Resource = {
        "resourceType": "PractitionerRole",
        "id": scope.mint("PractitionerRole", person["reference"], "staff"),
        "practitioner": person,
    }
    fill(found, segment, POSITION, scope)
    department = first(_DEPARTMENT, segment, scope, found)
    if department:
        found["organization"] = department
    period = ordered(first(_STARTED, segment, scope, found), first(_STOPPED, segment, scope, found), scope)
    if period:
        found["period"] = period
    _keep(found, frame, scope)
    return found


def _keep(position: Resource, frame: Frame, scope: Scope) -> None:
    if position.keys() - {"resourceType", "id", "practitioner"}:
        settle(position, frame, scope)
        scope.add(position)


_SPECIALTY = many("PRA-5", "PractitionerRole.specialty.text", number_of, DECIDED, placed=True)
_GROUP = one("PRA-2", "PractitionerRole.organization", coded_organization, DECIDED, reuse=True, placed=True)
_INSTITUTION = one("PRA-9", "PractitionerRole.organization", coded_organization, DECIDED, reuse=True, placed=True)


@parts_of({1: "code", 2: "issuer", 4: "period.start"}, {3: "whether eligible or certified: the date says it"})
def certified(raw: str, scope: Scope) -> Resource | None:
    """Return the qualification of an SPD: specialty, board and date of certification."""
    parts = scope.texts(raw)
    if not parts[0]:
        return None
    found: Resource = {"code": {"text": parts[0]}}
    if parts[1]:
        found["issuer"] = {"display": parts[1]}
    since = date_time(parts[3], scope) if parts[3] else None
    return {**found, "period": {"start": since}} if since else found


PRACTICE = Table(
    "PRA",
    "PractitionerRole",
    (
        *(_GROUP, _SPECIALTY, _INSTITUTION),
        many("PRA-3", "PractitionerRole.code", concept(bare_table("0186", "")), DECIDED, reuse=True, part="0186"),
        many("PRA-6", "PractitionerRole.identifier", personnel_number, DECIDED),
        one("PRA-8", "PractitionerRole.period.start", date_time, DECIDED),
        one("PRA-10", "PractitionerRole.period.end", date_time, DECIDED),
    ),
    {1: "the key: STF-1 says it", 12: "set id: position only", **dict.fromkeys((4, 7, 11), _NO_ELEMENT)},
)
CERTIFICATION = Table("PRA", "Practitioner", (many("PRA-5", "Practitioner.qualification", certified, DECIDED),))


def practice(node: Node, frame: Frame, scope: Scope) -> None:
    """PRA: what the position is, and what the Practitioner is qualified for."""
    segment, position = node.segment, frame.position
    if position is None or frame.person is None:
        return
    fill(frame.person, segment, CERTIFICATION, scope)
    fill(position, segment, PRACTICE, scope)
    keep_in_order(position, 10, scope)
    for said in values(_SPECIALTY, segment, scope, position):
        position.setdefault("specialty", []).append({"text": said})
    for row in (_INSTITUTION, _GROUP):
        named = first(row, segment, scope, position)
        if named:
            position.setdefault("organization", named)
    _keep(position, frame, scope)


_UNIT = one("ORG-2", "PractitionerRole.organization", coded_organization, DECIDED, reuse=True, placed=True)
_KIND = many("ORG-3", "Organization.type", concept(bare_table("0406", "")), DECIDED, reuse=True, placed=True, part=KEPT)
UNIT = Table(
    "ORG",
    "PractitionerRole",
    (
        *(_UNIT, _KIND),
        many("ORG-5", "PractitionerRole.identifier", cx(), DECIDED),
        many("ORG-6", "PractitionerRole.code", concept(), DECIDED, reuse=True),
        many("ORG-7", "PractitionerRole.specialty", concept(), DECIDED, reuse=True, part=ALL),
        many("ORG-8", "PractitionerRole.specialty", concept(), DECIDED, reuse=True, part=KEPT),
        one("ORG-9", "PractitionerRole.period", period_of, DECIDED),
    ),
    {1: "set id: position only", **dict.fromkeys((4, 10, 11, 12, 13), _NO_ELEMENT)},
)


def unit(node: Node, frame: Frame, scope: Scope) -> None:
    """ORG: what the Practitioner is in one unit: a PractitionerRole of its own."""
    segment = node.segment
    if frame.practitioner is None:
        return
    key = (frame.practitioner["reference"], "unit", segment.text(2), segment.text(6))
    found: Resource = {
        "resourceType": "PractitionerRole",
        "id": scope.child_id("PractitionerRole", *key),
        "practitioner": frame.practitioner,
    }
    fill(found, segment, UNIT, scope)
    named, kinds = first(_UNIT, segment, scope, found), values(_KIND, segment, scope, found)
    if named:
        found["organization"] = named
        if kinds:
            scope.add_or_complete(
                {"resourceType": "Organization", "id": named["reference"].removeprefix("urn:uuid:"), "type": kinds}
            )
    _keep(found, frame, scope)


TABLES = (STAFF, POSITION, PRACTICE, CERTIFICATION, UNIT)
HANDLERS: dict[str, Handler] = {"STF": staff, "PRA": practice, "ORG": unit}
