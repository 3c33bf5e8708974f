"""ServiceRequest as ORC and OBR (guide: ORC[ServiceRequest], OBR[ServiceRequest])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.charges import charges_of, write_charges
from shared.rendering.coded import code, coding, concept
from shared.rendering.conditions import write_diagnoses
from shared.rendering.demographics import is_will
from shared.rendering.draft import escaped
from shared.rendering.identifiers import ei, entity_pair, has_type, type_of
from shared.rendering.notes import write_notes
from shared.rendering.order_context import write_billing, write_contact, write_trials
from shared.rendering.order_events import write_order_event
from shared.rendering.people import xad, xcn, xon, xtn
from shared.rendering.results import write_results
from shared.rendering.rows import Implied, Resource, Row, Table, Write, extension, fill, is_extension, prune
from shared.rendering.specimens import is_about, write_collector, write_in_order, write_specimens
from shared.rendering.times import hl7_time, time
from shared.rendering.timing import write_old_timing, write_timing

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_CALLBACK = EXTENSION + "servicerequest-order-callback-phone-number"
_BUSINESS_EVENT = EXTENSION + "businessEvent"
_ABOUT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ServiceRequest.supportingInfo"
# What an order message asks for, by the status of the order; ORC-5 says the status itself. The guide's table is no
# help: it gives one status to many control codes.
_CONTROL = {"on-hold": "HD", "revoked": "CA", "completed": "SC", "entered-in-error": "CA"}
_NEW_ORDER = "NW"
_ORDERS = frozenset({"order", "original-order", "reflex-order"})
_LATER = "not in 2.5.1"
_TIMING = "comes back as TQ1, in a message without it as ORC-7"

COMMON = Table(
    "ORC",
    "ServiceRequest",
    (
        Row("ORC-4", "ServiceRequest.requisition", ei(), "ORC[ServiceRequest] 15 to 23"),
        Row("ORC-5", "ServiceRequest.status", code(table("OrderStatus")), "ORC[ServiceRequest] 24"),
        Row("ORC-9", "ServiceRequest.authoredOn", time, "ORC[ServiceRequest] 28"),
        Row(
            "ORC-14",
            "ServiceRequest.extension",
            extension("valueContactPoint", xtn),
            "ORC[ServiceRequest] 36, 37",
            is_extension(_CALLBACK),
        ),
        Row(
            "ORC-16",
            "ServiceRequest.extension",
            extension("valueCodeableConcept", concept()),
            "ORC[ServiceRequest] 39, 40",
            is_extension(EXTENSION + "request-statusReason"),
        ),
        Row("ORC-28", "ServiceRequest.meta.security", coding(table("ConfidentialityCode")), "ORC[ServiceRequest] 53"),
        Row("ORC-29", "ServiceRequest.locationCode", concept(table("OrderType")), "ORC[ServiceRequest] 54"),
    ),
    (
        Implied("status", "without ORC-5 nobody knows it", ("unknown",)),
        Implied("subject", "the person of the message"),
        Implied("encounter", "the visit of the message"),
        Implied("intent", "a message orders", ("order",)),
    ),
    {
        1: "comes back by the status of the order: RE in a result, else NW, HD, CA or SC",
        7: _TIMING,
        22: "comes back with ORC-21: the address of the facility",
        23: "comes back with ORC-21: how the facility is reached",
        24: "comes back with ORC-12: the address of who orders",
        33: _LATER,
        38: _LATER,
    },
)

ORDER_NUMBERS = Table(
    "ORC",
    "ServiceRequest",
    (
        Row("ORC-2", "ServiceRequest.identifier", ei(), "ORC[ServiceRequest] 9 to 11", has_type("PLAC", "")),
        Row("ORC-3", "ServiceRequest.identifier", ei(), "ORC[ServiceRequest] 12 to 14", has_type("FILL")),
    ),
)

REQUESTER = Table(
    "ORC",
    "ServiceRequest",
    (
        Row("ORC-12", "ServiceRequest.requester", xcn, "ORC[ServiceRequest] 34"),
        Row("ORC-21", "ServiceRequest.requester", xon, "ORC[ServiceRequest] 46"),
    ),
)


def is_service_order(resource: Resource) -> bool:
    """Tell whether a ServiceRequest is an order that somebody gave (decision 0173).

    A draft, a proposal or a plan is none, and whoever receives an ORC-1 of NW acts on it.
    """
    is_request = resource.get("resourceType") == "ServiceRequest" and resource.get("status") != "draft"
    return is_request and resource.get("intent", "order") in _ORDERS


def information(value: Resource, draft: Draft, kind: str) -> str:
    """Write clinical information as a text, which OBR-13 is in 2.5.1: what was said, else what the code is called."""
    del draft, kind
    for inner in value.get("extension", ()):
        said = inner.get("valueCodeableConcept", {})
        first: Resource = (said.get("coding") or [{}])[0]
        found = said.pop("text", "") or first.pop("display", "") or first.pop("code", "")
        if found:
            inner.pop("url")
            value.pop("url")
            return escaped(found)
    return ""


SERVICE = Table(
    "OBR",
    "ServiceRequest",
    (
        Row("OBR-4", "ServiceRequest.code", concept(), "OBR[ServiceRequest] 12"),
        Row("OBR-5", "ServiceRequest.priority", code(table("ExtendedPriorityCodes")), "OBR[ServiceRequest] 13"),
        Row("OBR-6", "ServiceRequest.occurrenceDateTime", time, "OBR[ServiceRequest] 14"),
        Row(
            "OBR-17",
            "ServiceRequest.extension",
            extension("valueContactPoint", xtn),
            "OBR[ServiceRequest] 29, 30",
            is_extension(_CALLBACK),
        ),
        Row("OBR-13", "ServiceRequest.extension", information, "OBR[ServiceRequest] 23, 24", is_extension(_ABOUT)),
        Row("OBR-31", "ServiceRequest.reasonCode", concept(), "OBR[ServiceRequest] 48"),
        Row("OBR-46", "ServiceRequest.orderDetail", concept(), "OBR[ServiceRequest] 63"),
    ),
    (),
    {
        16: "comes back with ORC-12: one person orders",
        27: _TIMING,
        29: "comes back from the numbers of basedOn",
        47: "comes back in OBR-46: FHIR has one element for both",
        53: _LATER,
    },
)


def name_orderer(orc: SegmentDraft, obr: SegmentDraft) -> None:
    """Name in OBR-16 whom ORC-12 names: many a receiver reads one of them only."""
    if orc.fields.get(12):
        obr.fields[16] = orc.fields[12]


def parents_of(order: Resource, draft: Draft) -> str:
    """Return the numbers of the order that this one is part of as an EIP, placer's and filler's; take them."""
    numbers: dict[str, Resource] = {"PLAC": {}, "FILL": {}}
    for one in order.get("basedOn", ()):
        kind = type_of(one.get("identifier", {}))
        if numbers.get(kind) == {}:
            numbers[kind] = one["identifier"]
            one.pop("type", None)
    found = entity_pair(numbers["PLAC"], numbers["FILL"], draft)
    prune(order)
    return found


def write_common(url: str, order: Resource, control: str, draft: Draft) -> SegmentDraft:
    """Write the ORC of an order, and take from it what that holds; return the segment."""
    orc = draft.segment("ORC")
    orc.set(1, control)
    fill(orc, order, ORDER_NUMBERS, draft)
    requester = order.get("requester", {})
    write_whence(orc, requester, draft)
    orderers = {draft.look(requester)[0], draft.look(draft.look(requester)[1].get("practitioner"))[0]}
    fill(orc, order, REQUESTER, draft)
    take_event_time(orc, order)
    fill(orc, order, COMMON, draft)
    write_order_event(url, orc, orderers, draft)
    return orc


def write_whence(orc: SegmentDraft, requester: Resource, draft: Draft) -> None:
    """Write the facility that an order comes from, address and telecom of it, and the address of who orders."""
    url, target = draft.look(requester)
    person = organization = url
    if target.get("resourceType") == "PractitionerRole":
        person, organization = (draft.look(target.get(name))[0] for name in ("practitioner", "organization"))
    if draft.look({"reference": organization})[1].get("resourceType") == "Organization":
        orc.set(21, xon({**requester}, draft, "XON"))
        with draft.open(organization) as facility:
            write_each(orc, 22, facility.get("address", []), xad, draft)
            write_each(orc, 23, facility.get("telecom", []), xtn, draft)
    if draft.look({"reference": person})[1].get("resourceType") == "Practitioner":
        with draft.open(person) as practitioner:
            write_each(orc, 24, practitioner.get("address", []), xad, draft)


def write_each(orc: SegmentDraft, number: int, values: list[Resource], write: Write, draft: Draft) -> None:
    """Write each value as a repetition of a field, as far as it has room."""
    for value in values:
        text = write(value, draft, orc.type_of(number)) if orc.has_room(number) else ""
        if text:
            orc.add(number, text)


def take_event_time(orc: SegmentDraft, order: Resource) -> None:
    """Write the time of a control event that is no new order: the mapping keeps it in an extension."""
    for one in order.get("extension", ()):
        if one.get("url") == _BUSINESS_EVENT:
            for inner in one.get("extension", ()):
                if inner.get("url") == "date" and "valueDateTime" in inner:
                    one.pop("url")
                    inner.pop("url")
                    orc.set(9, hl7_time(inner.pop("valueDateTime")))
    prune(order)


def write_order(url: str, patient: str, visit: str, draft: Draft, *, has_specimens: bool, is_only: bool) -> None:
    """Write the segments of one ServiceRequest.

    Args:
        has_specimens: The message structure has SPM and TQ1 (OML), or has not (ORM).
        is_only: It is the only order of the message.
    """
    with draft.open(url) as order:
        specimens = list(order.pop("specimen", ()))
        obr = _write_heads(url, order, draft, has_timing=has_specimens)
        if has_specimens:
            write_collector(obr, specimens, draft)
        else:
            write_in_order(obr, specimens, draft)
        write_notes(order, draft)
        write_contact(order, draft)
        reasons = take_named(order, "reasonReference", "Condition", draft)
        write_diagnoses(patient, visit, draft, only=None if is_only else reasons)
        supporting = take_named(order, "supportingInfo", "Observation", draft)
        answers = answers_of(url, supporting, patient, draft, is_only=is_only)
        below = specimens if has_specimens else []
        above = [one for one in answers if not is_about(draft.look({"reference": one})[1], below, draft)]
        write_results(above, draft)
        if has_specimens:
            write_specimens(specimens, draft, has_containers=True)
        write_charges(charges_of(draft.look({"reference": url})[1], patient, draft, is_only=is_only), draft)
        write_trials(patient, [order], draft)
        write_billing(order, draft)


def write_order_alone(url: str, draft: Draft) -> None:
    """Write ORC, timing, OBR and notes of an order that another segment is about."""
    with draft.open(url) as order:
        _write_heads(url, order, draft, has_timing=True)
        write_notes(order, draft)


def _write_heads(url: str, order: Resource, draft: Draft, *, has_timing: bool) -> SegmentDraft:
    """Write ORC, when the order is wanted, and OBR; return that."""
    control = _CONTROL.get(str(order.get("status")), _NEW_ORDER)
    orc = write_common(url, order, control, draft)
    if has_timing:
        write_timing(order, draft)
    else:
        write_old_timing(orc, order)
    obr = draft.segment("OBR")
    for number in (2, 3):
        obr.set(number, "".join(orc.fields.get(number, ())))
    if order.get("intent") == "reflex-order":
        obr.set(11, "G")
        order.pop("intent")
    fill(obr, order, SERVICE, draft)
    obr.set(29, parents_of(order, draft))
    name_orderer(orc, obr)
    return obr


def take_named(order: Resource, element: str, kind: str, draft: Draft) -> list[str]:
    """Return the urls of the resources of a type that an order names, and take the references."""
    found = []
    for reference in order.get(element, ()):
        url, named = draft.look(reference)
        if named.get("resourceType") == kind:
            found.append(url)
            reference.clear()
    prune(order)
    return found


def answers_of(order: str, supporting: list[str], patient: str, draft: Draft, *, is_only: bool) -> list[str]:
    """Return the Observations of an order: those it names or that are based on it; all others if it is the only one."""
    found = []
    for url, one in draft.all("Observation"):
        if is_will(one) or not draft.points_at(one.get("subject"), patient):
            continue
        based_on = one.get("basedOn", ())
        if url in supporting or any(draft.points_at(each, order) for each in based_on) or (is_only and not based_on):
            found.append(url)
    return found


TABLES = (COMMON, ORDER_NUMBERS, REQUESTER, SERVICE)
