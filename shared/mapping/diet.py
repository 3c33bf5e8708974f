"""ODS and ODT with their ORC: what somebody is to eat, as a NutritionOrder (no map in the guide: decision 0044)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.datatypes.coded import DATA_ABSENT, code, coded_text, concept, text
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.order import CONTROL_STATUS, ORDER_STATUS
from shared.mapping.order_event import add_order_event
from shared.mapping.order_number import key_of, order_numbers, unnumbered
from shared.mapping.order_status import set_status
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Build, Resource, Row, Table, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0044"
_UNKNOWN = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_DIET, _SUPPLEMENT, _PREFERENCE = "D", "S", "P"  # HL7 table 0159


def _common(number: int, element: str, build: Build) -> Row:
    return one(f"ORC-{number}", f"NutritionOrder.{element}", build, DECIDED, placed=True)


_STATUS, _CONTROL = _common(5, "status", code(ORDER_STATUS)), _common(1, "status", code(CONTROL_STATUS))
_ORDERED, _ORDERER = _common(9, "dateTime", date_time), _common(12, "orderer", practitioner)
COMMON = Table("ORC", "NutritionOrder", (_STATUS, _CONTROL, _ORDERED, _ORDERER))

_KIND = one("ODS-1", "NutritionOrder", text, DECIDED, placed=True)
_WHEN = many("ODS-2", "NutritionOrder.oralDiet.schedule.code", concept(), DECIDED, reuse=True, placed=True)
_WHAT = many("ODS-3", "NutritionOrder.oralDiet.type", concept(), DECIDED, reuse=True, placed=True)
_HOW = many("ODS-4", "NutritionOrder.oralDiet.instruction", text, DECIDED, placed=True)
DIET = Table("ODS", "NutritionOrder", (_KIND, _WHEN, _WHAT, _HOW))

_TRAY = one("ODT-1", "NutritionOrder.note.text", coded_text, DECIDED, placed=True)
_TRAY_TIME = many("ODT-2", "NutritionOrder.note.text", coded_text, DECIDED, placed=True)
_TRAY_TEXT = one("ODT-3", "NutritionOrder.note.text", text, DECIDED, placed=True)
TRAY = Table("ODT", "NutritionOrder", (_TRAY, _TRAY_TIME, _TRAY_TEXT))


def diet(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """ODS: a diet, a supplement or a preference of the NutritionOrder of its ORC."""
    segment = node.segment
    resource = _order(frame, scope)
    if resource is None:
        return None
    kind, what = first(_KIND, segment, scope, resource), values(_WHAT, segment, scope, resource)
    when, how = values(_WHEN, segment, scope, resource), values(_HOW, segment, scope, resource)
    said: Resource = {
        **({"schedule": [{"code": one_} for one_ in when]} if when else {}),
        **({"instruction": "\n".join(how)} if how else {}),
    }
    if kind == _PREFERENCE:
        resource.setdefault("foodPreferenceModifier", []).extend(what)
        if said:
            resource.setdefault("note", []).append({"text": "\n".join((*_texts(when), *how))})
    elif kind == _SUPPLEMENT:
        supplements = [{"type": one_, **said} for one_ in what] or [said]
        resource.setdefault("supplement", []).extend(one_ for one_ in supplements if one_)
    else:
        if kind not in (_DIET, None):
            scope.find("code_unmapped", "HL7 table 0159: read as a diet")
        _add_diet(resource, what, said)
    return frame.within(remarks=resource)


def _add_diet(resource: Resource, what: list[Any], said: Resource) -> None:
    """Add to the one oral diet of an order."""
    known = resource.get("oralDiet", {})
    found = {
        "type": [*known.get("type", ()), *what],
        "schedule": [*known.get("schedule", ()), *said.get("schedule", ())],
        "instruction": "\n".join(part for part in (known.get("instruction"), said.get("instruction")) if part),
    }
    if any(found.values()):
        resource["oralDiet"] = {element: value for element, value in found.items() if value}


def tray(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """ODT: how the tray is brought; R4 has no element for it but a note."""
    resource = _order(frame, scope)
    if resource is None:
        return None
    rows = (_TRAY, _TRAY_TIME, _TRAY_TEXT)
    said = [one_ for row in rows for one_ in values(row, node.segment, scope, resource)]
    if said:
        resource.setdefault("note", []).append({"text": ", ".join(said)})
    return frame.within(remarks=resource)


def _texts(concepts: list[Any]) -> list[str]:
    return [one_.get("text") or _called(one_.get("coding", [])) for one_ in concepts]


def _called(codings: list[Any]) -> str:
    first_ = codings[0] if codings else {}
    return str(first_.get("display") or first_.get("code", ""))


def _order(frame: Frame, scope: Scope) -> Resource | None:
    """Return the NutritionOrder of the ORC at hand; None where nobody is to eat."""
    if frame.patient is None:
        return None
    orc = frame.common
    numbers = order_numbers(orc, None, scope)
    key = key_of(numbers[0], scope) if numbers else (*unnumbered(frame, scope), str(orc.number if orc else 0))
    resource_id = scope.mint("NutritionOrder", *key)
    known = scope.entries.get("urn:uuid:" + resource_id)
    if known is not None:
        found: Resource = known["resource"]
        return found
    resource: Resource = {"resourceType": "NutritionOrder", "id": resource_id, "status": "unknown", "intent": "order"}
    if numbers:
        resource["identifier"] = numbers
    scope.add(resource)
    if orc is not None:
        _fill_common(resource, orc, scope)
        add_order_event(orc, resource, scope)
    resource["patient"] = frame.patient
    if frame.encounter:
        resource["encounter"] = frame.encounter
    _set_time(resource, scope)
    return resource


def _fill_common(resource: Resource, orc: Segment, scope: Scope) -> None:
    set_status(resource, orc, _STATUS, _CONTROL, scope)
    ordered, orderer = first(_ORDERED, orc, scope, resource), first(_ORDERER, orc, scope, resource)
    if ordered:
        resource["dateTime"] = ordered
    if orderer:
        resource["orderer"] = orderer


def _set_time(resource: Resource, scope: Scope) -> None:
    """Set when it was ordered: R4 requires it; without ORC-9 it is when the message was sent."""
    if "dateTime" not in resource:
        sent = date_time(scope.message_time, scope) if scope.message_time else None
        resource.update({"dateTime": sent} if sent else {"_dateTime": _UNKNOWN})


TABLES = (COMMON, DIET, TRAY)
HANDLERS: dict[str, Handler] = {"ODS": diet, "ODT": tray}
