"""Timer schedules as Azure Functions writes them: NCRONTAB, six fields, UTC.

``{second} {minute} {hour} {day} {month} {day of the week}``; each field is a list of ``*``, ``5``, ``1-5``, ``*/10``,
``0-30/10`` or ``15/10``; months and days also by name. Sunday is 0. Day of the month and day of the week must both
match, unlike in cron. Source: Microsoft Learn, "Timer trigger for Azure Functions: NCRONTAB expressions".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_BOUNDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES: dict[int, dict[str, int]] = {  # by position of the field
    4: {name: number for number, name in enumerate(_MONTHS, 1)},
    5: {name: number for number, name in enumerate(_WEEKDAYS)},
}
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")

# 29 February on a given day of the week comes again within 40 years, whatever century it is.
_HORIZON = timedelta(days=366 * 40)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a timer fires: the values each field allows."""

    seconds: frozenset[int]
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first time after the moment, in its zone; None when there is none, as on 30 February."""
        at = moment.replace(microsecond=0) + timedelta(seconds=1)
        end = moment + _HORIZON
        while at < end:
            if not (at.month in self.months and at.day in self.days and at.isoweekday() % 7 in self.weekdays):
                at = at.replace(hour=0, minute=0, second=0) + timedelta(days=1)
            elif at.hour not in self.hours:
                at = at.replace(minute=0, second=0) + timedelta(hours=1)
            elif at.minute not in self.minutes:
                at = at.replace(second=0) + timedelta(minutes=1)
            elif at.second not in self.seconds:
                at += timedelta(seconds=1)
            else:
                return at
        return None


def parse_schedule(text: str) -> Schedule:
    """Return the schedule; five fields mean second 0.

    Raises:
        ValueError: not an NCRONTAB expression.
    """
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6:
        raise ValueError(f"schedule has {len(fields)} fields instead of six: {text}")
    return Schedule(*(_parse_field(field, number) for number, field in enumerate(fields)))


def _parse_field(field: str, number: int) -> frozenset[int]:
    values: set[int] = set()
    for part in field.split(","):
        found = _PART.fullmatch(part)
        if found is None or (found["first"] == "*" and found["last"]):
            raise ValueError(f"schedule field {number + 1} cannot be read: {field}")
        values.update(_parse_part(found, number))
    return frozenset(values)


def _parse_part(found: re.Match[str], number: int) -> range:
    low, high = _BOUNDS[number]
    step = int(found["step"] or 1)
    if found["first"] == "*":
        first, last = low, high
    else:
        first = _value(found["first"], number)
        # "15/10" runs to the end of the field; "15" alone is itself.
        last = _value(found["last"], number) if found["last"] else high if found["step"] else first
    if step < 1 or first > last:
        raise ValueError(f"schedule field {number + 1} never matches: {found.group()}")
    return range(first, last + 1, step)


def _value(text: str, number: int) -> int:
    low, high = _BOUNDS[number]
    value = _NAMES.get(number, {}).get(text.lower()[:3]) if text.isalpha() else int(text) if text.isdecimal() else None
    if value is None or not low <= value <= high:
        raise ValueError(f"schedule field {number + 1} has no value {text}")
    return value
