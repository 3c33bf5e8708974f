"""Procedure as PR1, with who took part in another function as ROL (guide: PR1[Procedure])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table
from shared.mapping.procedure import FUNCTIONS
from shared.rendering.coded import concept, text
from shared.rendering.draft import escaped
from shared.rendering.identifiers import ei
from shared.rendering.people import xcn
from shared.rendering.roles import write_function
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, fill
from shared.rendering.statements import is_of_death
from shared.rendering.times import hl7_time, minutes_between, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_GUIDE = "PR1[Procedure]"
_LATER = "not in 2.5.1"
_SNOMED = "http://snomed.info/sct"  # its expressions have colons of their own
_VOID = frozenset({"entered-in-error", "not-done"})


def _in_function(number: int) -> Choice:
    """Return the choice of performers by the function that a field says."""
    return lambda value: value.get("function") == FUNCTIONS[number]


def performing(value: Resource, draft: Draft, kind: str) -> str:
    """Write a person who took part as an XCN; the field says the function. A PractitionerRole says more: ROL has it."""
    actor = value.get("actor", {})
    found = xcn(actor, draft, kind) if draft.look(actor)[1].get("resourceType") != "PractitionerRole" else ""
    if found:
        value.pop("function", None)
    return found


PROCEDURE = Table(
    "PR1",
    "Procedure",
    (
        Row("PR1-3", "Procedure.code", concept(), f"{_GUIDE} 6"),
        Row("PR1-4", "Procedure.code.text", text, f"{_GUIDE} 7"),
        Row("PR1-5", "Procedure.performedDateTime", time, f"{_GUIDE} 8 to 10"),
        Row("PR1-5", "Procedure.performedPeriod.start", time, f"{_GUIDE} 8 to 10"),
        Row("PR1-6", "Procedure.category", concept(bare_table("0230", "")), f"{_GUIDE} 11"),
        Row("PR1-8", "Procedure.performer", performing, f"{_GUIDE} 14 to 16", _in_function(8)),
        Row("PR1-11", "Procedure.performer", performing, f"{_GUIDE} 19 to 21", _in_function(11)),
        Row("PR1-12", "Procedure.performer", performing, f"{_GUIDE} 22", _in_function(12)),
        Row("PR1-15", "Procedure.reasonCode", concept(), f"{_GUIDE} 25"),
        Row("PR1-19", "Procedure.identifier", ei(has_fixed_type=False), f"{_GUIDE} 29"),
    ),
    (
        Implied("status", "what a message lists was done", ("completed", "unknown")),
        Implied("subject", "the person of the message"),
        Implied("encounter", "the visit of the message"),
    ),
    {
        7: "comes back from performedPeriod",
        16: "comes back from what follows the code after a colon",
        23: _LATER,
        25: _LATER,
    },
)


def write_procedures(patient: str, draft: Draft) -> None:
    """Write a PR1, and its ROL, for each Procedure of the person that was done."""
    found = [
        url
        for url, one in draft.all("Procedure")
        if draft.points_at(one.get("subject"), patient) and one.get("status") not in _VOID and not is_of_death(one)
    ]
    for number, url in enumerate(found, 1):
        segment = draft.segment("PR1")
        segment.set(1, str(number))
        with draft.open(url) as resource:
            part_modifiers(segment, 16, resource)
            _write_length(segment, resource)
            fill(segment, resource, PROCEDURE, draft)
            for one in resource.get("performer", ()):
                write_function(one, draft)


def part_modifiers(segment: SegmentDraft, number: int, resource: Resource) -> None:
    """Write what follows the first code after colons, which is CPT's syntax, as modifiers in a field."""
    first: Resource = next(iter(resource.get("code", {}).get("coding", ())), {})
    if first.get("system") == _SNOMED or "code" not in first:
        return
    first["code"], *modifiers = first["code"].split(":")
    for one in modifiers:
        segment.add(number, escaped(one))


def _write_length(segment: SegmentDraft, resource: Resource) -> None:
    lasted = resource.get("performedPeriod", {})
    minutes = minutes_between(lasted.get("start", ""), lasted.get("end", ""))
    if minutes and hl7_time(lasted["start"]):
        segment.set(7, minutes)
        lasted.pop("end")


TABLES = (PROCEDURE,)
