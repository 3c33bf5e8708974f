"""Segments that are read and not carried, each for a reason the report gives (docs/decisions/0145)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Table

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_CREDENTIAL = "a credential of the sender's user: neither a store nor a receiver may have it"
_ANALYSER = "how an analyser runs a test: R4 has no element for it"
_BRACKET = "brackets other segments: they say themselves what they belong to"

TABLES = (
    Table("UAC", "", (), dict.fromkeys((1, 2), _CREDENTIAL)),
    Table("TCD", "", (), dict.fromkeys(range(1, 9), _ANALYSER)),
    *(Table(name, "", (), dict.fromkeys((1, 2), _BRACKET)) for name in ("SGH", "SGT")),
)


def leave(node: Node, frame: Frame, scope: Scope) -> None:
    """UAC, TCD, SGH, SGT: nothing; the report says why."""
    del node, frame, scope


HANDLERS: dict[str, Handler] = {one.segment: leave for one in TABLES}
