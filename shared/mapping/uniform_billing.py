"""UB1 and UB2: the codes of the uniform hospital bill, as an Observation (the guide has no map: docs/decisions/0043).

Each code, amount, day or period is a component: R4 keeps them in a Claim, which no message makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import concept
from shared.mapping.datatypes.money import money
from shared.mapping.datatypes.number import bare_quantity
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, many, parts_of, same_parts, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0043"
CODE: Resource = {"text": "Uniform billing"}
_LOCATOR = "a locator of the form whose meaning each state or payer decides"
_CONDITION = concept(bare_table("0043", ""))


@dataclass(frozen=True, slots=True)
class _Part:
    """One field: its row, and what its component is called; empty where the value names itself."""

    row: Row
    name: str


@parts_of({1: "valueQuantity"})
def _count(raw: str, scope: Scope) -> Resource | None:
    """Return the value of a count of days or pints."""
    found = bare_quantity(raw, scope)
    return {"valueQuantity": found} if found else None


@same_parts(_CONDITION)
def _condition(raw: str, scope: Scope) -> Resource | None:
    """Return the value of a coded condition."""
    found = _CONDITION(raw, scope)
    return {"valueCodeableConcept": found} if found else None


def _named(raw: str, number: str, scope: Scope) -> Resource | None:
    """Return a code that is one component as the name of a component."""
    inner = raw.replace(scope.subcomponent, scope.component)
    found: Resource | None = concept(bare_table(number, ""))(inner, scope) if raw else None
    return found


@parts_of({1: "code", 2: "valueQuantity"})
def _amount(raw: str, scope: Scope) -> Resource | None:
    """Return a UVC: a value code (HL7 table 0153) and its amount, whose currency is its unit."""
    parts = scope.parts(raw)
    name, sum_ = _named(parts[0], "0153", scope), money(parts[1], scope) if parts[1] else None
    if not name:
        return None
    value = {"value": sum_["value"], **({"unit": sum_["currency"]} if "currency" in sum_ else {})} if sum_ else None
    return {"code": name, **({"valueQuantity": value} if value else {})}


@parts_of({1: "code", 2: "valueDateTime"})
def _occurrence(raw: str, scope: Scope) -> Resource | None:
    """Return an OCD: an occurrence code (HL7 table 0350) and its day."""
    parts = scope.parts(raw)
    name, day = _named(parts[0], "0350", scope), date_time(parts[1], scope) if parts[1] else None
    return {"code": name, **({"valueDateTime": day} if day else {})} if name else None


@parts_of({1: "code", 2: "valuePeriod.start", 3: "valuePeriod.end"})
def _span(raw: str, scope: Scope) -> Resource | None:
    """Return an OSP: an occurrence span code (HL7 table 0351) and its days."""
    parts = scope.parts(raw)
    name = _named(parts[0], "0351", scope)
    start, end = (date_time(part, scope) if part else None for part in parts[1:3])
    lasting = ordered(start, end, scope)
    return {"code": name, **({"valuePeriod": lasting} if lasting else {})} if name else None


def _part(source: str, name: str, build: Build) -> _Part:
    return _Part(many(source, "Observation.component", build, DECIDED, placed=True, part=KEPT), name)


_OLD_PARTS = (
    _part("UB1-2", "Blood deductible", _count),
    _part("UB1-3", "Blood furnished, pints", _count),
    _part("UB1-4", "Blood replaced, pints", _count),
    _part("UB1-5", "Blood not replaced, pints", _count),
    _part("UB1-6", "Co-insurance days", _count),
    _part("UB1-7", "Condition", _condition),
    _part("UB1-8", "Covered days", _count),
    _part("UB1-9", "Non-covered days", _count),
    _part("UB1-10", "", _amount),
    _part("UB1-11", "Grace days", _count),
    _part("UB1-16", "", _occurrence),
)
_PARTS = (
    _part("UB2-2", "Co-insurance days", _count),
    _part("UB2-3", "Condition", _condition),
    _part("UB2-4", "Covered days", _count),
    _part("UB2-5", "Non-covered days", _count),
    _part("UB2-6", "", _amount),
    _part("UB2-7", "", _occurrence),
    _part("UB2-8", "", _span),
    _part("UB2-17", "Special visits", _count),
)
# What the component of a field is called; a code, an amount or a day that names itself has none.
NAMES = {part.row.source: part.name for part in (*_OLD_PARTS, *_PARTS) if part.name}
OLD_BILL = Table(
    "UB1",
    "Observation",
    tuple(part.row for part in _OLD_PARTS),
    {
        1: "set id: position only",
        **dict.fromkeys((12, 13, 14, 15, 17, 18, 19), "of a review that is no longer held (UB-82)"),
        **dict.fromkeys(range(20, 24), _LOCATOR),
    },
)
BILL = Table(
    "UB2",
    "Observation",
    tuple(part.row for part in _PARTS),
    {1: "set id: position only", **dict.fromkeys(range(9, 17), _LOCATOR)},
)


def bill(node: Node, frame: Frame, scope: Scope) -> None:
    """UB1, UB2: one Observation of the visit, else of the person."""
    segment = node.segment
    if frame.patient is None:
        return
    components = list(_components(segment, _OLD_PARTS if segment.name == "UB1" else _PARTS, scope))
    if not components:
        return
    of = (frame.encounter or frame.patient)["reference"]
    resource: Resource = {
        "resourceType": "Observation",
        "id": scope.child_id("Observation", of, segment.name),
        "status": "final",
        "code": CODE,
        "subject": frame.patient,
        **({"encounter": frame.encounter} if frame.encounter else {}),
        "component": components,
    }
    scope.add(resource)


def _components(segment: Segment, parts: tuple[_Part, ...], scope: Scope) -> Iterator[Any]:
    for part in parts:
        for found in values(part.row, segment, scope, {}):
            yield {"code": {"text": part.name}, **found} if part.name else found


TABLES = (OLD_BILL, BILL)
HANDLERS: dict[str, Handler] = {"UB1": bill, "UB2": bill}
