"""RXO and RXE, field by field: drug, dose, what is said of the order (guide: RXO[MedicationRequest]; decision 0020).

RXO is the order as written, RXE as the pharmacy encoded it: of what can be but one RXE counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import coded_text, concept, fixed, text_concept
from shared.mapping.datatypes.identifier import typed_number
from shared.mapping.datatypes.number import days, decimal, integer, quantity, unit
from shared.mapping.datatypes.person import address, contact_point
from shared.mapping.datatypes.time import date_time
from shared.mapping.grouping import Node
from shared.mapping.medication import DECIDED, ORDERED, Rows, describe, dose_of, dose_rows, drug_rows
from shared.mapping.organization import coded_organization
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import ALL, KEPT, Build, Resource, Row, Table, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DETAILS = ("RXO", "RXE")
_NO_TARGET = "R4 has no element for it"
_CALCULATED = fixed("http://terminology.hl7.org/CodeSystem/dose-rate-type", "calculated", "Calculated")

# Element of an order -> (target below MedicationRequest, what makes it, whether it repeats).
_ORDER: dict[str, tuple[str, Build, bool]] = {
    "instructions": ("note.text", coded_text, True),
    "special": ("note.text", coded_text, True),
    "administration": ("dosageInstruction.additionalInstruction", text_concept, True),
    "dispense": ("dispenseRequest.quantity.value", decimal, False),
    "dispense_unit": ("dispenseRequest.quantity", unit, False),
    "refills": ("dispenseRequest.numberOfRepeatsAllowed", integer, False),
    "interval": ("dispenseRequest.dispenseInterval", days, False),
    "initial": ("dispenseRequest.initialFill.quantity.value", decimal, False),
    "pharmacy": ("dispenseRequest.performer", coded_organization, False),
    "pharmacy_address": ("dispenseRequest.performer.address", address, False),
    "pharmacy_phone": ("dispenseRequest.performer.telecom", contact_point(), True),
    "orderer": ("requester", practitioner, False),
    "reason": ("reasonCode", concept(), True),
    "daily": ("dosageInstruction.maxDosePerPeriod.numerator", quantity, False),
    "number": ("identifier", typed_number(""), False),
    "ordered": ("authoredOn", date_time, False),
}


_PARTS = {"number": KEPT, "reason": ALL}  # the reason of an order is one, whichever segment says it
_TOGETHER = frozenset({"instructions", "special", "administration", "reason"})  # what both say holds together


# What goes with another element: the unit of an amount, the address of a pharmacy.
_WITH = {"dispense_unit": "dispense", "pharmacy_address": "pharmacy", "pharmacy_phone": "pharmacy"}


def _order_rows(segment: str, guides: dict[str, str], substitution: Build, at: int, **numbers: int) -> Rows:
    target = "MedicationRequest.substitution.allowedCodeableConcept"
    guide = guides.get("substitution", DECIDED)
    rows = {"substitution": one(f"{segment}-{at}", target, substitution, guide, placed=True)}
    for name, number in numbers.items():
        below, build, repeats = _ORDER[name]
        make = many if repeats else one
        source, target, guide = f"{segment}-{number}", "MedicationRequest." + below, guides.get(name, DECIDED)
        rows[name] = make(source, target, build, guide, placed=True, part=_PARTS.get(name))
    return rows


def _guide(**rows: str) -> dict[str, str]:
    return {name: f"RXO[MedicationRequest] {row}" for name, row in rows.items()}


_DRUG: dict[str, Rows] = {
    "RXO": drug_rows(
        "RXO",
        _guide(code="4", form="12", strength="26", strength_unit="27, 28", volume="36", volume_unit="37, 38"),
        also=24, code=1, form=5, strength=18, strength_unit=19, volume=25, volume_unit=26,
    ),
    "RXE": drug_rows(
        "RXE", also=31, code=2, form=6, strength=25, strength_unit=26, volume=33, volume_unit=34
    ),
}  # fmt: skip
_AT = "MedicationRequest.dosageInstruction."
_DOSE: dict[str, Rows] = {
    "RXO": dose_rows(
        "RXO", _AT, _guide(low="5, 6", high="7", unit="8 to 11"), low=2, high=3, unit=4, per=17, rate=21, rate_unit=22
    ),
    "RXE": dose_rows("RXE", _AT, low=3, high=4, unit=5, per=22, rate=23, rate_unit=24),
}
_SAID: dict[str, Rows] = {
    "RXO": _order_rows(
        "RXO",
        _guide(substitution="16", dispense="18", dispense_unit="19, 20", refills="21", orderer="22", daily="32 to 34"),
        concept(table("AllowSubstitution")), 9,
        instructions=6, administration=7, dispense=11, dispense_unit=12, refills=13, orderer=14, reason=20, daily=23,
        interval=28, pharmacy=32, pharmacy_address=33, pharmacy_phone=36,
    ),
    "RXE": _order_rows(
        "RXE", {}, concept(bare_table("0167", "")), 9,
        administration=7, dispense=10, dispense_unit=11, refills=12, orderer=13, number=15, daily=19, special=21,
        reason=27, ordered=32, initial=39, pharmacy=40, pharmacy_address=41, pharmacy_phone=45,
    ),
}  # fmt: skip
_IGNORED: dict[str, dict[int, str]] = {
    "RXO": {
        8: _NO_TARGET,
        10: "R4 has one medication of an order: the one to give",
        **dict.fromkeys((15, 16, 27, 29, 30, 31, 34, 35), _NO_TARGET),
    },
    "RXE": {
        **dict.fromkeys((8, 14, 20, 28, 29, 30, 35, 36, 37, 42, 43, 44), _NO_TARGET),
        **dict.fromkeys((16, 17, 18, 38), "what was dispensed so far: MedicationDispense says it"),
    },
}
TABLES = tuple(
    Table(name, "MedicationRequest", (*_DRUG[name].values(), *_DOSE[name].values(), *_SAID[name].values()), ignored)
    for name, ignored in _IGNORED.items()
)


def said_of(resource: Resource, details: dict[str, Node], orc: Segment | None, scope: Scope) -> dict[str, list[Any]]:
    """Return what RXE and RXO say of the order, by element; of what can be but one RXE counts."""
    orderer = orc.fields[12] if orc is not None and len(orc.fields) > 12 else ""
    found: dict[str, list[Any]] = {}
    encoded: frozenset[str] = frozenset()
    for name in reversed(DETAILS):
        node = details.get(name)
        for element, row in _SAID[name].items() if node else ():
            assert node is not None
            if element == "orderer" and orderer:
                _pass_over(node.segment, row, orderer, "ORC-12", scope)
            elif element in _TOGETHER:
                known = found.setdefault(element, [])
                known += [one_ for one_ in values(row, node.segment, scope, resource) if one_ not in known]
            elif name == "RXO" and (element in encoded or _WITH.get(element) in encoded):
                _pass_over(node.segment, row, _encoded_field(element, details), "RXE", scope)
            else:
                said = values(row, node.segment, scope, resource)
                if said:
                    found[element] = said
        encoded = encoded or frozenset(found)
    return {element: said for element, said in found.items() if said}


def _encoded_field(element: str, details: dict[str, Node]) -> str:
    fields, number = details["RXE"].segment.fields, _SAID["RXE"][element].number
    return fields[number] if number < len(fields) else ""


def _pass_over(segment: Segment, row: Row, counts: str, where: str, scope: Scope) -> None:
    """Leave a field out because another one says the element; a finding where it says another value."""
    said = segment.fields[row.number] if row.number < len(segment.fields) else ""
    if said == counts:
        values(row, segment, scope, {})
    elif said:
        scope.segment, scope.number, scope.repetition = segment, row.number, 1
        scope.find("statement_differs", f"{row.target}: {where} counts")
        leave_out(segment, (row.number,), f"{where} says it otherwise, and counts", scope)


def drugs_of(details: dict[str, Node], scope: Scope) -> dict[str, Resource]:
    """Return what RXO and RXE say of their drugs, with their RXC components; the one that counts first."""
    found = {
        name: describe(_DRUG[name], details[name].segment, details[name].all("RXC"), scope)
        for name in reversed(DETAILS)
        if name in details
    }
    return {name: drug for name, drug in found.items() if drug}


def drug_code(name: str, node: Node) -> str:
    """Return the code of the drug of an RXO or RXE, as it was sent."""
    return node.segment.text(_DRUG[name]["code"].number)


def doses_of(details: dict[str, Node], scope: Scope) -> tuple[list[Resource], str]:
    """Return dose and rate as ordered, and as the pharmacy calculated them where that differs.

    Beside them the dose that is no number, as it was written: the one of the RXE, else of the RXO.
    """
    said = {name: dose_of(_DOSE[name], node.segment, scope) for name, node in details.items()}
    unread = next((said[name].unread for name in reversed(DETAILS) if name in said and said[name].unread), "")
    doses = {name: dose.read for name, dose in said.items() if dose.read}
    if len(doses) == 2 and doses["RXO"] != doses["RXE"]:
        return [{"type": ORDERED, **doses["RXO"]}, {"type": _CALCULATED, **doses["RXE"]}], unread
    found = [{**({"type": ORDERED} if name == "RXO" else {}), **dose} for name, dose in list(doses.items())[:1]]
    return found, unread
