"""The Provenance of an order as ORC-9 to ORC-19: who entered, verified and did it (guide: ORC[Provenance])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rendering.codes import system_name
from shared.rendering.draft import composed
from shared.rendering.people import xcn
from shared.rendering.results import producer
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, Write, fill, prune
from shared.rendering.times import hl7_time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_GUIDE = "ORC[Provenance]"


def _is_agent(kind: str) -> Choice:
    """Return the choice of agents by what they did (provenance-participant-type)."""
    return lambda value: any(one.get("code") == kind for one in value.get("type", {}).get("coding", ()))


def _agent(write: Write) -> Write:
    """Return the write function of who an agent is; the field says what it did."""

    def agent(value: Resource, draft: Draft, kind: str) -> str:
        found = write(value.get("who", {}), draft, kind)
        if found:
            value.pop("type", None)
        return found

    return agent


def device(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to a Device as a CE: number, name, system."""
    del kind
    if draft.look(value)[1].get("resourceType") != "Device":
        return ""
    with draft.follow(value) as resource:
        first: Resource = (resource.get("identifier") or [{}])[0]
        name: Resource = (resource.get("deviceName") or [{}])[0]
        name.pop("type", None)
        number, system = first.pop("value", ""), first.pop("system", "")
        return composed([number, name.pop("name", ""), system_name(system)])


_ENTERED = _is_agent("enterer")
EVENT = Table(
    "ORC",
    "Provenance",
    (
        Row("ORC-10", "Provenance.agent", _agent(xcn), f"{_GUIDE} 18 to 20", _ENTERED),
        Row("ORC-17", "Provenance.agent", _agent(producer), f"{_GUIDE} 31", _ENTERED),
        Row("ORC-18", "Provenance.agent", _agent(device), f"{_GUIDE} 32", _ENTERED),
        Row("ORC-11", "Provenance.agent", _agent(xcn), f"{_GUIDE} 21 to 23", _is_agent("verifier")),
        Row("ORC-19", "Provenance.agent", _agent(xcn), f"{_GUIDE} 33 to 35", _is_agent("performer")),
    ),
    (
        Implied("target", "the order itself"),
        Implied("activity", "ORC-1 says it"),
    ),
    {15: "comes back where it is another time than ORC-9"},
)


def write_order_event(url: str, orc: SegmentDraft, orderers: set[str], draft: Draft) -> None:
    """Write who did what to an order, by the first Provenance of it; the time of the message itself is MSH-7.

    Args:
        orderers: Urls of those who order: ORC-12 names them.
    """
    for event, found in draft.all("Provenance"):
        if not any(draft.points_at(one, url) for one in found.get("target", ())):
            continue
        with draft.open(event) as resource:
            _write_times(orc, resource, draft)
            agents = resource.get("agent", [])
            for one in agents:
                behalf = one.get("onBehalfOf", {})
                said = producer(behalf, draft, "CE") if behalf and orc.has_room(17) else ""
                if said:
                    orc.add(17, said)
                if _is_agent("author")(one) and draft.look(one.get("who"))[0] in orderers - {""}:
                    one.clear()  # ORC-12
            prune(resource)
            fill(orc, resource, EVENT, draft)
        return


def _write_times(orc: SegmentDraft, event: Resource, draft: Draft) -> None:
    sent = draft.segments[0].fields.get(7, [])
    recorded, occurred = (hl7_time(event.get(element)) for element in ("recorded", "occurredDateTime"))
    if recorded and 9 not in orc.fields and [recorded] != sent:
        orc.set(9, recorded)
    said = orc.fields.get(9, [])
    if [recorded] in (said, sent):
        event.pop("recorded", None)
    if occurred and [occurred] != said:
        orc.set(15, occurred)
    event.pop("occurredDateTime", None)


TABLES = (EVENT,)
