"""PRD and CTD: who refers to whom, and whom to ask (the guide has no map: docs/decisions/0034)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.hl7 import Segment
from shared.mapping.care import support
from shared.mapping.codes.tables import bare_table
from shared.mapping.datatypes.coded import concept
from shared.mapping.datatypes.identifier import personnel_number
from shared.mapping.datatypes.person import address, contact_point, human_name
from shared.mapping.datatypes.time import date_time, ordered
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import location
from shared.mapping.organization import away_from_home, complete_organization, organization
from shared.mapping.participation import care_team
from shared.mapping.practitioner import role_of
from shared.mapping.rows import KEPT, Resource, Row, Table, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0034"
_ROLES = concept(bare_table("0286", "ProviderRole"))
_CONTACT_ROLES = concept(bare_table("0131", "ContactRole"))
_PREFERRED = "how somebody likes to be reached: R4 ranks ways, not people's taste"


def _row(name: str, number: int, target: str, build: Any, **options: Any) -> Row:
    make = one if options.pop("single", False) else many
    return make(f"{name}-{number}", target, build, DECIDED, placed=True, part=KEPT, **options)


def _rows(name: str) -> dict[str, Row]:
    """Return the rows that PRD and CTD share."""
    roles = _ROLES if name == "PRD" else _CONTACT_ROLES
    return {
        "role": _row(name, 1, "PractitionerRole.code", roles, reuse=True),
        "name": _row(name, 2, "Practitioner.name", human_name()),
        "address": _row(name, 3, "Practitioner.address", address),
        "place": _row(name, 4, "PractitionerRole.location", location, single=True),
        "telecom": _row(name, 5, "PractitionerRole.telecom", contact_point()),
        "number": _row(name, 7, "Practitioner.identifier", personnel_number),
    }


_PROVIDER_ROWS = {
    **_rows("PRD"),
    "start": _row("PRD", 8, "PractitionerRole.period.start", date_time, single=True),
    "end": _row("PRD", 9, "PractitionerRole.period.end", date_time, single=True),
    "organization": _row("PRD", 10, "PractitionerRole.organization", organization, reuse=True),
    "office": _row("PRD", 11, "Organization.address", address),
    "site": _row("PRD", 12, "PractitionerRole.location", location),
    "switchboard": _row("PRD", 13, "Organization.telecom", contact_point()),
}
_CONTACT_ROWS = _rows("CTD")

PROVIDER = Table("PRD", "PractitionerRole", tuple(_PROVIDER_ROWS.values()), {6: _PREFERRED, 14: _PREFERRED})
CONTACT = Table("CTD", "PractitionerRole", tuple(_CONTACT_ROWS.values()), {6: _PREFERRED})


def _said(rows: dict[str, Row], segment: Segment, scope: Scope) -> dict[str, list[Any]]:
    return {name: values(row, segment, scope, {}) for name, row in rows.items()}


def _person(said: dict[str, list[Any]], scope: Scope) -> Resource | None:
    """Return a reference to the Practitioner of a name or number; None where neither is given."""
    if not said["name"] and not said["number"]:
        return None
    name = said["name"][0] if said["name"] else {}
    shown = (name.get("family", ""), " ".join(name.get("given", ())))
    key = (scope.assigner, said["number"][0]["value"]) if said["number"] else ("name", scope.assigner, *shown)
    found: Resource = {"resourceType": "Practitioner", "id": scope.mint("Practitioner", *key)}
    pairs = (("identifier", said["number"]), ("name", said["name"]), ("address", said["address"]))
    found.update({element: value for element, value in pairs if value})
    return {"reference": scope.add_or_complete(found)}


def provider(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """PRD: referring (RP) requests, referred to (RT) performs, anybody else is of the CareTeam."""
    said = _said(_PROVIDER_ROWS, node.segment, scope)
    person, named = _person(said, scope), (said["organization"] or [None])[0]
    office = {"address": said["office"], "telecom": said["switchboard"]}
    if named and any(office.values()):
        complete_organization(named["reference"], {name: one_ for name, one_ in office.items() if one_}, scope)
    if not person and not named:
        return None
    found = role_of(
        person,
        scope,
        period=ordered((said["start"] or [None])[0], (said["end"] or [None])[0], scope),
        organization=named,
        code=(said["role"] or [None])[0],
        location=[*said["place"], *said["site"]],
        telecom=said["telecom"],
    )
    _join(found, {coding.get("code") for one_ in said["role"] for coding in one_.get("coding", ())}, frame, scope)
    return frame.within(remarks=scope.entries[found["reference"]]["resource"])


def _join(found: Resource, roles: set[str | None], frame: Frame, scope: Scope) -> None:
    request = frame.request
    if request is not None and "RP" in roles:
        request.setdefault("requester", found)
    elif request is not None and "RT" in roles:
        request.setdefault("performer", []).append(found)
    else:
        team = care_team(frame, scope)
        if team is not None:
            team["participant"].append({"member": found})


def contact(node: Node, frame: Frame, scope: Scope) -> None:
    """CTD: a contact of the provider's organization below a PRD; else somebody who knows more of the order."""
    said = _said(_CONTACT_ROWS, node.segment, scope)
    holder = frame.remarks
    employer = holder.get("organization") if holder and holder["resourceType"] == "PractitionerRole" else None
    if employer is not None:
        _add_to_office(employer["reference"], said, scope)
        return
    person = _person(said, scope)
    if person is None:
        return
    role = role_of(
        person,
        scope,
        code=(said["role"] or [None])[0],
        location=said["place"],
        telecom=said["telecom"],
    )
    if not support(frame.request, role):
        scope.segment, scope.number, scope.repetition = node.segment, 1, 1
        scope.find("role_without_place", holder["resourceType"] if holder else "")


def _add_to_office(url: str, said: dict[str, list[Any]], scope: Scope) -> None:
    found: Resource = {}
    if said["role"]:
        found["purpose"] = said["role"][0]
    if said["name"]:
        found["name"] = said["name"][0]
    if said["telecom"]:
        found["telecom"] = [away_from_home(one_) for one_ in said["telecom"]]
    if said["address"]:
        found["address"] = said["address"][0]
    if found:
        office = scope.edit(url)
        office["contact"] = [*office.get("contact", ()), found]


TABLES = (PROVIDER, CONTACT)
HANDLERS: dict[str, Handler] = {"PRD": provider, "CTD": contact}
