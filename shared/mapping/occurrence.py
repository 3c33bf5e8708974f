"""When a service is wanted: TQ1, TQ2, ORC-7, OBR-27 of an order not for a drug (guide: TQ1[ServiceRequest])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.datatypes.identifier import ei
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Resource, Table, first, one, values
from shared.mapping.timing import (
    OF_SERVICE,
    SERVICE_FIELDS,
    Timed,
    add_priority,
    read_timings,
    timings_of,
)

if TYPE_CHECKING:
    from shared.mapping.scope import Scope


def add_occurrence(resource: Resource, orc: Segment | None, obr: Segment | None, scope: Scope) -> None:
    """Add when a service is wanted, as ORC-7 and OBR-27 of older versions say it."""
    for segment in (orc, obr):
        said = values(SERVICE_FIELDS[segment.name], segment, scope, resource) if segment is not None else []
        said = [timed for timed in said if timed != Timed()]
        if said:
            _occur(resource, said, scope)
            return


def _occur(resource: Resource, said: list[Timed], scope: Scope) -> None:
    add_priority(resource, said)
    if timed := next((one_ for one_ in said if one_.at), None):
        scope.segment, scope.number, scope.repetition = timed.at or scope.segment, timed.number, 1
    timings = [timing for timed in said for timing in timings_of(timed, scope)]
    if timings and "occurrenceDateTime" in resource and not _is_pattern(timings[0]):
        if timings[0]["repeat"].get("boundsPeriod", {}).get("start") != resource["occurrenceDateTime"]:
            scope.find("statement_differs", "ServiceRequest.occurrence: the time of OBR-6 counts")
    elif timings:
        if resource.pop("occurrenceDateTime", None):
            scope.find("statement_differs", "ServiceRequest.occurrence: the timing counts")
        resource["occurrenceTiming"] = timings[0]
    if len(timings) > 1:
        scope.find("timing_as_text", "R4 has one occurrence of a service: the first counts")
    first_ = said[0]
    if first_.quantity:
        resource["quantityQuantity"] = first_.quantity
    if first_.condition:
        resource["asNeededCodeableConcept"] = {"text": first_.condition}
    elif first_.is_as_needed:
        resource["asNeededBoolean"] = True
    notes = [{"text": one_} for timed in said for one_ in (timed.instruction, timed.note) if one_]
    if notes:
        resource["note"] = [*resource.get("note", []), *notes]


def _is_pattern(said: Resource) -> bool:
    """Tell whether a timing says more than its bounds."""
    return "code" in said or not said["repeat"].keys() <= {"boundsPeriod", "boundsDuration"}


_RELATED = (
    one("TQ2-3", "ServiceRequest.supportingInfo.identifier", ei("PLAC"), "decision 0020", placed=True),
    one("TQ2-4", "ServiceRequest.supportingInfo.identifier", ei("FILL"), "decision 0020", placed=True),
)
SEQUENCE = Table(
    "TQ2",
    "ServiceRequest",
    _RELATED,
    {1: "set id: position only"}
    | dict.fromkeys((2, 5, 6, 7, 8, 9, 10), "the guide has no map of TQ2 and R4 no order between orders"),
)


def timing(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """TQ1: the occurrence of its service; a prescription has read its own; in an appointment it is a finding."""
    request = frame.request
    if request is None:
        scope.segment, scope.number, scope.repetition = node.segment, 1, 1
        scope.find("timing_without_order")
        leave_out(node.segment, range(1, 15), "no order is told here, and the guide gives a report none", scope)
    elif request["resourceType"] == "ServiceRequest":
        said = read_timings([node], OF_SERVICE, scope)
        if said and "occurrenceTiming" in request:
            scope.find("timing_as_text", "R4 has one occurrence of a service: the first counts")
        elif said:
            _occur(request, said, scope)
    return frame


def sequence(node: Node, frame: Frame, scope: Scope) -> None:
    """TQ2: the orders that this one comes before or after, by their numbers."""
    if frame.request is None:
        return
    kind = frame.request["resourceType"]
    element = "supportingInfo" if kind == "ServiceRequest" else "supportingInformation"
    for row in _RELATED:
        related = first(row, node.segment, scope, frame.request)
        if related:
            frame.request.setdefault(element, []).append({"type": kind, "identifier": related})


TABLES = (SEQUENCE,)
HANDLERS: dict[str, Handler] = {"TQ1": timing, "TQ2": sequence}
