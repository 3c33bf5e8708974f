"""ABS, BLC, GP1, GP2: the abstract of a stay and what is paid for it (the guide has no map: docs/decisions/0145).

R4 keeps what is paid in a Claim and its response, which no message makes: each segment is an Observation of the visit,
GP2 of the procedure above it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import boolean, concept
from shared.mapping.datatypes.money import price
from shared.mapping.datatypes.number import bare_quantity, quantity
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Build, Resource, Table, many, one, same_parts
from shared.mapping.statement import Part, component, statement_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0145"
_YES_NO = boolean(table("YesNoIndicator"))
_SIGNED = "who vouches for the abstract, and when: R4 has no element for it in an Observation"


@same_parts(price)
def _sum(raw: str, scope: Scope) -> Resource | None:
    """Return an amount of money as a quantity whose unit is its currency."""
    found = price(raw, scope)
    return {"value": found["value"], **({"unit": found["currency"]} if "currency" in found else {})} if found else None


def _coded(source: str, name: str, number: str, *, repeats: bool = False) -> Part:
    return component(source, name, "valueCodeableConcept", concept(bare_table(number, "")), DECIDED, repeats=repeats)


def _counted(source: str, name: str, build: Build = bare_quantity) -> Part:
    return component(source, name, "valueQuantity", build, DECIDED)


def _is(source: str, name: str) -> Part:
    return component(source, name, "valueBoolean", _YES_NO, DECIDED)


_ABSTRACT_PARTS = (
    _coded("ABS-2", "Transfer medical service", "0069"),
    _coded("ABS-3", "Severity of illness", "0421"),
    _coded("ABS-6", "Triage", "0422"),
    _coded("ABS-9", "Case category", "0423"),
    _is("ABS-10", "Caesarean section"),
    _coded("ABS-11", "Gestation category", "0424"),
    _counted("ABS-12", "Gestation, weeks"),
    _coded("ABS-13", "Newborn", "0425"),
    _is("ABS-14", "Stillborn"),
)
ABSTRACT = Table(
    "ABS",
    "Observation",
    (
        one("ABS-7", "Observation.effectiveDateTime", date_time, DECIDED),
        many("ABS-8", "Observation.performer", practitioner, DECIDED),
        *(part.row for part in _ABSTRACT_PARTS),
    ),
    {1: "who discharges is PV1-52 and ROL", 4: _SIGNED, 5: _SIGNED},
)
_BLOOD_PARTS = (_counted("BLC-2", "Amount", quantity),)
BLOOD = Table(
    "BLC",
    "Observation",
    (
        one("BLC-1", "Observation.valueCodeableConcept", concept(bare_table("0426", "")), DECIDED, reuse=True),
        *(part.row for part in _BLOOD_PARTS),
    ),
)
_VISIT_PARTS = (
    _coded("GP1-2", "Revenue code", "0456", repeats=True),
    _coded("GP1-3", "Claim disposition", "0457"),
    _coded("GP1-4", "Edit of the visit", "0458", repeats=True),
    _counted("GP1-5", "Outlier cost", _sum),
)
VISIT = Table(
    "GP1",
    "Observation",
    (
        one("GP1-1", "Observation.valueCodeableConcept", concept(bare_table("0455", "")), DECIDED, reuse=True),
        *(part.row for part in _VISIT_PARTS),
    ),
)
_PROCEDURE_PARTS = (
    _counted("GP2-2", "Service units"),
    _counted("GP2-3", "Charge", _sum),
    _coded("GP2-4", "Reimbursement action", "0459"),
    _coded("GP2-5", "Denial or rejection", "0460"),
    _coded("GP2-6", "Edit", "0458", repeats=True),
    _coded("GP2-7", "Ambulatory payment classification", "0466"),
    _coded("GP2-8", "Edit of the modifier", "0467", repeats=True),
    _coded("GP2-9", "Payment adjustment", "0468"),
    _coded("GP2-10", "Packaging status", "0469"),
    _counted("GP2-11", "Expected payment", _sum),
    _coded("GP2-12", "Reimbursement type", "0470"),
    _counted("GP2-13", "Co-payment", _sum),
    _counted("GP2-14", "Pay rate per service unit"),
)
PROCEDURE = Table(
    "GP2",
    "Observation",
    (
        one("GP2-1", "Observation.valueCodeableConcept", concept(bare_table("0456", "")), DECIDED, reuse=True),
        *(part.row for part in _PROCEDURE_PARTS),
    ),
)

_CODES: dict[str, Resource] = {
    "ABS": {"text": "Abstract of the stay"},
    "BLC": {"text": "Blood product used"},
    "GP1": {"text": "Reimbursement of the visit"},
    "GP2": {"text": "Reimbursement of a procedure"},
}
_OF_SEGMENT = {
    "ABS": (ABSTRACT, _ABSTRACT_PARTS),
    "BLC": (BLOOD, _BLOOD_PARTS),
    "GP1": (VISIT, _VISIT_PARTS),
    "GP2": (PROCEDURE, _PROCEDURE_PARTS),
}


def reimbursement(node: Node, frame: Frame, scope: Scope) -> None:
    """ABS, BLC, GP1, GP2: one Observation of the visit or of the procedure."""
    name = node.segment.name
    rows, parts = _OF_SEGMENT[name]
    act = frame.remarks if name == "GP2" else None
    of = [] if act is None or act["resourceType"] != "Procedure" else [{"reference": "urn:uuid:" + act["id"]}]
    resource = statement_of(node, frame, scope, rows, parts, _CODES[name], *(one_["reference"] for one_ in of))
    if resource is None:
        return
    if of:
        resource["partOf"] = of
    scope.add(resource)


TABLES = (ABSTRACT, BLOOD, VISIT, PROCEDURE)
HANDLERS: dict[str, Handler] = dict.fromkeys(_OF_SEGMENT, reimbursement)
