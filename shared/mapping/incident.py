"""RMI: an incident of a stay, as an AdverseEvent (the guide has no map: docs/decisions/0145)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import concept
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Resource, Table, fill, many, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_DECIDED = "decision 0145"

INCIDENT = Table(
    "RMI",
    "AdverseEvent",
    (
        one("RMI-1", "AdverseEvent.event", concept(bare_table("0427", "")), _DECIDED, reuse=True),
        one("RMI-2", "AdverseEvent.date", date_time, _DECIDED),
        many("RMI-3", "AdverseEvent.category", concept(bare_table("0428", "")), _DECIDED, reuse=True),
    ),
)


def incident(node: Node, frame: Frame, scope: Scope) -> None:
    """RMI: what happened to the patient during the stay."""
    segment = node.segment
    if frame.patient is None or not any(segment.fields[1:]):
        return
    about = (frame.encounter or frame.patient)["reference"]
    event: Resource = {
        "resourceType": "AdverseEvent",
        "id": scope.child_id("AdverseEvent", about, segment.text(1), segment.text(2)),
        "actuality": "actual",
        "subject": frame.patient,
    }
    if frame.encounter:
        event["encounter"] = frame.encounter
    fill(event, segment, INCIDENT, scope)
    scope.add(event)


TABLES = (INCIDENT,)
HANDLERS: dict[str, Handler] = {"RMI": incident}
