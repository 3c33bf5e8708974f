"""FHIR date, dateTime, instant, time and Period as TS, DT, TM and DR: the same precision, the same offset."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.message.finding import Finding
from shared.rendering.draft import composed
from shared.rendering.rows import Resource

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(\.\d{1,4})?\d*(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
)
_DAY = len("2020-01-01")
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(\.\d{1,4})?\d*", re.ASCII)


def hl7_time(value: Any) -> str:
    """Return a FHIR date, dateTime or instant as a TS; empty when it is none. HL7 has four digits of a second."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return ""
    *parts, offset = found.groups()
    zone = "+0000" if offset == "Z" else (offset or "").replace(":", "")
    return "".join(part or "" for part in parts) + zone


def time(value: Any, draft: Draft, kind: str) -> str:
    """Write a time; into a DT its date alone, with a finding where that loses the hour."""
    found = hl7_time(value)
    if kind == "DT" and len(found) > 8:
        draft.findings.append(Finding("time_of_day_lost", "DT", "the field holds a date"))
        return found[:8]
    return found


def clock(value: Any) -> str:
    """Return a FHIR time as a TM."""
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    return "".join(part or "" for part in found.groups()) if found else ""


def minutes_between(start: str, end: str) -> str:
    """Return the minutes from one FHIR dateTime to another as an NM; empty where one has no time of day."""
    if len(start) <= _DAY or len(end) <= _DAY:
        return ""
    minutes = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60
    return f"{minutes:.10g}" if minutes >= 0 else ""


def period(value: Resource, draft: Draft, kind: str) -> str:
    """Write a Period as a DR."""
    del draft, kind
    return composed(taken_period(value))


def taken_period(value: Resource) -> list[str]:
    """Return start and end of a Period as TS, and take them."""
    found = []
    for element in ("start", "end"):
        said = hl7_time(value.get(element))
        if said:
            value.pop(element)
        found.append(said)
    return found
