"""MSH, EVN, SFT: MessageHeader and Provenance (guide: MSH[MessageHeader], MSH[Provenance-Source], EVN[Provenance])."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.systems import universal
from shared.mapping.codes.tables import V2, table
from shared.mapping.datatypes.coded import DATA_ABSENT, coding, concept, fixed, text
from shared.mapping.datatypes.time import date_time, instant
from shared.mapping.device import software_device
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import site
from shared.mapping.organization import facility, organization, universal_identifier, unnamed_organization
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import KEPT, Resource, Table, absent, fill, first, many, one, parts_of, valued, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
AUTHOR = fixed(_PARTICIPANT, "author", "Author")
ENTERER = fixed(_PARTICIPANT, "enterer", "Enterer")
_UNKNOWN_ENDPOINT = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}


def _endpoint_of(raw: str, scope: Scope) -> tuple[str, str, str]:
    namespace, universal_id, kind = (scope.text(part) for part in scope.parts(raw)[:3])
    return namespace, universal_id, universal(universal_id, kind) or universal(namespace, "")


@parts_of({1: "name", 2: "software", 3: "endpoint"})
def source(raw: str, scope: Scope) -> Resource | None:
    """Return MessageHeader.source (guide: HD[MessageHeader.source-name], HD[MessageHeader.source-endpoint])."""
    namespace, universal_id, endpoint = _endpoint_of(raw, scope)
    found = {"name": namespace or universal_id, "software": universal_id, "endpoint": endpoint}
    return {element: said for element, said in found.items() if said} or None


@parts_of({1: "name", 2: "endpoint", 3: "endpoint"})
def destination(raw: str, scope: Scope) -> Resource | None:
    """Return one MessageHeader.destination (guide: HD[MessageHeader.destination-name] and -endpoint)."""
    namespace, universal_id, endpoint = _endpoint_of(raw, scope)
    found = {"name": namespace or universal_id, "endpoint": endpoint}
    return {element: said for element, said in found.items() if said} or None


@parts_of({1: "identifier.value", 2: "identifier.value", 3: "identifier.type"})
def device(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Device of an application (guide: HD[Device])."""
    return scope.reuse("device", raw, _device)


def _device(raw: str, scope: Scope) -> Resource | None:
    namespace, universal_id, kind = (scope.text(part) for part in scope.parts(raw)[:3])
    identifiers: list[Resource] = [{"value": namespace}] if namespace else []
    if universal_id:
        identifiers.append(universal_identifier(universal_id, kind))
    if not identifiers:
        return None
    key = ("universal", universal_id) if universal_id else ("application", scope.assigner, namespace)
    resource: Resource = {"resourceType": "Device", "id": scope.mint("Device", *key), "identifier": identifiers}
    return {"reference": scope.add(resource)}


@parts_of({1: "display", 2: "code", 3: "display"})
def event(raw: str, scope: Scope) -> Resource | None:
    """Return MessageHeader.eventCoding (guide: MSG[Coding])."""
    parts = [said for part in scope.parts(raw)[:3] if (said := scope.text(part))]
    if not parts:
        return None
    code = parts[1] if len(parts) > 1 else parts[0]
    return {"system": V2 + "0003", "code": " ".join(code.split()), "display": "^".join(parts)}


@parts_of({1: "code", 2: "code"})
def processing(raw: str, scope: Scope) -> list[Resource]:
    """Return the tags of processing id and mode (guide: PT[Meta])."""
    pairs = zip(("0103", "0207"), scope.parts(raw)[:2], strict=True)
    return [{"system": V2 + number, "code": said} for number, part in pairs if (said := scope.text(part))]


_EXCHANGE = "controls the exchange, not the content"
_SENT = one("MSH-7", "Bundle.timestamp", instant, "MSH[Bundle] 10", placed=True)
_CONTROL_ID = one("MSH-10", "Bundle.identifier.value", text, "MSH[Bundle] 13", placed=True)
_DEVICE = one("MSH-5", "MessageHeader.destination.target", device, "MSH[MessageHeader] 8", placed=True)
_RECEIVER = one(
    "MSH-6", "MessageHeader.destination.receiver", facility, "MSH[MessageHeader] 11", when=absent(23), placed=True
)
_RESPONSIBLE_RECEIVER = one(
    "MSH-23", "MessageHeader.destination.receiver", organization, "MSH[MessageHeader] 31", placed=True
)
_ADDRESS = one("MSH-25", "MessageHeader.destination", destination, "MSH[MessageHeader] 34", placed=True)
_COUNTRY = one("MSH-17", "Organization.address.country", text, "MSH[MessageHeader] 24", placed=True)

HEADER = Table(
    "MSH",
    "MessageHeader",
    (
        one("MSH-3", "MessageHeader.source", source, "MSH[MessageHeader] 5, 6"),
        one("MSH-4", "MessageHeader.sender", facility, "MSH[MessageHeader] 7"),
        many("MSH-5", "MessageHeader.destination", destination, "MSH[MessageHeader] 9, 10"),
        *(_DEVICE, _RECEIVER, _SENT),
        one("MSH-9", "MessageHeader.eventCoding", event, "MSH[MessageHeader] 15", reuse=True),
        _CONTROL_ID,
        many("MSH-11", "MessageHeader.meta.tag", processing, "MSH[MessageHeader] 17", reuse=True),
        _COUNTRY,
        one("MSH-22", "MessageHeader.responsible", organization, "MSH[MessageHeader] 30"),
        _RESPONSIBLE_RECEIVER,
        one("MSH-24", "MessageHeader.source", source, "MSH[MessageHeader] 31"),
        _ADDRESS,
        many("MSH-26", "MessageHeader.meta.security", coding(), "MSH[MessageHeader] 37", reuse=True),
        many("MSH-27", "MessageHeader.meta.security", coding(), "MSH[MessageHeader] 38", reuse=True),
    ),
    {
        1: "separators: the tokenizer read them",
        2: "separators: the tokenizer read them",
        8: "the guide's target (meta.security) is a Coding and this is text",
        12: "the version says how to read, not what it says",
        13: "a sequence number of the link",
        14: "a continued message is joined before it is mapped",
        15: _EXCHANGE,
        16: _EXCHANGE,
        18: "the charset: the tokenizer read it",
        19: "the language of the sender's texts; the guide's target is the MessageHeader only",
        20: "the charset: the tokenizer read it",
        21: "a conformance profile of the exchange",
    },
)

# The fields that the MessageHeader is made of: all but the time, the control id and how the exchange goes on.
_OF_HEADER = {row.number for row in HEADER.rows} - {_SENT.number, _CONTROL_ID.number}
_SAID = [number in _OF_HEADER for number in range(max(_OF_HEADER) + 1)]

_APPLICATION = one(
    "MSH-3",
    "Provenance.entity.what",
    device,
    "MSH[Provenance-Source] 9, 10",
    when=valued(24),
    placed=True,
    part=KEPT,
)

_ORIGIN = Table(
    "MSH",
    "Provenance",
    (
        _APPLICATION,
        one("MSH-7", "Provenance.recorded", instant, "MSH[Provenance-Source] 16"),
        one("MSH-7", "Provenance.occurredDateTime", date_time, "MSH[Provenance-Source] 17"),
    ),
)

_OPERATOR = many("EVN-5", "Provenance.agent.who", practitioner, "EVN[Provenance] 10", reuse=True, placed=True)

EVENT = Table(
    "EVN",
    "Provenance",
    (
        one("EVN-2", "Provenance.recorded", instant, "EVN[Provenance] 5"),
        many("EVN-4", "Provenance.reason", concept(table("EventReason")), "EVN[Provenance] 7", reuse=True),
        _OPERATOR,
        one("EVN-6", "Provenance.occurredDateTime", date_time, "EVN[Provenance] 11"),
        one("EVN-7", "Provenance.location", site, "EVN[Provenance] 12"),
    ),
    {1: "MSH-9 says it", 3: "the guide gives it no FHIR element"},
)

SOFTWARE = Table(
    "SFT",
    "MessageHeader",
    (
        one("SFT-2", "MessageHeader.source.version", text, "SFT[MessageHeader] 4"),
        one("SFT-3", "MessageHeader.source.software", text, "SFT[MessageHeader] 5"),
    ),
)


def start(root: Node, scope: Scope, bundle: Resource) -> Frame:
    """Add the MessageHeader and its Provenance; set identifier and timestamp of the bundle; return the first frame."""
    segment = root.segment
    key = (scope.assigner, segment.text(10), segment.text(7))
    header: Resource = {"resourceType": "MessageHeader", "id": scope.mint("MessageHeader", *key)}
    url = scope.add(header)
    header.update(_exchange(segment, scope))
    bundle["id"] = scope.mint("Bundle", *key)
    control_id = first(_CONTROL_ID, segment, scope, header)
    if control_id:
        bundle["identifier"] = {"system": "urn:id:message-control-id", "value": control_id}
    sent = first(_SENT, segment, scope, header)
    if sent:
        bundle["timestamp"] = sent
    sender = header.get("responsible") or header.get("sender")
    if sender and sent:
        said = "message - " + header["eventCoding"].get("display", "")
        _add_provenance(segment, _ORIGIN, [{"type": AUTHOR, "who": sender}], said, url, scope)
        application = first(_APPLICATION, segment, scope, header)
        if application:
            _add_source(application, url, scope)
    return Frame(header, order=key)


def _exchange(segment: Segment, scope: Scope) -> Resource:
    """Return the elements of the MessageHeader: the same for all messages of one kind from one sender."""
    said = segment.delimiters.field.join(compress(segment.fields, _SAID))
    return scope.reuse("MessageHeader", said, lambda _, scope: _read_exchange(segment, scope))


def _read_exchange(segment: Segment, scope: Scope) -> Resource:
    header: Resource = {}
    fill(header, segment, HEADER, scope)
    _address(header, segment, scope)
    if "eventCoding" not in header:
        header["eventCoding"] = {"system": V2 + "0003", "code": "unknown"}
    country = first(_COUNTRY, segment, scope, header)
    if country and "sender" in header:
        scope.edit(header["sender"]["reference"])["address"] = [{"country": country}]
    elif country:  # nobody is named, and yet the message says where it comes from
        header["sender"] = unnamed_organization({"address": [{"country": country}]}, scope)
    return header


def _address(header: Resource, segment: Segment, scope: Scope) -> None:
    """Complete source and destination: both need an endpoint, and the receiver belongs to the first destination."""
    origin = header.setdefault("source", {})
    if "endpoint" not in origin:
        origin["_endpoint"] = _UNKNOWN_ENDPOINT
    targets = header.get("destination", [])
    for one_target, name in zip(targets, values(_DEVICE, segment, scope, header), strict=False):
        one_target["target"] = name
    receiver = first(_RESPONSIBLE_RECEIVER, segment, scope, header) or first(_RECEIVER, segment, scope, header)
    reached = first(_ADDRESS, segment, scope, header)
    if not targets and (receiver or reached):
        header["destination"] = targets = [{}]
    if receiver:
        targets[0]["receiver"] = receiver
    if reached:  # as MSH-24 of the source: the network's name; who is behind it, the target says
        targets[0].update(reached)
    for one_target in targets:
        if "endpoint" not in one_target:
            one_target["_endpoint"] = _UNKNOWN_ENDPOINT


def _add_provenance(
    segment: Segment, rows: Table, agents: list[Resource], said: str, target: str, scope: Scope
) -> None:
    resource: Resource = {
        "resourceType": "Provenance",
        "id": scope.mint("Provenance", target, segment.name),
        "target": [{"reference": target}],
    }
    fill(resource, segment, rows, scope)
    if "recorded" in resource:
        resource["activity"] = {"coding": [{"display": said}]}
        resource["agent"] = agents
        scope.add(resource)


def event_of(node: Node, frame: Frame, scope: Scope) -> None:
    """EVN: a Provenance of the event, by its operator, else by the sender."""
    segment, header = node.segment, frame.header
    operators = [{"type": ENTERER, "who": who} for who in values(_OPERATOR, segment, scope, header)]
    sender = header.get("responsible") or header.get("sender")
    agents = operators or ([{"who": sender}] if sender else [])
    if agents:
        said = "event - " + "^".join(part for part in (scope.code, scope.event) if part)
        _add_provenance(segment, EVENT, agents, said, "urn:uuid:" + header["id"], scope)


def software(node: Node, frame: Frame, scope: Scope) -> None:
    """SFT: version and name of the sending software, and its Device in the Provenance of the message (ADT_A01 8, 9)."""
    segment = node.segment
    if segment.number == 1:
        frame.header["source"] = {**frame.header["source"]}  # the one there may be shared with other bundles
        fill(frame.header, segment, SOFTWARE, scope)
    header = "urn:uuid:" + frame.header["id"]
    device_ = software_device(segment, scope) if _origin_of(header, scope) in scope.entries else None
    if device_:
        _add_source(device_, header, scope)


def _origin_of(header: str, scope: Scope) -> str:
    return "urn:uuid:" + scope.mint("Provenance", header, "MSH")


def _add_source(device_: Resource, header: str, scope: Scope) -> None:
    """Add to the Provenance of the message what it came from."""
    origin = scope.edit(_origin_of(header, scope))
    origin["entity"] = [*origin.get("entity", ()), {"role": "source", "what": device_}]


TABLES = (HEADER, _ORIGIN, EVENT, SOFTWARE)
HANDLERS: dict[str, Handler] = {"EVN": event_of, "SFT": software}
