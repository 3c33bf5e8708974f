"""Account as PID-18 and MRG-3 (guide: PID[Account], MRG[Account])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rendering.identifiers import cx
from shared.rendering.rows import Implied, Row, Table

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

ACCOUNT = Table(
    "PID",
    "Account",
    (Row("PID-18", "Account.identifier", cx, "PID[Account] 22"),),
    (
        Implied("status", "an account that a message names is in use", ("active",)),
        Implied("coverage", "IN1 is of the person"),
        Implied("subject", "the person of the message"),
    ),
)
PRIOR_ACCOUNT = Table(
    "MRG",
    "Account",
    (Row("MRG-3", "Account.identifier", cx, "MRG[Account] 6"),),
    (
        Implied("status", "an account that a merge gives up", ("unknown",)),
        Implied("subject", "the person of the message"),
    ),
)


def accounts_of(patient: str, draft: Draft) -> list[str]:
    """Return the urls of the Accounts of a person."""
    accounts = draft.all("Account")
    return [url for url, one in accounts if any(draft.points_at(each, patient) for each in one.get("subject", ()))]


def is_given_up(account: str, draft: Draft) -> bool:
    """Tell whether an Account is the one that a merge takes away: the mapping of MRG-3 knows no status of it."""
    return draft.look({"reference": account})[1].get("status") == "unknown"


TABLES = (ACCOUNT, PRIOR_ACCOUNT)
