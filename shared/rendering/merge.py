"""The Patient that gives way as MRG (guide: PID[Patient], MRG[Account]; decision 0042)."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from shared.rendering.accounts import PRIOR_ACCOUNT, accounts_of, is_given_up
from shared.rendering.identifiers import cx
from shared.rendering.people import xpn
from shared.rendering.rows import Implied, Row, Table, fill

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

MERGE = Table(
    "MRG",
    "Patient",
    (
        Row("MRG-1", "Patient.identifier", cx, "PID[Patient] 5"),
        Row("MRG-7", "Patient.name", xpn, "PID[Patient] 7"),
    ),
    (
        Implied("active", "the record that is given up"),
        Implied("link", "the survivor is PID"),
        *(
            Implied(element, "the surviving record has its own")
            for element in ("birthDate", "gender", "address", "telecom", "extension", "managingOrganization")
        ),
    ),
    dict.fromkeys((2, 4), "comes back in MRG-1: both are older numbers of the record that is given up"),
)


def prior_of(patient: str, draft: Draft) -> str:
    """Return the url of the record that gives way to a Patient: of Patient.link, read from either side."""
    _, survivor = draft.look({"reference": patient})
    for link in survivor.get("link", ()):
        if link.get("type") == "replaces":
            return draft.look(link.get("other"))[0]
    for url, other in draft.all("Patient"):
        for link in other.get("link", ()):
            if link.get("type") == "replaced-by" and draft.points_at(link.get("other"), patient):
                return url
    return ""


def has_prior(patient: str, draft: Draft) -> bool:
    """Tell whether a record gives way to a Patient, whether the bundle holds it or not."""
    _, survivor = draft.look({"reference": patient})
    return bool(prior_of(patient, draft)) or any(one.get("type") == "replaces" for one in survivor.get("link", ()))


def write_merge(patient: str, draft: Draft) -> None:
    """Write MRG: the record that gives way, from its resource or from the identifier that the link names."""
    mrg = draft.segment("MRG")
    for url in accounts_of(patient, draft):
        if mrg.has_room(3) and is_given_up(url, draft):
            with draft.open(url) as account:
                fill(mrg, account, PRIOR_ACCOUNT, draft)
    prior = prior_of(patient, draft)
    if prior:
        with draft.open(prior) as resource:
            fill(mrg, resource, MERGE, draft)
        return
    _, survivor = draft.look({"reference": patient})
    for link in survivor.get("link", ()):
        identifier = link.get("other", {}).get("identifier")
        if link.get("type") == "replaces" and identifier:
            mrg.add(1, cx(deepcopy(identifier), draft, "CX"))


TABLES = (MERGE,)
