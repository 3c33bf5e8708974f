"""TQ1, and the TQ of ORC-7, OBR-27 and RXE-1: when, how often, how long (guide: TQ1[MedicationRequest],
TQ1[ServiceRequest], TQ[MedicationRequest], TQ[ServiceRequest]).

One statement of timing (`Timed`) comes from a segment or from a field of an older version; a prescription makes a
Dosage of it, another order its occurrence. What R4 could not hold validly (tim-8, tim-9, tim-10) is decision 0020.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import CodeTable, table
from shared.mapping.datatypes.coded import CODES, code, text
from shared.mapping.datatypes.number import positive, quantity
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.datatypes.timing import (
    Pattern,
    duration,
    in_minutes,
    interval,
    repeat_pattern,
    time_of_day,
    written_duration,
)
from shared.mapping.frame import Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, Unmapped, many, one, parts_of, same_parts, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# TQ.6 and OBR-27 of old versions write the priority as a word.
_PRIORITY = table("ExtendedPriorityCodes")
_WORDS = _PRIORITY.also(STAT="stat", ASAP="asap", ROUTINE="routine", ROU="routine", URGENT="urgent")
_AS_NEEDED = "PRN"
_NO_TARGET = "the guide gives it no FHIR element"
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604800}


@dataclass(frozen=True, slots=True)
class Priority:
    """What a field says of a priority.

    Attributes:
        urgency: The code of R4; one that no table has is kept beside the element.
        as_needed: It is PRN (HL7 table 0485), which is no urgency: the thing is wanted only if it is needed.
    """

    urgency: str | Unmapped
    as_needed: bool


@dataclass(slots=True)
class Timed:
    """One statement of timing.

    Attributes:
        quantity: How much each time.
        patterns: How often; several stand beside each other.
        clocks: At which times of the day.
        length: How long the whole lasts; ``start`` and ``end`` bound it otherwise.
        lasting: How long one occurrence lasts.
        offset: Minutes from the event of the pattern.
        at: Its segment, and ``number`` its field, for findings.
        conjunction: How the next statement follows: S or C after this one, A beside it.
    """

    quantity: Resource | None = None
    patterns: list[Pattern] = field(default_factory=list)
    clocks: list[str] = field(default_factory=list)
    length: Resource | None = None
    start: str | None = None
    end: str | None = None
    priority: Priority | None = None
    condition: str | None = None
    instruction: str | None = None
    note: str | None = None
    lasting: Resource | None = None
    count: int | None = None
    offset: int | None = None
    conjunction: str | None = None
    at: Segment | None = field(default=None, compare=False)
    number: int = field(default=3, compare=False)

    @property
    def is_as_needed(self) -> bool:
        """Whether something is wanted only if it is needed: by a pattern, or by the priority."""
        by_priority = self.priority is not None and self.priority.as_needed
        return by_priority or any(pattern.as_needed for pattern in self.patterns)


@parts_of({1: "", 2: ""})
def _minutes(raw: str, scope: Scope) -> int | None:
    """Return a CQ in minutes (guide: CQ[unsignedInt])."""
    parts = scope.parts(raw)
    found = in_minutes(scope.text(parts[0]), scope.subparts(parts[1]))
    if found is None:
        scope.find("timing_as_text", "an offset needs whole minutes")
    return found


def _priority(words: CodeTable) -> Build:
    """Return the build function of a priority, whose words a table has."""
    urgency = code(words)

    @same_parts(urgency)
    def priority(raw: str, scope: Scope) -> Priority | None:
        found = urgency(raw, scope)
        if not isinstance(found, Unmapped):
            return Priority(found, as_needed=False) if found else None
        parts = scope.parts(raw)
        return Priority(found, any(scope.text(parts[of]).upper() == _AS_NEEDED for of in CODES))

    return priority


def _segment_rows(resource: str, timing: str, amount: str, condition: str, instruction: str) -> dict[str, Row]:
    guide, at = f"TQ1[{resource}] ", f"{resource}.{timing}"
    rows = {
        "quantity": one("TQ1-2", f"{resource}.{amount}", quantity, guide + "4", placed=True),
        "patterns": many("TQ1-3", at, repeat_pattern, guide + "5", placed=True),
        "clocks": many("TQ1-4", at + ".repeat.timeOfDay", time_of_day, guide + "6", placed=True),
        "offset": one("TQ1-5", at + ".repeat.offset", _minutes, guide + "7", placed=True),
        "length": one("TQ1-6", at + ".repeat.bounds[x]", duration, guide + "8 to 10", placed=True),
        "start": one("TQ1-7", at + ".repeat.boundsPeriod.start", date_time, guide + "11", placed=True),
        "end": one("TQ1-8", at + ".repeat.boundsPeriod.end", date_time, guide + "12", placed=True),
        "priority": one("TQ1-9", resource + ".priority", _priority(_PRIORITY), guide + "13", placed=True),
        "condition": one("TQ1-10", f"{resource}.{condition}", text, guide + "14", placed=True),
        "instruction": one("TQ1-11", f"{resource}.{instruction}", text, guide + "15", placed=True),
        "lasting": one("TQ1-13", at + ".repeat.duration", duration, guide + "17, 18", placed=True),
        "count": one("TQ1-14", at + ".repeat.count", positive, guide + "19", placed=True),
    }
    if resource == "MedicationRequest":
        at = resource + ".dosageInstruction.sequence"
        rows["conjunction"] = one("TQ1-12", at, text, guide + "16", placed=True)
    return rows


_OF_DOSAGE = _segment_rows(
    "MedicationRequest",
    "dosageInstruction.timing",
    "dosageInstruction.doseAndRate.doseQuantity",
    "dosageInstruction.additionalInstruction.text",
    "dosageInstruction.text",
)
OF_SERVICE = _segment_rows(
    "ServiceRequest", "occurrenceTiming", "quantityQuantity", "asNeededCodeableConcept.text", "note.text"
)
_IGNORED = {1: "set id: position only"}
DOSAGE_TIMING = Table("TQ1", "MedicationRequest", tuple(_OF_DOSAGE.values()), _IGNORED)
SERVICE_TIMING = Table(
    "TQ1", "ServiceRequest", tuple(OF_SERVICE.values()), {**_IGNORED, 12: "one service has one occurrence"}
)


_word_of_priority = _priority(_WORDS)


@parts_of(
    {1: "quantity", 2: "timing", 3: "timing.repeat", 4: "timing.repeat.boundsPeriod.start"}
    | {5: "timing.repeat.boundsPeriod.end", 6: "priority", 7: "condition", 8: "note.text"}
    | {9: "sequence", 11: "timing.repeat.duration", 12: "timing.repeat.count"},
    {10: _NO_TARGET},
)
def timing_quantity(raw: str, scope: Scope) -> Timed:
    """Return what one TQ says."""
    parts = scope.parts(raw)
    found = Timed(at=scope.segment, number=scope.number)
    if parts[0]:
        found.quantity = quantity(parts[0].replace(scope.subcomponent, scope.component), scope)
    if parts[1] and (pattern := interval(parts[1], scope)):
        found.patterns = [pattern]
    said = scope.text(parts[2])
    if said:
        found.length = written_duration(said)
        if found.length is None and said.upper() != "INDEF":
            scope.find("timing_as_text", "TQ.3 is no duration")
            found.note = said
    found.start = date_time(parts[3], scope) if parts[3] else None
    found.end = date_time(parts[4], scope) if parts[4] else None
    found.priority = _word_of_priority(parts[5], scope) if parts[5] else None
    found.condition = scope.text(parts[6]) or None
    found.note = "\n".join(one_ for one_ in (scope.text(parts[7]), found.note) if one_) or None
    found.conjunction = scope.text(parts[8]) or None
    if parts[10]:
        amount, *units = scope.subparts(parts[10])
        found.lasting = written_duration(" ".join((amount, *units[:1])).strip())
    found.count = positive(parts[11], scope) if parts[11] else None
    return found


def _field(segment: str, number: int, resource: str) -> Row:
    element = "dosageInstruction" if resource == "MedicationRequest" else "occurrenceTiming"
    guide = f"TQ[{resource}] 3 to 17"
    return many(f"{segment}-{number}", f"{resource}.{element}", timing_quantity, guide, placed=True, part=KEPT)


SERVICE_FIELDS = {"ORC": _field("ORC", 7, "ServiceRequest"), "OBR": _field("OBR", 27, "ServiceRequest")}
DOSAGE_FIELDS = {
    "ORC": _field("ORC", 7, "MedicationRequest"),
    "RXE": _field("RXE", 1, "MedicationRequest"),
    "RXG": _field("RXG", 3, "MedicationRequest"),
}


def read_timings(nodes: list[Node], rows: dict[str, Row], scope: Scope) -> list[Timed]:
    """Return what TQ1 segments say."""
    found = []
    for node in nodes:
        timed = Timed()
        for name, row in rows.items():
            said = values(row, node.segment, scope, {})
            if said:
                setattr(timed, name, said if row.many else said[0])
                timed.at = node.segment
        if timed != Timed():
            found.append(timed)
    return found


def dosage_timings(nodes: list[Node], segment: Segment | None, scope: Scope) -> list[Timed]:
    """Return when a medication is to be taken: by TQ1 segments, else by the TQ of a field of an older version."""
    found = read_timings(nodes, _OF_DOSAGE, scope)
    if found or segment is None:
        return found
    return [one_ for one_ in values(DOSAGE_FIELDS[segment.name], segment, scope, {}) if one_ != Timed()]


def timings_of(timed: Timed, scope: Scope) -> list[Resource]:
    """Return the Timing of each pattern; one without a pattern where only bounds are known."""
    found = []
    if timed.at:
        scope.segment, scope.number, scope.repetition = timed.at, timed.number, 1
    for pattern in timed.patterns or [Pattern()]:
        repeat = {**_bounds(timed, scope), **pattern.repeat}
        if timed.clocks:
            repeat["timeOfDay"] = list(timed.clocks)
        if "timeOfDay" in repeat and "when" in repeat:  # R4 tim-10
            scope.find("timing_as_text", "both an event and times of day: the event counts")
            del repeat["timeOfDay"]
        if timed.offset is not None and "when" in repeat:
            repeat.setdefault("offset", timed.offset)
        elif timed.offset is not None:  # R4 tim-9
            scope.find("timing_as_text", "an offset without an event")
        if timed.lasting:
            repeat["duration"], repeat["durationUnit"] = timed.lasting["value"], timed.lasting["code"]
        if timed.count is not None:
            repeat["count"] = timed.count
        timing = {**({"repeat": repeat} if repeat else {}), **({"code": pattern.code} if pattern.code else {})}
        if timing:
            found.append(timing)
    return found


def _bounds(timed: Timed, scope: Scope) -> Resource:
    """Return the bounds of a repetition: its two ends, one end and the length, or the length (guide: TQ1 8 to 12)."""
    start, end, length = timed.start, timed.end, timed.length
    if length and not start and not end:
        return {"boundsDuration": length}
    found: Resource = {}
    if length and start and not end:
        end = _moved(start, length, 1)
    elif length and end and not start:
        start = _moved(end, length, -1)
    elif length:
        found = {"duration": length["value"], "durationUnit": length["code"]}
    period = ordered(start, end, scope)
    return {**found, "boundsPeriod": period} if period else found


def _moved(moment: str, length: Resource, direction: int) -> str | None:
    """Return a moment later or earlier by a length of time; None where its precision does not allow it."""
    seconds = _SECONDS.get(length["code"])
    if seconds is None or len(moment) < 10 or (len(moment) == 10 and length["code"] not in {"d", "wk"}):
        return None
    try:
        moved = datetime.fromisoformat(moment) + direction * timedelta(seconds=float(length["value"]) * seconds)
    except OverflowError:
        return None
    return moved.isoformat() if len(moment) > 10 else moved.date().isoformat()


def add_priority(resource: Resource, said: list[Timed]) -> None:
    """Set the priority of a request: the first that is said."""
    found = next((timed.priority.urgency for timed in said if timed.priority), None)
    if isinstance(found, Unmapped):
        resource.setdefault("_priority", found.extension)
    elif found:
        resource["priority"] = found
        resource.pop("_priority", None)


TABLES = (
    DOSAGE_TIMING,
    SERVICE_TIMING,
    Table("ORC", "ServiceRequest", (SERVICE_FIELDS["ORC"],)),
    Table("OBR", "ServiceRequest", (SERVICE_FIELDS["OBR"],)),
    *(Table(name, "MedicationRequest", (row,)) for name, row in DOSAGE_FIELDS.items()),
)
HANDLERS: dict[str, Handler] = {}  # occurrence and dosage read them
