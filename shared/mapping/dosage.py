"""Dosage instructions: dose, timing, route and limit of a drug (guide: TQ1[, RXR[MedicationRequest])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.mapping.aside import leave_out
from shared.mapping.datatypes.number import quantity
from shared.mapping.datatypes.timing import duration
from shared.mapping.drug_detail import doses_of
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.medication import DECIDED
from shared.mapping.route import routes, with_route
from shared.mapping.rows import Resource, Table, first, one
from shared.mapping.timing import DOSAGE_FIELDS, Timed, add_priority, dosage_timings, timings_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_AT = "MedicationRequest.dosageInstruction."
_LIMIT = one("CDO-3", _AT + "maxDosePerPeriod.numerator", quantity, DECIDED, placed=True)
_LIMIT_TIME = one("CDO-4", _AT + "maxDosePerPeriod.denominator", duration, DECIDED, placed=True)
LIMIT = Table("CDO", "MedicationRequest", (_LIMIT, _LIMIT_TIME), {1: "set id: position only", 2: "the action"})
_DAY = {"value": 1, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}


def dosages(said: list[Timed], base: Resource, scope: Scope) -> list[Resource]:
    """Return the dosage instructions of statements of timing, each with what holds for all (dose, route).

    A text that holds for all is a dose that is no number; how many of them are taken each time is no dose then.
    HL7 table 0427 / TQ1-12: A runs beside the one before, S and C follow it, so the next number is theirs.
    """
    found: list[Resource] = []
    sequence = 1
    for timed in said or [Timed()]:
        for timing in timings_of(timed, scope) or [{}]:
            dosage = {**base}
            if timing:
                dosage["timing"] = timing
            if timed.is_as_needed:
                dosage["asNeededBoolean"] = True
            if timed.instruction:
                dosage["text"] = "\n".join(filter(None, (base.get("text"), timed.instruction)))
            if timed.condition:
                more = dosage.get("additionalInstruction", [])
                dosage["additionalInstruction"] = [*more, {"text": timed.condition}]
            if timed.quantity and "doseAndRate" not in dosage and "text" not in base:
                dosage["doseAndRate"] = [{"doseQuantity": timed.quantity}]
            elif timed.quantity:
                scope.find("statement_differs", "doseAndRate: the dose of the RX segment counts")
            if dosage:
                found.append({"sequence": sequence, **dosage})
        sequence += timed.conjunction != "A"
    if len(found) == 1:
        del found[0]["sequence"]
    return found


def add_dosage(
    resource: Resource, orc: Node | None, details: dict[str, Node], said: dict[str, list[Any]], scope: Scope
) -> None:
    """Add the dosage instructions and the priority of an order."""
    timed = _timings(orc, details, scope)
    add_priority(resource, timed)
    base: Resource = {}
    if "administration" in said:
        base["additionalInstruction"] = said["administration"]
    doses, unread = doses_of(details, scope)
    if doses:
        base["doseAndRate"] = doses
    if unread:
        base["text"] = unread
    limit = _limit(orc, details, scope)
    if "daily" in said:
        base["maxDosePerPeriod"] = {"numerator": said["daily"][0], "denominator": _DAY}
    elif limit:
        base["maxDosePerPeriod"] = limit
    ways: list[Node] = []
    for node in _holders(orc, details):
        if ways:
            _pass_over_segments(node.all("RXR"), ways, "route", scope)
        ways = ways or node.all("RXR")
    found = [dosage for way in routes(ways, scope) for dosage in dosages(timed, with_route(base, way), scope)]
    if found:
        resource["dosageInstruction"] = found
    notes = [{"text": one_.note} for one_ in timed if one_.note]
    if notes:
        resource["note"] = [*resource.get("note", []), *notes]


def _pass_over_segments(nodes: list[Node], counts: list[Node], element: str, scope: Scope) -> None:
    """Leave out what segments say that others say already; a finding where they say something else."""
    start = 2 if element == "timing" else 1  # TQ1-1 is a position
    alike = [one_.segment.fields[start:] for one_ in nodes] == [one_.segment.fields[start:] for one_ in counts]
    how = "the same" if alike else "it otherwise, and counts"
    reason = f"another segment of the order says {how}"
    for one_ in nodes:
        scope.segment, scope.number, scope.repetition = one_.segment, 1, 1
        if not alike:
            scope.find("statement_differs", f"MedicationRequest.dosageInstruction.{element}: another one counts")
        leave_out(one_.segment, range(1, 20), reason, scope)


def _limit(orc: Node | None, details: dict[str, Node], scope: Scope) -> Resource | None:
    """Return the highest dose in a time that a CDO names."""
    for node in (limit for holder in _holders(orc, details) for limit in holder.all("CDO")):
        most, time = first(_LIMIT, node.segment, scope, {}), first(_LIMIT_TIME, node.segment, scope, {})
        if most and time:
            return {"numerator": most, "denominator": time}
    return None


def _holders(orc: Node | None, details: dict[str, Node]) -> list[Node]:
    """Return who may hold route and timing, the one that counts first."""
    return [node for node in (details.get("RXE"), details.get("RXO"), orc) if node]


def _timings(orc: Node | None, details: dict[str, Node], scope: Scope) -> list[Timed]:
    """Return when to give it: by the RXE, else the RXO, else the ORC; another statement is a finding."""
    found: list[Timed] = []
    for node in _holders(orc, details):
        nodes = node.all("TQ1")
        field = node.segment if node.segment.name in DOSAGE_FIELDS else None
        if not found:
            found = dosage_timings(nodes, field, scope)
        elif nodes:
            _pass_over_segments(nodes, _holders(orc, details)[0].all("TQ1"), "timing", scope)
        elif field is not None and field.text(DOSAGE_FIELDS[field.name].number):
            scope.segment, scope.number, scope.repetition = field, DOSAGE_FIELDS[field.name].number, 1
            scope.find("statement_differs", "MedicationRequest.dosageInstruction.timing: another one counts")
            leave_out(field, (scope.number,), "another statement of the timing counts", scope)
    return found


def limit(node: Node, frame: Frame, scope: Scope) -> None:
    """CDO: a limit, which the order of its RXO or RXE has read; one without any is a finding."""
    if frame.request is None:
        scope.segment, scope.number, scope.repetition = node.segment, 3, 1
        scope.find("component_without_drug")


TABLES = (LIMIT,)
HANDLERS: dict[str, Handler] = {"CDO": limit}
