"""OBX-5 by OBX-2 as the value of an Observation (guide: OBX[Observation] 7 to 30)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.mapping.datatypes.coded import concept
from shared.mapping.datatypes.number import compared, number, number_range, quantity, structured
from shared.mapping.datatypes.time import clock, date_time, period
from shared.mapping.rows import Resource

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

Value = tuple[str, Any]
ReadValue = Callable[[str, Resource, "Scope"], Value | None]


def _numeric(raw: str, unit: Resource, scope: Scope) -> Value | None:
    """NM: a number, with a comparator where there is one; else text, an amount (``5,4``) with its unit."""
    text = scope.text(raw)
    value = number(text)
    if value is not None:
        return "valueQuantity", {"value": value, **unit}
    found = compared(text)
    if found is not None:
        return "valueQuantity", {"value": found[1], "comparator": found[0], **unit}
    if not text:
        return None
    scope.find("number_invalid", f"{len(text)} characters, kept as text")
    is_amount = text.lstrip("<>=+- ")[:1].isdigit()
    return "valueString", f"{text} {unit['unit']}" if is_amount and unit else text


def _structured(raw: str, unit: Resource, scope: Scope) -> Value | None:
    return structured([scope.text(part) for part in scope.parts(raw)[:4]], unit)


def _range(raw: str, unit: Resource, scope: Scope) -> Value | None:
    found = number_range(raw, scope)
    if not found:
        return None
    low, high = found.get("low"), found.get("high")
    if low and high and low["value"] > high["value"]:
        return _string(raw, unit, scope)
    return "valueRange", {end: {**value, **unit} for end, value in found.items()}


def _quantity(raw: str, unit: Resource, scope: Scope) -> Value | None:
    found = quantity(raw, scope)
    return ("valueQuantity", {**unit, **found}) if found else None


def _coded(raw: str, unit: Resource, scope: Scope) -> Value | None:
    del unit
    found = concept()(raw, scope)
    return ("valueCodeableConcept", found) if found else None


def _time(raw: str, unit: Resource, scope: Scope) -> Value | None:
    found = date_time(raw, scope)
    return ("valueDateTime", found) if found else _string(raw, unit, scope)


def _clock(raw: str, unit: Resource, scope: Scope) -> Value | None:
    found = clock(raw, scope)
    return ("valueTime", found) if found else _string(raw, unit, scope)


def _period(raw: str, unit: Resource, scope: Scope) -> Value | None:
    found = period(raw, scope)
    is_whole = found is not None and len(found) == sum(map(bool, scope.parts(raw)[:2]))
    return ("valuePeriod", found) if is_whole else _string(raw, unit, scope)  # half of a value is another value


def _joined(separator: str) -> ReadValue:
    def joined(raw: str, unit: Resource, scope: Scope) -> Value | None:
        del unit
        said = separator.join(part for part in (scope.text(part) for part in raw.split(scope.component)) if part)
        return ("valueString", said) if said else None

    return joined


def _string(raw: str, unit: Resource, scope: Scope) -> Value | None:
    """Text keeps its lines and inner blanks; components of a type without a FHIR value stay as they were sent."""
    del unit
    said = scope.lines(raw)
    return ("valueString", said) if said.strip() else None


READERS: dict[str, ReadValue] = {
    "NM": _numeric,
    "SN": _structured,
    "NR": _range,
    "CQ": _quantity,
    **dict.fromkeys(("CE", "CWE", "CNE", "CF", "IS", "ID"), _coded),
    **dict.fromkeys(("DT", "TS", "DTM"), _time),
    "TM": _clock,
    "DR": _period,
    "VR": _joined("-"),
    **dict.fromkeys(
        ("XPN", "PN", "XCN", "CN", "XON", "XAD", "AD", "XTN", "TN", "CX", "CK", "PL", "EI", "HD"), _joined(" ")
    ),
    **dict.fromkeys(("ST", "TX", "FT", "NA", "MA"), _string),
}
LINES = frozenset({"TX", "FT"})


def read_value(kind: str, raw: str, unit: Resource, scope: Scope) -> Value | None:
    """Return (element, value) of one repetition of OBX-5; None when it holds nothing.

    Args:
        kind: OBX-2. A missing or unknown one makes text, with a finding.
        unit: The unit elements of OBX-6.
    """
    reader = READERS.get(kind)
    if reader is None:
        scope.find("value_type_unknown", kind if kind.isalnum() and len(kind) < 4 else "OBX-2")
        reader = _string
    return reader(raw, unit, scope)


def bounds(text: str, unit: Resource) -> Resource:
    """Return low and high of a range such as ``3.5-5.0``, ``<5``, ``>= 60``; empty when it is none, or reversed."""
    before, dash, after = text.partition("-")
    low, high = number(before.strip()), number(after.strip())
    if dash and low is not None and high is not None:
        return {"low": {"value": low, **unit}, "high": {"value": high, **unit}} if low <= high else {}
    found = compared(text.strip())
    if found and found[0]:
        return {"high" if found[0][0] == "<" else "low": {"value": found[1], **unit}}
    return {}
