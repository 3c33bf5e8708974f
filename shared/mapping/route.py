"""RXR: route, site, method and device (guide: RXR[Immunization], RXR[MedicationRequest])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import coded_text, concept
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Resource, Row, Table, first, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_ROUTES, _SITES, _METHODS = table("RouteOfAdministration"), table("BodyParts"), table("AdministrationMethod")
_NO_TARGET = "the guide gives it no FHIR element"
_NO_EXTENSION = "the guide's extension does not exist"


def _route(resource: str, path: str) -> dict[str, Row]:
    guide = f"RXR[{resource}] "
    return {
        "route": one("RXR-1", path + "route", concept(_ROUTES), guide + "3", reuse=True, placed=True),
        "site": one("RXR-2", path + "site", concept(_SITES), guide + "4", reuse=True, placed=True),
    }


_VACCINE = _route("Immunization", "Immunization.")
_DOSAGE = _route("MedicationRequest", "MedicationRequest.dosageInstruction.") | {
    "method": one(
        "RXR-4",
        "MedicationRequest.dosageInstruction.method",
        concept(_METHODS),
        "RXR[MedicationRequest] 6",
        reuse=True,
        placed=True,
    ),
    "additionalInstruction": one(
        "RXR-5",
        "MedicationRequest.dosageInstruction.additionalInstruction",
        concept(bare_table("", "")),
        "RXR[MedicationRequest] 7",
        reuse=True,
        placed=True,
    ),
}
_GIVEN = {
    name: one(f"RXR-{number}", f"MedicationAdministration.{target}", build, "decision 0020", placed=True)
    for name, number, target, build in (
        ("route", 1, "dosage.route", concept(_ROUTES)),
        ("site", 2, "dosage.site", concept(_SITES)),
        ("method", 4, "dosage.method", concept(_METHODS)),
        ("note", 5, "note.text", coded_text),
    )
}
TABLES = (
    Table("RXR", "MedicationAdministration", tuple(_GIVEN.values())),
    Table("RXR", "Immunization", tuple(_VACCINE.values()), dict.fromkeys((4, 5), "the guide gives a vaccine none")),
    Table("RXR", "MedicationRequest", tuple(_DOSAGE.values()), {3: _NO_EXTENSION, 6: _NO_TARGET}),
)


def routes(nodes: list[Node], scope: Scope) -> list[Resource]:
    """Return route, site, method and instruction of each RXR, as a Dosage has them; one empty dose without any."""
    found = [said for node in nodes if (said := _read(_DOSAGE, node.segment, scope))]
    for said in found:
        if "additionalInstruction" in said:
            said["additionalInstruction"] = [said["additionalInstruction"]]
    return found or [{}]


def with_route(dosage: Resource, way: Resource) -> Resource:
    """Return a dosage with route, site, method and instruction of an RXR."""
    more = [*dosage.get("additionalInstruction", []), *way.get("additionalInstruction", [])]
    return {**dosage, **way, **({"additionalInstruction": more} if more else {})}


def administered_by(nodes: list[Node], scope: Scope) -> Resource:
    """Return route, site and method of an administration, and its instruction as ``note``."""
    found = [said for node in nodes[:1] if (said := _read(_GIVEN, node.segment, scope))]
    for node in nodes[1:]:
        scope.segment, scope.number, scope.repetition = node.segment, 1, 1
        scope.find("statement_differs", "MedicationAdministration.dosage.route: the first one counts")
    return found[0] if found else {}


def vaccine_route(nodes: list[Node], scope: Scope) -> Resource:
    """Return route and site of the first RXR of a vaccine; R4 has one of each."""
    found = [said for node in nodes if (said := _read(_VACCINE, node.segment, scope))]
    for node in nodes[1:]:
        scope.segment, scope.number, scope.repetition = node.segment, 1, 1
        scope.find("statement_differs", "Immunization.route: the first one counts")
    return found[0] if found else {}


def _read(rows: dict[str, Row], segment: Segment, scope: Scope) -> Resource:
    said = {name: first(row, segment, scope, {}) for name, row in rows.items()}
    return {name: value for name, value in said.items() if value}


def route(node: Node, frame: Frame, scope: Scope) -> None:
    """RXR: its RXO, RXE, RXD, RXG or RXA has read it; one without any is a finding."""
    holder = frame.remarks
    if holder is None or not holder["resourceType"].startswith(("Medication", "Immunization")):
        scope.segment, scope.number, scope.repetition = node.segment, 1, 1
        scope.find("route_without_drug")


HANDLERS: dict[str, Handler] = {"RXR": route}
