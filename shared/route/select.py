"""Which routes take a message, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.hl7 import Message
from shared.message.identifiers import DestinationId

if TYPE_CHECKING:
    from shared.registry import Interface, Route


@dataclass(frozen=True, slots=True)
class Decision:
    """What one route said of one message.

    Attributes:
        reason: Names the rule that decided: ``always``, ``type``, or the HL7 path; never the value found there.
    """

    destination: DestinationId
    is_wanted: bool
    reason: str


def select_routes(message_type: str, interface: Interface, read: Callable[[], Message]) -> list[Decision]:
    """Return the decision of each route, in the order of the interface.

    Args:
        message_type: ``ADT^A01``.
        read: Gives the message as received; called only if a route looks into it.
    """
    return [_decide(route, message_type, read) for route in interface.routes]


def looks_inside(interface: Interface) -> bool:
    """Tell whether any route needs the message itself."""
    return any(route.where for route in interface.routes)


def _decide(route: Route, message_type: str, read: Callable[[], Message]) -> Decision:
    if not route.takes(message_type):
        return Decision(route.to, False, "type")
    for path, accepted in route.where.items():
        if str(read().get(path) or "") not in accepted:
            return Decision(route.to, False, path)
    return Decision(route.to, True, "type" if route.types else next(iter(route.where), "always"))
