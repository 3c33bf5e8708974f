"""The value of an Observation as OBX-2, OBX-5 and OBX-6."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.rendering.coded import concept
from shared.rendering.codes import system_name
from shared.rendering.draft import composed, escaped
from shared.rendering.rows import Resource
from shared.rendering.times import clock, hl7_time, taken_period

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

# OBX-2, the repetitions of OBX-5, and the quantity whose unit OBX-6 is.
Value = tuple[str, list[str], Resource]
_LONGEST_ST = 199
_NO_UNIT: Resource = {}


def _quantity(value: Resource) -> Value | None:
    if "value" not in value:
        return None
    number, sign = value.pop("value"), value.pop("comparator", "")
    return ("SN", [composed([sign, str(number)])], value) if sign else ("NM", [escaped(number)], value)


def _range(value: Resource) -> Value | None:
    low, high = value.get("low", {}), value.get("high", {})
    if "value" not in low or "value" not in high:
        return None
    text = composed(["", str(low.pop("value")), "-", str(high.pop("value"))])
    return "SN", [text], _one_unit(low, high)


def _ratio(value: Resource) -> Value | None:
    numerator, denominator = value.get("numerator", {}), value.get("denominator", {})
    if "value" not in numerator or "value" not in denominator:
        return None
    ends = (str(numerator.pop("value")), ":", str(denominator.pop("value")))
    return "SN", [composed([numerator.pop("comparator", ""), *ends])], _one_unit(numerator, denominator)


def _one_unit(first: Resource, second: Resource) -> Resource:
    """Return the one unit of two quantities; the second's stays behind where it is another."""
    if first == second:
        second.clear()
    return first


def _coded(value: Resource) -> Value | None:
    text = concept()(value, _NOBODY, "CWE")
    return ("CWE", [text], _NO_UNIT) if text else None


def is_short(value: str) -> bool:
    """Tell whether a text is an ST; one of several lines, or a longer one, is a TX."""
    return "\n" not in value and len(value) <= _LONGEST_ST


def _string(value: str) -> Value | None:
    return "ST" if is_short(value) else "TX", [escaped(line) for line in value.split("\n")], _NO_UNIT


def _time(value: str) -> Value | None:
    found = hl7_time(value)
    return ("DT" if len(found) <= 8 else "TS", [found], _NO_UNIT) if found else None


def _clock(value: str) -> Value | None:
    found = clock(value)
    return ("TM", [found], _NO_UNIT) if found else None


def _period(value: Resource) -> Value | None:
    text = composed(taken_period(value))
    return ("DR", [text], _NO_UNIT) if text else None


def _integer(value: int) -> Value | None:
    return "NM", [str(value)], _NO_UNIT


def _boolean(value: bool) -> Value | None:
    return "CWE", [composed(["Y" if value else "N", "Yes" if value else "No", "HL70136"])], _NO_UNIT


_WRITERS: dict[str, Callable[[Any], Value | None]] = {
    "valueQuantity": _quantity,
    "valueRange": _range,
    "valueRatio": _ratio,
    "valueCodeableConcept": _coded,
    "valueString": _string,
    "valueDateTime": _time,
    "valueTime": _clock,
    "valuePeriod": _period,
    "valueInteger": _integer,
    "valueBoolean": _boolean,
}


def taken_value(holder: Resource) -> Value | None:
    """Return the value of an Observation or component, and take it; None where it has none that OBX-5 can hold."""
    for element, write in _WRITERS.items():
        if element in holder:
            found = write(holder[element])
            if found is not None and not isinstance(holder[element], dict):
                holder.pop(element)
            return found
    return None


def unit(value: Resource) -> str:
    """Return the unit of a quantity as OBX-6, and take it."""
    code, shown, system = value.pop("code", ""), value.pop("unit", ""), value.pop("system", "")
    if not code:
        return composed([shown])
    return composed([code, shown if shown != code else "", system_name(system)])


def cq(value: Resource, draft: Draft, kind: str) -> str:
    """Write a Quantity as a CQ."""
    del draft, kind
    if "value" not in value:
        return ""
    number, code, shown = value.pop("value"), value.pop("code", ""), value.pop("unit", "")
    named = system_name(value.pop("system", ""))
    parts = [code, shown if shown != code else "", named] if code else [shown]
    return composed([str(number), parts])


class _Nobody:
    """Stands for the draft where a write function asks nothing of it."""


_NOBODY: Any = _Nobody()
