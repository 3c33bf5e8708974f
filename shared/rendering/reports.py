"""DiagnosticReport as OBR, below the ORC of its order (guide: OBR[DiagnosticReport])."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.charges import charges_of, write_charges
from shared.rendering.coded import code, concept
from shared.rendering.identifiers import ei, has_type
from shared.rendering.notes import write_notes
from shared.rendering.order_context import write_contact, write_trials
from shared.rendering.orders import SERVICE, name_orderer, parents_of, take_named, write_common
from shared.rendering.people import ndl
from shared.rendering.results import write_results
from shared.rendering.rows import Choice, Implied, Resource, Row, Table, fill, prune
from shared.rendering.specimens import is_about, write_collector, write_specimens
from shared.rendering.times import time
from shared.rendering.timing import write_timing

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_FUNCTION = EXTENSION + "event-performerFunction"
_RESULTS_FOLLOW = "RE"  # HL7 table 0119


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


def write_report(url: str, patient: str, draft: Draft, *, is_only: bool) -> None:
    """Write the segments of one DiagnosticReport: its order, itself, its results, its charges, its specimens.

    Args:
        is_only: The message has no other: what belongs to the person is this one's.
    """
    _, found = draft.look({"reference": url})
    orders = [draft.look(one) for one in found.get("basedOn", ())]
    requested = next((one for one, order in orders if order.get("resourceType") == "ServiceRequest"), "")
    with draft.open_if_any(requested) as order, draft.open(url) as report:
        _write_heads(url, requested, order, draft)
        write_notes(report, draft)
        if requested:
            write_timing(order, draft)
            write_contact(order, draft)
        asked = take_named(order, "supportingInfo", "Observation", draft)
        write_results((*_results_of(found, draft), *asked), draft)
        numbers = {"identifier": [*order.get("identifier", ()), *found.get("identifier", ())]}
        write_charges(charges_of(numbers, patient, draft, is_only=is_only), draft)
        write_trials(patient, [order, report], draft)
    write_specimens(found.get("specimen", ()), draft)


def _results_of(report: Resource, draft: Draft) -> Iterator[str]:
    """Yield the urls of the results of a report; those about a specimen stand below its SPM."""
    for one in report.get("result", ()):
        url, result = draft.look(one)
        if url and not is_about(result, report.get("specimen", ()), draft):
            yield url


def _write_heads(url: str, requested: str, order: Resource, draft: Draft) -> None:
    """Write the ORC of the order, where there is one, the OBR of order and report, and the notes of the order."""
    _, found = draft.look({"reference": url})
    if not requested:
        _write_report_itself(url, draft, {})
        return
    if order.get("code") == found.get("code"):
        order.pop("code", None)
    orc = write_common(requested, order, _RESULTS_FOLLOW, draft)
    obr = _write_report_itself(url, draft, draft.look({"reference": requested})[1])
    order.pop("specimen", None)
    fill(obr, order, SERVICE, draft)
    obr.set(29, parents_of(order, draft))
    name_orderer(orc, obr)
    write_notes(order, draft)


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
        write_collector(obr, specimens, draft)
    return obr


TABLES = (REPORT,)
