"""RXA of a vaccine, with its ORC and RXR: Immunization (guide: RXA[, ORC[ and RXR[Immunization]).

What the guide leaves to the realm (RXA-9, the OBX below) follows CDC's immunization guide 2.5.1: decision 0021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.administration import administration
from shared.mapping.aside import leave_out
from shared.mapping.codes.systems import code_system
from shared.mapping.codes.tables import V2, table
from shared.mapping.datatypes.coded import DATA_ABSENT, code, coded_text, coding, concept, fixed, text
from shared.mapping.datatypes.identifier import cx, ei, group_number
from shared.mapping.datatypes.number import decimal, unit
from shared.mapping.datatypes.person import address
from shared.mapping.datatypes.time import date, date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import addressed, location
from shared.mapping.medication import counts_initially, set_person
from shared.mapping.organization import coded_organization
from shared.mapping.practitioner import practitioner, role
from shared.mapping.query import name_source
from shared.mapping.route import vaccine_route
from shared.mapping.rows import KEPT, Resource, Row, Table, Unmapped, fill, first, many, one, parts_of, values
from shared.mapping.vaccine_facts import add_facts

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# Messages whose RXA is always a vaccine; in others its code (CVX) says it.
VACCINE_MESSAGES = frozenset({"VXU", "VXR", "VXX", "RSP", "RTB"})
_CVX = "http://hl7.org/fhir/sid/cvx"
_NOTHING_GIVEN = "998"  # CVX: no vaccine administered; only the OBX below count
_UNKNOWN_NUMBER = "9999"  # CDC: stands for an order number where there is no order
_UNKNOWN_AMOUNT = 999  # CDC: the amount is not known
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_NO_TARGET = "the guide gives it no FHIR element"
_ORDERED_BY = fixed(V2 + "0443", "OP", "Ordering Provider")
_GIVEN_BY = fixed(V2 + "0443", "AP", "Administering Provider")
REFUSED = fixed("http://terminology.hl7.org/CodeSystem/v3-ActReason", "PATOBJ", "patient objection")
_PARTIAL = fixed("http://terminology.hl7.org/CodeSystem/immunization-subpotent-reason", "partialdose", "Partial Dose")
_CANCELLED = frozenset({"CA", "OC", "CR"})
_GUIDE = "RXA[Immunization] "


@parts_of(
    dict.fromkeys((1, 2, 3, 4, 7, 8), "identifier") | dict.fromkeys((9, 10, 11, 12, 13, 14), "address"),
    {5: _NO_TARGET, 6: _NO_TARGET, 15: _NO_TARGET, 16: _NO_TARGET},
)
def vaccinated_at(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Location of an LA2 (RXA-11): its levels as a PL has them, then its address."""
    parts = scope.parts(raw)
    at: Resource | None = location(scope.component.join(parts[:8]).rstrip(scope.component), scope)
    where = address(scope.component.join(parts[8:14]), scope)
    if at and where:
        scope.edit(at["reference"]).setdefault("address", where)
        return at
    return at or (addressed(None, where, scope) if where else None)


_RXA: dict[str, Row] = {
    "amount": one("RXA-6", "Immunization.doseQuantity.value", decimal, _GUIDE + "8", placed=True),
    "unit": one("RXA-7", "Immunization.doseQuantity", unit, _GUIDE + "9", reuse=True, placed=True),
    "origin": many("RXA-9", "Immunization.reportOrigin", concept(), _GUIDE + "11", placed=True),
    "note": many("RXA-9", "Immunization.note.text", coded_text, _GUIDE + "11", placed=True),
    "performer": many("RXA-10", "Immunization.performer.actor", practitioner, _GUIDE + "12 to 14", placed=True),
    "at": one("RXA-11", "Immunization.location", vaccinated_at, "decision 0021", placed=True),
    "status": one("RXA-20", "Immunization.status", code(table("CompletionStatus")), _GUIDE + "24, 25", placed=True),
    "entered": one("RXA-22", "Immunization.recorded", date_time, _GUIDE + "27", placed=True),
    "location": one("RXA-27", "Immunization.location", location, _GUIDE + "32", placed=True),
    "address": one("RXA-28", "Immunization.location.address", address, _GUIDE + "33", placed=True),
}
VACCINATION = Table(
    "RXA",
    "Immunization",
    (
        *_RXA.values(),
        one("RXA-3", "Immunization.occurrenceDateTime", date_time, _GUIDE + "5"),
        one("RXA-5", "Immunization.vaccineCode", concept(), _GUIDE + "7", reuse=True),
        one("RXA-15", "Immunization.lotNumber", text, _GUIDE + "19"),
        one("RXA-16", "Immunization.expirationDate", date, _GUIDE + "20"),
        one("RXA-17", "Immunization.manufacturer", coded_organization, _GUIDE + "21", reuse=True),
        one("RXA-18", "Immunization.statusReason", concept(), _GUIDE + "22"),
        many("RXA-19", "Immunization.reasonCode", concept(), _GUIDE + "23"),
    ),
    {
        **dict.fromkeys((1, 2, 8, 12, 13, 14, 23, 24, 25, 26, 29), _NO_TARGET),
        4: "a vaccination is a moment: RXA-3 says when",
        21: "the action: it says what to do with the vaccination",
    },
)
_PLACER, _FILLER = ei("PLAC", "Placer Identifier"), ei("FILL", "Filler Identifier")
_ORC: dict[str, Row] = {
    "placer": one("ORC-2", "Immunization.identifier", _PLACER, "ORC[Immunization] 4 to 6", placed=True, part=KEPT),
    "filler": one("ORC-3", "Immunization.identifier", _FILLER, "ORC[Immunization] 7 to 9", placed=True, part=KEPT),
    "group": one("ORC-4", "Immunization.identifier", group_number, "ORC[Immunization] 10, 11", placed=True, part=KEPT),
    "recorded": one("ORC-9", "Immunization.recorded", date_time, "ORC[Immunization] 16", placed=True),
    "orderer": one("ORC-12", "Immunization.performer.actor", role(), "ORC[Immunization] 19 to 21", placed=True),
}  # fmt: skip
COMMON = Table(
    "ORC",
    "Immunization",
    (
        *_ORC.values(),
        many("ORC-28", "Immunization.meta.security", coding(table("ConfidentialityCode")), "ORC[Immunization] 37"),
        many("ORC-33", "Immunization.identifier", cx("PLAC"), "decision 0021", part="PLAC"),
        many("ORC-38", "Immunization.identifier", ei("FGN"), "decision 0021", part=KEPT),
    ),
)
# What an ORC says of orders alone: when it is wanted, who entered and verified it, and where.
_OF_ORDERS = (5, 7, 10, 11, 13, 14, *range(16, 25), 29)


def administered(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RXA: a vaccination, or the administration of another drug."""
    is_vaccine = scope.code in VACCINE_MESSAGES or _CVX in _systems(node.segment, scope)
    return immunization(node, frame, scope) if is_vaccine else administration(node, frame, scope)


def _systems(segment: Segment, scope: Scope) -> set[str]:
    parts = scope.parts(segment.fields[5]) if len(segment.fields) > 5 else [""] * 9
    return {code_system(scope.text(parts[place])) for place in (2, 5)}


def _vaccine_code(segment: Segment, scope: Scope) -> str:
    return scope.text(scope.parts(segment.fields[5])[0]) if len(segment.fields) > 5 else ""


def immunization(node: Node, frame: Frame, scope: Scope) -> Frame:
    """RXA of a vaccine: its Immunization; where none was given only what stands below it counts."""
    segment = node.segment
    if _vaccine_code(segment, scope) == _NOTHING_GIVEN and _systems(segment, scope) <= {_CVX, ""}:
        for one_ in (segment, *([frame.orc.segment] if frame.orc else [])):
            leave_out(one_, range(1, 40), "no vaccine was given: only what stands below counts", scope)
        add_facts(node, None, frame, scope)
        return frame.within(remarks=None)
    orc = frame.orc.segment if frame.orc and frame.orc.first("RXA") is node else None  # one vaccination for each
    resource: Resource = {"resourceType": "Immunization", "id": ""}
    numbers = _numbers(orc, scope)
    resource["id"] = _id_of(numbers, segment, frame, scope)
    scope.add(resource)
    if scope.message.count("RXA") > 1:
        scope.note_alike(resource)
    if numbers:
        resource["identifier"] = numbers
    if orc is not None:
        fill(resource, orc, COMMON, scope)
    fill(resource, segment, VACCINATION, scope)
    _set_status(resource, segment, orc, scope)
    if "vaccineCode" not in resource:
        resource["vaccineCode"] = _UNKNOWN
        counts_initially(resource, ("vaccineCode",), scope)
    set_person(resource, "patient", frame.patient, scope)
    if frame.encounter:
        resource["encounter"] = frame.encounter
    if "occurrenceDateTime" not in resource:
        resource["_occurrenceDateTime"] = _UNKNOWN
        counts_initially(resource, ("_occurrenceDateTime",), scope)
    _set_recorded(resource, segment, orc, scope)
    _set_dose(resource, segment, scope)
    _set_origin(resource, segment, scope)
    _set_place(resource, segment, scope)
    _add_performers(resource, segment, orc, scope)
    resource.update(vaccine_route(node.all("RXR"), scope))
    name_source(resource, scope)
    at = {"reference": "urn:uuid:" + resource["id"]}
    inner = frame.within(remarks=resource, part_of=at, order=(resource["id"],), effective="")
    add_facts(node, resource, inner, scope)
    return inner


def _numbers(orc: Segment | None, scope: Scope) -> list[Resource]:
    """Return the order numbers; 9999 stands for none (CDC)."""
    if orc is None:
        return []
    found = []
    for name, row in _ORC.items():
        if name not in {"placer", "filler", "group"}:
            continue
        for number in values(row, orc, scope, {}):
            if number["value"] == _UNKNOWN_NUMBER:
                scope.find("identifier_placeholder")
            elif number not in found:
                found.append(number)
    return found


def _id_of(numbers: list[Resource], segment: Segment, frame: Frame, scope: Scope) -> str:
    """Return the id of a vaccination: by the filler's number, which CDC's guide makes its own, else the placer's; else
    by who got what when."""
    by_type = {one_["type"]["coding"][0]["code"]: one_ for one_ in reversed(numbers) if "type" in one_}
    number = by_type.get("FILL") or by_type.get("PLAC")
    if number:
        kind = number["type"]["coding"][0]["code"]
        return scope.child_id("Immunization", kind, number.get("system", scope.assigner), number["value"])
    of = frame.patient["reference"] if frame.patient else ""
    return scope.child_id("Immunization", of, _vaccine_code(segment, scope), segment.text(3))


def _set_status(resource: Resource, segment: Segment, orc: Segment | None, scope: Scope) -> None:
    """Set whether it was given (guide: RXA[Immunization] 24 to 26).

    A reason to refuse it without RXA-20, or a cancelled order, says that it was not: the guide's default would record a
    dose that nobody got.
    """
    action, control = segment.code(21), orc.code(1) if orc is not None else ""
    scope.noted(resource)["control"] = action or control
    if orc is not None:
        leave_out(orc, (1,), "the control code: it moves the stored status", scope)
        leave_out(orc, _OF_ORDERS, "the guide gives a vaccination no element for it (ORC[Immunization])", scope)
    found = first(_RXA["status"], segment, scope, resource)
    sent = segment.code(20)
    if action == "D":
        found = "entered-in-error"
    elif isinstance(found, Unmapped):  # R4 has no word for a status that is not known, and none is guessed
        resource["_status"] = {"extension": [*found.extension["extension"], *_UNKNOWN["extension"]]}
        return
    elif found is None:
        found = "not-done" if "statusReason" in resource or control in _CANCELLED else "completed"
        counts_initially(resource, ("status",), scope)
    resource["status"] = found
    if sent == "RE" and "statusReason" not in resource:
        resource["statusReason"] = REFUSED
    if sent == "PA" and found == "completed":
        resource["isSubpotent"], resource["subpotentReason"] = True, [_PARTIAL]


def _set_recorded(resource: Resource, segment: Segment, orc: Segment | None, scope: Scope) -> None:
    """Set when it was recorded: RXA-22 of an added one, else ORC-9 (guide: RXA[ 27, ORC[Immunization] 16)."""
    entered = first(_RXA["entered"], segment, scope, resource) if segment.code(21) in {"A", ""} else None
    recorded = first(_ORC["recorded"], orc, scope, resource) if orc is not None and not entered else None
    if orc is not None and entered:
        leave_out(orc, (9,), "RXA-22 says when it was recorded", scope)
    if entered or recorded:
        resource["recorded"] = entered or recorded


def _set_dose(resource: Resource, segment: Segment, scope: Scope) -> None:
    value = first(_RXA["amount"], segment, scope, resource)
    if value is None:
        leave_out(segment, (7,), "the unit of an amount that is not said", scope)
        return
    if value == _UNKNOWN_AMOUNT:
        resource["doseQuantity"] = _UNKNOWN
        leave_out(segment, (7,), "the unit of an amount that is not known", scope)
        return
    resource["doseQuantity"] = {"value": value, **(first(_RXA["unit"], segment, scope, resource) or {})}


def _set_origin(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set where the record comes from: NIP001 in RXA-9, 00 is the one who gave it; anything else there is a note."""
    fields = segment.fields
    for repetition, raw in enumerate(fields[9].split(scope.separator) if len(fields) > 9 else (), 1):
        scope.segment, scope.number, scope.repetition = segment, 9, repetition
        parts = scope.parts(raw)
        source = scope.text(parts[0])
        if scope.text(parts[2]).upper().startswith("NIP0") or (source.isdigit() and len(source) == 2 and not parts[2]):
            resource["primarySource"] = source == "00"
            resource["reportOrigin"] = concept()(raw, scope)
            scope.take(_RXA["origin"])
        elif said := coded_text(raw, scope):
            resource.setdefault("note", []).append({"text": said})
            scope.take(_RXA["note"])


def _set_place(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Set where: RXA-27 with RXA-28, else RXA-11 of older versions."""
    at = first(_RXA["location"], segment, scope, resource) or first(_RXA["at"], segment, scope, resource)
    where = first(_RXA["address"], segment, scope, resource)
    if at and where:
        scope.edit(at["reference"]).setdefault("address", where)
    elif where:
        at = addressed(None, where, scope)
    if at:
        resource["location"] = at


def _add_performers(resource: Resource, segment: Segment, orc: Segment | None, scope: Scope) -> None:
    orderer = first(_ORC["orderer"], orc, scope, resource) if orc is not None else None
    givers = values(_RXA["performer"], segment, scope, resource)
    found = [{"function": _GIVEN_BY, "actor": one_} for one_ in givers]
    if orderer:
        found.append({"function": _ORDERED_BY, "actor": orderer})
    if found:
        resource["performer"] = found


TABLES = (VACCINATION, COMMON)
HANDLERS: dict[str, Handler] = {"RXA": administered}
