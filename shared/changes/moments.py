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


def _datetime(time: str) -> datetime | None:
    try:
        return datetime.fromisoformat(time) if len(time) > _DATE else None
    except ValueError:
        return None


def is_same_moment(one: str, other: str) -> bool:
    """Tell whether two times are one; where nobody says one there is none."""
    if one == other:
        return one != ""
    at, then = _datetime(one), _datetime(other)
    return at is not None and at == then


def is_within(one: str, other: str) -> bool:
    """Tell whether one of two times says less of the other: the day alone, or no part of the second."""
    if min(len(one), len(other)) <= _DATE:
        return bool(one and other) and (one.startswith(other) or other.startswith(one))
    at, then = _datetime(one), _datetime(other)
    return at is not None and then is not None and timedelta(0) < abs(at - then) < timedelta(seconds=1)


def is_hour_moved(one: str, other: str) -> bool:
    """Tell whether two times are the same by the clock, and an hour apart: the clocks were changed between them."""
    at, then = _datetime(one), _datetime(other)
    if at is None or then is None:
        return False
    return at.replace(tzinfo=None) == then.replace(tzinfo=None) and abs(at - then) == timedelta(hours=1)
