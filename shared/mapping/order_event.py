"""ORC as Provenance: who entered, verified, authored and did what happened to an order (guide: ORC[Provenance])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.systems import code_system
from shared.mapping.datatypes.coded import fixed
from shared.mapping.datatypes.time import date_time, instant
from shared.mapping.organization import coded_organization
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, absent, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_ACTIVITIES = {
    "NW": fixed(_OPERATION, "CREATE", "create"),
    "SC": fixed(_OPERATION, "UPDATE", "revise"),
    **dict.fromkeys(("OC", "CA"), fixed(_OPERATION, "CANCEL", "cancel")),
}
_NO_TARGET = "the guide gives it no FHIR element"


@parts_of({1: ""})
def activity(raw: str, scope: Scope) -> Resource | None:
    """Return what was done to the order; None for a code the guide gives no activity."""
    return _ACTIVITIES.get(scope.text(raw))


@parts_of(
    {1: "identifier.value", 2: "deviceName", 3: "identifier.system"}
    | {4: "identifier.value", 5: "deviceName", 6: "identifier.system", 9: "deviceName"},
    dict.fromkeys((7, 8), _NO_TARGET),
)
def coded_device(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Device of a code (guide: CWE[Device])."""
    return scope.reuse("CWE device", raw, _device)


def _device(raw: str, scope: Scope) -> Resource | None:
    parts = scope.texts(raw)
    numbers = [
        {**({"system": system} if (system := code_system(parts[place + 2])) else {}), "value": parts[place]}
        for place in (0, 3)
        if parts[place]
    ]
    names = [said for place in (1, 4, 8) if (said := parts[place])]
    if not numbers and not names:
        return None
    key = (numbers[0].get("system", scope.assigner), numbers[0]["value"]) if numbers else ("name", names[0])
    found: Resource = {"resourceType": "Device", "id": scope.mint("Device", "entering", scope.assigner, *key)}
    if numbers:
        found["identifier"] = numbers
    if names:
        found["deviceName"] = [{"name": name, "type": "user-friendly-name"} for name in dict.fromkeys(names)]
    return {"reference": scope.add(found)}


def _agent(number: int, build: Build, guide: str) -> Row:
    return many(
        f"ORC-{number}", "Provenance.agent.who", build, f"ORC[Provenance] {guide}", reuse=True, placed=True, part=KEPT
    )


_ENTERED = _agent(10, practitioner, "18 to 20")
_ORDERED = _agent(12, practitioner, "24 to 26")
_DEVICE = _agent(18, coded_device, "32")
_AGENTS: tuple[tuple[Row, str], ...] = (
    (_ENTERED, "enterer"),
    (_agent(11, practitioner, "21 to 23"), "verifier"),
    (_agent(19, practitioner, "33 to 35"), "performer"),
    (_DEVICE, "enterer"),
)
_BEHALF = one(
    "ORC-17",
    "Provenance.agent.onBehalfOf",
    coded_organization,
    "ORC[Provenance] 31",
    reuse=True,
    placed=True,
    part=KEPT,
)

EVENT = Table(
    "ORC",
    "Provenance",
    (
        one("ORC-1", "Provenance.activity", activity, "ORC[Provenance] 3 to 8", reuse=True),
        one("ORC-9", "Provenance.recorded", instant, "ORC[Provenance] 16"),
        one("ORC-9", "Provenance.occurredDateTime", date_time, "ORC[Provenance] 17", when=absent(15)),
        one("ORC-15", "Provenance.occurredDateTime", date_time, "decision 0031"),
        *(row for row, _ in _AGENTS),
        _ORDERED,
        _BEHALF,
    ),
    {13: _NO_TARGET},
)

# One of these makes the Provenance worth its place: the orderer alone is the order's requester already.
_NAMED = (10, 11, 17, 18, 19)


def add_order_event(orc: Segment, request: Resource, scope: Scope) -> None:
    """Add the Provenance of what an ORC says was done, by whom; without ORC-9 it was recorded when it was sent."""
    fields = orc.fields
    if not any(fields[number] for number in _NAMED if number < len(fields)):
        return
    target = "urn:uuid:" + request["id"]
    key = (orc.text(1), orc.text(9) or scope.message_time, *(orc.text(number) for number in _NAMED))
    resource: Resource = {
        "resourceType": "Provenance",
        "id": scope.child_id("Provenance", target, *key),
        "target": [{"reference": target}],
    }
    fill(resource, orc, EVENT, scope)
    if "recorded" not in resource and not _record_sent(resource, scope):
        return
    resource["agent"] = _agents(orc, resource, scope)
    if resource["agent"]:
        scope.note_alike(resource, *key)  # orders that turn out to be one have one
        scope.add(resource)


def _record_sent(resource: Resource, scope: Scope) -> bool:
    sent = instant(scope.message_time, scope) if scope.message_time else None
    if sent:
        resource["recorded"] = sent
    return bool(sent)


def _agents(orc: Segment, resource: Resource, scope: Scope) -> list[Resource]:
    behalf = first(_BEHALF, orc, scope, resource)
    found: list[Resource] = []
    for row, kind in _AGENTS:
        found += [{"type": fixed(_PARTICIPANT, kind), "who": who} for who in values(row, orc, scope, resource)]
    if behalf and found and orc.text(10):
        found[0]["onBehalfOf"] = behalf
    elif behalf:
        found.insert(0, {"type": fixed(_PARTICIPANT, "enterer"), "who": behalf})
    ordered = values(_ORDERED, orc, scope, resource)
    return found + [{"type": fixed(_PARTICIPANT, "author"), "who": who} for who in ordered]


TABLES = (EVENT,)
