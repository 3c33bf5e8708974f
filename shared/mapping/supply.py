"""RQD and RQ1 with their ORC: an order of things (HL7 4.11; the guide has no map: docs/decisions/0037)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import DATA_ABSENT, boolean, code, coded_reference, concept, text_concept
from shared.mapping.datatypes.number import decimal, unit
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.order import CONTROL_STATUS, ORDER_STATUS
from shared.mapping.order_event import add_order_event
from shared.mapping.order_number import key_of, order_numbers, unnumbered
from shared.mapping.order_status import set_status
from shared.mapping.organization import coded_organization
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Build, Resource, Row, Table, first, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0037"
_ACCOUNTING = "who pays for it is a matter of the accounts"
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
# What a request for things calls the states of an order.
_WORDS = {"revoked": "cancelled", "on-hold": "suspended"}

_STATUS = one("ORC-5", "SupplyRequest.status", code(ORDER_STATUS), DECIDED, placed=True)
_CONTROL = one("ORC-1", "SupplyRequest.status", code(CONTROL_STATUS), DECIDED, placed=True)
_ORDERED = one("ORC-9", "SupplyRequest.authoredOn", date_time, DECIDED, placed=True)
_ORDERER = one("ORC-12", "SupplyRequest.requester", practitioner, DECIDED, reuse=True, placed=True)
COMMON = Table("ORC", "SupplyRequest", (_STATUS, _CONTROL, _ORDERED, _ORDERER))

_ITEMS = tuple(
    one(f"RQD-{number}", "SupplyRequest.itemCodeableConcept", concept(), DECIDED, reuse=True, placed=True)
    for number in (2, 3, 4)
)
_AMOUNT = one("RQD-5", "SupplyRequest.quantity.value", decimal, DECIDED, placed=True)
_UNIT = one("RQD-6", "SupplyRequest.quantity.unit", unit, DECIDED, reuse=True, placed=True)
_DELIVER = one("RQD-9", "SupplyRequest.deliverTo", coded_reference, DECIDED, placed=True)
_NEEDED = one("RQD-10", "SupplyRequest.occurrenceDateTime", date_time, DECIDED, placed=True)
ITEM = Table(
    "RQD",
    "SupplyRequest",
    (*_ITEMS, _AMOUNT, _UNIT, _DELIVER, _NEEDED),
    {1: "set id: position only", 7: _ACCOUNTING, 8: _ACCOUNTING},
)

_VENDOR = one("RQ1-4", "SupplyRequest.supplier", coded_organization, DECIDED, reuse=True, placed=True)


def _parameter(number: int, value: str, build: Build) -> Row:
    return one(f"RQ1-{number}", f"SupplyRequest.parameter.{value}", build, DECIDED, placed=True)


_PARAMETERS = (
    (_parameter(2, "valueCodeableConcept", concept()), "manufacturer"),
    (_parameter(3, "valueCodeableConcept", text_concept), "manufacturer's catalog"),
    (_parameter(5, "valueCodeableConcept", text_concept), "vendor's catalog"),
    (_parameter(7, "valueBoolean", boolean(table("YesNoIndicator"))), "substitute allowed"),
)
DETAIL = Table("RQ1", "SupplyRequest", (_VENDOR, *(row for row, _ in _PARAMETERS)), {1: _ACCOUNTING, 6: _ACCOUNTING})


def item(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RQD: the SupplyRequest of its ORC."""
    segment, orc = node.segment, frame.common
    numbers = order_numbers(orc, None, scope)
    key = (*(key_of(numbers[0], scope) if numbers else unnumbered(frame, scope)), segment.text(1), segment.text(2))
    resource: Resource = {"resourceType": "SupplyRequest", "id": scope.child_id("SupplyRequest", *key)}
    scope.note_alike(resource, *segment.fields)  # a request for things names no person: who asks twice asks once
    scope.add(resource)
    if numbers:
        resource["identifier"] = numbers
    resource["status"] = "unknown"
    if orc is not None:
        _fill_common(resource, orc, scope)
        add_order_event(orc, resource, scope)
    codings = [found for row in _ITEMS for found in values(row, segment, scope, resource)]
    resource["itemCodeableConcept"] = _joined(codings) or _UNKNOWN
    amount, units = first(_AMOUNT, segment, scope, resource), first(_UNIT, segment, scope, resource) or {}
    resource["quantity"] = _UNKNOWN if amount is None else {"value": amount, **units}
    needed, deliver = first(_NEEDED, segment, scope, resource), first(_DELIVER, segment, scope, resource)
    if needed:
        resource["occurrenceDateTime"] = needed
    if deliver:
        resource["deliverTo"] = deliver
    return frame.within(supply=resource, remarks=resource)


def _fill_common(resource: Resource, orc: Segment, scope: Scope) -> None:
    set_status(resource, orc, _STATUS, _CONTROL, scope)
    resource["status"] = _WORDS.get(resource["status"], resource["status"])
    ordered, orderer = first(_ORDERED, orc, scope, resource), first(_ORDERER, orc, scope, resource)
    if ordered:
        resource["authoredOn"] = ordered
    if orderer:
        resource["requester"] = orderer


def _joined(concepts: list[Resource]) -> Resource:
    """Return one concept of the codes that several fields give to one thing."""
    codings = [coding for one_ in concepts for coding in one_.get("coding", ())]
    texts = [one_["text"] for one_ in concepts if "text" in one_]
    found: Resource = {"coding": list({repr(one_): one_ for one_ in codings}.values())} if codings else {}
    return {**found, "text": texts[0]} if texts else found


def detail(node: Node, frame: Frame, scope: Scope) -> None:
    """RQ1: who makes and who sells it."""
    segment, resource = node.segment, frame.supply
    if resource is None:
        return
    vendor = first(_VENDOR, segment, scope, resource)
    if vendor:
        resource["supplier"] = [vendor]
    for row, name in _PARAMETERS:
        said = first(row, segment, scope, resource)
        if said is not None:
            element = row.target.rpartition(".")[2]
            resource.setdefault("parameter", []).append({"code": {"text": name}, element: said})


TABLES = (COMMON, ITEM, DETAIL)
HANDLERS: dict[str, Handler] = {"RQD": item, "RQ1": detail}
