"""AL1 and IAM: AllergyIntolerance (guide: AL1[AllergyIntolerance], IAM[AllergyIntolerance])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.hl7 import Segment
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import code, concept, fixed, text, text_concept
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.person import human_name
from shared.mapping.datatypes.time import date_time, no_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import KEPT, NULL, Resource, Row, Table, Unmapped, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_COURSE = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ACTIVE, INACTIVE = fixed(_COURSE, "active"), fixed(_COURSE, "inactive")
_NO_TARGET = "the guide gives it no FHIR element"
_CATEGORY = code(table("AllergenType[AllergyIntoleranceCategory]"))
_SEVERITY = code(table("AllergySeverity[AllergyIntolerance.reaction.severity]"))
_CRITICALITY = code(table("AllergySeverity[AllergyIntolerance.criticality]"))


def _category(segment: str, guide: str) -> Row:
    return one(f"{segment}-2", "AllergyIntolerance.category", _CATEGORY, guide, reuse=True, placed=True)


def _severity(segment: str, guide: str) -> Row:
    """Severity of the reaction, where there is a reaction to be severe; else how critical the allergy is."""
    return one(f"{segment}-4", "AllergyIntolerance.reaction.severity", _SEVERITY, guide, reuse=True, placed=True)


def _criticality(segment: str, guide: str) -> Row:
    return one(f"{segment}-4", "AllergyIntolerance.criticality", _CRITICALITY, guide, reuse=True, placed=True)


def _reaction(segment: str, guide: str) -> Row:
    target = "AllergyIntolerance.reaction.manifestation"
    return many(f"{segment}-5", target, text_concept, guide, reuse=True, placed=True, ends="reaction")


def _kind(segment: str, guide: str) -> Row:
    return one(f"{segment}-2", "AllergyIntolerance.type", code(table("AllergyType")), guide, reuse=True)


ALLERGY = Table(
    "AL1",
    "AllergyIntolerance",
    (
        _category("AL1", "AL1[AllergyIntolerance] 6 to 8"),
        _kind("AL1", "AL1[AllergyIntolerance] 9"),
        one("AL1-3", "AllergyIntolerance.code", concept(), "AL1[AllergyIntolerance] 10", reuse=True),
        _criticality("AL1", "AL1[AllergyIntolerance] 11"),
        _severity("AL1", "AL1[AllergyIntolerance] 14"),
        _reaction("AL1", "AL1[AllergyIntolerance] 15"),
        one("AL1-6", "AllergyIntolerance.onsetDateTime", date_time, "AL1[AllergyIntolerance] 16"),
    ),
    {1: "set id: position only"},
)

_VERIFICATION = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
# IAM-17 says two things of FHIR (HL7 table 0438): how sure it is, and, with I, that it is over.
_SURE = decided(
    "0438", _VERIFICATION, U="unconfirmed", P="unconfirmed", S="unconfirmed", D="unconfirmed",
    C="confirmed", I="confirmed", E="entered-in-error",
)  # fmt: skip
_REPORTER = one("IAM-14", "AllergyIntolerance.recorder", human_name(), "IAM[AllergyIntolerance] 25 to 27", placed=True)
_RELATION = one(
    "IAM-15",
    "RelatedPerson.relationship",
    concept(table("Relationship")),
    "IAM[AllergyIntolerance] 28",
    placed=True,
    part=KEPT,
)
_CLINICAL = one(
    "IAM-17", "AllergyIntolerance.clinicalStatus", code(_SURE), "IAM[AllergyIntolerance] 30", placed=True, part=KEPT
)
_ALSO = one("IAM-27", "AllergyIntolerance.code.coding", concept(), "IAM[AllergyIntolerance] 40", placed=True, part=KEPT)

ADVERSE = Table(
    "IAM",
    "AllergyIntolerance",
    (
        many("IAM-7", "AllergyIntolerance.identifier", ei(), "IAM[AllergyIntolerance] 18"),
        _category("IAM", "IAM[AllergyIntolerance] 6 to 8"),
        _kind("IAM", "IAM[AllergyIntolerance] 9"),
        one("IAM-3", "AllergyIntolerance.code", concept(), "IAM[AllergyIntolerance] 10", reuse=True),
        _criticality("IAM", "IAM[AllergyIntolerance] 12"),
        _severity("IAM", "IAM[AllergyIntolerance] 11"),
        _reaction("IAM", "IAM[AllergyIntolerance] 15"),
        one("IAM-11", "AllergyIntolerance.onsetDateTime", date_time, "IAM[AllergyIntolerance] 22"),
        one("IAM-12", "AllergyIntolerance.onsetString", text, "IAM[AllergyIntolerance] 23", when=no_time(11)),
        one("IAM-13", "AllergyIntolerance.recordedDate", date_time, "IAM[AllergyIntolerance] 24"),
        *(_REPORTER, _RELATION, _CLINICAL, _ALSO),
    ),
    {
        1: "set id: position only",
        6: "the action: it says what to do with the allergy",
        **dict.fromkeys((8, 9, 10, 16, *range(18, 27), 28, 29, 30), _NO_TARGET),
    },
)
_ROWS = {name: {row.target: row for row in rows.rows} for name, rows in (("AL1", ALLERGY), ("IAM", ADVERSE))}


def allergy(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """AL1, IAM: one AllergyIntolerance."""
    segment = node.segment
    name = segment.name
    if frame.patient is None or not any(segment.fields[2:]):
        return None
    fields = segment.fields
    if _names_none(fields):  # it ends what was listed, and is no allergy to nothing
        scope.list_none("AllergyIntolerance", name, frame.patient["reference"])
        return None
    instance = fields[7] if name == "IAM" and len(fields) > 7 else ""
    key = (frame.patient["reference"], instance or (fields[3] if len(fields) > 3 else ""))
    resource: Resource = {
        "resourceType": "AllergyIntolerance",
        "id": scope.child_id("AllergyIntolerance", *key),
        "clinicalStatus": ACTIVE,
        "patient": frame.patient,
    }
    fill(resource, segment, ALLERGY if name == "AL1" else ADVERSE, scope)
    _add_category(resource, node, scope)
    _add_reaction(resource, node, scope)
    if name == "IAM":
        _set_state(resource, segment, scope)
        _set_reporter(resource, segment, frame.patient, scope)
    deleted = name == "IAM" and segment.code(6) == "D"
    scope.add_child(resource, name, frame.patient["reference"], Action.DELETE if deleted else Action.PUT)
    return frame.within(remarks=resource) if node.children else None


def _names_none(fields: list[str]) -> bool:
    """Tell whether a segment says nothing but nulls of what somebody is allergic to."""
    return NULL in fields[2:4] and all(field in ("", NULL) for field in fields[3:])


_SEEN = one("IAR-1", "AllergyIntolerance.reaction.manifestation", concept(), "decision 0043", placed=True)
_HOW_BAD = one(
    "IAR-2",
    "AllergyIntolerance.reaction.severity",
    code(table("AllergySeverity[AllergyIntolerance.reaction.severity]")),
    "decision 0043",
    placed=True,
)
_DONE = one("IAR-4", "AllergyIntolerance.reaction.note.text", text, "decision 0043", placed=True)
REACTION = Table(
    "IAR", "AllergyIntolerance", (_SEEN, _HOW_BAD, _DONE), {3: "IAM-9 says it: the guide gives it no element"}
)


def reaction(node: Node, frame: Frame, scope: Scope) -> None:
    """IAR: a further reaction of the allergy of its IAM."""
    holder, segment = frame.remarks, node.segment
    if holder is None or holder["resourceType"] != "AllergyIntolerance":
        return
    seen = first(_SEEN, segment, scope, holder)
    if not seen:
        return
    found: Resource = {"manifestation": [seen]}
    how_bad, done = first(_HOW_BAD, segment, scope, holder), first(_DONE, segment, scope, holder)
    if isinstance(how_bad, Unmapped):
        found["_severity"] = how_bad.extension
    elif how_bad:
        found["severity"] = how_bad
    if done:
        found["note"] = [{"text": done}]
    holder.setdefault("reaction", []).append(found)


def _add_category(resource: Resource, node: Node, scope: Scope) -> None:
    row = _ROWS[node.segment.name]["AllergyIntolerance.category"]
    for found in values(row, node.segment, scope, resource):
        if isinstance(found, Unmapped):
            resource["_category"] = [found.extension]
            resource["category"] = [None]
        else:
            resource["category"] = [found]


def _add_reaction(resource: Resource, node: Node, scope: Scope) -> None:
    rows = _ROWS[node.segment.name]
    manifestations = values(rows["AllergyIntolerance.reaction.manifestation"], node.segment, scope, resource)
    target = "AllergyIntolerance.reaction.severity" if manifestations else "AllergyIntolerance.criticality"
    said = first(rows[target], node.segment, scope, resource)
    holder = resource
    if manifestations:
        holder = {"manifestation": manifestations}
        resource["reaction"] = [holder]
    element = rows[target].leaf
    if isinstance(said, Unmapped):
        holder["_" + element] = said.extension
    elif said:
        holder[element] = said


def _set_state(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set what IAM-17 says of verification and course (ait-1, ait-2), and the codes of IAM-27."""
    said = first(_CLINICAL, segment, scope, resource)
    if isinstance(said, str):
        resource["verificationStatus"] = fixed(_VERIFICATION, said)
        if said == "entered-in-error":
            resource.pop("clinicalStatus")
        elif segment.code(17) == "I":
            resource["clinicalStatus"] = INACTIVE
    also = first(_ALSO, segment, scope, resource)
    if also:
        known = resource.get("code", {})
        codings = known.get("coding", [])
        more = [one_ for one_ in also.get("coding", ()) if one_ not in codings]
        resource["code"] = {**also, **known, **({"coding": [*codings, *more]} if codings or more else {})}


def _set_reporter(resource: Resource, segment: Segment, patient: Resource, scope: Scope) -> None:
    """Set who reported it: the patient, somebody related, or, where IAM-15 is silent, a practitioner."""
    names, relation = values(_REPORTER, segment, scope, resource), first(_RELATION, segment, scope, resource)
    if segment.code(15) == "SEL":
        resource["recorder"] = patient
    elif names:
        shown = (names[0].get("family", ""), " ".join(names[0].get("given", ())))
        kind = "RelatedPerson" if relation else "Practitioner"
        of = patient["reference"] if relation else scope.assigner
        found: Resource = {"resourceType": kind, "id": scope.mint(kind, "name", of, *shown), "name": names}
        if relation:
            found |= {"patient": patient, "relationship": [relation]}
        resource["recorder"] = {"reference": scope.add_or_complete(found)}


TABLES = (ALLERGY, ADVERSE, REACTION)
HANDLERS: dict[str, Handler] = {"AL1": allergy, "IAM": allergy, "IAR": reaction}
