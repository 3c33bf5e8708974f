"""TXA as Provenance: who edited, transcribed, received and authenticated a document (guide: TXA[Provenance])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.datatypes.coded import fixed, text
from shared.mapping.datatypes.time import instant
from shared.mapping.frame import Frame
from shared.mapping.practitioner import PRACTITIONER_PARTS, practitioner
from shared.mapping.rows import KEPT, Resource, Row, Table, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_NO_TARGET = "the guide gives it no FHIR element"


@parts_of(
    {**{part: f"agent.who.{path}" for part, path in PRACTITIONER_PARTS.items() if part < 14}, 15: "recorded"},
    dict.fromkeys((14, *range(16, 27)), _NO_TARGET),
)
def stamp(raw: str, scope: Scope) -> tuple[Resource, str | None] | None:
    """Return who authenticated a document (PPN), and when."""
    parts = scope.parts(raw)
    person = practitioner(scope.component.join(parts[:14]), scope)
    return (person, instant(parts[14], scope) if parts[14] else None) if person else None


def _agent(number: int, guide: str) -> Row:
    return many(f"TXA-{number}", "Provenance.agent.who", practitioner, guide, reuse=True, placed=True, part=KEPT)


_EDITED = many("TXA-8", "Provenance.recorded", instant, "TXA[Provenance] 10", placed=True, part=KEPT)
_REASON = one("TXA-21", "Provenance.reason.text", text, "TXA[Provenance] 25", placed=True, part=KEPT)
_STAMPS = many("TXA-22", "Provenance.agent.who", stamp, "decision 0032", placed=True, part=KEPT)
_AGENTS: tuple[tuple[Row, Resource, str], ...] = (
    (_agent(5, "decision 0032"), fixed(_PARTICIPANT, "performer", "Performer"), "type"),
    (_agent(9, "TXA[Provenance] 11 to 13"), fixed(_PARTICIPATION, "IRCP", "information recipient"), "role"),
    (_agent(11, "decision 0032"), fixed(_PARTICIPATION, "TRANS", "Transcriber"), "type"),
    (_agent(23, "TXA[Provenance] 27 to 29"), fixed(_PARTICIPATION, "IRCP", "information recipient"), "role"),
)
# The originator alone is the document's author already.
_TELLING = (5, 8, 11, 21, 23)

EVENT = Table("TXA", "Provenance", (_EDITED, *(row for row, _, _ in _AGENTS), _REASON, _STAMPS))


def add_document_events(txa: Segment, document: Resource, frame: Frame, scope: Scope) -> None:
    """Add a Provenance of the edit or of those who took part, and one for each time that it was authenticated."""
    fields = txa.fields
    if any(fields[number] for number in _TELLING if number < len(fields)):
        _add_edit(txa, document, frame, scope)
    for person, time in values(_STAMPS, txa, scope, document):
        document.setdefault("authenticator", person)
        when = time or _sent(scope)
        if when:
            verifier = {"type": fixed(_PARTICIPANT, "verifier", "Verifier"), "who": person}
            _add(document, when, [verifier], ("authenticated", person["reference"]), scope)


def _add_edit(txa: Segment, document: Resource, frame: Frame, scope: Scope) -> None:
    edited = values(_EDITED, txa, scope, document)
    agents = [
        {place: [kind] if place == "role" else kind, "who": who}
        for row, kind, place in _AGENTS
        for who in values(row, txa, scope, document)
    ]
    sender = frame.header.get("responsible") or frame.header.get("sender")
    if not agents and sender:
        agents = [{"who": sender}]
    when = edited[-1] if edited else _sent(scope)
    if agents and when:
        found = _add(document, when, agents, ("edited",), scope)
        reason = first(_REASON, txa, scope, document)
        if reason:
            found["reason"] = [{"text": reason}]


def _sent(scope: Scope) -> str | None:
    return instant(scope.message_time, scope) if scope.message_time else None


def _add(document: Resource, when: str, agents: list[Resource], key: tuple[str, ...], scope: Scope) -> Resource:
    target = "urn:uuid:" + document["id"]
    found: Resource = {
        "resourceType": "Provenance",
        "id": scope.child_id("Provenance", target, *key, when),
        "target": [{"reference": target}],
        "recorded": when,
        "agent": agents,
    }
    scope.note_alike(found, *key, when)
    scope.add(found)
    return found
