"""What a result says: its value, the range it is held against, or why it has none (OBX-5 to OBX-7, OBX-32)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.changes.elements import ATTACHED
from shared.hl7 import Segment
from shared.mapping.datatypes.attachment import encapsulated, pointer
from shared.mapping.datatypes.coded import concept, fixed, text
from shared.mapping.datatypes.number import alternate_unit, has_alternate_unit_alone, unit
from shared.mapping.datatypes.value import LINES, bounds, read_value
from shared.mapping.rows import KEPT, NULL, Resource, Row, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_REASONS = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_NOT_ASKED = fixed(_REASONS, "not-asked", "Not Asked")
_UNKNOWN = fixed(_REASONS, "unknown", "Unknown")

_UNIT = one("OBX-6", "Observation.valueQuantity", unit, "OBX[Observation] 31 to 36", reuse=True, placed=True)
_ALTERNATE_UNIT = one(
    "OBX-6", "Observation.valueQuantity", alternate_unit, "OBX[Observation] 31 to 36", reuse=True, placed=True
)
_ATTACHMENT = many(
    "OBX-5", "Observation.extension.valueAttachment", encapsulated, "OBX[Observation] 26, 27", placed=True
)
_POINTER = many("OBX-5", "Observation.extension.valueAttachment", pointer, "OBX[Observation] 29, 30", placed=True)
_VALUE = one("OBX-5", "Observation.value[x]", text, "OBX[Observation] 7 to 25", placed=True)
VALUE_ROWS = (_VALUE, _ATTACHMENT, _POINTER, _UNIT, _ALTERNATE_UNIT)
_SAID = frozenset({"component", "dataAbsentReason"})
_MEASURED = frozenset({"valueQuantity", "valueRange", "valueRatio"})


@parts_of({1: "text"})
def reference_range(raw: str, scope: Scope) -> Resource | None:
    """Return one referenceRange: its text; the numbers are read where there is a unit to give them."""
    said = scope.text(raw)
    return {"text": said} if said else None


@parts_of({1: "coding"})
def not_asked(raw: str, scope: Scope) -> Resource | None:
    """Return why there is no value of what nobody asked for."""
    return _NOT_ASKED if scope.text(raw) == "N" else None


_ABSENT = one("OBX-32", "Observation.dataAbsentReason", concept(), "decision 0037", reuse=True, placed=True)
_NOT_SOUGHT = one(
    "OBX-11", "Observation.dataAbsentReason", not_asked, "OBX[Observation] 46, 47", placed=True, part=KEPT
)
ABSENCE_ROWS = (_ABSENT, _NOT_SOUGHT)


def set_value(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set the value of an Observation as OBX-2 and OBX-6 say, and the numbers of its range in the same unit."""
    fields = segment.fields
    raw = fields[5]
    scope.segment, scope.number, scope.repetition = segment, 5, 1
    if _is_null(raw, scope):
        scope.delete(resource, _VALUE)
        return
    kind = fields[2].upper() if fields[2].isalpha() else segment.text(2).upper()  # some send a CWE for the code
    if kind in {"ED", "RP"}:
        _attach(resource, _ATTACHMENT if kind == "ED" else _POINTER, segment, scope)
        return
    before = len(scope.trace or ())
    is_alternate = len(fields) > 6 and has_alternate_unit_alone(fields[6], scope)
    units = first(_ALTERNATE_UNIT if is_alternate else _UNIT, segment, scope, resource) or {}
    of_unit = slice(before, len(scope.trace or ()))
    scope.number = 5
    if scope.separator in raw:
        _place_values(resource, kind, raw, units, scope)
    elif (value := read_value(kind, raw, units, scope)) is not None:
        resource[value[0]] = value[1]
        scope.take(_VALUE)
    if "valueQuantity" in resource and "referenceRange" in resource:
        resource["referenceRange"] = _measured(resource["referenceRange"], fields, units, scope)
    if scope.trace is not None and units and not _has(units, resource):
        del scope.trace[of_unit]


def _is_null(raw: str, scope: Scope) -> bool:
    """Tell whether a value deletes the one before: it is an HL7 null, or has nothing but nulls for its components."""
    return raw == NULL or (NULL in raw and not raw.replace(NULL, "").strip(scope.component))


def _has(units: Resource, resource: Resource) -> bool:
    """Tell whether the value of a result, or one of its values, has the unit: text and codes have none."""
    if any(_has(units, each) for each in resource.get("component", ())):
        return True
    # What of an SN is no number is written with its unit.
    return not _MEASURED.isdisjoint(resource) or resource.get("valueString", "").endswith(" " + units["unit"])


def _attach(resource: Resource, row: Row, segment: Segment, scope: Scope) -> None:
    """Add the documents of OBX-5 in the extension that R5 has for them."""
    found = values(row, segment, scope, resource)
    if found:
        resource.setdefault("extension", []).extend({"url": ATTACHED, "valueAttachment": each} for each in found)


def _measured(ranges: list[Resource], fields: list[str], units: Resource, scope: Scope) -> list[Resource]:
    """Return reference ranges with their numbers in the unit of the value."""
    said = fields[7] + NULL + fields[6]
    kept = scope.reused.get(("measured", said))
    if kept is not None:
        found: list[Resource] = kept[0]
        return found
    return scope.reuse("measured", said, lambda _, __: [{**bounds(each["text"], units), **each} for each in ranges])


def _place_values(resource: Resource, kind: str, raw: str, units: Resource, scope: Scope) -> None:
    """Place several values, one component for each; the lines of a text are one value."""
    found: list[tuple[str, Any]] = []
    lines: list[str] = []
    for repetition, part in enumerate(raw.split(scope.separator), 1):
        scope.repetition = repetition
        value = read_value(kind, part, units, scope) if part and part != NULL else None
        lines.append(value[1] if value is not None else "")
        if value is not None:
            found.append(value)
            scope.take(_VALUE)
    if found and kind in LINES:
        resource["valueString"] = "\n".join(lines).strip("\n")  # an empty line within a text is one of it
    elif len(found) == 1:
        resource[found[0][0]] = found[0][1]
    elif found:
        resource["component"] = [{"code": resource["code"], element: value} for element, value in found]


def explain_absence(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Say why a result has no value, where the message does (OBX-32, OBX-11 ``N``)."""
    reason = first(_ABSENT, segment, scope, resource) or first(_NOT_SOUGHT, segment, scope, resource)
    if reason:
        resource["dataAbsentReason"] = reason


def explain_corrections(scope: Scope) -> None:
    """Say of each correction that brings no value that there is none: it replaces one that was wrong (decision 0187).

    HL7 7.4.2.11: "data contained in the OBX-5 ... are to replace" what was sent. An HL7 null has deleted that already.
    """
    for resource, segment in scope.corrections:
        if not _says_value(resource) and not _is_null(segment.fields[5], scope):
            resource["dataAbsentReason"] = _UNKNOWN
            scope.segment, scope.number, scope.repetition = segment, 5, 1
            scope.find("correction_without_value")


def _says_value(resource: Resource) -> bool:
    """Tell whether an Observation has a value, of whatever type, or says why it has none."""
    if not _SAID.isdisjoint(resource) or any(name.startswith("value") for name in resource):
        return True
    return any(one["url"] == ATTACHED for one in resource.get("extension", ()))
