"""Times in SQLite."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as some

from shared.adapters.instant import from_microseconds, to_microseconds

TIMES = some.datetimes(datetime(1900, 1, 1), datetime(9999, 1, 1), timezones=some.just(UTC))


@given(TIMES)
def test_a_time_comes_back_to_the_microsecond(at: datetime) -> None:
    """A deadline that moved by rounding is compared with itself and found to be another."""
    assert from_microseconds(to_microseconds(at)) == at


@given(TIMES, TIMES)
def test_numbers_compare_as_the_times_do(one: datetime, other: datetime) -> None:
    """SQLite decides what is due by comparing these numbers."""
    assert (one < other) == (to_microseconds(one) < to_microseconds(other))
