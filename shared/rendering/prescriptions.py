"""MedicationRequest as ORC and RXO (guide: RXO[MedicationRequest], ORC[ServiceRequest]; decisions 0020 and 0158)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.prescriber import CATEGORY_SYSTEM, ORDER_STATE
from shared.rendering.charges import charges_of, write_charges
from shared.rendering.coded import code, coding, concept, text
from shared.rendering.conditions import write_diagnoses
from shared.rendering.dosages import planned, write_dose, write_old_times, write_times, write_ways
from shared.rendering.identifiers import ei, has_type
from shared.rendering.medications import DECIDED, unit_of, write_components, write_drug
from shared.rendering.notes import write_notes
from shared.rendering.orders import answers_of, parents_of, take_event_time, take_named, write_each, write_whence
from shared.rendering.people import xcn, xon, xtn
from shared.rendering.results import write_results
from shared.rendering.rows import Implied, Resource, Row, Table, fill, prune
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_COMMON = "ORC[ServiceRequest]"
_GUIDE = "RXO[MedicationRequest]"
_LATER = "not in 2.5.1"
# What an order message asks for, by the status of the order; ORC-5 says the status itself.
_CONTROL = {"on-hold": "HD", "cancelled": "CA", "stopped": "DC", "completed": "SC", "entered-in-error": "CA"}
_NEW_ORDER = "NW"
_ORDERS = frozenset({"order", "original-order"})
_ORDER_TYPE = table("OrderType")
_SETTINGS = {"inpatient": "I", "outpatient": "O"}


def is_drug_order(resource: Resource) -> bool:
    """Tell whether a MedicationRequest is an order as it was written: what a pharmacy made of one is no RXO.

    Nor is a draft: R4 calls it not yet actionable, and whoever receives an ORC-1 of NW acts on it.
    """
    is_medication = resource.get("resourceType") == "MedicationRequest" and resource.get("status") != "draft"
    return is_medication and resource.get("intent", "order") in _ORDERS


def category(value: Resource, draft: Draft, kind: str) -> str:
    """Write where a drug is to be given as HL7 table 0482; the mapping keeps the code that was sent beside R4's own."""
    codings = value.get("coding", [])
    others = [one for one in codings if one.get("system") != CATEGORY_SYSTEM]
    for one in codings:
        if one.get("system") == CATEGORY_SYSTEM and others:
            one.clear()
        elif one.get("system") == CATEGORY_SYSTEM and one.get("code") in _SETTINGS:
            one.update(system=_ORDER_TYPE.system, code=_SETTINGS[one["code"]])
    prune(value)
    return concept(_ORDER_TYPE)(value, draft, kind)


def in_days(value: Resource, draft: Draft, kind: str) -> str:
    """Write a Duration in days as a number."""
    if value.get("code") != "d" or "value" not in value:
        return ""
    found = text(value["value"], draft, kind)
    value.clear()
    return found


COMMON = Table(
    "ORC",
    "MedicationRequest",
    (
        Row("ORC-2", "MedicationRequest.identifier", ei(), f"{_COMMON} 9 to 11", has_type("PLAC", "")),
        Row("ORC-3", "MedicationRequest.identifier", ei(), f"{_COMMON} 12 to 14", has_type("FILL")),
        Row("ORC-4", "MedicationRequest.groupIdentifier", ei(), f"{_COMMON} 15 to 23"),
        Row("ORC-5", "MedicationRequest.status", code(ORDER_STATE), f"{_COMMON} 24"),
        Row("ORC-9", "MedicationRequest.authoredOn", time, f"{_COMMON} 28"),
        Row("ORC-10", "MedicationRequest.recorder", xcn, DECIDED),
        Row("ORC-12", "MedicationRequest.requester", xcn, f"{_COMMON} 34"),
        Row("ORC-21", "MedicationRequest.requester", xon, f"{_COMMON} 46"),
        Row("ORC-16", "MedicationRequest.statusReason", concept(), f"{_COMMON} 39, 40"),
        Row("ORC-28", "MedicationRequest.meta.security", coding(table("ConfidentialityCode")), f"{_COMMON} 53"),
        Row("ORC-29", "MedicationRequest.category", category, f"{_COMMON} 54"),
    ),
    (
        Implied("status", "without ORC-5 nobody knows it", ("unknown",)),
        Implied("subject", "the person of the message"),
        Implied("encounter", "the visit of the message"),
        Implied("intent", "a message orders", tuple(sorted(_ORDERS))),
    ),
    {8: "comes back of a drug: from the numbers of basedOn"},
)
ORDER = Table(
    "RXO",
    "MedicationRequest",
    (
        Row(
            "RXO-9",
            "MedicationRequest.substitution.allowedCodeableConcept",
            concept(table("AllowSubstitution")),
            f"{_GUIDE} 16",
        ),
        Row("RXO-11", "MedicationRequest.dispenseRequest.quantity.value", text, f"{_GUIDE} 18"),
        Row("RXO-12", "MedicationRequest.dispenseRequest.quantity", unit_of, f"{_GUIDE} 19, 20"),
        Row("RXO-13", "MedicationRequest.dispenseRequest.numberOfRepeatsAllowed", text, f"{_GUIDE} 21"),
        Row("RXO-20", "MedicationRequest.reasonCode", concept(), DECIDED),
        Row("RXO-28", "MedicationRequest.dispenseRequest.dispenseInterval", in_days, DECIDED),
    ),
    (),
    {
        6: "comes back as NTE: FHIR has one list of notes",
        14: "comes back with ORC-12: one person orders",
        **dict.fromkeys((32, 33, 36), _LATER),
    },
)


def write_prescription(url: str, patient: str, visit: str, draft: Draft, *, is_old: bool, is_only: bool) -> None:
    """Write the segments of one order for a drug.

    Args:
        is_old: The message is an ORM: it has DG1, and neither TQ1, RXR nor RXC.
        is_only: It is the only order of the message.
    """
    with draft.open(url) as order:
        orc = _write_common(order, draft)
        plan = planned(order)
        if not is_old:
            write_times(order, plan, draft)
        rxo = draft.segment("RXO")
        drug = write_drug(rxo, order, draft)
        write_dose(rxo, plan, draft)
        fill(rxo, order, ORDER, draft)
        if is_old:
            write_old_times(orc, rxo, order, plan, draft)
        write_notes(order, draft)
        if is_old:
            reasons = take_named(order, "reasonReference", "Condition", draft)
            write_diagnoses(patient, visit, draft, only=None if is_only else reasons)
        else:
            write_ways(plan, draft)
            write_components(drug, draft)
        supporting = take_named(order, "supportingInformation", "Observation", draft)
        write_results(answers_of(url, supporting, patient, draft, is_only=is_only), draft)
        write_charges(charges_of(draft.look({"reference": url})[1], patient, draft, is_only=is_only), draft)


def _write_common(order: Resource, draft: Draft) -> SegmentDraft:
    """Write the ORC of a drug: numbers, status, times, who ordered and from where."""
    orc = draft.segment("ORC")
    orc.set(1, _CONTROL.get(str(order.get("status")), _NEW_ORDER))
    requester = order.get("requester", {})
    write_whence(orc, requester, draft)
    url, target = draft.look(requester)
    if target.get("resourceType") == "PractitionerRole":
        with draft.open(url) as role:
            write_each(orc, 14, role.get("telecom", []), xtn, draft)
    orc.set(8, parents_of(order, draft))
    take_event_time(orc, order)
    fill(orc, order, COMMON, draft)
    return orc


TABLES = (COMMON, ORDER)
