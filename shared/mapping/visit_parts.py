"""What fields of PV1 and PV2 become inside an Encounter: participants and places (guide: PV1[Encounter])."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.mapping.datatypes.coded import fixed
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.location import location, named
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Build, Resource, parts_of, same_parts

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"

# Who takes part in a visit, by the field of PV1 that names them (v3 ParticipationType).
PARTICIPANTS = {
    7: ("ATND", "attender"),
    8: ("REF", "referrer"),
    9: ("CON", "consultant"),
    17: ("ADM", "admitter"),
    52: ("PART", "Participation"),
}


@cache
def participant(code: str, display: str) -> Build:
    """Return the build function of one Encounter.participant in a role of v3 ParticipationType."""
    role = [fixed(_PARTICIPATION, code, display)]

    @same_parts(practitioner)
    def encounter_participant(raw: str, scope: Scope) -> Resource | None:
        person = practitioner(raw, scope)
        return {"type": role, "individual": person} if person else None

    return encounter_participant


@parts_of({1: "type.coding.code"}, {2: "PV1-45 says when"})
def discharge_place(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Location a patient goes to (guide: DLD[Location-Discharge])."""
    parts = scope.parts(raw)
    said = scope.subparts(parts[0])
    name = said[1] or said[0]
    if not name:
        return None
    reference = named(name, scope)
    destination = scope.edit(reference["reference"])
    destination["type"] = [{"coding": [{"code": said[0], "display": name}]}] if said[0] else [{"text": name}]
    return reference


@same_parts(location)
def temporary_place(raw: str, scope: Scope) -> Resource | None:
    """Return Encounter.location of a temporary location, with the class the guide assigns."""
    found = location(raw, scope)
    if not found:
        return None
    kind = {"coding": [{"system": "http://hl7.org/fhir/ValueSet/subject-location", "code": "temporary"}]}
    classified = {"url": EXTENSION + "subject-locationClassification", "valueCodeableConcept": kind}
    return {"extension": [classified], "location": found, "status": "active"}
