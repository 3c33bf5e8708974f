"""PID: the Patient and its Account (guide: PID[Patient], PID[Account], PID[Provenance-Patient])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.account import add_account
from shared.mapping.appointment import add_participant, standing
from shared.mapping.claims.segment import account_place, names_a_visit
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import boolean, code, concept, fixed, text
from shared.mapping.datatypes.identifier import cx, drivers_license, social_security
from shared.mapping.datatypes.number import integer
from shared.mapping.datatypes.person import EXTENSION, address, contact_point, human_name, name_of
from shared.mapping.datatypes.time import birth_time, date, date_time, no_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.header import AUTHOR
from shared.mapping.merge import note_link
from shared.mapping.organization import facility
from shared.mapping.rows import (
    ALL,
    KEPT,
    Resource,
    Row,
    Table,
    absent,
    extension,
    fill,
    first,
    many,
    one,
    parts_below,
    parts_of,
    same_parts,
    values,
)

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_YES_NO = table("YesNoIndicator")
_LANGUAGE = bare_table("0296", "PrimaryLanguage")
_CDC = "urn:oid:2.16.840.1.113883.6.238"
_US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
# The categories of the US Office of Management and Budget; every other code of the CDC's set is a detail.
_OMB = frozenset({"1002-5", "2028-9", "2054-5", "2076-8", "2106-3", "2135-2", "2186-5"})
_ETHNIC_CODES = {"H": "2135-2", "N": "2186-5"}  # HL7 table 0189
_NO_EXTENSION = "the guide's extension does not exist"
_NO_TARGET = "the guide gives it no FHIR element"


def _nested(url: str, part: str, source: str, guide: str, number: str = "") -> Row:
    """Return the row of an extension whose value sits in an inner extension (citizenship, nationality, animal)."""
    build = concept(bare_table(number, ""))

    @same_parts(build)
    def nested(raw: str, scope: Scope) -> Resource | None:
        found = build(raw, scope)
        return {"url": url, "extension": [{"url": part, "valueCodeableConcept": found}]} if found else None

    return many(source, "Patient.extension", nested, guide, reuse=True, part=url)


_SPOKEN = concept(_LANGUAGE)


@parts_below("language", _SPOKEN)
def language(raw: str, scope: Scope) -> Resource | None:
    """Return one Patient.communication."""
    found = _SPOKEN(raw, scope)
    return {"language": found} if found else None


@parts_of({1: "valueCoding.code", 2: "text", 9: "text"}, {3: "the CDC's code says its system"})
def category(raw: str, scope: Scope) -> list[Resource]:
    """Return the US Core parts of one race or ethnic group: an OMB category or a detail, where it is one."""
    parts = scope.parts(raw)
    sent = scope.text(parts[0])
    value, shown = _ETHNIC_CODES.get(sent, sent), scope.text(parts[8]) or scope.text(parts[1]) or sent
    found: list[Resource] = [{"url": "text", "valueString": shown}] if shown else []
    if value[:4].isdigit() and value[4:5] == "-":
        coding = {"system": _CDC, "code": value, **({"display": shown} if shown != sent else {})}
        found.insert(0, {"url": "ombCategory" if value in _OMB else "detailed", "valueCoding": coding})
    return found


@parts_of({1: "text", 2: "text", 3: "text", 5: "text"})
def name_text(raw: str, scope: Scope) -> str | None:
    """Return a name as one string (guide: XPN[string])."""
    found = name_of(scope.parts(raw)[:6], "", scope)
    words = (*found.get("prefix", ()), *found.get("given", ()), found.get("family", ""), *found.get("suffix", ()))
    return " ".join(word for word in words if word) or None


@parts_of({1: "text"})
def birth_place(raw: str, scope: Scope) -> Resource | None:
    """Return the birth place as an Address of one text."""
    said = scope.text(raw)
    return {"text": said} if said else None


_RACE = many(
    "PID-10", "Patient.extension", category, "PID[Patient] 15", reuse=True, placed=True, part=_US_CORE + "race"
)
_ETHNICITY = many(
    "PID-22", "Patient.extension", category, "PID[Patient] 37", reuse=True, placed=True, part=_US_CORE + "ethnicity"
)
_COUNTY = one("PID-12", "Patient.address.district", text, "PID[Patient] 17 to 20", placed=True, part=KEPT)
_ACCOUNT = many("PID-18", "Account.identifier", cx("AN"), "PID[Account] 22", placed=True, part=KEPT)
_MOTHER = many("PID-21", "RelatedPerson.identifier", cx(), "PID[Patient] 36", placed=True, part=KEPT)
_UPDATED = one("PID-33", "Provenance.occurredDateTime", date_time, "PID[Provenance-Patient] 47", placed=True, part=KEPT)
_UPDATER = one(
    "PID-34", "Provenance.agent.who", facility, "PID[Provenance-Patient] 48", reuse=True, placed=True, part=KEPT
)

PATIENT = Table(
    "PID",
    "Patient",
    (
        many("PID-2", "Patient.identifier", cx(), "PID[Patient] 4", part=KEPT),
        many("PID-3", "Patient.identifier", cx(), "PID[Patient] 5", part=KEPT),
        many("PID-4", "Patient.identifier", cx(), "PID[Patient] 6", part=KEPT),
        many("PID-5", "Patient.name", human_name(), "PID[Patient] 7", part=ALL),
        extension(
            "PID-6",
            "Patient.extension",
            EXTENSION + "patient-mothersMaidenName",
            "valueString",
            name_text,
            "PID[Patient] 8, 9",
        ),
        one("PID-7", "Patient.birthDate", date, "PID[Patient] 10"),
        extension(
            "PID-7",
            "Patient._birthDate.extension",
            EXTENSION + "patient-birthTime",
            "valueDateTime",
            birth_time,
            "PID[Patient] 11, 12",
        ),
        one("PID-8", "Patient.gender", code(table("AdministrativeSex")), "PID[Patient] 13", reuse=True),
        many("PID-9", "Patient.name", human_name("nickname"), "PID[Patient] 14", part=KEPT),
        _RACE,
        many("PID-11", "Patient.address", address, "PID[Patient] 16"),
        _COUNTY,
        many("PID-13", "Patient.telecom", contact_point("home"), "PID[Patient] 21, 22", part="home"),
        many("PID-14", "Patient.telecom", contact_point("work"), "PID[Patient] 23, 24", part="work"),
        many("PID-15", "Patient.communication", language, "PID[Patient] 25", reuse=True),
        one("PID-16", "Patient.maritalStatus", concept(table("MaritalStatus")), "PID[Patient] 26", reuse=True),
        extension(
            "PID-17",
            "Patient.extension",
            EXTENSION + "patient-religion",
            "valueCodeableConcept",
            concept(table("Religion")),
            "PID[Patient] 27, 28",
            reuse=True,
        ),
        _ACCOUNT,
        many("PID-19", "Patient.identifier", social_security, "PID[Patient] 30 to 34", part="SS"),
        many("PID-20", "Patient.identifier", drivers_license, "PID[Patient] 35", part="DL"),
        _MOTHER,
        _ETHNICITY,
        extension(
            "PID-23",
            "Patient.extension",
            EXTENSION + "patient-birthPlace",
            "valueAddress",
            birth_place,
            "PID[Patient] 38, 39",
        ),
        one("PID-24", "Patient.multipleBirthBoolean", boolean(_YES_NO), "PID[Patient] 40", when=absent(25)),
        one("PID-25", "Patient.multipleBirthInteger", integer, "PID[Patient] 41"),
        _nested(EXTENSION + "patient-citizenship", "code", "PID-26", "PID[Patient] 42 to 44", "0171"),
        _nested(EXTENSION + "patient-nationality", "code", "PID-28", "PID[Patient] 46 to 48", "0212"),
        one("PID-29", "Patient.deceasedDateTime", date_time, "PID[Patient] 49"),
        one("PID-30", "Patient.deceasedBoolean", boolean(_YES_NO), "PID[Patient] 50", when=no_time(29)),
        _UPDATED,
        _UPDATER,
        _nested(EXTENSION + "patient-animal", "species", "PID-35", "PID[Patient] 55 to 57"),
        _nested(EXTENSION + "patient-animal", "breed", "PID-36", "PID[Patient] 58 to 60"),
        _nested(EXTENSION + "patient-citizenship", "code", "PID-39", "PID[Patient] 63 to 65"),
        many("PID-40", "Patient.telecom", contact_point(), "PID[Patient] 66", part=KEPT),
    ),
    {
        1: "set id: position only",
        27: _NO_EXTENSION,
        31: _NO_EXTENSION,
        32: _NO_TARGET,
        37: _NO_TARGET,
        38: _NO_TARGET,
    },
)


def patient(node: Node, frame: Frame, scope: Scope) -> Frame:
    """PID: the Patient; all below it is about this person."""
    segment = node.segment
    claim = scope.claim_of(segment)
    resource: Resource = {"resourceType": "Patient", "id": scope.resolve(claim)}
    before = scope.entries.get("urn:uuid:" + resource["id"])
    url = scope.add(resource)
    reference = {"reference": url}
    scope.note_claim(resource, claim)
    if segment.number == 2:
        note_link(claim, resource, scope)
    fill(resource, segment, PATIENT, scope)
    if before is not None:
        _keep_numbers(resource, before["resource"])
    _add_group(resource, segment, _RACE, "race", scope)
    _add_group(resource, segment, _ETHNICITY, "ethnicity", scope)
    _add_county(resource, segment, scope)
    numbers = values(_ACCOUNT, segment, scope, resource)
    account = add_account(numbers, reference, scope, place=account_place(segment)) if numbers else None
    _add_mother(segment, reference, resource, scope)
    _add_last_update(segment, reference, resource, scope)
    if frame.appointment is not None:
        add_participant(frame.appointment, {"actor": reference, "status": standing(scope)}, scope)
    encounter = _encounter_of(node, scope)
    about = (encounter or reference)["reference"]
    return frame.within(
        patient=reference,
        person=resource,
        encounter=encounter,
        account=account,
        visit=None,
        visit_segment=None,
        remarks=resource,
        order=(about,),
    )


def _keep_numbers(resource: Resource, before: Resource) -> None:
    """Keep the numbers of an earlier PID of the message that speaks of the same person; the later one says the rest."""
    known = resource.setdefault("identifier", [])
    known += [one_ for one_ in before.get("identifier", ()) if one_ not in known]


def _encounter_of(node: Node, scope: Scope) -> Resource | None:
    """Return the reference of the visit of this patient group, so that what comes before its PV1 has it too."""
    visit = node.first("PV1")
    if visit is None or not names_a_visit(visit.segment):
        return None
    claim = scope.claim_of(visit.segment)
    return {"reference": "urn:uuid:" + scope.resolve(claim)}


def _add_group(resource: Resource, segment: Segment, row: Row, name: str, scope: Scope) -> None:
    parts = values(row, segment, scope, resource)
    if not parts:
        return
    texts = [part["valueString"] for part in parts if part["url"] == "text"]
    codings = [part for part in parts if part["url"] != "text"]
    said = {"url": "text", "valueString": ", ".join(dict.fromkeys(texts))}
    found = {"url": _US_CORE + name, "extension": [*codings, said]}
    resource.setdefault("extension", []).append(found)


def _add_county(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Add PID-12 to the only address, or as an address of its own (guide: PID[Patient] 17 to 20).

    Without PID-11 it counts for a new Patient only: no county takes the place of a street.
    """
    county = first(_COUNTY, segment, scope, resource)
    if not county:
        return
    if "address" not in resource:
        noted = scope.noted(resource)
        noted["initial"] = (*noted.get("initial", ()), "address")
    addresses = resource.setdefault("address", [])
    if len(addresses) == 1 and addresses[0].get("district", county) == county:
        addresses[0]["district"] = county
    else:
        addresses.append({"district": county})


def _add_mother(segment: Segment, reference: Resource, person: Resource, scope: Scope) -> None:
    identifiers = values(_MOTHER, segment, scope, person)
    if not identifiers:
        return
    scope.add(
        {
            "resourceType": "RelatedPerson",
            "id": scope.mint("RelatedPerson", person["id"], "mother", identifiers[0]["value"]),
            "identifier": identifiers,
            "patient": reference,
            "relationship": [fixed("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "MTH", "mother")],
        }
    )


def _add_last_update(segment: Segment, reference: Resource, person: Resource, scope: Scope) -> None:
    """Add who changed the record last (guide: IF PID-33 AND PID-34 VALUED)."""
    updated, updater = first(_UPDATED, segment, scope, person), first(_UPDATER, segment, scope, person)
    if not updated or len(updated) < 20 or not updater:
        return
    scope.add(
        {
            "resourceType": "Provenance",
            "id": scope.mint("Provenance", reference["reference"], updated),
            "target": [reference],
            "occurredDateTime": updated,
            "recorded": updated,
            "activity": fixed("http://terminology.hl7.org/CodeSystem/v3-DataOperation", "UPDATE", "revise"),
            "agent": [{"type": AUTHOR, "who": updater}],
        }
    )


TABLES = (PATIENT,)
HANDLERS: dict[str, Handler] = {"PID": patient}
