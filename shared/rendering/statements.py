"""The Observations that the mapping makes of ACC, DB1, DRG and PDA as those segments (decision 0007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping import statement
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.coded import boolean, concept, text
from shared.rendering.draft import escaped
from shared.rendering.people import xad, xcn
from shared.rendering.places import pl
from shared.rendering.rows import Implied, Resource, Row, Table, Write, fill, is_extension
from shared.rendering.times import period, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_DECIDED = "decision 0007"
_LATER = "not in 2.5.1"
_PATIENT = "PT"  # HL7 table 0334
_EVENT_LOCATION = EXTENSION + "event-location"
_IMPLIED = (
    Implied("status", "the segment says it", ("final",)),
    Implied("code", "the segment says it"),
    Implied("subject", "the person of the message"),
    Implied("encounter", "the visit of the message"),
    Implied("category", "the segment says it"),
)


def amount(value: Resource, draft: Draft, kind: str) -> str:
    """Write the number of a Quantity that has no unit of its own."""
    del draft, kind
    return escaped(value.pop("value", ""))


def _placed_at(write: Write) -> Write:
    """Return the write function of the place in an extension."""

    def placed(value: Resource, draft: Draft, kind: str) -> str:
        found = write(value.get("valueReference", {}), draft, kind)
        if found:
            value.pop("url")
        return found

    return placed


def scene(value: Resource, draft: Draft, kind: str) -> str:
    """Write the name of a place."""
    del kind
    with draft.follow(value) as place:
        place.pop("mode", None)
        place.pop("status", None)
        return escaped(place.pop("name", ""))


_WRITERS: dict[str, Write] = {
    "valueBoolean": boolean,
    "valueString": text,
    "valueQuantity": amount,
    "valueDateTime": time,
    "valueCodeableConcept": concept(),
}
_CODES_OF = {"ACC-2": "0050", "ACC-4": "0347", "DRG-5": "0083"}
_AT = is_extension(_EVENT_LOCATION)

ACCIDENT = Table(
    "ACC",
    "Observation",
    (
        Row("ACC-1", "Observation.effectiveDateTime", time, _DECIDED),
        Row("ACC-3", "Observation.extension", _placed_at(scene), _DECIDED, _AT),
        Row("ACC-7", "Observation.performer", xcn, _DECIDED),
        Row("ACC-8", "Observation.valueString", text, _DECIDED),
    ),
    _IMPLIED,
    {11: "comes back with ACC-3: the address of the place", 12: _LATER, 13: _LATER},
)
GROUP = Table(
    "DRG",
    "Observation",
    (
        Row("DRG-1", "Observation.valueCodeableConcept", concept(), _DECIDED),
        Row("DRG-2", "Observation.effectiveDateTime", time, _DECIDED),
    ),
    _IMPLIED,
    {14: _LATER, 15: _LATER},
)
DISABILITY = Table(
    "DB1",
    "Observation",
    (
        Row("DB1-4", "Observation.valueBoolean", boolean, _DECIDED),
        Row("DB1-5", "Observation.effectivePeriod.start", time, _DECIDED),
        Row("DB1-6", "Observation.effectivePeriod.end", time, _DECIDED),
    ),
    _IMPLIED,
    {2: "PT: it is the patient's", 3: "comes back as a repetition of PID-3"},
)
DEATH = Table(
    "PDA",
    "Observation",
    (
        Row("PDA-1", "Observation.valueCodeableConcept", concept(), _DECIDED),
        Row("PDA-2", "Observation.extension", _placed_at(pl), _DECIDED, _AT),
    ),
    _IMPLIED,
)
_PERFORMED = (
    Implied("status", "the segment says it", ("completed",)),
    Implied("code", "the segment says it"),
    Implied("subject", "the person of the message"),
)


def _actor(value: Resource, draft: Draft, kind: str) -> str:
    return xcn(value.get("actor", {}), draft, kind)


CERTIFICATION = Table(
    "PDA",
    "Procedure",
    (
        Row("PDA-4", "Procedure.performedDateTime", time, _DECIDED),
        Row("PDA-5", "Procedure.performer", _actor, _DECIDED),
    ),
    _PERFORMED,
)
AUTOPSY = Table(
    "PDA",
    "Procedure",
    (
        Row("PDA-7", "Procedure.performedPeriod", period, _DECIDED),
        Row("PDA-8", "Procedure.performer", _actor, _DECIDED),
    ),
    _PERFORMED,
)


def _part_table(part: statement.Part) -> Table:
    """Return the table of one component, which is one field."""
    codes = _CODES_OF.get(part.row.source)
    write = concept(bare_table(codes, "")) if codes else _WRITERS[part.element]
    row = Row(part.row.source, f"component.{part.element}", write, _DECIDED)
    name = part.row.source.partition("-")[0]
    return Table(name, "Observation.component", (row,), (Implied("code", "the field says it"),))


# Only fields of 2.5.1; the others have a reason above.
_NOT_YET = frozenset({"ACC-12", "DRG-14", "DRG-15"})
PARTS = {
    (part.row.source.partition("-")[0], part.name): _part_table(part)
    for part in statement.PARTS
    if part.row.source not in _NOT_YET
}
_CODES = {
    "ACC": statement.ACCIDENT_CODE,
    "DB1": statement.DISABILITY_CODE,
    "DRG": statement.GROUP_CODE,
    "PDA": statement.CAUSE_CODE,
}
_ROWS = {"ACC": ACCIDENT, "DB1": DISABILITY, "DRG": GROUP, "PDA": DEATH}
_ACTS = ((statement.CERTIFICATION, CERTIFICATION), (statement.AUTOPSY, AUTOPSY))
_SEVERAL = frozenset({"DB1"})


def stated(patient: str, draft: Draft) -> dict[str, list[str]]:
    """Return the urls of the Observations of the person that ACC, DB1, DRG and PDA say; one where a message has one."""
    found: dict[str, list[str]] = {name: [] for name in _CODES}
    for url, one in draft.all("Observation"):
        for name, code in _CODES.items():
            is_its = _is_code(one, code) and draft.points_at(one.get("subject"), patient)
            if is_its and (not found[name] or name in _SEVERAL):
                found[name].append(url)
    return found


def is_of_death(procedure: Resource) -> bool:
    """Tell whether a Procedure is the certification or the autopsy of PDA."""
    return any(_is_code(procedure, code) for code, _ in _ACTS)


def _is_code(resource: Resource, code: Resource) -> bool:
    """Tell whether a resource has a code of the mapping: by its coding, where that has one, else by its text."""
    said = resource.get("code", {})
    if "coding" not in code:
        return bool(said == code)
    wanted = code["coding"][0]["system"], code["coding"][0]["code"]
    return any((one.get("system"), one.get("code")) == wanted for one in said.get("coding", ()))


def write_statements(name: str, urls: list[str], draft: Draft) -> None:
    """Write a segment of one kind for each of its Observations."""
    for number, url in enumerate(urls, 1):
        segment = draft.segment(name)
        with draft.open(url) as resource:
            for component in resource.get("component", ()):
                said = component.get("code", {}).get("text", "")
                if (name, said) in PARTS:
                    fill(segment, component, PARTS[name, said], draft)
            if name == "DB1":
                segment.set(1, str(number))
                segment.set(2, _PATIENT)
            if name == "ACC":
                _write_address(segment, resource, draft)
            fill(segment, resource, _ROWS[name], draft)


def _write_address(segment: SegmentDraft, accident: Resource, draft: Draft) -> None:
    for one in accident.get("extension", ()):
        url, place = draft.look(one.get("valueReference"))
        if one.get("url") == _EVENT_LOCATION and "address" in place:
            with draft.open(url) as location:
                segment.add(11, xad(location["address"], draft, "XAD"))
                if "name" not in place:
                    location.pop("mode", None)
                    location.pop("status", None)
                    one.clear()


def write_death(urls: list[str], patient: str, draft: Draft) -> None:
    """Write PDA: the cause of death, who certified it and who opened the body."""
    write_statements("PDA", urls[:1], draft)
    acts = [
        (url, table)
        for url, one in draft.all("Procedure")
        for code, table in _ACTS
        if _is_code(one, code) and draft.points_at(one.get("subject"), patient)
    ]
    if acts and not urls:
        draft.segment("PDA")
    for url, table in acts:
        with draft.open(url) as resource:
            fill(draft.segments[-1], resource, table, draft)


TABLES = (ACCIDENT, GROUP, DISABILITY, DEATH, CERTIFICATION, AUTOPSY, *PARTS.values())
