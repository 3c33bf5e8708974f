"""PractitionerRole as ROL: who takes part in the care of a person, in a visit, in a procedure (guide: ROL[...])."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import V2, table
from shared.mapping.insurance import CASE_MANAGER
from shared.mapping.visit_parts import PARTICIPANTS
from shared.rendering.coded import concept
from shared.rendering.identifiers import ei
from shared.rendering.people import xad, xcn, xtn
from shared.rendering.rows import Implied, Resource, Row, Table, fill, prune
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_GUIDE = "ROL[Encounter-PractitionerRole]"
_TEAM = "ROL[CareTeam]"
_TAKEN = "UP"  # HL7 table 0287: the receiver has the role as it is said here
_PRIMARY = "PP"  # HL7 table 0443: the primary care provider
_ROLE_TABLE = table("ProviderRole")
_IN_THE_VISIT = frozenset(code for code, _ in PARTICIPANTS.values())
_CASE_MANAGER = CASE_MANAGER["coding"][0]["code"]
_LATER = "not in 2.5.1"

ROLE = Table(
    "ROL",
    "PractitionerRole",
    (
        Row("ROL-1", "PractitionerRole.identifier", ei(has_fixed_type=False), f"{_GUIDE} 4"),
        Row("ROL-3", "PractitionerRole.code", concept(_ROLE_TABLE), f"{_GUIDE} 6"),
        Row("ROL-5", "PractitionerRole.period.start", time, f"{_GUIDE} 8"),
        Row("ROL-6", "PractitionerRole.period.end", time, f"{_GUIDE} 9"),
        Row("ROL-9", "PractitionerRole.specialty", concept(), f"{_TEAM} 13"),
        Row("ROL-12", "PractitionerRole.telecom", xtn, f"{_GUIDE} 15"),
    ),
    (),
    {
        4: "comes back from who practises",
        10: "the kind of the organization, which 2.5.1 does not name in ROL",
        13: _LATER,
        14: _LATER,
    },
)
IN_VISIT = Table(
    "ROL",
    "Encounter.participant",
    (
        Row("ROL-3", "participant.type", concept(_ROLE_TABLE), f"{_GUIDE} 6"),
        Row("ROL-5", "participant.period.start", time, f"{_GUIDE} 8"),
        Row("ROL-6", "participant.period.end", time, f"{_GUIDE} 9"),
    ),
)
IN_TEAM = Table(
    "ROL",
    "CareTeam.participant",
    (
        Row("ROL-5", "participant.period.start", time, f"{_GUIDE} 8"),
        Row("ROL-6", "participant.period.end", time, f"{_GUIDE} 9"),
    ),
)
TEAM = Table(
    "ROL",
    "CareTeam",
    (
        Row("ROL-8", "CareTeam.reasonCode", concept(), f"{_TEAM} 12"),
        Row("ROL-12", "CareTeam.telecom", xtn, f"{_GUIDE} 15"),
    ),
    (Implied("subject", "the person of the message"),),
)
PERSON = Table("ROL", "Practitioner", (Row("ROL-11", "Practitioner.address", xad, f"{_GUIDE} 14"),))


def take_primary(person: Resource, draft: Draft) -> list[Resource]:
    """Return references to the primary care providers that are a role of theirs, and take them from the Patient."""
    found = [one for one in person.get("generalPractitioner", ()) if _is_primary(one, draft)]
    taken = [dict(one) for one in found]
    for one in found:
        one.clear()
    prune(person)
    return taken


def _is_primary(reference: Resource, draft: Draft) -> bool:
    _, role = draft.look(reference)
    if "practitioner" not in role:
        return False
    codes = (one for each in role.get("code", ()) for one in each.get("coding", ()))
    return any(one.get("code") == _PRIMARY and one.get("system") == V2 + "0443" for one in codes)


def write_care(patient: str, primary: list[Resource], draft: Draft) -> None:
    """Write a ROL for each primary care provider and for each member of the person's care team."""
    for reference in primary:
        _write_role({"individual": reference}, draft)
    for url, team in draft.all("CareTeam"):
        if not draft.points_at(team.get("subject"), patient):
            continue
        with draft.open(url) as resource:
            for member in resource.get("participant", ()):
                if not is_case_manager(member):
                    _write_member(member, resource, draft)


def is_case_manager(member: Resource) -> bool:
    """Tell whether a member of a care team is the case manager of IN3-21, who is known by name alone."""
    codes = {one.get("code") for each in member.get("role", ()) for one in each.get("coding", ())}
    return codes == {_CASE_MANAGER} and member.get("member", {}).keys() == {"display"}


def _write_member(member: Resource, team: Resource, draft: Draft) -> None:
    roles = member.pop("role", [])
    said = {"individual": member.get("member", {}), "type": roles[:1]}
    segment = _write_role(said, draft)
    if segment is None:
        member["role"] = roles
        return
    for kind in roles[1:]:
        segment.add(9, concept()(kind, draft, "CE"))
    fill(segment, member, IN_TEAM, draft)
    fill(segment, team, TEAM, draft)


def visiting(visit: Resource, draft: Draft) -> Iterator[Resource]:
    """Yield copies of the participants of a visit that need a ROL; those that no field of PV1 names are taken."""
    for one in visit.get("participant", ()):
        codes = {coding.get("code") for kind in one.get("type", ()) for coding in kind.get("coding", ())}
        in_pv1 = bool(codes & _IN_THE_VISIT)
        if in_pv1 and not _says_more(one, draft):
            continue
        yield deepcopy(one)
        if not in_pv1 and _names_somebody(one.get("individual"), draft):
            one.clear()
    prune(visit)


def _says_more(participant: Resource, draft: Draft) -> bool:
    """Tell whether a participant says more than who it is and in which role."""
    _, role = draft.look(participant.get("individual"))
    return role.get("resourceType") == "PractitionerRole" and "practitioner" in role


def _names_somebody(reference: object, draft: Draft) -> bool:
    _, found = draft.look(reference)
    return "practitioner" in found or found.get("resourceType") in ("Practitioner", "RelatedPerson")


def write_visiting(participants: list[Resource], draft: Draft) -> None:
    """Write a ROL for each participant of a visit."""
    for one in participants:
        _write_role(one, draft)


def write_function(performer: Resource, draft: Draft) -> None:
    """Write a ROL for who performed in a function that no field names, and take it."""
    function = performer.get("function")
    said = {"individual": performer.get("actor", {}), "type": [function] if function else []}
    if _write_role(said, draft) is not None:
        performer.pop("function", None)


def _write_role(said: Resource, draft: Draft) -> SegmentDraft | None:
    """Write a ROL of a participant: ``type``, ``period`` and ``individual``; None where that names nobody."""
    individual = said.get("individual", {})
    if not _names_somebody(individual, draft):
        return None
    url, role = draft.look(individual)
    segment = draft.segment("ROL")
    segment.set(2, _TAKEN)
    practising = role.get("resourceType") == "PractitionerRole"
    person, _ = draft.look(role.get("practitioner")) if practising else (url, role)
    with draft.open_if_any(person) as practitioner:
        fill(segment, practitioner, PERSON, draft)
    segment.add(4, xcn(dict(individual), draft, "XCN"))
    types, period = list(said.get("type", ())), dict(said.get("period", {}))
    fill(segment, said, IN_VISIT, draft)
    if practising:
        with draft.open(url) as resource:
            resource.pop("practitioner", None)
            resource["code"] = [one for one in resource.get("code", ()) if one not in types]
            if resource.get("period") == period:
                resource.pop("period", None)  # the mapping says it of the participant and of the role
            fill(segment, resource, ROLE, draft)
    individual.clear()
    return segment


TABLES = (ROLE, IN_VISIT, IN_TEAM, TEAM, PERSON)
