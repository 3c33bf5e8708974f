"""Fields that only one sender has (Z-segments, local use of others), mapped by its interface (decision 0038)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import boolean, coding, concept, text
from shared.mapping.datatypes.identifier import cx
from shared.mapping.datatypes.number import decimal, integer, quantity
from shared.mapping.datatypes.time import date, date_time
from shared.mapping.frame import Frame
from shared.mapping.grouping import place_of
from shared.mapping.rows import KEPT, Build, Resource, Row, many, parts_below, parts_of, same_parts, values
from shared.message.finding import Finding

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

ValueType = Literal[
    "string", "boolean", "integer", "decimal", "date", "dateTime", "Coding", "CodeableConcept", "Identifier", "Quantity"
]
_BUILDS: Mapping[str, Build] = {
    "string": text,
    "boolean": boolean(table("YesNoIndicator")),
    "integer": integer,
    "decimal": decimal,
    "date": date,
    "dateTime": date_time,
    "Coding": coding(),
    "CodeableConcept": concept(),
    "Identifier": cx(),
    "Quantity": quantity,
}
# Resources a segment can stand at, and where its frame has them; any other is the one that the segment follows.
_AT_HAND = {
    "Account": "account",
    "Appointment": "appointment",
    "DiagnosticReport": "report",
    "DocumentReference": "document",
    "Encounter": "visit",
    "MessageHeader": "header",
    "Patient": "person",
    "ServiceRequest": "request",
    "SupplyRequest": "supply",
}
TARGETS = frozenset(_AT_HAND) | frozenset(
    {"AllergyIntolerance", "CarePlan", "Condition", "Goal", "Observation", "Procedure", "Specimen"}
)


@dataclass(frozen=True, slots=True)
class CustomField:
    """What an interface says of one field: where its values go.

    Attributes:
        segment: ``ZPI``, or a segment of the standard.
        resource: Type of the resource that takes it.
        element: ``extension`` or ``identifier``.
        row: How a value is made.
    """

    segment: str
    resource: str
    element: str
    row: Row


def custom_field(field: str, target: str, *, url: str = "", kind: str = "string", system: str = "") -> CustomField:
    """Return a custom field.

    Args:
        field: ``ZPI-3``, or ``ZPI-3.2`` for one component.
        target: ``Patient.extension`` or ``Patient.identifier``.
        url: Of the extension.
        kind: FHIR type of the extension's value.
        system: Of the identifier; empty: as the field says it.
    """
    place, _, component = field.partition(".")
    resource, _, element = target.partition(".")
    build = _extension(url, kind) if element == "extension" else _identifier(system)
    if component:
        build = _of_component(int(component), build)
    row = many(place, target, build, "interface", placed=True, part=url or KEPT)
    return CustomField(place.partition("-")[0], resource, element, row)


def by_segment(fields: Iterable[CustomField]) -> Mapping[str, tuple[CustomField, ...]]:
    """Return custom fields by their segment."""
    found: dict[str, tuple[CustomField, ...]] = {}
    for one_ in fields:
        found[one_.segment] = (*found.get(one_.segment, ()), one_)
    return found


@cache
def _extension(url: str, kind: str) -> Build:
    build, element = _BUILDS[kind], "value" + kind[0].upper() + kind[1:]

    @parts_below(element, build)
    def extension(raw: str, scope: Scope) -> Resource | None:
        found = build(raw, scope)
        return None if found is None else {"url": url, element: found}

    return extension


@cache
def _identifier(system: str) -> Build:
    build = cx()

    @same_parts(build)
    def identifier(raw: str, scope: Scope) -> Resource | None:
        found: Resource | None = build(raw, scope)
        return {**found, "system": system} if found and system else found

    return identifier


@cache
def _of_component(number: int, build: Build) -> Build:
    @parts_of({number: ""})
    def component(raw: str, scope: Scope) -> Any:
        piece = scope.parts(raw)[number - 1]
        return build(piece.replace(scope.subcomponent, scope.component), scope) if piece else None

    return component


def add_custom(segment: Segment, frame: Frame, scope: Scope) -> None:
    """Put the custom fields of a segment where its interface says."""
    for one_ in scope.context.custom.get(segment.name, ()):
        row = one_.row
        if row.number >= len(segment.fields) or not segment.fields[row.number]:
            continue
        holder = _holder(one_.resource, frame)
        scope.segment, scope.number, scope.repetition = segment, row.number, 1
        if holder is None:
            scope.find("custom_without_place", one_.resource)
            continue
        found = [value for value in values(row, segment, scope, holder) if value not in holder.get(one_.element, ())]
        if found:
            holder[one_.element] = [*holder.get(one_.element, ()), *found]


def _holder(resource: str, frame: Frame) -> Resource | None:
    found: Resource | None = getattr(frame, _AT_HAND.get(resource, "remarks"))
    return found if found is not None and found["resourceType"] == resource else None


def without_claimed(findings: list[Finding], segments: Iterable[Segment], scope: Scope) -> list[Finding]:
    """Return findings without those on local segments that the interface maps."""
    custom = scope.context.custom
    if not custom:
        return findings
    claimed = {place_of(segment) for segment in segments if segment.name in custom}
    return [one_ for one_ in findings if one_.code != "segment_local" or one_.place not in claimed]
