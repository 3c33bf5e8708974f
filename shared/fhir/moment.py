"""Compares FHIR dates and times, which may be known to the year, the month, the day or the second."""

from __future__ import annotations

from datetime import date
from decimal import Decimal


def is_after(first: str, second: str) -> bool | None:
    """Return whether the first moment is later; None where their precision does not tell.

    Args:
        first: A valid FHIR ``date``, ``dateTime`` or ``instant``.
        second: Another; ``2024`` and ``2024-03`` may be either way round.
    Source:
        FHIRPath 2.0, 6.2 Comparison: values of different precision are compared as far as both are known.
    """
    if "T" in first and "T" in second:
        return instant_key(first) > instant_key(second)
    left, right = first[:10].split("-"), second[:10].split("-")
    for one, other in zip(left, right, strict=False):
        if one != other:
            return one > other
    return False if len(first) == len(second) else None


def instant_key(moment: str) -> tuple[int, Decimal]:
    """Return minutes in UTC and seconds of a moment with a time, in the order of time; second 60 is a leap second."""
    day, clock = moment.split("T")
    zone = 0
    if clock.endswith("Z"):
        clock = clock[:-1]
    else:
        clock, sign, offset = clock[:-6], clock[-6], clock[-5:]
        zone = (int(offset[:2]) * 60 + int(offset[3:])) * (1 if sign == "+" else -1)
    minutes = date.fromisoformat(day).toordinal() * 1440 + int(clock[:2]) * 60 + int(clock[3:5])
    return minutes - zone, Decimal(clock[6:])
