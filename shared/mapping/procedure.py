"""PR1: Procedure, with its performers and what it is part of (guide: PR1[Procedure])."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import coding, concept, fixed, text
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.number import Number, decimal
from shared.mapping.datatypes.time import date_time, fhir_time, is_before
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Resource, Row, Table, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_SNOMED = "http://snomed.info/sct"
_NO_TARGET = "the guide gives it no FHIR element"


def _performer(number: int, guide: str) -> Row:
    return many(
        f"PR1-{number}", "Procedure.performer.actor", practitioner, f"PR1[Procedure] {guide}", placed=True, part=KEPT
    )


# What the guide calls the people of PR1-8, PR1-11 and PR1-12.
FUNCTIONS = {
    8: fixed(_SNOMED, "88189002", "Anesthesiologist"),
    11: fixed(_SNOMED, "304292004", "Surgeon"),
    12: None,
}
_PERFORMERS = (
    (_performer(8, "14 to 16"), FUNCTIONS[8]),
    (_performer(11, "19 to 21"), FUNCTIONS[11]),
    (_performer(12, "22"), FUNCTIONS[12]),
)
_DESCRIPTION = one("PR1-4", "Procedure.code.text", text, "PR1[Procedure] 7", placed=True)
_TIME = one("PR1-5", "Procedure.performedDateTime", date_time, "PR1[Procedure] 8 to 10", placed=True)
_MINUTES = one("PR1-7", "Procedure.performedPeriod.end", decimal, "PR1[Procedure] 12", placed=True)
_MODIFIER = many("PR1-16", "Procedure.code.coding.code", coding(), "PR1[Procedure] 26", placed=True, part=KEPT)
_PARENT = one("PR1-25", "Procedure.partOf", ei(), "PR1[Procedure] 35", placed=True)

PROCEDURE = Table(
    "PR1",
    "Procedure",
    (
        one("PR1-3", "Procedure.code", concept(), "PR1[Procedure] 6", reuse=True),
        *(_DESCRIPTION, _TIME, _MINUTES),
        one("PR1-6", "Procedure.category", concept(bare_table("0230", "")), "PR1[Procedure] 11", reuse=True),
        *(row for row, _ in _PERFORMERS),
        many("PR1-15", "Procedure.reasonCode", concept(), "PR1[Procedure] 25", reuse=True),
        _MODIFIER,
        many("PR1-19", "Procedure.identifier", ei(), "PR1[Procedure] 29"),
        one("PR1-23", "Procedure.location", location, "PR1[Procedure] 33"),
        _PARENT,
    ),
    {
        1: "set id: position only",
        2: "the coding method: PR1-3.3 names the system",
        **dict.fromkeys((9, 10, 13, 14, 17, 18, 21, 22, 24), _NO_TARGET),
        20: "the action: it says what to do with the procedure",
    },
)


def procedure(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """PR1: one Procedure of the visit, else of the person."""
    segment = node.segment
    fields = segment.fields
    if frame.patient is None or not any(fields[2:]):
        return None
    of = (frame.encounter or frame.patient)["reference"]
    key = tuple(fields[number] if number < len(fields) else "" for number in (19, 3, 4, 5))
    said = (key[0],) if key[0] else key[1:]
    resource: Resource = {"resourceType": "Procedure", "id": scope.child_id("Procedure", of, *said)}
    fill(resource, segment, PROCEDURE, scope)
    _complete_code(resource, segment, scope)
    _set_time(resource, segment, scope)
    resource["subject"] = frame.patient
    if frame.encounter:
        resource["encounter"] = frame.encounter
    _add_performers(resource, segment, scope)
    _add_parent(resource, segment, of, scope)
    deleted = segment.code(20) == "D"
    resource["status"] = "entered-in-error" if deleted else _status(resource, scope)
    url = scope.add_child(resource, "PR1", of, Action.DELETE if deleted else Action.PUT)
    if frame.remarks is not None and frame.remarks["resourceType"] == "ChargeItem":
        frame.remarks.setdefault("service", []).append({"reference": url})
    return frame.within(remarks=resource)


def _complete_code(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Add the older description and the modifiers."""
    found = resource.get("code", {})
    description = first(_DESCRIPTION, segment, scope, resource)
    if description:
        found = {"text": description, **found}
    modifiers = [one_["code"] for one_ in values(_MODIFIER, segment, scope, resource) if "code" in one_]
    if found:
        resource["code"] = modified(found, modifiers)


def modified(code: Resource, modifiers: list[str]) -> Resource:
    """Return a code followed by its modifiers after colons, which is CPT's syntax (guide: PR1[Procedure] 26)."""
    codings = code.get("coding", [])
    if not modifiers or not codings or "code" not in codings[0]:
        return code
    return {**code, "coding": [{**codings[0], "code": ":".join((codings[0]["code"], *modifiers))}, *codings[1:]]}


def _set_time(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set when it was done: a period where the minutes and a time of day are given (guide: PR1[Procedure] 8 to 12)."""
    start = first(_TIME, segment, scope, resource)
    if not start:
        return
    end = _later(start, first(_MINUTES, segment, scope, resource)) if len(start) > 10 else None
    if end:
        resource["performedPeriod"] = {"start": start, "end": end}
    else:
        resource["performedDateTime"] = start


def _later(start: str, minutes: Number | None) -> str | None:
    """Return a time some minutes after another; None where that is no time."""
    if minutes is None or minutes < 0:
        return None
    try:
        return (datetime.fromisoformat(start) + timedelta(minutes=float(minutes))).isoformat()
    except OverflowError:
        return None


def _status(resource: Resource, scope: Scope) -> str:
    """Return ``completed`` for what began before it was told; else the guide's ``unknown``."""
    began = resource.get("performedDateTime") or resource.get("performedPeriod", {}).get("start")
    if began is None:
        return "unknown"
    told = fhir_time(scope.message_time, scope.zone)
    return "completed" if told and is_before(began, told.value) else "unknown"


def _add_performers(resource: Resource, segment: Segment, scope: Scope) -> None:
    found = [
        {**({"function": function} if function else {}), "actor": actor}
        for row, function in _PERFORMERS
        for actor in values(row, segment, scope, resource)
    ]
    if found:
        resource["performer"] = found


def _add_parent(resource: Resource, segment: Segment, of: str, scope: Scope) -> None:
    """Point at the procedure of the number PR1-25: the one before it in the same visit, else by its number."""
    parent = first(_PARENT, segment, scope, resource)
    if parent:
        url = "urn:uuid:" + scope.mint("Procedure", of, segment.fields[25])
        known = url in scope.entries
        resource["partOf"] = [{"reference": url} if known else {"type": "Procedure", "identifier": parent}]


TABLES = (PROCEDURE,)
HANDLERS: dict[str, Handler] = {"PR1": procedure}
