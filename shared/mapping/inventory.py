"""INV and SID: what a laboratory machine has on board, as a Substance (the guide has no map: docs/decisions/0043)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.codes.decided import decided
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import DATA_ABSENT, concept, text
from shared.mapping.datatypes.number import decimal, unit_of
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Build, Resource, Row, Table, first, one, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0043"
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_STATUSES = "http://hl7.org/fhir/substance-status"
# HL7 table 0383. Warnings (OW, CW, EW, NW, QW) still serve; errors do not.
_USABLE = decided(
    "0383", _STATUSES, OK="active", OW="active", CW="active", EW="active", NW="active", QW="active",
    OE="inactive", CE="inactive", EE="inactive", NE="inactive", QE="inactive",
)  # fmt: skip
_MACHINE = "where the machine keeps it: R4 has no element for it"
_LOT = {"text": "Lot number"}


def _row(number: int, target: str, build: Build, name: str = "INV") -> Row:
    return one(f"{name}-{number}", f"Substance.{target}", build, DECIDED, placed=True)


@parts_of({1: "unit", 2: "unit", 3: "system"})
def unit(raw: str, scope: Scope) -> Resource:
    """Return the unit elements of INV-11."""
    sent, display, system = (scope.text(part) for part in scope.parts(raw)[:3])
    return unit_of(sent, display, system)


@parts_of({1: ""}, dict.fromkeys(range(2, 23), "the code says it"))
def usable(raw: str, scope: Scope) -> str | None:
    """Return whether a substance serves, by HL7 table 0383."""
    target = _USABLE.targets.get(scope.text(scope.parts(raw)[0]))
    if target is None:
        scope.find("code_unmapped", "HL7 table 0383")
    return target.code if target else None


@parts_of({1: ""}, dict.fromkeys(range(2, 23), "an Identifier has no name"))
def container_number(raw: str, scope: Scope) -> str | None:
    """Return the number of a container, which INV-4 writes as a code."""
    return scope.text(scope.parts(raw)[0]) or None


@parts_of({1: "", 2: ""}, dict.fromkeys(range(3, 23), "the text says it"))
def maker(raw: str, scope: Scope) -> str | None:
    """Return who made a substance, by name and code: R4 has no element for it but the description."""
    code, name = (scope.text(part) for part in scope.parts(raw)[:2])
    said = f"{name} ({code})" if name and code else name or code
    return f"Manufacturer: {said}" if said else None


_SUBSTANCE = _row(1, "code", concept(bare_table("0451", "")))
_STATUS = _row(2, "status", usable)
_KIND = _row(3, "category", concept(bare_table("0384", "")))
_CONTAINER = _row(4, "instance.identifier.value", container_number)
_INITIAL, _LEFT = _row(7, "instance.quantity.value", decimal), _row(8, "instance.quantity.value", decimal)
_UNIT = _row(11, "instance.quantity.unit", unit)
_EXPIRES = _row(12, "instance.expiry", date_time)
_LOT_NUMBER = _row(16, "identifier.value", text)
_MAKER = _row(17, "description", maker)
STOCK = Table(
    "INV",
    "Substance",
    (_SUBSTANCE, _STATUS, _KIND, _CONTAINER, _INITIAL, _LEFT, _UNIT, _EXPIRES, _LOT_NUMBER, _MAKER),
    {
        **dict.fromkeys((5, 6), _MACHINE),
        **dict.fromkeys((9, 10, 13, 14, 15, 18, 19, 20), "of the machine's stock-keeping: R4 has no element for it"),
    },
)

_SID_LOT = _row(2, "identifier.value", text, "SID")
_SID_CONTAINER = _row(3, "instance.identifier.value", text, "SID")
_SID_MAKER = _row(4, "description", maker, "SID")
USED = Table(
    "SID", "Substance", (_SID_LOT, _SID_CONTAINER, _SID_MAKER), {1: "how it was applied: R4 has no element for it"}
)


def stock(node: Node, frame: Frame, scope: Scope) -> None:
    """INV: one Substance with the container that holds it."""
    del frame
    segment = node.segment
    found = {"code": first(_SUBSTANCE, segment, scope, {}) or _UNKNOWN, "status": first(_STATUS, segment, scope, {})}
    kind = first(_KIND, segment, scope, {})
    found["category"] = [kind] if kind else None
    left, initial = (first(row, segment, scope, {}) for row in (_LEFT, _INITIAL))
    amount = initial if left is None else left
    instance: Resource = {}
    if amount is not None:
        instance["quantity"] = {"value": amount, **(first(_UNIT, segment, scope, {}) or {})}
    expires = first(_EXPIRES, segment, scope, {})
    if expires:
        instance["expiry"] = expires
    _add(segment, (_LOT_NUMBER, _CONTAINER, _MAKER), found, instance, scope)


def used(node: Node, frame: Frame, scope: Scope) -> None:
    """SID: a Substance that a test used, by lot and container."""
    del frame
    _add(node.segment, (_SID_LOT, _SID_CONTAINER, _SID_MAKER), {"code": _UNKNOWN}, {}, scope)


def _add(segment: Segment, rows: tuple[Row, Row, Row], found: dict[str, Any], instance: Resource, scope: Scope) -> None:
    lot, container, made_by = (first(row, segment, scope, {}) for row in rows)
    if not segment.text(1) and not lot and not container:
        return
    resource: Resource = {
        "resourceType": "Substance",
        "id": scope.child_id("Substance", scope.assigner, segment.text(1), lot or "", container or ""),
        **{element: value for element, value in found.items() if value},
    }
    if lot:
        resource["identifier"] = [{"type": _LOT, "value": lot}]
    if made_by:
        resource["description"] = made_by
    if container:
        instance["identifier"] = {"value": container}
    if instance:
        resource["instance"] = [instance]
    scope.add(resource)


TABLES = (STOCK, USED)
HANDLERS: dict[str, Handler] = {"INV": stock, "SID": used}
