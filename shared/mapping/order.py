"""ORC and OBR: ServiceRequest and DiagnosticReport (guide: ORC[ServiceRequest], OBR[DiagnosticReport] and kin).

The numbers of ORC and OBR are one: OBR-2 or ORC-2, OBR-3 or ORC-3. A result message reports (DiagnosticReport); where
it has an ORC it also names the order (ServiceRequest), which it never updates. Any other message orders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import DATA_ABSENT, code, coding, concept
from shared.mapping.datatypes.identifier import cx, ei, eip
from shared.mapping.datatypes.person import EXTENSION, contact_point
from shared.mapping.datatypes.time import date_time, instant
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.occurrence import add_occurrence
from shared.mapping.organization import organization
from shared.mapping.practitioner import named_role, practitioner, role_of
from shared.mapping.prescription import drug_group, is_drug_group
from shared.mapping.rows import Resource, Table, Unmapped, absent, extension, fill, first, many, one, values
from shared.mapping.specimen import specimens_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

RESULT_MESSAGES = frozenset({"ORU", "OUL", "ORF"})
_ORDER_STATUS = table("OrderStatus")
_CONTROL_STATUS = table("OrderControlCode[ServiceRequest.status]")
_PRIORITY = table("ExtendedPriorityCodes")
# The guide leaves A, Y, Z, M and N open: "some results available" is partial, and the others say nothing of a report.
_REPORT_STATUS = table("ResultStatus[Non-Queries]").also(A="partial")
_RESULT_STATUS = {
    **dict.fromkeys(("final", "preliminary", "corrected", "cancelled", "registered"), ""),
    "partial": "preliminary",
}
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_NO_TARGET = "the guide gives it no FHIR element"
_NO_EXTENSION = "the guide's extension does not exist"
_PLACER = ("PLAC", "Placer Identifier")
_FILLER = ("FILL", "Filler Identifier")
_CALLBACK = EXTENSION + "servicerequest-order-callback-phone-number"

_NUMBERS = {
    (name, number): one(f"{name}-{number}", "ServiceRequest.identifier", ei(*kind), guide, placed=True)
    for name, number, kind, guide in (
        ("ORC", 2, _PLACER, "ORC[ServiceRequest] 9 to 11"),
        ("ORC", 3, _FILLER, "ORC[ServiceRequest] 12 to 14"),
        ("OBR", 2, _PLACER, "OBR[ServiceRequest] 5 to 7"),
        ("OBR", 3, _FILLER, "OBR[ServiceRequest] 8 to 11"),
    )
}
_GROUP = one("ORC-4", "ServiceRequest.requisition", eip("PGN", "FGN"), "ORC[ServiceRequest] 15 to 23", placed=True)
_CONTROL = one(
    "ORC-1", "ServiceRequest.status", code(_CONTROL_STATUS), "ORC[ServiceRequest] 3", reuse=True, placed=True
)
_STATUS = one("ORC-5", "ServiceRequest.status", code(_ORDER_STATUS), "ORC[ServiceRequest] 24", reuse=True, placed=True)
_EVENT_TIME = one("ORC-9", "ServiceRequest.authoredOn", date_time, "ORC[ServiceRequest] 28", placed=True)
_ORDERER = {
    "ORC": one("ORC-12", "ServiceRequest.requester", practitioner, "ORC[ServiceRequest] 34", reuse=True, placed=True),
    "OBR": one("OBR-16", "ServiceRequest.requester", practitioner, "OBR[ServiceRequest] 28", reuse=True, placed=True),
}
_FACILITY = one(
    "ORC-21", "PractitionerRole.organization", organization, "ORC[ServiceRequest] 46", reuse=True, placed=True
)

COMMON = Table(
    "ORC",
    "ServiceRequest",
    (
        *(_CONTROL, _NUMBERS["ORC", 2], _NUMBERS["ORC", 3], _GROUP, _STATUS, _EVENT_TIME, _ORDERER["ORC"]),
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
        _FACILITY,
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
        many("ORC-33", "ServiceRequest.identifier", cx("PLAC"), "ORC[ServiceRequest] 58 to 60"),
    ),
    {
        **dict.fromkeys((6, 8, 13, 26, 27, 30, 32, 34, 35, 36, 37), _NO_TARGET),
        **dict.fromkeys((25, 31), _NO_EXTENSION),
    },
)

_REPORT_CODE = one("OBR-4", "DiagnosticReport.code", concept(), "OBR[DiagnosticReport] 10", reuse=True)
_REPORT_STATE = one(
    "OBR-25", "DiagnosticReport.status", code(_REPORT_STATUS), "OBR[DiagnosticReport] 32", reuse=True, placed=True
)
_OBSERVED = one("OBR-7", "DiagnosticReport.effectiveDateTime", date_time, "OBR[DiagnosticReport] 13, 14", placed=True)
_OBSERVED_END = one("OBR-8", "DiagnosticReport.effectivePeriod.end", date_time, "OBR[DiagnosticReport] 15", placed=True)

SERVICE = Table(
    "OBR",
    "ServiceRequest",
    (
        *(_NUMBERS["OBR", 2], _NUMBERS["OBR", 3]),
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
        many("OBR-31", "ServiceRequest.reasonCode", concept(), "OBR[ServiceRequest] 48", reuse=True),
        many("OBR-46", "ServiceRequest.orderDetail", concept(), "OBR[ServiceRequest] 63", reuse=True),
        many("OBR-47", "ServiceRequest.orderDetail", concept(), "OBR[ServiceRequest] 64", reuse=True),
        many("OBR-53", "ServiceRequest.identifier", cx("PLAC"), "OBR[ServiceRequest] 70 to 72"),
    ),
    {
        1: "set id: position only",
        **dict.fromkeys(
            (12, 18, 19, 20, 21, 23, 30, 33, 36, 37, 38, 40, 41, 42, 43, 44, 45, 48, 49, 51, 52), _NO_TARGET
        ),
    },
)

REPORT = Table(
    "OBR",
    "DiagnosticReport",
    (
        _REPORT_CODE,
        *(_OBSERVED, _OBSERVED_END),
        one("OBR-22", "DiagnosticReport.issued", instant, "OBR[DiagnosticReport] 29", reuse=True),
        many(
            "OBR-24",
            "DiagnosticReport.category",
            concept(table("DiagnosticServiceSectionID")),
            "OBR[DiagnosticReport] 31",
            reuse=True,
        ),
        _REPORT_STATE,
        many("OBR-32", "DiagnosticReport.resultsInterpreter", named_role, "OBR[DiagnosticReport] 40", reuse=True),
        many("OBR-34", "DiagnosticReport.performer", named_role, "OBR[DiagnosticReport] 42", reuse=True),
        many("OBR-35", "DiagnosticReport.performer", named_role, "OBR[DiagnosticReport] 46", reuse=True),
    ),
)


def common_order(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """ORC: the ServiceRequest of its group; its OBR completes it."""
    segment = node.segment
    detail = node.first("OBR")
    if is_drug_group(node, scope):
        return drug_group(node, frame, lambda: _request(segment, None, frame, scope), scope)
    if detail is None and len(node.children) and not any(node.all(name) for name in ("OBX", "NTE", "SPM", "TQ1")):
        return None  # an order of another kind: its own segment maps it
    if detail is None and not any(segment.fields[2:]):
        return None
    request = _request(segment, detail.segment if detail else None, frame, scope)
    return frame.within(request=request, remarks=request)


def _request(orc: Segment | None, obr: Segment | None, frame: Frame, scope: Scope) -> Resource:
    identifiers = _order_numbers(orc, obr, scope)
    number = identifiers[0] if identifiers else None
    service = obr.text(4) if obr else ""
    key = (*_key_of(number, scope), service) if number else (*_unnumbered(frame, scope), service)
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
        _add_facility(resource, orc, scope)
    add_occurrence(resource, orc, obr, scope)
    resource["subject"] = frame.patient or _UNKNOWN
    if frame.encounter:
        resource["encounter"] = frame.encounter
    return resource


def _fill_common(resource: Resource, orc: Segment, scope: Scope) -> None:
    fill(resource, orc, COMMON, scope)
    scope.noted(resource)["control"] = orc.text(1)
    state = first(_STATUS, orc, scope, resource) or first(_CONTROL, orc, scope, resource)
    if isinstance(state, Unmapped):
        resource["_status"] = state.extension
    elif state:
        resource["status"] = state
    group = values(_GROUP, orc, scope, resource)
    if group:
        resource["requisition"] = group[0]
        if len(group) > 1:
            resource.setdefault("identifier", []).extend(group[1:])
    time = first(_EVENT_TIME, orc, scope, resource)
    if time and orc.text(1) == "NW":
        resource["authoredOn"] = time
    elif time:
        event = [{"url": "date", "valueDateTime": time}]
        resource.setdefault("extension", []).append({"url": EXTENSION + "businessEvent", "extension": event})
    orderer = first(_ORDERER["ORC"], orc, scope, resource)
    if orderer:
        resource["requester"] = orderer


def _add_facility(resource: Resource, orc: Segment, scope: Scope) -> None:
    """Let the orderer act for the facility of ORC-21; without an orderer the facility itself ordered."""
    facility = first(_FACILITY, orc, scope, resource)
    if facility and "requester" in resource:
        facility = role_of(resource["requester"], scope, organization=facility)
    if facility:
        resource["requester"] = facility


def _fill_service(resource: Resource, obr: Segment, scope: Scope) -> None:
    fill(resource, obr, SERVICE, scope)
    if obr.text(11) == "G":
        resource["intent"] = "reflex-order"
    orderer = first(_ORDERER["OBR"], obr, scope, resource)
    if orderer and resource.setdefault("requester", orderer) != orderer:
        scope.find("statement_differs", "ServiceRequest.requester: ORC-12 counts")


def _order_numbers(orc: Segment | None, obr: Segment | None, scope: Scope) -> list[Resource]:
    """Return placer and filler numbers, the OBR's own before the ORC's; one that both name once."""
    found: list[Resource] = []
    for number in (2, 3):
        for name, segment in (("OBR", obr), ("ORC", orc)):
            one_ = first(_NUMBERS[name, number], segment, scope, {}) if segment is not None else None
            if one_ and one_ not in found:
                found.append(one_)
    return found


def _key_of(number: Resource, scope: Scope) -> tuple[str, str, str]:
    kind = number["type"]["coding"][0]["code"]
    return kind, number.get("system", scope.assigner), number["value"]


def _unnumbered(frame: Frame, scope: Scope) -> tuple[str, ...]:
    """Return the key of an order without any number: it exists in this message only."""
    of = frame.patient["reference"] if frame.patient else ""
    return of, scope.assigner, scope.message.control_id, scope.message_time


def observation_request(node: Node, frame: Frame, scope: Scope) -> Frame:
    """OBR: in a result message the report of the results below, else the order itself."""
    segment = node.segment
    if scope.code not in RESULT_MESSAGES:
        request = frame.request or _request(None, segment, frame, scope)
        inner = frame.within(request=request, remarks=request, order=(request["id"],), specimen=None)
        found = specimens_of(node, inner, scope)
        if found:
            request["specimen"] = found
        return inner
    return _report(node, frame, scope)


def _report(node: Node, frame: Frame, scope: Scope) -> Frame:
    segment = node.segment
    own = {kind: first(_NUMBERS["OBR", number], segment, scope, {}) for kind, number in (("placer", 2), ("filler", 3))}
    if frame.request:
        for identifier in frame.request.get("identifier", ()):
            kind = {"PLAC": "placer", "FILL": "filler"}.get(identifier["type"]["coding"][0]["code"], "")
            own[kind] = own.get(kind) or identifier
    number = own["filler"] or own["placer"]
    order = (*(_key_of(number, scope) if number else _unnumbered(frame, scope)), segment.text(4))
    resource: Resource = {"resourceType": "DiagnosticReport", "id": scope.child_id("DiagnosticReport", *order)}
    scope.add(resource)
    identifiers = [one_ for kind in ("placer", "filler") if (one_ := own[kind])]
    if identifiers:
        resource["identifier"] = identifiers
    if frame.request:
        resource["basedOn"] = [{"reference": "urn:uuid:" + frame.request["id"]}]
    fill(resource, segment, REPORT, scope)
    resource.setdefault("code", _UNKNOWN)
    if frame.patient:
        resource["subject"] = frame.patient
    if frame.encounter:
        resource["encounter"] = frame.encounter
    effective = _set_times(resource, segment, scope)
    status = _set_report_status(resource, segment, scope)
    inner = frame.within(report=resource, remarks=resource, order=order, effective=effective, result_status=status)
    found = specimens_of(node, inner, scope)
    if found:
        resource["specimen"] = found
    inner.specimen = found[0] if len(found) == 1 else None
    return inner


def _set_times(resource: Resource, segment: Segment, scope: Scope) -> str:
    start, end = first(_OBSERVED, segment, scope, resource), first(_OBSERVED_END, segment, scope, resource)
    if start and end and end != start:
        resource["effectivePeriod"] = {"start": start, "end": end}
    elif start or end:
        resource["effectiveDateTime"] = start or end
    return start or end or ""


def _set_report_status(resource: Resource, segment: Segment, scope: Scope) -> str:
    """Set the report's status; return the one its results have where they name none."""
    found = first(_REPORT_STATE, segment, scope, resource)
    scope.noted(resource)["control"] = segment.text(25)
    if isinstance(found, Unmapped):
        resource["_status"] = found.extension
        found = None
    resource["status"] = found or "unknown"
    return (_RESULT_STATUS.get(found) or found if found in _RESULT_STATUS else "") if found else ""


TABLES = (COMMON, SERVICE, REPORT)
HANDLERS: dict[str, Handler] = {"ORC": common_order, "OBR": observation_request}
