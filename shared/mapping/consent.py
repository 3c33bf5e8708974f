"""CON: what a patient has agreed to, or refused, as a Consent (the guide has no map: docs/decisions/0043)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import code, concept, fixed
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.person import human_name
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.note import comment
from shared.mapping.rows import KEPT, Resource, Table, Unmapped, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0043"
_SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
_PRIVACY = fixed(_SCOPES, "patient-privacy", "Privacy Consent")
_TREATMENT = fixed(_SCOPES, "treatment", "Treatment")
_DOCUMENT = fixed("http://loinc.org", "59284-0", "Consent Document")
_DISCLOSURE = "001"  # HL7 table 0496: release of information; its other codes are acts of treatment
_STATES = "http://hl7.org/fhir/consent-state-codes"
_REFUSED = frozenset({"R", "X"})
_SELF = "SEL"  # HL7 tables 0063 and 0548: SEL, SELF
_NO_ELEMENT = "how the consent was sought: R4 has no element for it"
_ACTIVE = fixed("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "RESPRSN", "responsible party")
_RULE = "Consent stated by the source (HL7 v2 CON)"

# HL7 table 0498. B (bypassed: nobody was asked) is no state that a Consent can have: the original is kept.
_CODES = decided("0498", _STATES, A="active", L="active", R="rejected", P="proposed", X="inactive")
_STATUS = one("CON-11", "Consent.status", code(_CODES), DECIDED, placed=True)
_TEXTS = tuple(
    many(f"CON-{number}", "Consent.policyRule.text", comment, DECIDED, placed=True) for number in (3, 5, 6, 9)
)
_DISCUSSED = one("CON-12", "Consent.dateTime", date_time, DECIDED, placed=True)
_DECISION = one("CON-13", "Consent.dateTime", date_time, DECIDED, placed=True)
_START = one("CON-14", "Consent.provision.period.start", date_time, DECIDED, placed=True)
_END = one("CON-15", "Consent.provision.period.end", date_time, DECIDED, placed=True)
_CONSENTER = many("CON-24", "RelatedPerson.name", human_name(), DECIDED, placed=True, part=KEPT)
_RELATION = one("CON-25", "RelatedPerson.relationship", concept(table("Relationship")), DECIDED, placed=True, part=KEPT)

CONSENT = Table(
    "CON",
    "Consent",
    (
        many("CON-2", "Consent.category", concept(bare_table("0496", "")), DECIDED, reuse=True),
        many("CON-4", "Consent.identifier", ei(), DECIDED),
        *(*_TEXTS, _STATUS, _DISCUSSED, _DECISION, _START, _END, _CONSENTER, _RELATION),
    ),
    {
        1: "set id: position only",
        7: "the background that was explained: no rule of the consent",
        8: "the background that was explained: no rule of the consent",
        **dict.fromkeys((10, *range(16, 24)), _NO_ELEMENT),
    },
)


def consent(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """CON: one Consent of the person, whose source is the document above it."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[2:]):
        return None
    key = segment.text(4) or f"{segment.text(2)}|{segment.text(13) or segment.text(12)}"
    resource: Resource = {
        "resourceType": "Consent",
        "id": scope.child_id("Consent", frame.patient["reference"], "CON", key),
        "scope": _PRIVACY if segment.code(2) == _DISCLOSURE else _TREATMENT,
        "category": [_DOCUMENT],
        "patient": frame.patient,
        "policyRule": {"text": _RULE},
        "provision": {"type": "deny" if segment.code(11) in _REFUSED else "permit"},
    }
    fill(resource, segment, CONSENT, scope)
    _set_state(resource, segment, scope)
    _set_times(resource, segment, scope)
    said = [line for row in _TEXTS for line in values(row, segment, scope, resource)]
    if said:
        resource["policyRule"] = {"text": "\n".join(said)}
    _set_performers(resource, segment, frame.patient, scope)
    if frame.document is not None:
        resource["sourceReference"] = {"reference": "urn:uuid:" + frame.document["id"]}
    scope.add(resource)
    return None


def _set_state(resource: Resource, segment: Segment, scope: Scope) -> None:
    state = first(_STATUS, segment, scope, resource)
    if isinstance(state, Unmapped):
        resource["_status"] = state.extension
        resource.pop("provision")  # what nobody was asked is neither granted nor refused
    else:
        resource["status"] = state or "proposed"


def _set_times(resource: Resource, segment: Segment, scope: Scope) -> None:
    decided_on, discussed = (first(row, segment, scope, resource) for row in (_DECISION, _DISCUSSED))
    if decided_on or discussed:
        resource["dateTime"] = decided_on or discussed
    lasting = ordered(first(_START, segment, scope, resource), first(_END, segment, scope, resource), scope)
    if lasting and "provision" in resource:
        resource["provision"]["period"] = lasting


def _set_performers(resource: Resource, segment: Segment, patient: Resource, scope: Scope) -> None:
    """Set who consents: the patient, else the person that CON-24 names."""
    if segment.code(25).startswith(_SELF):
        resource["performer"] = [patient]
        leave_out(segment, (24, 25), "the patient: PID says who that is", scope)
        return
    names = [name for name in values(_CONSENTER, segment, scope, resource) if name.get("family") or name.get("given")]
    relation = first(_RELATION, segment, scope, resource)
    for name in names:
        key = (name.get("family", ""), " ".join(name.get("given", ())))
        person: Resource = {
            "resourceType": "RelatedPerson",
            "id": scope.mint("RelatedPerson", patient["reference"], "consenter", *key),
            "patient": patient,
            "relationship": [relation or _ACTIVE],
            "name": [name],
        }
        scope.note_alike(person, patient["reference"])
        resource.setdefault("performer", []).append({"reference": scope.add_or_complete(person)})


TABLES = (CONSENT,)
HANDLERS: dict[str, Handler] = {"CON": consent}
