"""Bytes to JSON that means one thing only: what two readers could understand in two ways is refused."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson

from shared.fhir.exact_json import read_number
from shared.message.collector import collector_paused
from shared.message.errors.fhir import FhirTooLarge, FhirUnreadable

Json = dict[str, Any]

LARGEST_BYTES = 16 * 1024 * 1024
LARGE_BYTES = 256 * 1024  # some hundred thousand objects, and not to be read in the loop
DEEPEST = 64  # FHIR itself seldom goes below ten
_LONGEST_NUMBER = 64  # digits; FHIR asks for 18
_WIDEST_EXPONENT = 400  # beyond it a reader makes the number infinite, or nothing
_64_BITS = 18


def read_json(body: bytes) -> Json:
    """Return the object that a body holds; decimals that a float would change are Decimals.

    Raises:
        FhirTooLarge: it is above `LARGEST_BYTES`.
        FhirUnreadable: it is no JSON object in UTF-8, is nested deeper than `DEEPEST`, has a key twice, or a number
            that others could not read.
    """
    if len(body) > LARGEST_BYTES:
        raise FhirTooLarge(f"{len(body)} bytes, {LARGEST_BYTES} at most")
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        with collector_paused(when=len(body) > LARGE_BYTES):
            found = _parsed(body)
    except (ValueError, RecursionError) as error:
        raise FhirUnreadable(_place_of(error)) from None
    if not isinstance(found, dict):
        raise FhirUnreadable("no object")
    if _depth_is_above(found, DEEPEST):
        raise FhirUnreadable(f"deeper than {DEEPEST}")
    return found


def _parsed(body: bytes) -> object:
    orjson.loads(body)  # strict where Python's reader is not: UTF-8, lone surrogates, NaN, a depth that kills
    return json.loads(body, object_pairs_hook=_object, parse_float=_decimal, parse_int=_whole, parse_constant=_refuse)


def _object(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FhirUnreadable("a key twice in one object")
    return found


def _decimal(text: str) -> object:
    mantissa, _, exponent = text.lower().partition("e")
    if len(mantissa) > _LONGEST_NUMBER or (exponent and (len(exponent) > 5 or abs(int(exponent)) > _WIDEST_EXPONENT)):
        raise FhirUnreadable("a number that others cannot hold")
    return read_number(text)


def _whole(text: str) -> object:
    return int(text) if len(text) <= _64_BITS else _decimal(text)


def _refuse(text: str) -> NoReturn:
    raise FhirUnreadable(f"{text} is no number")


def _place_of(error: Exception) -> str:
    """Return where it is no JSON: never what stands there."""
    return f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "too deep"


def _depth_is_above(value: object, deepest: int) -> bool:
    level = [value]
    for _ in range(deepest):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
