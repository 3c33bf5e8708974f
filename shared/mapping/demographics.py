"""PD1: more of the Patient, and the living will (guide: PD1[Patient], PD1[Observation-LivingWill])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import coded_text, concept, fixed
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.organization import organization
from shared.mapping.practitioner import practitioner
from shared.mapping.rows import Table, extension, fill, first, many, one

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_TARGET = "the guide gives it no FHIR element"

_LIVING_WILL = one(
    "PD1-7",
    "Observation.valueCodeableConcept",
    concept(table("LivingWillCode")),
    "PD1[Observation-LivingWill] 13",
    placed=True,
)

DEMOGRAPHICS = Table(
    "PD1",
    "Patient",
    (
        many("PD1-3", "Patient.generalPractitioner", organization, "PD1[Patient] 5", reuse=True, part="organization"),
        many("PD1-4", "Patient.generalPractitioner", practitioner, "PD1[Patient] 6", reuse=True, part="person"),
        extension(
            "PD1-6",
            "Patient.extension",
            EXTENSION + "patient-disability",
            "valueCodeableConcept",
            concept(bare_table("0295", "Handicap")),
            "PD1[Patient] 8, 9",
            reuse=True,
        ),
        _LIVING_WILL,
        extension(
            "PD1-14",
            "Patient.extension",
            EXTENSION + "patient-congregation",
            "valueString",
            coded_text,
            "PD1[Patient] 17, 18",
        ),
    ),
    dict.fromkeys((1, 2, 5, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23), _NO_TARGET),
)

LIVING_WILL_CODE = fixed("http://loinc.org", "75320-2", "Advance directive")


def demographics(node: Node, frame: Frame, scope: Scope) -> None:
    """PD1: more of the Patient, and the living will as an Observation."""
    if frame.person is None or frame.patient is None:
        return
    fill(frame.person, node.segment, DEMOGRAPHICS, scope)
    will = first(_LIVING_WILL, node.segment, scope, frame.person)
    if will:
        scope.add(
            {
                "resourceType": "Observation",
                "id": scope.mint("Observation", frame.person["id"], "living will"),
                "status": "final",
                "code": LIVING_WILL_CODE,
                "subject": frame.patient,
                "valueCodeableConcept": will,
            }
        )


TABLES = (DEMOGRAPHICS,)
HANDLERS: dict[str, Handler] = {"PD1": demographics}
