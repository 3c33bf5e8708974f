"""ARV: a restriction of access, as a Consent that denies (the guide has no map: docs/decisions/0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import coding, fixed, text
from shared.mapping.datatypes.time import period
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Resource, Table, fill, many, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DECIDED = "decision 0007"
_PRIVACY = fixed("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy", "Privacy Consent")
_DISCLOSURE = fixed("http://terminology.hl7.org/CodeSystem/v3-ActCode", "INFA", "information access")
_RULE = {"text": "Access restriction stated by the source (HL7 v2 ARV)"}

RESTRICTION = Table(
    "ARV",
    "Consent",
    (
        many("ARV-3", "Consent.provision.securityLabel", coding(bare_table("0717", "")), _DECIDED, reuse=True),
        many("ARV-4", "Consent.provision.purpose", coding(bare_table("0719", "")), _DECIDED, reuse=True),
        one("ARV-5", "Consent.policyRule.text", text, _DECIDED),
        one("ARV-6", "Consent.provision.period", period, _DECIDED),
    ),
    {1: "set id: position only", 2: "the action: it says what to do with the restriction"},
)


def restriction(node: Node, frame: Frame, scope: Scope) -> None:
    """ARV: a Consent about the visit it follows, else about the person."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[2:]):
        return
    holder = frame.remarks
    visit = frame.encounter if holder is not None and holder["resourceType"] == "Encounter" else None
    of = (visit or frame.patient)["reference"]
    deleted = segment.code(2) == "D"
    resource: Resource = {
        "resourceType": "Consent",
        "id": scope.child_id("Consent", of, segment.text(3), segment.text(4)),
        "status": "inactive" if deleted else "active",
        "scope": _PRIVACY,
        "category": [_DISCLOSURE],
        "patient": frame.patient,
        "policyRule": {**_RULE},
        "provision": {"type": "deny"},
    }
    fill(resource, segment, RESTRICTION, scope)
    if visit:
        resource["provision"]["data"] = [{"meaning": "instance", "reference": visit}]
    scope.add_child(resource, "ARV", of, Action.DELETE if deleted else Action.PUT)


TABLES = (RESTRICTION,)
HANDLERS: dict[str, Handler] = {"ARV": restriction}
