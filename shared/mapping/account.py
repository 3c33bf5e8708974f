"""Account: of PID-18, of a merge (MRG-3), and of a guarantor alone (guide: PID[Account], MRG[Account])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.mapping.rows import Resource

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# The events that end an account; the guide has no map of BAR (decision 0007). P02 purges it, P06 closes it.
_STATUS_OF_EVENT = {("BAR", "P01"): "active", ("BAR", "P02"): "inactive", ("BAR", "P06"): "inactive"}


def add_account(identifiers: list[Any], person: Resource, scope: Scope, *, status: str = "active") -> Resource:
    """Add the Account of a number, or the person's own without one; return it.

    Only an event of the account says its status: another message counts for an account that is new.
    """
    by_event = _STATUS_OF_EVENT.get((scope.code, scope.event))
    strongest = identifiers[0] if identifiers else None
    key = (strongest.get("system", scope.assigner), strongest["value"]) if strongest else (person["reference"],)
    account: Resource = {"resourceType": "Account", "id": scope.mint("Account", *key)}
    if identifiers:
        account["identifier"] = identifiers
    account["status"] = by_event or status
    account["subject"] = [person]
    known = scope.entries.get("urn:uuid:" + account["id"])
    if known is not None:
        earlier: Resource = known["resource"]
        return earlier
    if by_event is None:
        scope.noted(account)["initial"] = ("status",)
    scope.add(account)
    return account
