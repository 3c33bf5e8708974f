"""Times of FHIR as senders write them: one moment in another zone, less precisely, or moved with the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_DATE = len("2026-03-01")  # what is longer has a time of day and an offset


def moment(time: str) -> str:
    """Return a dateTime of FHIR as it is in UTC: the same moment is written in one zone today, in another tomorrow."""
    at = _datetime(time)
    try:
        return time if at is None else at.astimezone(UTC).isoformat()
    except OverflowError:
        return time


def is_same_time(one: str, other: str) -> bool:
    """Tell whether two dateTimes of FHIR are one moment, as far as both say it: to the day, or to the second."""
    return one == other or is_same_moment(one, other) or is_within(one, other)


def _datetime(time: str) -> datetime | None:
    try:
        return datetime.fromisoformat(time) if len(time) > _DATE else None
    except ValueError:
        return None


def is_same_moment(one: str, other: str) -> bool:
    """Tell whether two times are one moment, to the second."""
    if one == other:
        return True
    at, then = _datetime(one), _datetime(other)
    return at is not None and then is not None and abs(at - then) < timedelta(seconds=1)


def is_within(one: str, other: str) -> bool:
    """Tell whether one of two times says only the day, or month, of the other."""
    return min(len(one), len(other)) <= _DATE and (one.startswith(other) or other.startswith(one))


def is_hour_moved(one: str, other: str) -> bool:
    """Tell whether two times are the same by the clock, and an hour apart: the clocks were changed between them."""
    at, then = _datetime(one), _datetime(other)
    if at is None or then is None:
        return False
    return at.replace(tzinfo=None) == then.replace(tzinfo=None) and abs(at - then) == timedelta(hours=1)
