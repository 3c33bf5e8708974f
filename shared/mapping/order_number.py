"""The numbers of ORC and OBR, which are one: OBR-2 or ORC-2, OBR-3 or ORC-3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.datatypes.identifier import ei
from shared.mapping.frame import Frame
from shared.mapping.rows import KEPT, Resource, first, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PLACER = ("PLAC", "Placer Identifier")
_FILLER = ("FILL", "Filler Identifier")

NUMBERS = {
    (name, number): one(f"{name}-{number}", "ServiceRequest.identifier", ei(*kind), guide, placed=True, part=KEPT)
    for name, number, kind, guide in (
        ("ORC", 2, _PLACER, "ORC[ServiceRequest] 9 to 11"),
        ("ORC", 3, _FILLER, "ORC[ServiceRequest] 12 to 14"),
        ("OBR", 2, _PLACER, "OBR[ServiceRequest] 5 to 7"),
        ("OBR", 3, _FILLER, "OBR[ServiceRequest] 8 to 11"),
    )
}


def order_numbers(orc: Segment | None, obr: Segment | None, scope: Scope) -> list[Resource]:
    """Return placer and filler numbers, the OBR's own before the ORC's; one that both name once."""
    found: list[Resource] = []
    for number in (2, 3):
        for name, segment in (("OBR", obr), ("ORC", orc)):
            one_ = first(NUMBERS[name, number], segment, scope, {}) if segment is not None else None
            if one_ and one_ not in found:
                found.append(one_)
    return found


def key_of(number: Resource, scope: Scope) -> tuple[str, str, str]:
    """Return what an order is known by: kind, system and value of its number."""
    kind = number["type"]["coding"][0]["code"]
    return kind, number.get("system", scope.assigner), number["value"]


def unnumbered(frame: Frame, scope: Scope) -> tuple[str, ...]:
    """Return the key of an order without any number: it exists in this message only."""
    of = frame.patient["reference"] if frame.patient else ""
    return (of, *scope.this_message())
