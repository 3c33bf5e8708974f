"""Times as SQLite keeps them: microseconds since 1970, UTC, comparable and exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Return an aware time as a whole number."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(number: int) -> datetime:
    """Return the time that `to_microseconds` was given."""
    return _EPOCH + timedelta(microseconds=number)


def optional_microseconds(at: datetime | None) -> int | None:
    return None if at is None else to_microseconds(at)


def optional_instant(number: int | None) -> datetime | None:
    return None if number is None else from_microseconds(number)
