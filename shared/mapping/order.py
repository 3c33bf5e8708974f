"""ORC and OBR as an order: the ServiceRequest (guide: ORC[ServiceRequest], OBR[ServiceRequest]).

A result message names the order it answers, and never updates it. Any other message orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.care import order_for
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import DATA_ABSENT, code, coding, concept, text_concept
from shared.mapping.datatypes.identifier import cx, ei, eip, group_number
from shared.mapping.datatypes.person import EXTENSION, address, contact_point
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.occurrence import add_occurrence
from shared.mapping.order_event import EVENT, add_order_event
from shared.mapping.order_number import NUMBERS, key_of, order_numbers, unnumbered
from shared.mapping.order_status import set_status
from shared.mapping.organization import complete_organization, organization, unnamed_organization
from shared.mapping.practitioner import practitioner, role_of
from shared.mapping.prescription import drug_group, is_drug_group
from shared.mapping.rows import (
    ALL,
    KEPT,
    Resource,
    Table,
    absent,
    extension,
    fill,
    first,
    many,
    one,
    parts_of,
    same_parts,
    values,
)

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

RESULT_MESSAGES = frozenset({"ORU", "OUL", "ORF"})
ORDER_STATUS = table("OrderStatus")
# Replaced orders are "treated as though they were canceled" (HL7 table 0119, RO); the guide has RQ active, RU open.
CONTROL_STATUS = table("OrderControlCode[ServiceRequest.status]").also(RQ="revoked", RU="revoked")
_PRIORITY = table("ExtendedPriorityCodes")
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_NO_TARGET = "the guide gives it no FHIR element"
_NO_EXTENSION = "the guide's extension does not exist"
# Fields of an OBR that a DiagnosticReport has no place for, and a ServiceRequest has.
_ORDER_ALONE = (5, 6, 13, 16, 17, 29, 31, 46, 47, 53)
_REPORT_ALONE = (22, 24, 25, 32, 34, 35)  # and the other way round
_CALLBACK = EXTENSION + "servicerequest-order-callback-phone-number"

_GROUP = one("ORC-4", "ServiceRequest.requisition", group_number, "ORC[ServiceRequest] 15 to 23", placed=True)
_CONTROL = one("ORC-1", "ServiceRequest.status", code(CONTROL_STATUS), "ORC[ServiceRequest] 3", reuse=True, placed=True)
_STATUS = one("ORC-5", "ServiceRequest.status", code(ORDER_STATUS), "ORC[ServiceRequest] 24", reuse=True, placed=True)
_EVENT_TIME = one("ORC-9", "ServiceRequest.authoredOn", date_time, "ORC[ServiceRequest] 28", placed=True)
_ORDERER = {
    "ORC": one("ORC-12", "ServiceRequest.requester", practitioner, "ORC[ServiceRequest] 34", reuse=True, placed=True),
    "OBR": one("OBR-16", "ServiceRequest.requester", practitioner, "OBR[ServiceRequest] 28", reuse=True, placed=True),
}
_FACILITY = one(
    "ORC-21", "PractitionerRole.organization", organization, "ORC[ServiceRequest] 46", reuse=True, placed=True
)
_FACILITY_ADDRESS = many("ORC-22", "Organization.address", address, "ORC[ServiceRequest] 47", placed=True, part=KEPT)
_FACILITY_TELECOM = many(
    "ORC-23", "Organization.telecom", contact_point(), "ORC[ServiceRequest] 48", placed=True, part=KEPT
)
_ORDERER_ADDRESS = many("ORC-24", "Practitioner.address", address, "ORC[ServiceRequest] 49", placed=True, part=KEPT)

COMMON = Table(
    "ORC",
    "ServiceRequest",
    (
        *(_CONTROL, NUMBERS["ORC", 2], NUMBERS["ORC", 3], _GROUP, _STATUS, _EVENT_TIME, _ORDERER["ORC"]),
        extension(
            "ORC-14",
            "ServiceRequest.extension",
            _CALLBACK,
            "valueContactPoint",
            contact_point(),
            "ORC[ServiceRequest] 36, 37",
        ),
        extension(
            "ORC-16",
            "ServiceRequest.extension",
            EXTENSION + "request-statusReason",
            "valueCodeableConcept",
            concept(),
            "ORC[ServiceRequest] 39, 40",
            when=absent(5),
        ),
        *(_FACILITY, _FACILITY_ADDRESS, _FACILITY_TELECOM, _ORDERER_ADDRESS),
        many(
            "ORC-28",
            "ServiceRequest.meta.security",
            coding(table("ConfidentialityCode")),
            "ORC[ServiceRequest] 53",
            reuse=True,
        ),
        many(
            "ORC-29", "ServiceRequest.locationCode", concept(table("OrderType")), "ORC[ServiceRequest] 54", reuse=True
        ),
        many("ORC-33", "ServiceRequest.identifier", cx("PLAC"), "ORC[ServiceRequest] 58 to 60", part="PLAC"),
        many("ORC-38", "ServiceRequest.identifier", ei("FGN"), "ORC[ServiceRequest] 65 to 67", part=KEPT),
    ),
    {
        **dict.fromkeys((6, 13, 20, 26, 27, 30, 32, 34, 35, 36, 37), _NO_TARGET),
        **dict.fromkeys((25, 31), _NO_EXTENSION),
        8: "the guide leaves the parent of an order to a later edition",
    },
)

_ABOUT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ServiceRequest.supportingInfo"
_CONCEPT = concept()


@same_parts(_CONCEPT)
def clinical_information(raw: str, scope: Scope) -> Resource | None:
    """Return the extension of OBR-13, a text until 2.6; R4 writes a CodeableReference of R5 as its two parts."""
    found = (text_concept if scope.is_before("2.7") else _CONCEPT)(raw, scope)
    return {"url": _ABOUT, "extension": [{"url": "concept", "valueCodeableConcept": found}]} if found else None


_NUMBER_PAIR = eip("PLAC", "FILL")


@parts_of({1: "identifier", 2: "identifier"})
def parent_orders(raw: str, scope: Scope) -> list[Resource]:
    """Return references to the parent of an order by its numbers (guide: OBR[ServiceRequest] 42 to 45)."""
    return [{"type": "ServiceRequest", "identifier": number} for number in _NUMBER_PAIR(raw, scope)]


SERVICE = Table(
    "OBR",
    "ServiceRequest",
    (
        *(NUMBERS["OBR", 2], NUMBERS["OBR", 3]),
        one("OBR-4", "ServiceRequest.code", concept(), "OBR[ServiceRequest] 12", reuse=True),
        one("OBR-5", "ServiceRequest.priority", code(_PRIORITY), "OBR[ServiceRequest] 13", reuse=True),
        one("OBR-6", "ServiceRequest.occurrenceDateTime", date_time, "OBR[ServiceRequest] 14"),
        _ORDERER["OBR"],
        extension(
            "OBR-17",
            "ServiceRequest.extension",
            _CALLBACK,
            "valueContactPoint",
            contact_point(),
            "OBR[ServiceRequest] 29, 30",
        ),
        many("OBR-13", "ServiceRequest.extension", clinical_information, "OBR[ServiceRequest] 23, 24", part=_ABOUT),
        many("OBR-29", "ServiceRequest.basedOn", parent_orders, "OBR[ServiceRequest] 42 to 46"),
        many("OBR-31", "ServiceRequest.reasonCode", concept(), "OBR[ServiceRequest] 48", reuse=True),
        many("OBR-46", "ServiceRequest.orderDetail", concept(), "OBR[ServiceRequest] 63", reuse=True, part=ALL),
        many("OBR-47", "ServiceRequest.orderDetail", concept(), "OBR[ServiceRequest] 64", reuse=True, part=KEPT),
        many("OBR-53", "ServiceRequest.identifier", cx("PLAC"), "OBR[ServiceRequest] 70 to 72", part="PLAC"),
    ),
    {
        1: "set id: position only",
        11: "what to do with the specimen: G alone changes the order (a reflex order)",
        26: "the guide leaves the parent result to a later edition",
        28: "the guide leaves copies of the result to a later edition",
        50: "the guide leaves the parent service to a later edition; OBR-29 numbers the parent",
        54: "the guide leaves the parent of an order to a later edition",
        **dict.fromkeys(
            (12, 18, 19, 20, 21, 23, 30, 33, 36, 37, 38, 40, 41, 42, 43, 44, 45, 48, 49, 51, 52), _NO_TARGET
        ),
    },
)


def common_order(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """ORC: the ServiceRequest of its group; its OBR completes it."""
    segment = node.segment
    if frame.common is segment and frame.request is not None:  # it follows its OBR, which has taken it
        add_order_event(segment, frame.request, scope)
        return None
    detail = node.first("OBR")
    if is_drug_group(node, scope):
        return drug_group(node, frame, lambda: add_request(segment, None, frame, scope), scope)
    if detail is None and any(node.first(name) for name in ("RQD", "ODS", "ODT")):
        return frame.within(common=segment, request=None, remarks=None)
    if detail is None and len(node.children) and not any(node.all(name) for name in ("OBX", "NTE", "SPM", "TQ1")):
        return None  # an order of another kind: its own segment maps it
    if detail is None and not any(segment.fields[2:]):
        return None
    request = add_request(segment, detail.segment if detail else None, frame, scope)
    add_order_event(segment, request, scope)
    return frame.within(request=request, remarks=request, common=segment)


def add_request(orc: Segment | None, obr: Segment | None, frame: Frame, scope: Scope) -> Resource:
    """Add the ServiceRequest of an ORC, an OBR or both; return it."""
    identifiers = order_numbers(orc, obr, scope)
    number = identifiers[0] if identifiers else None
    service = obr.text(4) if obr else ""
    key = (*key_of(number, scope), service) if number else (*unnumbered(frame, scope), service)
    resource: Resource = {"resourceType": "ServiceRequest", "id": scope.child_id("ServiceRequest", *key)}
    scope.add(resource)
    if identifiers:
        resource["identifier"] = identifiers
    resource["status"], resource["intent"] = "unknown", "order"
    if orc is not None:
        _fill_common(resource, orc, scope)
    if obr is not None:
        _fill_service(resource, obr, scope)
    if orc is not None:
        _add_orderer_address(resource, orc, scope)
        _add_facility(resource, orc, scope)
    order_for(resource, frame)
    add_occurrence(resource, orc, obr, scope)
    resource["subject"] = frame.patient or _UNKNOWN
    if frame.encounter:
        resource["encounter"] = frame.encounter
    return resource


def says_of_order(obr: Segment) -> bool:
    """Tell whether the OBR of a result without an ORC says what only an order can hold (decision 0030)."""
    fields = obr.fields
    return any(fields[number] for number in _ORDER_ALONE if number < len(fields))


def _fill_common(resource: Resource, orc: Segment, scope: Scope) -> None:
    fill(resource, orc, COMMON, scope)
    set_status(resource, orc, _STATUS, _CONTROL, scope)
    group = values(_GROUP, orc, scope, resource)
    if group:
        resource["requisition"] = group[0]
        if len(group) > 1:
            resource.setdefault("identifier", []).extend(group[1:])
    time = first(_EVENT_TIME, orc, scope, resource)
    if time and orc.code(1) == "NW":
        resource["authoredOn"] = time
    elif time:
        event = [{"url": "date", "valueDateTime": time}]
        resource.setdefault("extension", []).append({"url": EXTENSION + "businessEvent", "extension": event})
    orderer = first(_ORDERER["ORC"], orc, scope, resource)
    if orderer:
        resource["requester"] = orderer


def _add_orderer_address(resource: Resource, orc: Segment, scope: Scope) -> None:
    orderer, where = resource.get("requester"), values(_ORDERER_ADDRESS, orc, scope, resource)
    if orderer and where:
        number = orderer["reference"].removeprefix("urn:uuid:")
        scope.add_or_complete({"resourceType": "Practitioner", "id": number, "address": where})


def _add_facility(resource: Resource, orc: Segment, scope: Scope) -> None:
    """Let the orderer act for the facility of ORC-21; without an orderer the facility itself ordered."""
    facility = first(_FACILITY, orc, scope, resource)
    rows = (("address", _FACILITY_ADDRESS), ("telecom", _FACILITY_TELECOM))
    said = {element: found for element, row in rows if (found := values(row, orc, scope, resource))}
    if said and facility:
        complete_organization(facility["reference"], said, scope)
    elif said:
        facility = unnamed_organization(said, scope)
    if facility and "requester" in resource:
        facility = role_of(resource["requester"], scope, organization=facility)
    if facility:
        resource["requester"] = facility


def _fill_service(resource: Resource, obr: Segment, scope: Scope) -> None:
    fill(resource, obr, SERVICE, scope)
    if scope.code not in RESULT_MESSAGES:
        leave_out(obr, _REPORT_ALONE, "about a report: the guide gives an order no FHIR element for it", scope)
    if obr.code(11) == "G":
        resource["intent"] = "reflex-order"
    if "orderDetail" in resource:
        resource.setdefault("code", _UNKNOWN)  # prr-1: details of something
    orderer = first(_ORDERER["OBR"], obr, scope, resource)
    if orderer and resource.setdefault("requester", orderer) != orderer:
        scope.find("statement_differs", "ServiceRequest.requester: ORC-12 counts")


TABLES = (COMMON, SERVICE, EVENT)
HANDLERS: dict[str, Handler] = {"ORC": common_order}
