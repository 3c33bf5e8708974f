"""How a person or organization joins the resource that its ROL or PRT follows (guide: ROL and PRT by message)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from shared.mapping.codes.tables import V2
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.frame import Frame
from shared.mapping.organization import away_from_home
from shared.mapping.practitioner import role_of
from shared.mapping.rows import Resource

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# What a segment said: a list for each name that `role.py` gives its rows.
Said = dict[str, list[Any]]

_EVENT_LOCATION = EXTENSION + "event-location"
_ROLE_SYSTEMS = frozenset({V2 + "0443", V2 + "0912"})
# What a role is to an order and its report. A role that is not listed has no row in the guide.
_ORDER_ROLES = {
    "OP": "requester",
    "SC": "collector",
    "PRI": "resultsInterpreter",
    **dict.fromkeys(("ARI", "TN", "TR"), "performer"),
}
_PRESCRIPTION_ROLES = {"OP": "requester", "EP": "recorder"}


def first_said(said: Said, name: str) -> Any:
    """Return the first value of a name, or None."""
    found = said.get(name)
    return found[0] if found else None


def takes_role(holder: Resource, said: Said) -> bool:
    """Tell whether a resource has a place for a role."""
    roles = _ROLES.get(holder["resourceType"])
    return roles is None or bool(_role_in(roles, said))


_ROLES = {
    "ServiceRequest": _ORDER_ROLES,
    "DiagnosticReport": _ORDER_ROLES,
    "MedicationRequest": _PRESCRIPTION_ROLES,
}


def _role_in(roles: dict[str, str], said: Said) -> str:
    return next((roles[code] for code in _codes(said) if code in roles), "")


def _codes(said: Said) -> list[str]:
    """Return the codes of HL7's own role tables."""
    codings = (first_said(said, "role") or {}).get("coding", [])
    return [coding["code"] for coding in codings if "code" in coding and coding.get("system") in _ROLE_SYSTEMS]


def _describe(said: Said, scope: Scope) -> None:
    """Give person and organization what the segment says of them: address and kind."""
    person, named = first_said(said, "person"), first_said(said, "organization")
    at_home = person or named
    if at_home and said["address"]:
        addresses = said["address"] if person else [away_from_home(one_) for one_ in said["address"]]
        _add_all(scope.edit(at_home["reference"]), "address", addresses)
    if named and said["unit"]:
        _add_all(scope.edit(named["reference"]), "type", said["unit"])


def _add_all(holder: Resource, element: str, found: list[Any]) -> None:
    """Add what is not yet in a list; a new list, because the old one may be shared with other bundles."""
    known = holder.get(element, [])
    more = [one_ for one_ in found if one_ not in known]
    if more:
        holder[element] = [*known, *more]


def _practising(said: Said, scope: Scope, *, coded: bool = True) -> Resource | None:
    """Return a reference to the PractitionerRole of what was said; None where nobody is named."""
    person, named = first_said(said, "person"), first_said(said, "organization")
    if not person and not named:
        return None
    _describe(said, scope)
    return role_of(
        person,
        scope,
        identifier=said["identifier"],
        period=first_said(said, "period"),
        organization=named,
        code=first_said(said, "role") if coded else None,
        specialty=said["kind"],
        location=said["place"],
        telecom=said["telecom"],
    )


def _join_person(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """General practitioner where the role is PP (guide: ADT_A01 23, 25), else member of the CareTeam (24, 26)."""
    if "PP" not in _codes(said):
        return _join_team(said, frame, scope)
    _describe(said, scope)
    only_person = not any(said[name] for name in ("organization", "place", "telecom", "period", "identifier", "kind"))
    found = first_said(said, "person") if only_person and "reason" not in said else _practising(said, scope)
    if found:
        holder.setdefault("generalPractitioner", []).append(found)
    return bool(found)


def care_team(frame: Frame, scope: Scope) -> Resource | None:
    """Return the CareTeam of the person at hand: one for each person."""
    if frame.patient is None:
        return None
    team_id = scope.mint("CareTeam", frame.patient["reference"])
    known = scope.entries.get("urn:uuid:" + team_id)
    if known is not None:
        found: Resource = known["resource"]
    else:
        found = {"resourceType": "CareTeam", "id": team_id, "subject": frame.patient, "participant": []}
        scope.add(found)
    return found


def _join_team(said: Said, frame: Frame, scope: Scope) -> bool:
    """A member: the person on behalf of the organization, or the organization (guide: ROL[CareTeam] 5 to 20)."""
    person, named = first_said(said, "person"), first_said(said, "organization")
    team = care_team(frame, scope) if person or named else None
    if team is None:
        return False
    _describe(said, scope)
    found: Resource = {}
    _add_all(found, "role", said["role"])
    if "reason" in said:  # ROL
        _add_all(found, "role", said["kind"])
        _add_all(team, "reasonCode", said["reason"])
        _add_all(team, "telecom", said["telecom"])
        found["member"] = person or named
    elif said["kind"]:
        found["member"] = _practising(said, scope, coded=False)
    else:
        found["member"] = person or named
        ways = said["telecom"] if person else [away_from_home(one_) for one_ in said["telecom"]]
        _add_all(scope.edit(found["member"]["reference"]), "telecom", ways)
    if named and found["member"] == person:
        found["onBehalfOf"] = named
    if said["period"]:
        found["period"] = said["period"][0]
    team["participant"].append(found)
    return True


def _join_visit(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """A participant of the Encounter (guide: ROL[Encounter-PractitionerRole] 4 to 17, ORU_R01 35)."""
    del frame
    found = _practising(said, scope, coded=False)
    if found:
        pairs = (("type", said["role"]), ("period", first_said(said, "period")))
        taking = {**{element: value for element, value in pairs if value}, "individual": found}
        holder.setdefault("participant", []).append(taking)
    return bool(found)


def _join_act(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """A performer in its function (guide: VXU_V04 42 to 47; below PR1, RXD and RXA of a drug: decisions 0007, 0020)."""
    del frame
    found = _practising(said, scope, coded=False)
    if found:
        function = first_said(said, "role")
        holder.setdefault("performer", []).append({**({"function": function} if function else {}), "actor": found})
    return bool(found)


def _join_result(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """A performer or the place of an Observation (guide: ORU_R01 67 to 69, PRT[Observation-Location] 12, 13)."""
    del frame
    found = _practising(said, scope)
    if found:
        holder.setdefault("performer", []).append(found)
    for place in said["place"]:
        holder.setdefault("extension", []).append({"url": _EVENT_LOCATION, "valueReference": place})
    return bool(found or said["place"])


def _join_order(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """Requester, performer, interpreter or collector, by the role (guide: OML_O21 41, 51, 52; ORU_R01 42, 53 to 56)."""
    element, found = _role_in(_ORDER_ROLES, said), _practising(said, scope)
    if not found:
        return False
    report = holder if holder["resourceType"] == "DiagnosticReport" else None
    request = holder if report is None else frame.request
    if element == "requester" and request is not None:
        if request.setdefault("requester", found) != found:
            scope.find("statement_differs", "ServiceRequest.requester: the first one counts")
    elif element == "collector" and frame.specimen:
        specimen = scope.entries[frame.specimen["reference"]]["resource"]
        specimen["collection"] = {**specimen.get("collection", {}), element: found}
    elif report is not None and element in {"performer", "resultsInterpreter"}:
        report.setdefault(element, []).append(found)
    else:
        return False
    return True


def _join_problem(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """Who entered a problem is its recorder, who else is named first its asserter (decision 0033)."""
    del frame
    found = _practising(said, scope, coded=False)
    element = "recorder" if "EP" in _codes(said) else "asserter"
    return bool(found) and holder.setdefault(element, found) == found


def _join_goal(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """Who set the goal: R4 knows one (decision 0033)."""
    del frame
    found = _practising(said, scope, coded=False)
    return bool(found) and holder.setdefault("expressedBy", found) == found


def _join_plan(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """Who contributes to the pathway (decision 0033)."""
    del frame
    found = _practising(said, scope)
    if found:
        holder.setdefault("contributor", []).append(found)
    return bool(found)


def _join_prescription(holder: Resource, said: Said, frame: Frame, scope: Scope) -> bool:
    """Who ordered or entered a prescription (decision 0020); the segment that names it by a field counts."""
    del frame
    element, found = _role_in(_PRESCRIPTION_ROLES, said), _practising(said, scope)
    if found and holder.setdefault(element, found) != found:
        scope.find("statement_differs", f"MedicationRequest.{element}: the first one counts")
    return bool(found)


JOINS: dict[str, Callable[[Resource, Said, Frame, Scope], bool]] = {
    "Patient": _join_person,
    "Encounter": _join_visit,
    **dict.fromkeys(("Procedure", "Immunization", "MedicationAdministration", "MedicationDispense"), _join_act),
    "MedicationRequest": _join_prescription,
    "Observation": _join_result,
    "CarePlan": _join_plan,
    "Condition": _join_problem,
    "Goal": _join_goal,
    "ServiceRequest": _join_order,
    "DiagnosticReport": _join_order,
}
