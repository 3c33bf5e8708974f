"""The Provenance of a document as TXA-5 to TXA-23: who worked on it, and when (guide: TXA[Provenance])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rendering.coded import text
from shared.rendering.draft import composed
from shared.rendering.people import taken_person, xcn
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, fill, prune
from shared.rendering.times import hl7_time, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_GUIDE = "TXA[Provenance]"
_DECIDED = "decision 0032"
_LENGTH_OF_XCN = 14  # PPN begins as XCN does; its time is the next component


def _does(code: str) -> Choice:
    """Return the choice of agents by what they do, said as type or as role."""

    def does(value: Resource) -> bool:
        return code in _parts(value)

    return does


def _parts(agent: Resource) -> set[str]:
    kinds = [agent.get("type", {}), *agent.get("role", ())]
    return {one.get("code", "") for kind in kinds for one in kind.get("coding", ())}


def _agent(value: Resource, draft: Draft, kind: str) -> str:
    found = xcn(value.get("who", {}), draft, kind)
    if found:
        value.pop("type", None)
        value.pop("role", None)
    return found


EDIT = Table(
    "TXA",
    "Provenance",
    (
        Row("TXA-5", "Provenance.agent", _agent, _DECIDED, _does("performer")),
        Row("TXA-8", "Provenance.recorded", time, f"{_GUIDE} 10"),
        Row("TXA-11", "Provenance.agent", _agent, _DECIDED, _does("TRANS")),
        Row("TXA-23", "Provenance.agent", _agent, f"{_GUIDE} 27 to 29", _does("IRCP")),
    ),
    (
        Implied("target", "the document itself"),
        Implied("activity", "MSH-9 says it"),
    ),
    {22: "comes back from the Provenance of who verified"},
)
REASON = Table("TXA", "Provenance.reason", (Row("TXA-21", "reason.text", text, f"{_GUIDE} 25"),))


def write_document_events(url: str, txa: SegmentDraft, document: Resource, draft: Draft) -> None:
    """Write who worked on a document: who verified it as TXA-22, everybody else by what they did."""
    authors = {draft.look(one)[0] for one in document.get("author", ())}
    for event, found in draft.all("Provenance"):
        if not any(draft.points_at(one, url) for one in found.get("target", ())):
            continue
        with draft.open(event) as resource:
            if all(_does("verifier")(one) for one in found.get("agent", ())):
                _write_stamps(txa, resource, draft)
            else:
                _write_edit(txa, resource, authors, draft)


def _write_stamps(txa: SegmentDraft, event: Resource, draft: Draft) -> None:
    recorded = hl7_time(event.pop("recorded", ""))
    event.pop("target", None)
    for agent in event.get("agent", ()):
        parts = taken_person(agent.get("who", {}), draft)
        if parts:
            agent.pop("type", None)
            txa.add(22, composed([*parts[:_LENGTH_OF_XCN], recorded]))


def _write_edit(txa: SegmentDraft, event: Resource, authors: set[str], draft: Draft) -> None:
    for agent in event.get("agent", ()):
        url, who = draft.look(agent.get("who"))
        if url in authors or (who.get("resourceType") == "Organization" and not _parts(agent)):
            agent.clear()  # TXA-9 names the author, MSH-4 the sender
    if [hl7_time(event.get("recorded"))] == draft.segments[0].fields.get(7):
        event.pop("recorded")  # without TXA-8 it was recorded when it was sent
    for reason in event.get("reason", ()):
        fill(txa, reason, REASON, draft)
    prune(event)
    fill(txa, event, EDIT, draft)


TABLES = (EDIT, REASON)
