"""RXD and RXG: MedicationDispense, and the single gives of a schedule (the guide has no map: decision 0020).

A give (RXG) authorizes one administration of a broader order: in R4 a MedicationRequest with intent instance-order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import DATA_ABSENT, code, coded_text, concept, text
from shared.mapping.datatypes.identifier import ei, typed_number
from shared.mapping.datatypes.number import decimal, quantity, unit
from shared.mapping.datatypes.person import address, contact_point
from shared.mapping.datatypes.time import date_time
from shared.mapping.dosage import dosages
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.medication import (
    DECIDED,
    amount,
    describe,
    dose_of,
    dose_rows,
    drug_rows,
    set_drug,
    set_person,
)
from shared.mapping.organization import coded_organization, complete_organization
from shared.mapping.practitioner import practitioner
from shared.mapping.route import routes, with_route
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, Unmapped, first, many, one, values
from shared.mapping.timing import dosage_timings

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_NO_TARGET = "R4 has no element for it"
_DAY = {"value": 1, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}
# ORC-5 of the order that is dispensed; a dispense that is told was done unless its status says otherwise.
_STATE = table("OrderStatus").also(
    CA="cancelled", DC="stopped", HD="on-hold", CM="completed", IP="in-progress", SC="preparation", RP="cancelled",
    ER="entered-in-error", A="in-progress",
)  # fmt: skip
_BY_CONTROL = {
    **dict.fromkeys(("OC", "CR"), "cancelled"),
    **dict.fromkeys(("DC", "DR", "OD"), "stopped"),
    **dict.fromkeys(("HR", "OH"), "on-hold"),
    **dict.fromkeys(("RL", "OE", "OR"), "in-progress"),
    # What is asked, or could not be done, tells of no drug that was handed over.
    **dict.fromkeys(("UA", "UF"), "declined"),
    **dict.fromkeys(("CA", "HD", "RF", "RP", "SN", "SS", "XO", "DE", "UC", "UD", "UH", "UM", "UR", "UX"), "unknown"),
}
# HL7 table 0167: what was dispensed. The other codes say what was allowed or chosen.
_SUBSTITUTED = {"G": True, "T": True, "N": False, "0": False, "1": False, "7": False}

_DISPENSED = drug_rows(
    "RXD", also=25, code=2, form=6, strength=16, strength_unit=17, volume=28, volume_unit=29, lot=18, expires=19,
    manufacturer=20,
)  # fmt: skip


def _row(number: int, target: str, build: Build, *, repeats: bool = False) -> Row:
    make = many if repeats else one
    return make(f"RXD-{number}", f"MedicationDispense.{target}", build, DECIDED, placed=True, part=KEPT)


_RXD = {
    "sub_id": _row(1, "identifier", typed_number("")),
    "when": _row(3, "whenHandedOver", date_time),
    "amount": _row(4, "quantity.value", decimal),
    "unit": _row(5, "quantity", unit),
    "prescription": _row(7, "authorizingPrescription.identifier", typed_number("")),
    "notes": _row(9, "note.text", text, repeats=True),
    "performer": _row(10, "performer.actor", practitioner, repeats=True),
    "substitution": _row(11, "substitution.type", concept(bare_table("0167", ""))),
    "daily": _row(12, "dosageInstruction.maxDosePerPeriod.numerator", quantity),
    "destination": _row(13, "destination", location),
    "special": _row(15, "note.text", coded_text, repeats=True),
    "pharmacy": _row(30, "performer.actor", coded_organization),
    "pharmacy_address": _row(31, "performer.actor.address", address),
    "type": _row(33, "type", concept(bare_table("0484", ""))),
    "pharmacy_phone": _row(34, "performer.actor.telecom", contact_point(), repeats=True),
    "tag": _row(35, "identifier", ei()),
}
_ORDER_STATE = one("ORC-5", "MedicationDispense.status", code(_STATE), DECIDED, placed=True)
DISPENSE = Table(
    "RXD",
    "MedicationDispense",
    (*_DISPENSED.values(), *_RXD.values()),
    {
        8: "what is left: R4 has it nowhere, the order has how many there were",
        21: "the reason: the order has it",
        **dict.fromkeys((14, 22, 23, 24, 26, 27, 32), _NO_TARGET),
    },
)


def dispense(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RXD: a MedicationDispense of its order."""
    segment = node.segment
    said = {name: values(row, segment, scope, {}) for name, row in _RXD.items()}
    resource: Resource = {"resourceType": "MedicationDispense", "id": _id_of(segment, frame, scope)}
    scope.add(resource)
    if scope.message.count("RXD") > 1:
        scope.note_alike(resource)
    numbers = [*said["tag"], *said["sub_id"]]
    if numbers:
        resource["identifier"] = numbers
    _set_status(resource, frame, scope)
    drug = describe(_DISPENSED, segment, node.all("RXC"), scope)
    set_drug(resource, drug, scope)
    if frame.patient:
        resource["subject"] = frame.patient
    if frame.encounter:
        resource["context"] = frame.encounter
    _add_performers(resource, said, scope)
    _add_prescription(resource, said, frame)
    dispensed = amount(_RXD, "amount", "unit", segment, scope)
    single = {"type": "type", "when": "whenHandedOver", "destination": "destination"}
    resource.update({element: said[name][0] for name, element in single.items() if said[name]})
    if dispensed:
        resource["quantity"] = dispensed
    notes = [{"text": line} for name in ("notes", "special") for line in said[name]]
    if notes:
        resource["note"] = notes
    daily = {"maxDosePerPeriod": {"numerator": said["daily"][0], "denominator": _DAY}} if said["daily"] else {}
    found = [{**daily, **way} for way in routes(node.all("RXR"), scope) if daily or way]
    if found:
        resource["dosageInstruction"] = found
    if said["substitution"]:
        resource["substitution"] = _substitution(segment.code(11), said["substitution"][0])
    at = {"reference": "urn:uuid:" + resource["id"]}
    return frame.within(remarks=resource, part_of=at, order=(resource["id"],))


def _set_status(resource: Resource, frame: Frame, scope: Scope) -> None:
    orc = frame.orc.segment if frame.orc else None
    found = first(_ORDER_STATE, orc, scope, resource) if orc is not None else None
    scope.noted(resource)["control"] = orc.code(1) if orc is not None else ""
    if orc is not None:
        leave_out(orc, (1,), "the control code: it moves the stored status", scope)
    if isinstance(found, Unmapped):
        resource["_status"] = found.extension
        found = None
    resource["status"] = found or _BY_CONTROL.get(orc.code(1) if orc is not None else "", "completed")


def _id_of(segment: Segment, frame: Frame, scope: Scope) -> str:
    """Return the id of a dispense: by its tag, else by its order, its number within it and its time."""
    tag = segment.text(35)
    of = frame.request["id"] if frame.request else (frame.patient or {}).get("reference", "")
    if tag:
        return scope.mint("MedicationDispense", "tag", scope.assigner, tag)
    number = segment.text(1) or segment.text(3)
    return scope.child_id("MedicationDispense", of, segment.text(7), number, segment.text(2))


def _add_performers(resource: Resource, said: dict[str, list[Resource]], scope: Scope) -> None:
    found = [{"actor": one_} for one_ in said["performer"]]
    if said["pharmacy"]:
        pharmacy = said["pharmacy"][0]
        more = {"address": said["pharmacy_address"], "telecom": said["pharmacy_phone"]}
        complete_organization(pharmacy["reference"], {name: one_ for name, one_ in more.items() if one_}, scope)
        found.append({"actor": pharmacy})
    if found:
        resource["performer"] = found


def _add_prescription(resource: Resource, said: dict[str, list[Resource]], frame: Frame) -> None:
    """Refer to the order that authorized it, by the prescription number too."""
    found: Resource = {}
    if frame.request and frame.request["resourceType"] == "MedicationRequest":
        found["reference"] = "urn:uuid:" + frame.request["id"]
    elif said["prescription"]:
        found["type"] = "MedicationRequest"
    if said["prescription"]:
        found["identifier"] = said["prescription"][0]
    if found:
        resource["authorizingPrescription"] = [found]


def _substitution(sent: str, kind: Resource) -> Resource:
    was = _SUBSTITUTED.get(sent)
    said: Resource = {"_wasSubstituted": _UNKNOWN} if was is None else {"wasSubstituted": was}
    return {**said, "type": kind}


_GIVEN = drug_rows(
    "RXG", code=4, form=8, strength=17, strength_unit=18, volume=23, volume_unit=24, lot=19, expires=20, manufacturer=21
)
_GIVE_DOSE = dose_rows(
    "RXG", "MedicationRequest.dosageInstruction.", low=5, high=6, unit=7, per=14, rate=15, rate_unit=16
)


def _give_row(number: int, target: str, build: Build) -> Row:
    return many(f"RXG-{number}", f"MedicationRequest.{target}", build, DECIDED, placed=True, part=KEPT)


_RXG = {
    "sub_id": _give_row(1, "identifier", typed_number("")),
    "notes": _give_row(9, "note.text", coded_text),
    "substitution": _give_row(10, "substitution.allowedCodeableConcept", concept(bare_table("0167", ""))),
    "special": _give_row(13, "dosageInstruction.additionalInstruction", concept()),
    "reason": _give_row(22, "reasonCode", concept()),
    "tag": _give_row(31, "identifier", ei()),
}
GIVE = Table(
    "RXG",
    "MedicationRequest",
    (*_GIVEN.values(), *_GIVE_DOSE.values(), *_RXG.values()),
    {
        2: "the number of the dispense: position within its order",
        **dict.fromkeys((11, 12, 25, 26, 27, 28, 29, 30, 32, 33), _NO_TARGET),
    },
)


def give(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RXG: one give of an order, as an instance of it."""
    segment = node.segment
    said = {name: values(row, segment, scope, {}) for name, row in _RXG.items()}
    of = frame.request["id"] if frame.request else (frame.patient or {}).get("reference", "")
    key = (segment.text(1), segment.text(4)) if segment.text(1) else (segment.text(4), segment.text(3))
    resource: Resource = {
        "resourceType": "MedicationRequest",
        "id": scope.child_id("MedicationRequest", "give", of, *key),
        "status": "active",
        "intent": "instance-order",
    }
    scope.add(resource)
    scope.noted(resource)["control"] = "NW"
    if scope.message.count("RXG") > 1:
        scope.note_alike(resource)
    if said["tag"] or said["sub_id"]:
        resource["identifier"] = [*said["tag"], *said["sub_id"]]
    if frame.request:
        resource["basedOn"] = [{"reference": "urn:uuid:" + frame.request["id"]}]
    drug = describe(_GIVEN, segment, node.all("RXC"), scope)
    set_drug(resource, drug, scope)
    set_person(resource, "subject", frame.patient, scope)
    if frame.encounter:
        resource["encounter"] = frame.encounter
    if said["reason"]:
        resource["reasonCode"] = said["reason"]
    if said["notes"]:
        resource["note"] = [{"text": line} for line in said["notes"]]
    if said["substitution"]:
        resource["substitution"] = {"allowedCodeableConcept": said["substitution"][0]}
    _add_dosage(resource, node, said["special"], scope)
    return frame.within(remarks=resource, order=(resource["id"],))


def _add_dosage(resource: Resource, node: Node, instructions: list[Resource], scope: Scope) -> None:
    dose = dose_of(_GIVE_DOSE, node.segment, scope)
    base: Resource = {"doseAndRate": [dose.read]} if dose.read else {}
    if dose.unread:
        base["text"] = dose.unread
    if instructions:
        base["additionalInstruction"] = instructions
    timed = dosage_timings(node.all("TQ1"), node.segment, scope)
    found = [
        dosage for way in routes(node.all("RXR"), scope) for dosage in dosages(timed, with_route(base, way), scope)
    ]
    if found:
        resource["dosageInstruction"] = found


TABLES = (DISPENSE, Table("ORC", "MedicationDispense", (_ORDER_STATE,)), GIVE)
HANDLERS: dict[str, Handler] = {"RXD": dispense, "RXG": give}
