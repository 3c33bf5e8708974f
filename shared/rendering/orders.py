"""ServiceRequest and DiagnosticReport as ORC and OBR (guide: ORC[ServiceRequest], OBR[DiagnosticReport] and kin)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.coded import code, coding, concept
from shared.rendering.conditions import write_diagnoses
from shared.rendering.identifiers import ei, has_type
from shared.rendering.notes import write_notes
from shared.rendering.patient import is_will
from shared.rendering.people import ndl, xad, xcn, xon, xtn
from shared.rendering.results import write_results, write_specimens
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, Write, extension, fill, is_extension, prune
from shared.rendering.times import hl7_time, time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_CALLBACK = EXTENSION + "servicerequest-order-callback-phone-number"
_BUSINESS_EVENT = EXTENSION + "businessEvent"
_FUNCTION = EXTENSION + "event-performerFunction"
_RESULTS_FOLLOW = "RE"  # HL7 table 0119
# What an order message asks for, by the status of the order; ORC-5 says the status itself. The guide's table is no
# help: it gives one status to many control codes.
_CONTROL = {"on-hold": "HD", "revoked": "CA", "completed": "SC", "entered-in-error": "CA"}
_NEW_ORDER = "NW"
_AS_SPM = "comes back as SPM"
_LATER = "not in 2.5.1"
_TIMING = "a Timing says more than TQ holds: it is told, not shortened"

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
        8: "an order that another one is part of has its own ORC",
        **dict.fromkeys((10, 11, 15, 17, 18, 19), "who did what, and when, is in Provenance: an order does not say it"),
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
        Row("OBR-31", "ServiceRequest.reasonCode", concept(), "OBR[ServiceRequest] 48"),
        Row("OBR-46", "ServiceRequest.orderDetail", concept(), "OBR[ServiceRequest] 63"),
    ),
    (),
    {
        13: "an extension of the mapping's own",
        16: "comes back with ORC-12: one person orders",
        27: _TIMING,
        29: "an order that another one is part of has its own ORC",
        47: "comes back in OBR-46: FHIR has one element for both",
        53: _LATER,
        9: _AS_SPM,
        14: _AS_SPM,
        15: _AS_SPM,
        39: _AS_SPM,
    },
)


def _has_function(*codes: str) -> Choice:
    """Return the choice of performers by their function (v3 ParticipationType); ``""`` stands for none."""

    def has_function(value: Resource) -> bool:
        functions = [one for one in value.get("extension", ()) if one.get("url") == _FUNCTION]
        found = {
            coding.get("code", "")
            for one in functions
            for coding in one.get("valueCodeableConcept", {}).get("coding", ())
        }
        return (found or {""}) <= {*codes}

    return has_function


def performing(value: Resource, draft: Draft, kind: str) -> str:
    """Write a performer as an NDL; the field says the function."""
    found = ndl(value, draft, kind)
    if found:
        value["extension"] = [one for one in value.get("extension", ()) if one.get("url") != _FUNCTION]
    return found


REPORT = Table(
    "OBR",
    "DiagnosticReport",
    (
        Row("OBR-2", "DiagnosticReport.identifier", ei(), "OBR[ServiceRequest] 5 to 7", has_type("PLAC")),
        Row("OBR-3", "DiagnosticReport.identifier", ei(), "OBR[ServiceRequest] 8 to 11", has_type("FILL", "")),
        Row("OBR-4", "DiagnosticReport.code", concept(), "OBR[DiagnosticReport] 10"),
        Row("OBR-7", "DiagnosticReport.effectiveDateTime", time, "OBR[DiagnosticReport] 13, 14"),
        Row("OBR-7", "DiagnosticReport.effectivePeriod.start", time, "OBR[DiagnosticReport] 13, 14"),
        Row("OBR-8", "DiagnosticReport.effectivePeriod.end", time, "OBR[DiagnosticReport] 15"),
        Row("OBR-22", "DiagnosticReport.issued", time, "OBR[DiagnosticReport] 29"),
        Row(
            "OBR-24",
            "DiagnosticReport.category",
            concept(table("DiagnosticServiceSectionID")),
            "OBR[DiagnosticReport] 31",
        ),
        Row("OBR-25", "DiagnosticReport.status", code(table("ResultStatus[Non-Queries]")), "OBR[DiagnosticReport] 32"),
        Row("OBR-32", "DiagnosticReport.resultsInterpreter", ndl, "OBR[DiagnosticReport] 40"),
        Row("OBR-34", "DiagnosticReport.performer", performing, "OBR[DiagnosticReport] 42", _has_function("SPRF", "")),
        Row("OBR-35", "DiagnosticReport.performer", performing, "OBR[DiagnosticReport] 46", _has_function("TRANS")),
    ),
    (
        Implied("subject", "the person of the message"),
        Implied("encounter", "the visit of the message"),
        Implied("basedOn", "the ORC above"),
        Implied("result", "the OBX below"),
        Implied("specimen", "the SPM below"),
        Implied("status", "without OBR-25 nobody knows it", ("unknown",)),
    ),
)

COLLECTOR = Table(
    "OBR",
    "Specimen",
    (Row("OBR-10", "Specimen.collection.collector", xcn, "OBR[Specimen] 13"),),
)


def write_report(url: str, draft: Draft) -> None:
    """Write the segments of one DiagnosticReport: its order, itself, its results, its specimens."""
    _, found = draft.look({"reference": url})
    orders = [draft.look(one) for one in found.get("basedOn", ())]
    requested = next((one for one, order in orders if order.get("resourceType") == "ServiceRequest"), "")
    if not requested:
        _write_report_itself(url, draft, {})
    else:
        with draft.open(requested) as order:
            if order.get("code") == found.get("code"):
                order.pop("code", None)
            _write_common(order, _RESULTS_FOLLOW, draft)
            orc = draft.segments[-1]
            obr = _write_report_itself(url, draft, draft.look({"reference": requested})[1])
            order.pop("specimen", None)
            fill(obr, order, SERVICE, draft)
            _name_orderer(orc, obr)
            write_notes(order, draft)
    with draft.open(url) as report:
        write_notes(report, draft)
    write_results((result for one in found.get("result", ()) if (result := draft.look(one)[0])), draft)
    write_specimens(found.get("specimen", ()), draft)


def _name_orderer(orc: SegmentDraft, obr: SegmentDraft) -> None:
    """Name in OBR-16 whom ORC-12 names: many a receiver reads one of them only."""
    if orc.fields.get(12):
        obr.fields[16] = orc.fields[12]


def _write_report_itself(url: str, draft: Draft, order: Resource) -> SegmentDraft:
    """Write OBR of a report; what it says again of its order, ORC says: group number and confidentiality."""
    obr = draft.segment("OBR")
    with draft.open(url) as report:
        specimens = report.get("specimen", [])
        for identifier in report.get("identifier", ()):
            if identifier == order.get("requisition"):
                identifier.clear()
        if report.get("meta", {}).get("security") == order.get("meta", {}).get("security"):
            report.get("meta", {}).pop("security", None)
        prune(report)
        fill(obr, report, REPORT, draft)
        _write_collector(obr, specimens, draft)
    return obr


def _write_collector(obr: SegmentDraft, specimens: list[Resource], draft: Draft) -> None:
    for reference in specimens:
        found, target = draft.look(reference)
        if "collector" in target.get("collection", {}):
            with draft.open(found) as specimen:
                fill(obr, specimen, COLLECTOR, draft)


def _write_common(order: Resource, control: str, draft: Draft) -> None:
    orc = draft.segment("ORC")
    orc.set(1, control)
    fill(orc, order, ORDER_NUMBERS, draft)
    requester = order.get("requester", {})
    if draft.look(requester)[1].get("organization") or draft.look(requester)[1].get("resourceType") == "Organization":
        orc.set(21, xon({**requester}, draft, "XON"))
        _write_facility(orc, requester, draft)
    fill(orc, order, REQUESTER, draft)
    _take_event_time(orc, order)
    fill(orc, order, COMMON, draft)


def _write_facility(orc: SegmentDraft, requester: Resource, draft: Draft) -> None:
    """Write address and telecom of who orders for a facility, and of the facility."""
    url, target = draft.look(requester)
    if target.get("resourceType") == "PractitionerRole":
        person, _ = draft.look(target.get("practitioner"))
        url, target = draft.look(target.get("organization"))
        with draft.open_if_any(person) as practitioner:
            _write_each(orc, 24, practitioner.get("address", []), xad, draft)
    if target.get("resourceType") == "Organization":
        with draft.open(url) as organization:
            _write_each(orc, 22, organization.get("address", []), xad, draft)
            _write_each(orc, 23, organization.get("telecom", []), xtn, draft)


def _write_each(orc: SegmentDraft, number: int, values: list[Resource], write: Write, draft: Draft) -> None:
    for value in values:
        text = write(value, draft, orc.type_of(number)) if orc.has_room(number) else ""
        if text:
            orc.add(number, text)


def _take_event_time(orc: SegmentDraft, order: Resource) -> None:
    """Write the time of a control event that is no new order: the mapping keeps it in an extension."""
    for one in order.get("extension", ()):
        if one.get("url") == _BUSINESS_EVENT:
            for inner in one.get("extension", ()):
                if inner.get("url") == "date" and "valueDateTime" in inner:
                    one.pop("url")
                    inner.pop("url")
                    orc.set(9, hl7_time(inner.pop("valueDateTime")))
    prune(order)


def write_orders(patient: str, visit: str, draft: Draft, *, has_specimens: bool) -> None:
    """Write the segments of every ServiceRequest of the person.

    Args:
        has_specimens: The message structure has SPM (OML), or has not (ORM).
    """
    orders = [url for url, one in draft.all("ServiceRequest") if draft.points_at(one.get("subject"), patient)]
    for url in orders:
        with draft.open(url) as order:
            control = _CONTROL.get(str(order.get("status")), _NEW_ORDER)
            _write_common(order, control, draft)
            orc, obr = draft.segments[-1], draft.segment("OBR")
            for number in (2, 3):
                obr.set(number, "".join(orc.fields.get(number, ())))
            if order.get("intent") == "reflex-order":
                obr.set(11, "G")
                order.pop("intent")
            specimens = list(order.get("specimen", ()))
            fill(obr, order, SERVICE, draft)
            _name_orderer(orc, obr)
            _write_collector(obr, specimens, draft)
            write_notes(order, draft)
            if len(orders) == 1:
                write_diagnoses(patient, visit, draft)
            write_results(_answers(url, patient, draft, is_only=len(orders) == 1), draft)
            if has_specimens:
                order.pop("specimen", None)
                write_specimens(specimens, draft)


def _answers(order: str, patient: str, draft: Draft, *, is_only: bool) -> list[str]:
    """Return the Observations that belong to an order: those based on it, and, where it is the only one, all others."""
    found = []
    for url, one in draft.all("Observation"):
        if is_will(one) or not draft.points_at(one.get("subject"), patient):
            continue
        based_on = one.get("basedOn", ())
        if any(draft.points_at(each, order) for each in based_on) or (is_only and not based_on):
            found.append(url)
    return found


TABLES = (COMMON, ORDER_NUMBERS, REQUESTER, SERVICE, REPORT, COLLECTOR)
