"""JSON whose numbers stay as they were written: ``10.0`` does not become ``10``, nor ``7.10`` become ``7.1``.

FHIR wants the precision of a decimal kept (https://hl7.org/fhir/R4/datatypes.html#decimal), and a float loses it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

# A member that a float would write differently (a trailing zero after the point, an exponent, more than 15 digits), or
# an array of numbers. Both begin with a literal byte, so that a text without them is passed at the speed of a search:
# every time of day holds a colon and digits, and must not cost a message the fast way.
_NEEDS_CARE = re.compile(rb'"\s*:\s*-?\d+(?:\.\d*0(?!\d)|\.?\d*[eE]|[.\d]{15})')
_NUMBERS = re.compile(rb"\[\s*-?\d")


def dumps(value: object) -> bytes:
    """Return a value as JSON; a Decimal is written as it is."""
    return orjson.dumps(value, default=_as_written)


def fitted(text: bytes) -> bytes:
    """Return the same bytes in a block of their own size: orjson leaves each the 4 kB that it began to write in."""
    return b"%b" % text


class Written(NamedTuple):
    """Values as JSON, and whether a Decimal was written: where none was, `loads` need not look for one."""

    texts: list[bytes]
    has_decimals: bool


def dumps_each(values: Iterable[object]) -> Written:
    """Return each value as JSON."""
    decimals: list[object] = []
    note = noting(decimals)
    texts = [orjson.dumps(value, note) for value in values]
    return Written(texts, bool(decimals))


def noting(decimals: list[object]) -> Callable[[object], orjson.Fragment]:
    """Return what writes a Decimal as it is, as `orjson.dumps` calls it, and adds it to a list."""

    def note(number: object) -> orjson.Fragment:
        decimals.append(number)
        return _as_written(number)

    return note


def dumps_telling(value: object) -> tuple[bytes, bool]:
    """Return a value as JSON, and whether a Decimal was written."""
    [text], has_decimals = dumps_each([value])
    return text, has_decimals


def loads(body: bytes, *, may_hold_decimals: bool = True) -> Any:
    """Return the value of a JSON text; a number that a float would change is a Decimal.

    Args:
        may_hold_decimals: False for what `dumps_telling` wrote without one: looking for numbers takes longer than
            reading all the rest.
    Raises:
        ValueError: it is not JSON.
    """
    if not may_hold_decimals or (_NEEDS_CARE.search(body) is None and _NUMBERS.search(body) is None):
        return orjson.loads(body)
    return json.loads(body, parse_float=read_number)


def _as_written(value: object) -> orjson.Fragment:
    if not isinstance(value, Decimal):
        raise TypeError(type(value).__name__)
    return orjson.Fragment(str(value).encode())


def read_number(text: str) -> float | Decimal:
    """Return a number of a JSON text: a Decimal where a float would be written differently."""
    as_float = float(text)
    return as_float if repr(as_float) == text else Decimal(text)
