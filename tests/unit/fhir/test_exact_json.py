"""Numbers stay as they were written."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from shared.fhir.exact_json import dumps, dumps_telling, loads


@pytest.mark.parametrize(
    "text",
    [
        "10.0",
        "7.10",
        "0.00",
        "-3.50",
        "1E+2",
        "12345678901234567.25",
        "0.1234567890123456789",
        "5",
        "1.5",
        "-0.5",
        "100",
    ],
)
@pytest.mark.parametrize("form", ['{"value":%s}', '{"value":%s,"unit":"g"}', "[1,%s,2]"])
def test_a_number_is_written_back_as_it_was_read(text, form):
    """The digits a laboratory reports say how exact the value is (FHIR R4, decimal)."""
    body = (form % text).encode()
    assert dumps(loads(body)) == body


def test_a_decimal_is_written_as_a_number():
    """The mapping keeps an NM as Decimal where a float would change it."""
    assert dumps({"value": Decimal("10.0")}) == b'{"value":10.0}'


@pytest.mark.parametrize("number", [5, 1.5, -0.1, 1e30, 12345678901234567])
def test_numbers_that_are_no_decimals_need_no_second_look(number):
    """Looking for numbers takes longer than reading: it is spared where nothing can be lost."""
    body, has_decimals = dumps_telling({"value": number, "text": "7.10"})

    assert not has_decimals
    assert loads(body, may_hold_decimals=False) == {"value": number, "text": "7.10"}


def test_a_decimal_is_told_of():
    """Whoever keeps the text must know that it wants care."""
    assert dumps_telling([{"value": Decimal("10.0")}]) == (b'[{"value":10.0}]', True)


def test_text_that_looks_like_such_a_number_stays_text():
    """A phone number or a note must come back unchanged."""
    body = b'{"a":"1:2.0,3.0","b":",7.10"}'
    assert loads(body) == {"a": "1:2.0,3.0", "b": ",7.10"}


def test_anything_else_is_refused():
    """A value that JSON cannot hold is an error of ours, found where it is written."""
    with pytest.raises(TypeError):
        dumps({"value": object()})


def test_a_time_of_day_takes_the_fast_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every resource carries times; reading them with care would cost each message several times as much."""
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("took the slow way"))

    body = b'{"lastUpdated":"2026-11-21T04:06:42.150Z","id":"12345678-1234-8234-8234-123456789012","n":17,"x":1.5}'
    assert dumps(loads(body)) == body
