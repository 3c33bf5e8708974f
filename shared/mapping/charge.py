"""FT1: ChargeItem (the guide has no map: docs/decisions/0007). Only a charge (FT1-6 CG) is one; a payment is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import DATA_ABSENT, coding, concept, text
from shared.mapping.datatypes.identifier import cx, ei
from shared.mapping.datatypes.money import price
from shared.mapping.datatypes.number import decimal
from shared.mapping.datatypes.time import date_time, period
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.organization import coded_organization, organization
from shared.mapping.practitioner import practitioner
from shared.mapping.procedure import modified
from shared.mapping.rows import Resource, Table, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DECIDED = "decision 0007"
_NO_TARGET = "the guide has no map of FT1 and R4 no element for it"
_UNKNOWN_CODE = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
ORDERED_BY = {"text": "Ordered by"}

_TYPE = one("FT1-6", "ChargeItem.status", text, _DECIDED, placed=True)
_WHEN = one("FT1-4", "ChargeItem.occurrence[x]", period, _DECIDED, placed=True)
_DESCRIPTIONS = (
    one("FT1-8", "ChargeItem.code.text", text, _DECIDED, placed=True),
    one("FT1-9", "ChargeItem.note.text", text, _DECIDED, placed=True),
)
_PERFORMER = many("FT1-20", "ChargeItem.performer.actor", practitioner, _DECIDED, placed=True)
_ORDERER = many("FT1-21", "ChargeItem.performer.actor", practitioner, _DECIDED, placed=True)
_ORDER = one("FT1-23", "ChargeItem.supportingInformation.identifier", ei(), _DECIDED, placed=True)
_MODIFIER = many("FT1-26", "Procedure.code.coding.code", coding(), _DECIDED, placed=True)
_SERVICE = one("FT1-25", "Procedure.code", concept(), _DECIDED, placed=True)

CHARGE = Table(
    "FT1",
    "ChargeItem",
    (
        many("FT1-2", "ChargeItem.identifier", cx(), _DECIDED),
        *(_WHEN, _TYPE),
        one("FT1-5", "ChargeItem.enteredDate", date_time, _DECIDED),
        one("FT1-7", "ChargeItem.code", concept(bare_table("0132", "")), _DECIDED, reuse=True),
        *_DESCRIPTIONS,
        one("FT1-10", "ChargeItem.quantity.value", decimal, _DECIDED),
        one("FT1-11", "ChargeItem.priceOverride", price, _DECIDED),
        one("FT1-13", "ChargeItem.costCenter", coded_organization, _DECIDED),
        many("FT1-19", "ChargeItem.reason", concept(), _DECIDED, reuse=True),
        *(_PERFORMER, _ORDERER, _ORDER),
        one("FT1-24", "ChargeItem.enterer", practitioner, _DECIDED),
        *(_SERVICE, _MODIFIER),
        one("FT1-29", "ChargeItem.productCodeableConcept", concept(), _DECIDED, reuse=True),
        one("FT1-32", "ChargeItem.performingOrganization", organization, _DECIDED),
        one("FT1-33", "ChargeItem.requestingOrganization", organization, _DECIDED),
    ),
    {
        1: "set id: position only",
        12: "the price of one: ChargeItem.priceOverride is the total",
        **dict.fromkeys((3, *range(14, 19), 22, 27, 28, 30, 31, *range(34, 44)), _NO_TARGET),
    },
)


def charge(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """FT1: one ChargeItem of the visit and account; another kind of transaction is a finding."""
    segment = node.segment
    fields = segment.fields
    if frame.patient is None or not any(fields[2:]):
        return None
    kind = first(_TYPE, segment, scope, {})
    if kind not in {"CG", None}:
        scope.find("transaction_no_charge", "HL7 table 0017: only CG is a ChargeItem")
        return frame.within(remarks=None)
    resource: Resource = {"resourceType": "ChargeItem", "id": _id_of(segment, frame, scope)}
    resource["status"] = "billable" if kind else "unknown"
    fill(resource, segment, CHARGE, scope)
    _describe(resource, segment, scope)
    _set_time(resource, segment, scope)
    resource["subject"] = frame.patient
    if frame.encounter:
        resource["context"] = frame.encounter
    if frame.account is not None:
        resource["account"] = [{"reference": "urn:uuid:" + frame.account["id"]}]
    _add_performers(resource, segment, scope)
    order = first(_ORDER, segment, scope, resource)
    if order:
        resource["supportingInformation"] = [{"type": "ServiceRequest", "identifier": order}]
    _add_service(resource, node, frame, scope)
    scope.add(resource)
    return frame.within(remarks=resource)


def _id_of(segment: Segment, frame: Frame, scope: Scope) -> str:
    """Return the id of a charge: by its number, else by its place in this message: equal charges are two charges."""
    assert frame.patient is not None
    of, number = frame.patient["reference"], segment.text(2)
    if number:
        return scope.child_id("ChargeItem", of, number)
    return scope.mint("ChargeItem", of, *scope.this_message(), str(segment.number))


def _describe(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Add the older descriptions: the first to the code, the second as a note."""
    said, more = (first(row, segment, scope, resource) for row in _DESCRIPTIONS)
    if said:
        resource["code"] = {"text": said, **resource.get("code", {})}
    resource.setdefault("code", _UNKNOWN_CODE)
    if more:
        resource["note"] = [{"text": more}]


def _set_time(resource: Resource, segment: Segment, scope: Scope) -> None:
    found = first(_WHEN, segment, scope, resource)
    if found and len(found) == 1 and "start" in found:
        resource["occurrenceDateTime"] = found["start"]
    elif found:
        resource["occurrencePeriod"] = found


def _add_performers(resource: Resource, segment: Segment, scope: Scope) -> None:
    performers = [{"actor": who} for who in values(_PERFORMER, segment, scope, resource)]
    orderers = [{"function": ORDERED_BY, "actor": who} for who in values(_ORDERER, segment, scope, resource)]
    if performers or orderers:
        resource["performer"] = [*performers, *orderers]


def _add_service(resource: Resource, node: Node, frame: Frame, scope: Scope) -> None:
    """Add the procedure that is charged, where no PR1 below says more of it."""
    segment = node.segment
    code = first(_SERVICE, segment, scope, resource)
    if not code or any(pr1.segment.text(3) == segment.text(25) for pr1 in node.all("PR1")):
        return
    modifiers = [one_["code"] for one_ in values(_MODIFIER, segment, scope, resource) if "code" in one_]
    of = (frame.encounter or frame.patient or {})["reference"]
    service: Resource = {
        "resourceType": "Procedure",
        "id": scope.child_id("Procedure", of, "charged", segment.text(25), segment.text(4)),
        "status": "unknown",
        "code": modified(code, modifiers),
        "subject": frame.patient,
    }
    if frame.encounter:
        service["encounter"] = frame.encounter
    resource["service"] = [{"reference": scope.add(service)}]


TABLES = (CHARGE,)
HANDLERS: dict[str, Handler] = {"FT1": charge}
