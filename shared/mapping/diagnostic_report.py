"""OBR in a result message: the DiagnosticReport (guide: OBR[DiagnosticReport], ORC[DiagnosticReport])."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import DATA_ABSENT, code, coding, concept
from shared.mapping.datatypes.identifier import group_number
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.datatypes.time import date_time, instant
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.order import RESULT_MESSAGES, add_request, says_of_order
from shared.mapping.order_number import NUMBERS, key_of, unnumbered
from shared.mapping.practitioner import named_role
from shared.mapping.rows import Build, Resource, Table, Unmapped, extension, fill, first, many, one, same_parts
from shared.mapping.specimen import specimens_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# The guide leaves A, Y, Z, M and N open: "some results available" is partial, and the others say nothing of a report.
_REPORT_STATUS = table("ResultStatus[Non-Queries]").also(A="partial")
_RESULT_STATUS = {
    **dict.fromkeys(("final", "preliminary", "corrected", "cancelled", "registered"), ""),
    "partial": "preliminary",
}
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"


@cache
def performing(function: str) -> Build:
    """Return the build function of a performer in the function that the guide assigns."""
    coded = {"coding": [{"system": _PARTICIPATION, "code": function}]}
    marked = [{"url": EXTENSION + "event-performerFunction", "valueCodeableConcept": coded}]

    @same_parts(named_role)
    def performer(raw: str, scope: Scope) -> Resource | None:
        found = named_role(raw, scope)
        return {"extension": marked, **found} if found else None

    return performer


_REPORT_CODE = one("OBR-4", "DiagnosticReport.code", concept(), "OBR[DiagnosticReport] 10", reuse=True)
_REPORT_STATE = one(
    "OBR-25", "DiagnosticReport.status", code(_REPORT_STATUS), "OBR[DiagnosticReport] 32", reuse=True, placed=True
)
_OBSERVED = one("OBR-7", "DiagnosticReport.effectiveDateTime", date_time, "OBR[DiagnosticReport] 13, 14", placed=True)
_OBSERVED_END = one("OBR-8", "DiagnosticReport.effectivePeriod.end", date_time, "OBR[DiagnosticReport] 15", placed=True)

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
        many(
            "OBR-34",
            "DiagnosticReport.performer",
            performing("SPRF"),
            "OBR[DiagnosticReport] 42 to 45",
            reuse=True,
            part="SPRF",
        ),
        many(
            "OBR-35",
            "DiagnosticReport.performer",
            performing("TRANS"),
            "OBR[DiagnosticReport] 46 to 49",
            reuse=True,
            part="TRANS",
        ),
    ),
)


COMMON = Table(
    "ORC",
    "DiagnosticReport",
    (
        many("ORC-4", "DiagnosticReport.identifier", group_number, "ORC[DiagnosticReport] 11, 12", part="PGN"),
        extension(
            "ORC-16",
            "DiagnosticReport.extension",
            EXTENSION + "event-statusReason",
            "valueCodeableConcept",
            concept(),
            "ORC[DiagnosticReport] 25, 26",
        ),
        many(
            "ORC-28",
            "DiagnosticReport.meta.security",
            coding(table("ConfidentialityCode")),
            "ORC[DiagnosticReport] 38",
            reuse=True,
        ),
    ),
)


def observation_request(node: Node, frame: Frame, scope: Scope) -> Frame:
    """OBR: in a result message the report of the results below, else the order itself."""
    segment, own = node.segment, node.first("ORC")
    if own is not None:  # OUL: the ORC follows its OBR
        frame = frame.within(request=add_request(own.segment, segment, frame, scope), common=own.segment)
    if scope.code in RESULT_MESSAGES:
        if frame.request is None and says_of_order(segment):
            frame = frame.within(request=add_request(None, segment, frame, scope))
        return _report(node, frame, scope)
    request = frame.request
    if request is None or request["resourceType"] != "ServiceRequest":  # a drug's ORC: its OBR is another order
        request = add_request(None, segment, frame, scope)
    found = specimens_of(node, frame, scope)
    if found:
        request["specimen"] = found
    return frame.within(request=request, remarks=request, order=(request["id"],), specimen=None)


def _report(node: Node, frame: Frame, scope: Scope) -> Frame:
    """Return the frame of the results of a report."""
    segment = node.segment
    identifiers, order = _numbers(segment, frame, scope)
    resource: Resource = {"resourceType": "DiagnosticReport", "id": scope.child_id("DiagnosticReport", *order)}
    scope.add(resource)
    if identifiers:
        resource["identifier"] = identifiers
    if frame.request:
        resource["basedOn"] = [{"reference": "urn:uuid:" + frame.request["id"]}]
    if frame.common is not None:
        fill(resource, frame.common, COMMON, scope)
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


def _numbers(obr: Segment, frame: Frame, scope: Scope) -> tuple[list[Resource], tuple[str, ...]]:
    """Return the placer and filler number of a report, its order's where it has none, and the key of its results."""
    own = {kind: first(NUMBERS["OBR", number], obr, scope, {}) for kind, number in (("placer", 2), ("filler", 3))}
    for identifier in (frame.request or {}).get("identifier", ()):
        kind = {"PLAC": "placer", "FILL": "filler"}.get(_type_of(identifier), "")
        own[kind] = own.get(kind) or identifier
    number = own["filler"] or own["placer"]
    key = (*(key_of(number, scope) if number else unnumbered(frame, scope)), obr.text(4))
    return [one_ for kind in ("placer", "filler") if (one_ := own[kind])], key


def _type_of(identifier: Resource) -> str:
    return str(identifier["type"]["coding"][0]["code"]) if "type" in identifier else ""


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
    scope.noted(resource)["control"] = segment.code(25)
    if isinstance(found, Unmapped):
        resource["_status"] = found.extension
        found = None
    resource["status"] = found or "unknown"
    return (_RESULT_STATUS.get(found) or found if found in _RESULT_STATUS else "") if found else ""


TABLES = (REPORT, COMMON)
HANDLERS: dict[str, Handler] = {"OBR": observation_request}
