"""Account: of PID-18, BLG-3, of a merge (MRG-3), and of a guarantor alone (guide: PID[Account], MRG[Account])."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.mapping.rows import Resource

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# The events that end an account; the guide has no map of BAR (decision 0007). P02 purges it, P06 closes it.
_STATUS_OF_EVENT = {("BAR", "P01"): "active", ("BAR", "P02"): "inactive", ("BAR", "P06"): "inactive"}


def add_account(
    identifiers: list[Any], person: Resource, scope: Scope, *, place: str = "", status: str = "active"
) -> Resource:
    """Add the Account of a number, or the person's own without one; return it.

    Only an event of the account says its status: another message counts for an account that is new.

    Args:
        identifiers: Its numbers.
        person: Reference of whose it is.
        scope: The conversion.
        place: Where its claim is; a number that is a placeholder has none.
        status: The status of a new one.
    """
    by_event = _STATUS_OF_EVENT.get((scope.code, scope.event))
    claim = scope.claims.get(place)
    known_as = scope.mint("Account", person["reference"]) if claim is None else scope.resolve(claim)
    account: Resource = {"resourceType": "Account", "id": known_as}
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
