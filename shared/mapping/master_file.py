"""MFI and MFE: what a master file message does to each of its records (HL7 chapter 8; decision 0035)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import Action
from shared.mapping.datatypes.coded import fixed
from shared.mapping.datatypes.time import instant
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Resource, Table, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0035"
_EXCHANGE = "controls the exchange, not the content"
_ENTERER = fixed("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "enterer", "Enterer")

DEACTIVATED, REACTIVATED, DELETED = "MDC", "MAC", "MDL"  # HL7 table 0180; MAD and MUP say what the record says

_ENTERED = one("MFE-6", "Provenance.recorded", instant, DECIDED, placed=True)
_BY = many("MFE-7", "Provenance.agent.who", practitioner, DECIDED, reuse=True, placed=True)

RECORD = Table(
    "MFE",
    "Provenance",
    (_ENTERED, _BY),
    {
        1: "the action: it says what to do with the record",
        2: _EXCHANGE,
        3: "R4 has no time from which a record counts; what is sent counts when it comes",
        4: "the key: the record itself repeats it",
        5: "the type of MFE-4",
    },
)
FILE = Table("MFI", "Provenance", (), dict.fromkeys(range(1, 7), _EXCHANGE))


def file(node: Node, frame: Frame, scope: Scope) -> None:
    """MFI: which file it is and how to answer; its records say the rest."""
    del node, frame, scope


def record(node: Node, frame: Frame, scope: Scope) -> Frame:
    """MFE: the action on the record below."""
    del scope
    return frame.within(record=node.segment)


def settle(resource: Resource, frame: Frame, scope: Scope) -> None:
    """Let a Practitioner, PractitionerRole, Organization or Location be what the action of its record makes of it."""
    event = frame.record.text(1) if frame.record is not None else ""
    is_place = resource["resourceType"] == "Location"
    if event in (DEACTIVATED, DELETED):
        resource.update({"status": "inactive"} if is_place else {"active": False})
    elif event == REACTIVATED:
        resource.update({"status": "active"} if is_place else {"active": True})
    if event == DELETED:
        scope.noted(resource)["action"] = Action.DELETE


def add_entry(resource: Resource, frame: Frame, scope: Scope) -> None:
    """Add the Provenance of a record: who entered it, when."""
    if frame.record is None:
        return
    when, people = first(_ENTERED, frame.record, scope, {}), values(_BY, frame.record, scope, {})
    if when and people:
        target = {"reference": "urn:uuid:" + resource["id"]}
        found: Resource = {
            "resourceType": "Provenance",
            "id": scope.child_id("Provenance", target["reference"], when),
            "target": [target],
            "recorded": when,
            "agent": [{"type": _ENTERER, "who": who} for who in people],
        }
        scope.add(found)


TABLES = (FILE, RECORD)
HANDLERS: dict[str, Handler] = {"MFI": file, "MFE": record}
