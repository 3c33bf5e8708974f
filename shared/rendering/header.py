"""MessageHeader, Bundle and Provenance as MSH and EVN (guide: MSH[MessageHeader], MSH[Bundle], EVN[Provenance])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.mapping.codes.tables import V2, table
from shared.rendering.coded import concept
from shared.rendering.codes import authority
from shared.rendering.draft import VERSION, composed, escaped
from shared.rendering.identifiers import hd, taken_names
from shared.rendering.people import xcn
from shared.rendering.rows import Implied, Resource, Row, Table, fill
from shared.rendering.times import hl7_time, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_PROCESSING, _MODE = V2 + "0103", V2 + "0207"
_PRODUCTION = "P"
_UTF_8 = "UNICODE UTF-8"
_EVENT = "event - "
_MESSAGE = "message - "


def endpoint(value: Resource, draft: Draft, kind: str) -> str:
    """Write source or destination as an HD: its name, and its endpoint where that is a universal id."""
    del draft, kind
    name, said = value.pop("name", ""), value.pop("endpoint", "")
    _, universal_id, type_ = authority(said)
    if value.get("software") == universal_id or value.get("software") == name:
        value.pop("software", None)
    return composed([name if name != universal_id else "", universal_id, type_])


HEADER = Table(
    "MSH",
    "MessageHeader",
    (
        Row("MSH-3", "MessageHeader.source", endpoint, "MSH[MessageHeader] 5, 6"),
        Row("MSH-4", "MessageHeader.sender", hd, "MSH[MessageHeader] 7"),
    ),
    (
        Implied("eventCoding", "MSH-9 says it"),
        Implied("definition", "MSH-9 says it"),
        Implied("focus", "the segments of the message"),
        Implied("source._endpoint", "what is unknown is left out"),
        Implied("destination._endpoint", "what is unknown is left out"),
        Implied("destination.target", "MSH-5 is its name"),
    ),
    {
        5: "comes back from the first destination",
        7: "comes back from Bundle.timestamp",
        9: "comes back from the kind of message that is written",
        10: "comes back from Bundle.identifier",
        11: "comes back from meta.tag",
        17: "comes back from the address of the sender",
        **dict.fromkeys((22, 23, 24, 25, 26, 27), "not in 2.5.1"),
    },
)

DESTINATION = Table(
    "MSH",
    "MessageHeader.destination",
    (Row("MSH-6", "destination.receiver", hd, "MSH[MessageHeader] 11"),),
)

EVENT = Table(
    "EVN",
    "Provenance",
    (
        Row("EVN-2", "Provenance.recorded", time, "EVN[Provenance] 5"),
        Row("EVN-4", "Provenance.reason", concept(table("EventReason")), "EVN[Provenance] 7"),
        Row("EVN-6", "Provenance.occurredDateTime", time, "EVN[Provenance] 11"),
        Row("EVN-7", "Provenance.location", hd, "EVN[Provenance] 12"),
    ),
    (
        Implied("target", "the message itself"),
        Implied("activity", "MSH-9 says it"),
    ),
    {5: "comes back from the agent that entered it"},
)


def write_header(bundle: Resource, message_type: str, structure: str, draft: Draft) -> None:
    """Write MSH; the hub sets MSH-10 anew where it sends the message."""
    msh = draft.segment("MSH")
    headers = draft.all("MessageHeader")
    if headers:
        with draft.open(headers[0][0]) as header:
            _write_parties(msh, header, draft)
            _write_tags(msh, header)
    code, _, event = message_type.partition("^")
    msh.set(7, hl7_time(bundle.get("timestamp")) or newest(draft))
    msh.set(9, composed([code, event, structure]))
    msh.set(10, escaped(bundle.get("identifier", {}).get("value", "")))
    msh.fields.setdefault(11, [_PRODUCTION])
    msh.set(12, VERSION)
    msh.set(18, _UTF_8)


def said_types(draft: Draft) -> list[str]:
    """Return what MessageHeaders say that the bundle came as, or is to go as: ``SIU^S12``."""
    said = (header.get("eventCoding", {}).get("display", "") for _, header in draft.all("MessageHeader"))
    return ["^".join(one.split("^")[:2]) for one in said]


def newest(draft: Draft) -> str:
    """Return the newest time a server gave to what the message is of, as a TS; empty where no resource has one."""
    stamps = [one.get("meta", {}).get("lastUpdated", "") for _, one in draft.everything()]
    return hl7_time(max(stamps, default=""))


def _write_parties(msh: SegmentDraft, header: Resource, draft: Draft) -> None:
    for one in header.get("destination", ())[:1]:
        with_target = one.get("target", {})
        if draft.look(with_target)[0]:
            with draft.follow(with_target) as device:
                taken_names(device)  # the mapping makes them of MSH-5
        fill(msh, one, DESTINATION, draft)
        msh.set(5, endpoint(one, draft, "HD"))
    _write_country(msh, header, draft)
    fill(msh, header, HEADER, draft)


def _write_country(msh: SegmentDraft, header: Resource, draft: Draft) -> None:
    """Write the country of the sender, which the mapping keeps in its address."""
    url, sender = draft.look(header.get("sender"))
    if "country" in next(iter(sender.get("address", ())), {}):
        with draft.open(url) as organization:
            msh.set(17, escaped(organization["address"][0].pop("country")))


def _write_tags(msh: SegmentDraft, header: Resource) -> None:
    parts = ["", ""]
    for one in header.get("meta", {}).get("tag", ()):
        if one.get("system") in (_PROCESSING, _MODE):
            parts[one.pop("system") == _MODE] = one.pop("code", "")
            one.pop("display", None)
    if any(parts):
        msh.set(11, composed(parts))


def write_event(event: str, draft: Draft) -> None:
    """Write EVN from the Provenance of the event; without one the time of the message is the event's."""
    evn = draft.segment("EVN")
    evn.set(1, event)
    for url, provenance in draft.all("Provenance"):
        said = _activity(provenance)
        if said.startswith(_EVENT):
            with draft.open(url) as resource:
                agents = resource.get("agent", [])
                for agent in agents:
                    who = xcn(agent.get("who", {}), draft, "XCN")
                    if who:
                        evn.add(5, who)
                        agent.clear()
                    elif draft.look(agent.get("who"))[1].get("resourceType") == "Organization":
                        agent.clear()  # the sender, which MSH-4 names
                fill(evn, resource, EVENT, draft)
    if 2 not in evn.fields:
        evn.fields[2] = draft.segments[0].fields.get(7, [])


def forget_own_records(draft: Draft) -> None:
    """Count what the mapping keeps about the message itself as carried: MSH says who sent it and when."""
    for url, provenance in draft.all("Provenance"):
        if _activity(provenance).startswith(_MESSAGE):
            with draft.open(url) as resource:
                resource.clear()


def _activity(provenance: dict[str, Any]) -> str:
    codings = provenance.get("activity", {}).get("coding", [])
    return str(codings[0].get("display", "")) if codings else ""


TABLES = (HEADER, DESTINATION, EVENT)
