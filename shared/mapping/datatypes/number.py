"""NM and its companions as FHIR numbers, lexically exact (guide: NM[Quantity], CQ[Quantity], SN[...], NR[Range]).

``10.0`` is not ``10`` to a laboratory. A value that a float would write differently is a Decimal; ``exact_json`` writes
it as it was sent. Leading zeros and a plus sign mean nothing and go.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from shared.mapping.codes.systems import code_system
from shared.mapping.rows import Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_COMPARED = re.compile(r"(<=|>=|<|>)\s*(.+)")
_CARET = "^"
_LONGEST = 22  # components of a CWE
_TEN = re.compile(r"(?:.*[^\w.]|.*[xX])?10", re.ASCII)  # of a power of ten: no unit is a number
_EXPONENT = re.compile(r"[+-]?\d", re.ASCII)
COMPARATORS = frozenset({"<", "<=", ">=", ">"})

Number = int | float | Decimal


def number(text: str) -> Number | None:
    """Return the number a text writes, lexically exact; None when it is none."""
    if text.isdigit() and len(text) < 16 and text.isascii():
        return int(text)
    try:
        as_float = float(text)
    except ValueError:
        return None
    if repr(as_float) == text and text[-1].isdigit():  # as written, and neither nan nor inf
        return as_float
    if _NUMBER.fullmatch(text) is None:
        return None
    exact = Decimal(text)
    plain = str(exact)
    if repr(as_float) == plain:
        return as_float
    return int(plain) if plain.lstrip("-").isdigit() and len(plain) < 16 and plain != "-0" else exact


@parts_of({1: ""})
def decimal(raw: str, scope: Scope) -> Number | None:
    """Return an NM as a number, or None with a finding."""
    text = scope.text(raw)
    found = number(text)
    if found is None and text:
        scope.find("number_invalid", f"{len(text)} characters")
    return found


@parts_of({1: ""})
def positive(raw: str, scope: Scope) -> int | None:
    """Return a positiveInt."""
    found = decimal(raw, scope)
    if isinstance(found, int) and 0 < found < 2**31:
        return found
    if found is not None:
        scope.find("number_out_of_range", "a positive whole number is needed")
    return None


@parts_of({1: ""})
def integer(raw: str, scope: Scope) -> int | None:
    """Return an integer."""
    found = decimal(raw, scope)
    if isinstance(found, int) and abs(found) < 2**31:
        return found
    if found is not None:
        scope.find("number_out_of_range", "a whole number is needed")
    return None


@parts_of({1: "value", 2: "unit"})
def quantity(raw: str, scope: Scope) -> Resource | None:
    """Return a Quantity (CQ): CQ.2 is a CWE whose components are subcomponents here."""
    parts = scope.parts(raw)
    value = decimal(parts[0], scope) if parts[0] else None
    if value is None:
        return None
    units = scope.subparts(parts[1]) if parts[1] else [""] * 9
    return {"value": value, **unit_of(units[0], units[1], units[2])}


@parts_of({1: "value"})
def bare_quantity(raw: str, scope: Scope) -> Resource | None:
    """Return a Quantity without a unit (NM)."""
    value = decimal(raw, scope)
    return None if value is None else {"value": value}


@parts_of({1: "value"})
def days(raw: str, scope: Scope) -> Resource | None:
    """Return a Duration in days (guide: NM[Quantity-LengthOfStay]); a negative one is a finding."""
    value = decimal(raw, scope)
    if value is None:
        return None
    if value < 0:
        scope.find("number_out_of_range", "a stay cannot be negative")
        return None
    return {"value": value, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}


@parts_of({1: "low.value", 2: "high.value"})
def number_range(raw: str, scope: Scope) -> Resource | None:
    """Return a Range (NR)."""
    parts = scope.parts(raw)
    ends = {"low": parts[0], "high": parts[1]}
    found = {name: {"value": value} for name, part in ends.items() if (value := number(scope.text(part))) is not None}
    return found or None


@parts_of(
    {1: "code", 2: "unit", 3: "system"},
    {
        4: "Quantity holds one unit",
        5: "Quantity holds one unit",
        6: "Quantity holds one unit",
        9: "Quantity holds one unit",
    },
)
def unit(raw: str, scope: Scope) -> Resource:
    """Return the unit elements of OBX-6 (guide: CWE[Quantity]); the alternate one where the first is empty."""
    parts = unit_parts(raw, scope)
    code, display, system = parts[:3] if parts[0] or parts[1] or parts[8] else parts[3:6]
    return unit_of(code, display or parts[8], system)


_ONE_UNIT = dict.fromkeys((1, 2, 3, 9), "Quantity holds one unit")


@parts_of({4: "code", 5: "unit", 6: "system"}, _ONE_UNIT)
def alternate_unit(raw: str, scope: Scope) -> Resource:
    """Return the unit elements of an OBX-6 that has nothing but its alternate unit."""
    found: Resource = unit(raw, scope)
    return found


def has_alternate_unit_alone(raw: str, scope: Scope) -> bool:
    """Tell whether a unit (CWE) has neither code nor text before its alternate."""
    if not raw.startswith(scope.component):
        return False
    parts = unit_parts(raw, scope)
    return not (parts[0] or parts[1] or parts[8]) and bool(parts[3] or parts[4])


def unit_parts(raw: str, scope: Scope) -> list[str]:
    """Return the components of a unit as text; a power of ten whose caret nobody escaped is one of them.

    ``10^3/uL`` and ``x10^9/L`` are written so by many laboratories: split, the unit would be ``3/uL``.
    """
    parts = [scope.text(part) for part in scope.parts(raw)[:_LONGEST]]
    for place in range(_LONGEST - 1) if scope.component == _CARET and "10^" in raw else ():
        if _TEN.fullmatch(parts[place]) and _EXPONENT.match(parts[place + 1]):
            parts[place : place + 2] = [f"{parts[place]}{scope.component}{parts[place + 1]}"]
            parts.append("")
    return parts


def unit_of(code: str, display: str, system: str) -> Resource:
    """Return the unit elements of a Quantity (guide: CWE[Quantity]); a code only with the system that defines it."""
    unit: Resource = {}
    if display or code:
        unit["unit"] = display or code
    named = code_system(system) if system else ""
    if code and named:
        unit["system"], unit["code"] = named, " ".join(code.split())
    return unit


def compared(text: str) -> tuple[str, Number] | None:
    """Return comparator and number of a value such as ``<5`` or ``7``; None when it is neither."""
    value = number(text)
    if value is not None:
        return "", value
    found = _COMPARED.fullmatch(text)
    value = number(found[2].strip()) if found else None
    return (found[1], value) if found and value is not None else None


def structured(parts: list[str], unit: Resource) -> tuple[str, Any] | None:
    """Return (element, value) of an SN (guide: OBX[Observation] 19 to 24), unit included.

    Args:
        parts: Comparator, first number, separator, second number.
        unit: The unit elements of OBX-6.

    Returns:
        None where there is no number: a comparator or a separator alone says nothing, and a unit even less.
    """
    sign, first, separator, second = (part.strip() for part in parts[:4])
    if not first and not second:
        return ("valueString", sign) if any(map(str.isalnum, sign)) else None
    low, high = number(first), number(second)
    written = " ".join(part for part in (sign, first, separator, second, unit.get("unit", "")) if part)
    comparable = sign in COMPARATORS or sign in {"", "="}
    if comparable and low is not None and high is not None and separator in {":", "/"}:
        numerator: Resource = {"value": low, **unit}
        if sign in COMPARATORS:
            numerator = {"value": low, "comparator": sign, **unit}
        return "valueRatio", {"numerator": numerator, "denominator": {"value": high, **unit}}
    if sign in {"", "="} and low is not None and high is not None and separator == "-" and low <= high:
        return "valueRange", {"low": {"value": low, **unit}, "high": {"value": high, **unit}}
    if comparable and low is not None and not separator and not second:
        comparator = {"comparator": sign} if sign in COMPARATORS else {}
        return "valueQuantity", {"value": low, **comparator, **unit}
    return ("valueString", written) if written else None
