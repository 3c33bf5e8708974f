"""RF1 and AUT: a referral and its authorization (the guide has no map: docs/decisions/0034)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import (
    DATA_ABSENT,
    code,
    coded_reference,
    coded_text,
    concept,
    fixed,
    text,
    text_concept,
)
from shared.mapping.datatypes.identifier import ei, number_of, owned_number
from shared.mapping.datatypes.money import price
from shared.mapping.datatypes.number import quantity
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.note import remark
from shared.mapping.organization import coded_organization, organization
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Resource, Table, Unmapped, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0034"
_NO_ELEMENT = "R4 has no element for it"
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_REFERRAL = fixed("http://snomed.info/sct", "3457005", "Patient referral")
_STATUS = decided("0283", "http://hl7.org/fhir/request-status", A="active", P="active", R="revoked", E="revoked")
_PRIORITY = decided("0280", "http://hl7.org/fhir/request-priority", A="asap", R="routine", S="stat")
# What an event does to the stored referral, in order control codes: it is told, cancelled (I14) or asked for (I15).
_CONTROL = {"I14": "CR", "I15": "SS"}

_STATE = one("RF1-1", "ServiceRequest.status", code(_STATUS), DECIDED, placed=True, part=KEPT)
_PERIOD = (
    one("RF1-7", "ServiceRequest.occurrencePeriod.start", date_time, DECIDED, placed=True),
    one("RF1-8", "ServiceRequest.occurrencePeriod.end", date_time, DECIDED, placed=True),
)

REFERRAL = Table(
    "RF1",
    "ServiceRequest",
    (
        _STATE,
        one("RF1-2", "ServiceRequest.priority", code(_PRIORITY), DECIDED, reuse=True),
        many(
            "RF1-3",
            "ServiceRequest.category",
            concept(bare_table("0281", "ReferralType")),
            DECIDED,
            reuse=True,
            part="0281",
        ),
        many("RF1-4", "ServiceRequest.orderDetail", concept(bare_table("0282", "")), DECIDED, reuse=True),
        many("RF1-5", "ServiceRequest.category", concept(bare_table("0284", "")), DECIDED, reuse=True, part="0284"),
        many("RF1-6", "ServiceRequest.identifier", ei("PLAC", "Placer Identifier"), DECIDED, part="PLAC"),
        *_PERIOD,
        one("RF1-9", "ServiceRequest.authoredOn", date_time, DECIDED),
        many("RF1-10", "ServiceRequest.reasonCode", concept(bare_table("0336", "")), DECIDED, reuse=True, part="0336"),
        many("RF1-11", "ServiceRequest.identifier", ei("FILL", "Filler Identifier"), DECIDED, part="FILL"),
        many("RF1-14", "ServiceRequest.reasonCode", text_concept, DECIDED, part="text"),
        one("RF1-15", "ServiceRequest.quantityQuantity", quantity, DECIDED),
        many("RF1-19", "ServiceRequest.performer", organization, DECIDED, reuse=True, part="organization"),
        many("RF1-20", "ServiceRequest.performer", practitioner, DECIDED, reuse=True, part="person"),
        many("RF1-24", "ServiceRequest.note", remark, DECIDED),
    ),
    {
        **dict.fromkeys((12, 13, 16, 17, 18, 21, 22, 23), _NO_ELEMENT),
        25: "the action: it says what to do with the referral",
    },
)


def referral(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RF1: the ServiceRequest of a referral; the PRD below say who refers to whom."""
    segment = node.segment
    number = owned_number(segment, 6, scope) or owned_number(segment, 11, scope)
    key = number or scope.this_message()
    resource: Resource = {
        "resourceType": "ServiceRequest",
        "id": scope.child_id("ServiceRequest", "referral", *key),
        "code": _REFERRAL,
        "intent": "order",
    }
    scope.add(resource)
    fill(resource, segment, REFERRAL, scope)
    _set_state(resource, first(_STATE, segment, scope, resource), scope)
    start, end = (first(row, segment, scope, resource) for row in _PERIOD)
    period = ordered(start, end, scope)
    if period:
        resource["occurrencePeriod"] = period
    patient = frame.patient or _patient_to_come(scope)
    resource["subject"] = patient or _UNKNOWN
    if segment.code(25) == "D":
        scope.noted(resource)["action"] = Action.DELETE
    return frame.within(request=resource, remarks=resource, patient=patient)


def _set_state(resource: Resource, said: object, scope: Scope) -> None:
    noted = scope.noted(resource)
    noted["control"] = _CONTROL.get(scope.event, "SC")
    if isinstance(said, Unmapped):
        resource["_status"] = said.extension
    if scope.event == "I14":
        resource["status"] = "revoked"
    elif isinstance(said, str):
        resource["status"] = said
    else:
        resource["status"] = "unknown"
        noted["initial"] = ("status",)


def _patient_to_come(scope: Scope) -> Resource | None:
    """Return the reference of the person of the message: in a REF the PID stands after the RF1."""
    pid = scope.message.first("PID")
    return None if pid is None else {"reference": "urn:uuid:" + scope.resolve(scope.claim_of(pid))}


_PLAN = one("AUT-1", "ClaimResponse.insurance.coverage", coded_reference, DECIDED, placed=True)
_COMPANY = one("AUT-2", "ClaimResponse.insurer", coded_organization, DECIDED, reuse=True, placed=True)
_COMPANY_NAME = one("AUT-3", "Organization.name", text, DECIDED, placed=True)
_BEGINS = one("AUT-4", "ClaimResponse.preAuthPeriod.start", date_time, DECIDED, placed=True)
_ENDS = one("AUT-5", "ClaimResponse.preAuthPeriod.end", date_time, DECIDED, placed=True)
_LIMIT = one("AUT-7", "ClaimResponse.total.amount", price, DECIDED, placed=True)
_GRANTED = one("AUT-9", "ServiceRequest.quantityQuantity", quantity, DECIDED, placed=True)
_REMARKS = tuple(
    many(f"AUT-{number}", "ClaimResponse.processNote.text", text, DECIDED, placed=True) for number in (17, 28)
)
_BENEFIT = fixed("http://terminology.hl7.org/CodeSystem/adjudication", "benefit", "Benefit Amount")

AUTHORIZATION = Table(
    "AUT",
    "ClaimResponse",
    (
        *(_PLAN, _COMPANY, _COMPANY_NAME, _BEGINS, _ENDS),
        many("AUT-6", "ClaimResponse.identifier", ei(), DECIDED),
        one("AUT-6", "ClaimResponse.preAuthRef", number_of, DECIDED),
        *(_LIMIT, _GRANTED),
        one("AUT-10", "ClaimResponse.created", date_time, DECIDED),
        one("AUT-14", "ClaimResponse.disposition", coded_text, DECIDED),
        *_REMARKS,
    ),
    {
        8: "what was asked for: R4 has what was granted (AUT-9)",
        **dict.fromkeys((11, 12, 13, 15, 16, *range(18, 28)), _NO_ELEMENT),
        29: "the action: it says what to do with the authorization",
    },
)


def authorization(node: Node, frame: Frame, scope: Scope) -> None:
    """AUT: a ClaimResponse that authorizes beforehand; below an RF1 the referral's insurance."""
    segment = node.segment
    patient = frame.patient or _patient_to_come(scope)
    number = segment.text(6)
    if patient is None or not any(segment.fields[1:]):
        return
    key = (segment.text(6, 3) or segment.text(2) or scope.assigner, number) if number else tuple(segment.fields[1:6])
    resource: Resource = {
        "resourceType": "ClaimResponse",
        "id": scope.child_id("ClaimResponse", patient["reference"], *key),
        "status": "active",
        "type": _UNKNOWN,
        "use": "preauthorization",
        "patient": patient,
        "outcome": "complete",
    }
    fill(resource, segment, AUTHORIZATION, scope)
    if "created" not in resource:  # R4 wants it: when it was sent
        sent = date_time(scope.message_time, scope)
        resource["created" if sent else "_created"] = sent or _UNKNOWN
    _set_insurance(resource, node, scope)
    limit = first(_LIMIT, segment, scope, resource)
    if limit:
        resource["total"] = [{"category": _BENEFIT, "amount": limit}]
    period = ordered(first(_BEGINS, segment, scope, resource), first(_ENDS, segment, scope, resource), scope)
    if period:
        resource["preAuthPeriod"] = period
    remarks = [said for row in _REMARKS for said in values(row, segment, scope, resource)]
    if remarks:
        resource["processNote"] = [{"number": place, "text": said} for place, said in enumerate(remarks, 1)]
    if segment.code(29) == "D":
        scope.noted(resource)["action"] = Action.DELETE
    reference = {"reference": scope.add(resource)}
    if frame.request is not None:
        frame.request.setdefault("insurance", []).append(reference)
        granted = first(_GRANTED, segment, scope, resource)
        if granted:
            frame.request.setdefault("quantityQuantity", granted)


def _set_insurance(resource: Resource, node: Node, scope: Scope) -> None:
    segment = node.segment
    insurer, name = first(_COMPANY, segment, scope, resource), first(_COMPANY_NAME, segment, scope, resource)
    if insurer and name:
        scope.add_or_complete(
            {"resourceType": "Organization", "id": insurer["reference"].removeprefix("urn:uuid:"), "name": name}
        )
    resource["insurer"] = insurer or ({"display": name} if name else _UNKNOWN)
    plan = first(_PLAN, segment, scope, resource)
    if plan:
        resource["insurance"] = [{"sequence": 1, "focal": True, "coverage": plan}]


TABLES = (REFERRAL, AUTHORIZATION)
HANDLERS: dict[str, Handler] = {"RF1": referral, "AUT": authorization}
