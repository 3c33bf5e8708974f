"""The status of an order: what ORC-5 says, else what the control code means."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from shared.changes.order_state import ROWS
from shared.hl7 import Segment
from shared.mapping.aside import leave_out
from shared.mapping.medication import counts_initially
from shared.mapping.rows import Resource, Row, Unmapped, first

if TYPE_CHECKING:
    from shared.mapping.scope import Scope


def set_status(
    resource: Resource,
    orc: Segment,
    of_order: Row,
    of_control: Row,
    scope: Scope,
    silent: Collection[str] = (),
) -> None:
    """Set the status of an order as ORC-5 says it, else as its control code does; what no table has stays beside it.

    Args:
        silent: Control codes that say no status.
    """
    control = orc.code(1)
    scope.noted(resource)["control"] = control
    state = said = first(of_order, orc, scope, resource)
    if state or control in silent:
        leave_out(orc, (1,), "the control code: it moves the stored status, ORC-5 says what it is", scope)
        if control not in ROWS:
            scope.number, scope.repetition = 1, 1
            scope.find("code_unmapped", "HL7 table 0119: it counts as no code")
    else:
        state = first(of_control, orc, scope, resource)
    if isinstance(state, Unmapped):
        resource["_status"] = state.extension
    elif state:
        resource["status"] = state
    if not isinstance(said, str):
        counts_initially(resource, ("status",), scope)
