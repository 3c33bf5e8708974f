"""DTM, TS, DT and TM as FHIR date, dateTime, instant and time (guide: DTM[dateTime], TS[dateTime], DR[Period]).

Precision stays as sent. A time without an offset gets the message's (MSH-7), else the interface's zone; it is never
shifted to another. Hours without minutes become a date: FHIR has no such precision and a guess would be false.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from shared.fhir.moment import is_after
from shared.mapping.rows import Condition, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_TIME = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)(?:(?P<hour>\d\d)(?:(?P<minute>\d\d)"
    r"(?:(?P<second>\d\d)(?P<fraction>\.\d{1,9})?)?)?)?)?)?(?P<offset>[+-]\d{4})?",
    re.ASCII,
)
_CLOCK = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(\.\d{1,9})?)?)?([+-]\d{4})?", re.ASCII)
_ZERO = re.compile(r"0+|\"\"")


@parts_of({1: ""}, {2: "precision: the value's length says it"})
def date(raw: str, scope: Scope) -> str | None:
    """Return a FHIR date, without its time."""
    found = _read(raw, scope)
    return found[:10] if found else None


@parts_of({1: ""}, {2: "precision: the value's length says it"})
def date_time(raw: str, scope: Scope) -> str | None:
    """Return a FHIR dateTime."""
    return _read(raw, scope)


@parts_of({1: ""}, {2: "precision: the value's length says it"})
def instant(raw: str, scope: Scope) -> str | None:
    """Return a FHIR instant; None with a finding when the value has no time of day."""
    found = _read(raw, scope)
    if found and len(found) < 20:
        scope.find("date_imprecise", "an instant needs a time of day")
        return None
    return found


@parts_of({1: ""})
def birth_time(raw: str, scope: Scope) -> str | None:
    """Return the dateTime of a birth when a time of day is given."""
    if len(raw) <= 8:
        return None
    found = _read(raw, scope)
    return found if found and len(found) > 10 else None


@parts_of({1: ""})
def clock(raw: str, scope: Scope) -> str | None:
    """Return a FHIR time (TM)."""
    found = _CLOCK.fullmatch(scope.text(raw))
    if found is None or found[1] > "23" or (found[2] or "00") > "59" or (found[3] or "00") > "59":
        scope.find("time_invalid", f"{len(raw)} characters")
        return None
    if found[5]:
        scope.find("offset_left_out")
    return f"{found[1]}:{found[2] or '00'}:{found[3] or '00'}{found[4] or ''}"


def no_time(number: int) -> Condition:
    """Return the guide's condition IF field NOT VALUED, of a time: what stands instead counts beside one that is none.

    That somebody died must not be lost with a date that is wrong.
    """
    return lambda segment: not (sent := segment.text(number)) or fhir_time(sent, "UTC") is None


@parts_of({1: "start", 2: "end"})
def period(raw: str, scope: Scope) -> dict[str, str] | None:
    """Return a Period (DR)."""
    parts = scope.parts(raw)
    return between(parts[0], parts[1], scope)


def between(start: str, end: str, scope: Scope) -> dict[str, str] | None:
    """Return a Period of two times; one that ends before it starts keeps its start, with a finding (per-1)."""
    return ordered(date_time(start, scope) if start else None, date_time(end, scope) if end else None, scope)


def ordered(first: str | None, last: str | None, scope: Scope) -> dict[str, str] | None:
    """Return a Period of two FHIR times, or None of none.

    R4 per-1 wants the start not to be after the end: an end before it goes, and where their precision does not tell
    (09:10 of a day, that day) both are said as far as both are known.
    """
    is_reversed = is_after(first, last) if first and last else False
    if first and last and is_reversed is None:
        scope.find("period_imprecise", "both are cut to what both have")
        shared = min(len(first), len(last))
        first, last = first[:shared], last[:shared]
    elif is_reversed:
        scope.find("period_reversed", "the end is dropped")
        last = None
    found = {"start": first, "end": last}
    return {name: value for name, value in found.items() if value} or None


def keep_in_order(holder: dict[str, Any], number: int, scope: Scope) -> None:
    """Give the period of a resource, or of a part of it, no end before its start; ``number``: the field of the end."""
    period = holder.get("period", {})
    if len(period) == 2:
        scope.number = number
        holder["period"] = ordered(period["start"], period["end"], scope)


def is_before(one: str, other: str) -> bool:
    """Tell whether one FHIR time is before another, at the precision both have."""
    if len(one) > 10 and len(other) > 10:
        return datetime.fromisoformat(one) < datetime.fromisoformat(other)
    shared = min(len(one), len(other))
    return one[:shared] < other[:shared]


def _read(raw: str, scope: Scope) -> str | None:
    """Return the FHIR form of a DTM or TS, or None with a finding."""
    text = scope.text(raw.split(scope.component, 1)[0] if scope.component in raw else raw)
    found = fhir_time(text, scope.zone) if text else None
    if found is None:
        if not text or _ZERO.fullmatch(text):
            return None
        scope.find("date_invalid", f"{len(text)} characters")
        return None
    if found.doubt:
        scope.find(found.doubt, scope.zone)
    return found.value


class FhirTime:
    """A time and what is doubtful about it."""

    __slots__ = ("doubt", "value")

    def __init__(self, value: str, doubt: str = "") -> None:
        self.value, self.doubt = value, doubt


@lru_cache(maxsize=8192)
def fhir_time(text: str, zone: str) -> FhirTime | None:
    """Return an HL7 time in FHIR's form.

    Args:
        text: YYYY[MM[DD[HH[MM[SS[.S...]]]]]][+/-ZZZZ].
        zone: For times without offset: an offset ``-0500`` or an IANA zone name.
    Returns:
        None when it is not a time.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day = found["year"], found["month"], found["day"]
    try:
        local = datetime(
            int(year), int(month or 1), int(day or 1), int(found["hour"] or 0), int(found["minute"] or 0),
        )  # fmt: skip
    except ValueError:
        return None
    second = found["second"] or "00"
    if second > "59":
        return None
    if not found["minute"]:
        return FhirTime("-".join(part for part in (year, month, day) if part))
    offset, doubt = _offset(local, found["offset"] or zone)
    if offset is None:
        return None
    value = f"{year}-{month}-{day}T{found['hour']}:{found['minute']}:{second}{found['fraction'] or ''}{offset}"
    return FhirTime(value, doubt)


def _offset(local: datetime, zone: str) -> tuple[str | None, str]:
    """Return the offset as FHIR writes it, and what is doubtful about it."""
    if zone[0] in "+-":
        hours, minutes = int(zone[1:3]), int(zone[3:5])
        if hours > 14 or minutes > 59 or (hours == 14 and minutes):
            return None, ""
        return f"{zone[:3]}:{zone[3:5]}", ""
    here = _zone(zone)
    early, late = local.replace(tzinfo=here).utcoffset(), local.replace(tzinfo=here, fold=1).utcoffset()
    doubt = (
        "" if early == late else "time_ambiguous" if (early or timedelta()) > (late or timedelta()) else "time_skipped"
    )
    minutes = int((early or timedelta()).total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}", doubt


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
