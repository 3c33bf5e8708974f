"""ORC with RXO and RXE: one MedicationRequest for one order (guide: RXO[MedicationRequest]; RXE: decision 0020).

Placer number and assigner say which order it is. RXO is the order as written, RXE as the pharmacy encoded it: where
both say an element RXE counts, both doses stay with their type, and another drug that was asked for stays beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.mapping.dosage import add_dosage
from shared.mapping.drug_detail import DETAILS, drug_code, drugs_of, said_of
from shared.mapping.drug_detail import TABLES as DETAIL_TABLES
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.medication import add_medication, counts_initially, set_drug, set_person
from shared.mapping.organization import complete_organization
from shared.mapping.prescriber import COMMON, add_common, add_requester, numbers_of
from shared.mapping.rows import Resource

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# Messages whose order is always one for a drug, also where the ORC alone is sent (to cancel it, to hold it).
ORDERS = frozenset({"OMP", "RDE"})
# Those that tell what was done for an order: they name it and never change it.
REPORTS = frozenset({"RDS", "RGV", "RAS"})
_DRUG_SEGMENTS = frozenset({*DETAILS, "RXA", "RXD", "RXG"})
_ABOUT = frozenset({"PRT", "NTE"})  # after an ORC: about what came of it


def is_drug_group(node: Node, scope: Scope) -> bool:
    """Tell whether an ORC is about a drug or a vaccine."""
    if scope.code in REPORTS or (scope.code in ORDERS and node.first("OBR") is None):
        return True
    return any(child.segment.name in _DRUG_SEGMENTS for child in node.children)


def drug_group(node: Node, frame: Frame, tell_order: Callable[[], Resource], scope: Scope) -> Frame:
    """Return the frame of what stands below the ORC of a drug or vaccine, its order added where one is told.

    Where only what came of an order is told, what follows the ORC (its people, its notes) is about that; its timing is
    all that is the order's own (guide: VXU_V04 41 to 47).

    Args:
        tell_order: Adds the ServiceRequest of the ORC.
    """
    details = {name: found for name in DETAILS if (found := node.first(name))}
    if details or scope.code in ORDERS | REPORTS:
        if not details and not any(node.segment.fields[2:4]):
            return frame.within(orc=node, request=None, remarks=None)  # nothing says which order it is
        request = prescribe(node, details, frame, scope)
        return frame.within(orc=node, request=request, remarks=request, order=(request["id"],))
    told = next(child for child in node.children if child.segment.name in _DRUG_SEGMENTS)
    told.children[:0] = [child for child in node.children if child.segment.name in _ABOUT]
    node.children = [child for child in node.children if child.segment.name not in _ABOUT]
    if node.first("TQ1") is None:
        return frame.within(orc=node, request=None, remarks=None)
    request = tell_order()
    scope.noted(request)["provisional"] = True
    return frame.within(orc=node, request=request, remarks=request)


def prescribe(orc: Node | None, details: dict[str, Node], frame: Frame, scope: Scope) -> Resource:
    """Add the MedicationRequest of an ORC and its RXO and RXE, and return it."""
    common = orc.segment if orc else None
    numbers = numbers_of(common, scope) if common is not None else []
    resource: Resource = {"resourceType": "MedicationRequest", "id": _id_of(numbers, details, frame, scope)}
    is_second = "urn:uuid:" + resource["id"] in scope.entries
    scope.add(resource)
    if numbers:
        resource["identifier"] = numbers
    elif len(details) and scope.message.count(next(iter(details))) > 1:
        scope.note_alike(resource)
    resource["status"], resource["intent"] = "unknown", "original-order" if "RXO" in details else "filler-order"
    if common is not None:
        add_common(resource, common, scope)
    said = said_of(resource, details, common, scope)
    _add_drug(resource, details, scope)
    _add_said(resource, said, scope)
    if common is not None:
        add_requester(resource, common, scope)
    add_dosage(resource, orc, details, said, scope)
    set_person(resource, "subject", frame.patient, scope)
    if frame.encounter:
        resource["encounter"] = frame.encounter
    _note_initial(resource, details, scope)
    if is_second and common is not None and common.code(1) == "RO":
        # HL7 table 0119, RO: its placer number may be that of the order it replaces, which leaves nothing to it.
        scope.noted(resource)["whole"] = True
    if scope.code in REPORTS:
        scope.noted(resource)["provisional"] = True
    return resource


def _id_of(numbers: list[Resource], details: dict[str, Node], frame: Frame, scope: Scope) -> str:
    """Return the id of an order: by its placer's number, else its filler's, else its place in this message."""
    if numbers:
        kind = numbers[0]["type"]["coding"][0]["code"]
        key: tuple[str, ...] = (kind, numbers[0].get("system", scope.assigner), numbers[0]["value"])
        return scope.mint("MedicationRequest", *key)
    prescription = details["RXE"].segment.text(15) if "RXE" in details else ""
    if prescription:
        return scope.mint("MedicationRequest", "prescription", scope.assigner, prescription)
    of = frame.patient["reference"] if frame.patient else ""
    drugs = [drug_code(name, node) for name, node in details.items()]
    return scope.child_id("MedicationRequest", of, *scope.this_message(), *drugs)


def _note_initial(resource: Resource, details: dict[str, Node], scope: Scope) -> None:
    """Note what the message does not say and R4 requires: it counts only where nothing is stored."""
    if "medicationReference" not in resource:
        set_drug(resource, {}, scope)
    if "RXO" not in details:
        counts_initially(resource, ("intent",), scope)


def _add_drug(resource: Resource, details: dict[str, Node], scope: Scope) -> None:
    """Set the medication: as encoded, else as ordered; one that was ordered and encoded as another stays beside it."""
    drugs = list(drugs_of(details, scope).values())
    if drugs:
        resource["medicationReference"] = add_medication(drugs[0], scope)
    if len(drugs) > 1 and drugs[1] != drugs[0]:
        resource["supportingInformation"] = [add_medication(drugs[1], scope)]


def _add_said(resource: Resource, said: dict[str, list[Any]], scope: Scope) -> None:
    if "orderer" in said:
        resource["requester"] = said["orderer"][0]
    if "number" in said:
        numbers = resource.setdefault("identifier", [])
        if all(one_["value"] != said["number"][0]["value"] for one_ in numbers):
            numbers.append(said["number"][0])
    if "ordered" in said:
        resource.setdefault("authoredOn", said["ordered"][0])
    if "reason" in said:
        resource["reasonCode"] = said["reason"]
    notes = [text for name in ("instructions", "special") for text in said.get(name, ())]
    if notes:
        resource["note"] = [{"text": text} for text in notes]
    if "substitution" in said:
        resource["substitution"] = {"allowedCodeableConcept": said["substitution"][0]}
    supply = _supply(said, scope)
    if supply:
        resource["dispenseRequest"] = supply


def _supply(said: dict[str, list[Any]], scope: Scope) -> Resource:
    units = said.get("dispense_unit", [{}])[0]
    found: Resource = {}
    if "initial" in said:
        found["initialFill"] = {"quantity": {"value": said["initial"][0], **units}}
    if "interval" in said:
        found["dispenseInterval"] = said["interval"][0]
    if "refills" in said and said["refills"][0] >= 0:
        found["numberOfRepeatsAllowed"] = said["refills"][0]
    if "dispense" in said:
        found["quantity"] = {"value": said["dispense"][0], **units}
    if "pharmacy" in said:
        found["performer"] = said["pharmacy"][0]
        more = {"address": said.get("pharmacy_address"), "telecom": said.get("pharmacy_phone")}
        complete_organization(found["performer"]["reference"], {k: v for k, v in more.items() if v}, scope)
    return found


def detail(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RXO and RXE: what stands below them; the ORC before has read them. Without an ORC they are an order."""
    request = frame.request
    if frame.orc is None or frame.orc.first(node.segment.name) is not node or request is None:
        request = prescribe(None, {node.segment.name: node}, frame, scope)
    return frame.within(request=request, remarks=request, order=(request["id"],))


TABLES = (COMMON, *DETAIL_TABLES)
HANDLERS: dict[str, Handler] = {"RXO": detail, "RXE": detail}
