"""RPT, RI and TQ as what a FHIR Timing says (guide: RPT[Timing], RI[Timing], TQ[MedicationRequest]).

The guide keeps the code of a repeat pattern. The patterns of HL7 table 0335 say a frequency as well, so it is computed;
a pattern that is none of them stays text, with a finding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.mapping.codes.systems import code_system
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import codings_of
from shared.mapping.datatypes.number import Number, number
from shared.mapping.datatypes.time import clock
from shared.mapping.rows import Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

UCUM = "http://unitsofmeasure.org"
_REPEAT = table("RepeatPattern")
_EVENTS = table("EventRelatedPeriod").targets
_TIMING_EVENTS = "http://terminology.hl7.org/CodeSystem/v3-TimingEvent"
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")  # HL7 tables 0335 and 0527: 1 is Monday

# UCUM, the letters of HL7's TQ.3, ISO+ (ANN is a year) and the English words.
_UNITS = {
    name: code
    for code, names in {
        "s": "s sec secs second seconds",
        "min": "m min mins minute minutes",
        "h": "h hr hrs hour hours",
        "d": "d day days",
        "wk": "w wk wks week weeks",
        "mo": "l mo mon month months",
        "a": "a y yr yrs year years ann",
    }.items()
    for name in names.split()
}
# HL7 table 0335 and TQ.3: the letter of a unit of time.
LETTERS = {"s": "S", "min": "M", "h": "H", "d": "D", "wk": "W", "mo": "L"}
_GTS = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
_PATTERN_SYSTEMS = frozenset({"", _REPEAT.system, _GTS})
# Guide RepeatPattern 6 to 11, 13, 15, 17, 19 to 21, 25: what R4's preferred codes call them.
_SAME = ("BID", "TID", "QID", "QD", "QOD", "Q1H", "Q2H", "Q3H", "Q4H", "Q6H", "Q8H")
ABBREVIATIONS = {**dict(zip(_SAME, _SAME, strict=True)), "Q1D": "QD", "Q1W": "WK", "Q1L": "MO"}
_EVERY = re.compile(r"Q(\d{1,4})([SMHDWL])")
_WEEKDAYS = re.compile(r"Q(\d{0,4})J([1-7]+)")  # without a number: every week
_TIMES_A_DAY = re.compile(r"(\d{1,2})ID")
_LETTERED = re.compile(r"([SMHDWL])(\d{1,9}(?:\.\d+)?)", re.IGNORECASE)
_WRITTEN = re.compile(r"(\d{1,9}(?:\.\d+)?)\s*([A-Za-z]+)")

# Patterns of HL7 table 0335 that have a frequency or a time of day of their own.
_DAILY = {"frequency": 1, "period": 1, "periodUnit": "d"}
_NAMED: dict[str, Resource] = {
    "QD": _DAILY,
    "BID": {**_DAILY, "frequency": 2},
    "TID": {**_DAILY, "frequency": 3},
    "QID": {**_DAILY, "frequency": 4},
    "QOD": {**_DAILY, "period": 2},
    "QAM": {**_DAILY, "when": ["MORN"]},
    "QPM": {**_DAILY, "when": ["EVE"]},
    "QHS": {**_DAILY, "when": ["HS"]},
    "QSHIFT": {**_DAILY, "frequency": 3},
    "ONCE": {"count": 1},
    "C": {},
}


@dataclass(slots=True)
class Pattern:
    """A repeat pattern.

    Attributes:
        code: As a CodeableConcept: coded, or what was said.
        repeat: What it says of a Timing.repeat.
        as_needed: It is PRN.
    """

    code: Resource = field(default_factory=dict)
    repeat: dict[str, Any] = field(default_factory=dict)
    as_needed: bool = False


def unit_of_time(*said: str) -> str:
    """Return the UCUM unit of time that a code or word names; empty when it is none."""
    return next((_UNITS[one.lower()] for one in said if one.lower() in _UNITS), "")


def frequency_of(code: str) -> Resource | None:
    """Return what a pattern of HL7 table 0335 says of a repeat; None when it is none."""
    upper = code.upper()
    if upper in _NAMED:
        return _NAMED[upper]
    if found := _EVERY.fullmatch(upper):
        period = int(found[1])
        return {"frequency": 1, "period": period, "periodUnit": unit_of_time(found[2])} if period else None
    if found := _WEEKDAYS.fullmatch(upper):
        days = [DAYS[int(day) - 1] for day in dict.fromkeys(found[2])]
        return {"frequency": 1, "period": int(found[1] or 1) or 1, "periodUnit": "wk", "dayOfWeek": days}
    if (found := _TIMES_A_DAY.fullmatch(upper)) and int(found[1]):
        return {**_DAILY, "frequency": int(found[1])}
    if upper in _EVENTS and _EVENTS[upper].system == _TIMING_EVENTS:
        return {"when": [_EVENTS[upper].code]}
    return None


def _read_code(parts: list[str], scope: Scope) -> Pattern:
    """Return the pattern of a coded or written frequency (CWE, IS): text with a finding where none is known."""
    found = Pattern()
    sent, system = scope.text(parts[0]), code_system(scope.text(parts[2]))
    code = sent.upper() if system in _PATTERN_SYSTEMS else ""
    if code.startswith("PRN"):
        found.as_needed = True
        code = code.removeprefix("PRN")
    repeat = frequency_of(code) if code else None
    if repeat is not None or (found.as_needed and not code):
        found.repeat = dict(repeat or {})
        found.code = {"coding": _codings(parts, code, scope)}
    elif said := scope.text(parts[8]) or scope.text(parts[1]) or sent:
        scope.find("timing_as_text", "no repeat pattern of HL7 table 0335")
        codings = codings_of(parts, scope) if system else []
        found.code = {**({"coding": codings} if codings else {}), "text": said}
    return found


def _codings(parts: list[str], code: str, scope: Scope) -> list[Resource]:
    """Return the codings of a pattern: R4's own abbreviation before the code of HL7 table 0335."""
    sent = [dict(one) for one in codings_of(parts, scope)]
    sent[0].setdefault("system", _REPEAT.system)
    short = ABBREVIATIONS.get(code)
    own = {"system": _GTS, "code": short} if short else None
    return [own, *sent] if own and sent[0]["system"] != _GTS else sent


@parts_of(
    {1: "code", 3: "repeat.dayOfWeek", 4: "repeat.dayOfWeek", 5: "repeat.period", 6: "repeat.periodUnit"}
    | {8: "repeat.when", 9: "repeat.offset", 10: "repeat.offset"},
    {
        2: "how RPT.3 and RPT.4 count: it says how to read them",
        7: "the guide gives it no FHIR element",
        11: "the guide gives it no FHIR element",
    },
)
def repeat_pattern(raw: str, scope: Scope) -> Pattern | None:
    """Return the pattern of an RPT (TQ1-3)."""
    parts = scope.parts(raw)
    found = _read_code([*parts[0].split(scope.subcomponent), *[""] * 22], scope) if parts[0] else Pattern()
    _add_days(found, parts, scope)
    _add_period(found, parts, scope)
    _add_event(found, parts, scope)
    return found if found != Pattern() else None


def _add_days(found: Pattern, parts: list[str], scope: Scope) -> None:
    if not parts[2] and not parts[3]:
        return
    ends = [number(scope.text(part)) for part in parts[2:4]]
    if scope.text(parts[1]) != "DW" or ends[0] not in range(1, 8) or (parts[3] and ends[1] not in range(1, 8)):
        scope.find("timing_as_text", "RPT.2 to RPT.4: only days of the week are computable")
        found.code.setdefault("text", scope.text(parts[0]) or "phase")
        return
    first, last = int(ends[0] or 1), int(ends[1] or ends[0] or 1)
    days = range(first, last + 1) if first <= last else [*range(first, 8), *range(1, last + 1)]
    found.repeat["dayOfWeek"] = [DAYS[day - 1] for day in days]


def _add_period(found: Pattern, parts: list[str], scope: Scope) -> None:
    period = number(scope.text(parts[4])) if parts[4] else None
    unit = unit_of_time(*scope.subparts(parts[5])[:2])
    if period is not None and period > 0 and unit:
        found.repeat.update({"period": period, "periodUnit": unit})
    elif parts[4] or parts[5]:
        scope.find("timing_as_text", "RPT.5, RPT.6: a period needs a number and a unit of time")


def _add_event(found: Pattern, parts: list[str], scope: Scope) -> None:
    """Add the event that the pattern is tied to, and how far from it; R4 tim-9 wants an event beside an offset."""
    event = _EVENTS.get(scope.text(parts[7]))
    if event and event.system == _TIMING_EVENTS:
        found.repeat["when"] = [event.code]
    elif parts[7]:
        scope.find("code_unmapped", "HL7 table 0528")
    minutes = in_minutes(scope.text(parts[8]), scope.subparts(parts[9])) if parts[8] else None
    if minutes is not None and "when" in found.repeat:
        found.repeat["offset"] = minutes
    elif parts[8]:
        scope.find("timing_as_text", "an offset needs an event and a unit of time")


def in_minutes(value: str, units: list[str]) -> int | None:
    """Return a length of time in whole minutes; None when it is none."""
    sent, unit = number(value), unit_of_time(*units[:2])
    factor = {"s": 1 / 60, "min": 1, "h": 60, "d": 1440, "wk": 10080}.get(unit)
    minutes = float(sent) * factor if sent is not None and factor else -1
    return int(minutes) if 0 <= minutes < 2**31 and minutes == int(minutes) else None


@parts_of({1: "value", 2: "unit"})
def duration(raw: str, scope: Scope) -> Resource | None:
    """Return a CQ as a Duration in UCUM; what is none is a finding."""
    parts = scope.parts(raw)
    return span(number(scope.text(parts[0])), scope.subparts(parts[1])[:2], scope)


def span(value: Number | None, units: list[str], scope: Scope) -> Resource | None:
    """Return a Duration of a number and a unit's names; None with a finding when it is none."""
    unit = unit_of_time(*units)
    if value is None or value < 0 or not unit:
        scope.find("timing_as_text", "a duration needs a number and a unit of time")
        return None
    return {"value": value, "unit": next((one for one in reversed(units) if one), unit), "system": UCUM, "code": unit}


def written_duration(said: str) -> Resource | None:
    """Return the Duration of a TQ.3 (``D3``) or of ``3 days``; None when it is neither."""
    if found := _LETTERED.fullmatch(said):
        unit, value = unit_of_time(found[1]), number(found[2])
    elif found := _WRITTEN.fullmatch(said):
        unit, value = unit_of_time(found[2]), number(found[1])
    else:
        return None
    return {"value": value, "unit": unit, "system": UCUM, "code": unit} if unit and value is not None else None


@parts_of({1: ""})
def per_time(raw: str, scope: Scope) -> Resource | None:
    """Return the quantity that a rate is per (RXE-22): a length of time such as ``H1`` or ``hour``, else a unit."""
    said = scope.text(raw)
    if not said:
        return None
    unit = unit_of_time(said)
    found = {"value": 1, "unit": unit, "system": UCUM, "code": unit} if unit else written_duration(said)
    return found or {"value": 1, "unit": said}


def interval(raw: str, scope: Scope) -> Pattern | None:
    """Return the pattern of an RI that is one component: a code and times of day (``0800,1200``)."""
    code, clocks, *_ = [*raw.split(scope.subcomponent), "", ""]
    found = _read_code([code, *[""] * 22], scope) if code else Pattern()
    times = [said for part in scope.text(clocks).split(",") if part and (said := time_of_day(part.strip(), scope))]
    if times:
        found.repeat["timeOfDay"] = times
    return found if found != Pattern() else None


@parts_of({1: ""})
def time_of_day(raw: str, scope: Scope) -> str | None:
    """Return a TM as a FHIR time, also where its parts are set off by colons."""
    found: str | None = clock(scope.text(raw).replace(":", ""), scope)
    return found
