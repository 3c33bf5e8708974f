"""PV2: more of the Encounter (guide: PV2[Encounter])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import coding, concept
from shared.mapping.datatypes.number import days
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.location import place
from shared.mapping.rows import Table, extension, fill, many, one
from shared.mapping.visit_parts import PARTICIPANTS, participant

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_NO_TARGET = "the guide gives it no FHIR element"
_NO_EXTENSION = "the guide's extension does not exist"

_REFERRAL = many(
    "PV2-13", "Encounter.participant", participant(*PARTICIPANTS[8]), "PV2[Encounter] 19 to 22", part="REF", reuse=True
)

VISIT_MORE = Table(
    "PV2",
    "Encounter",
    (
        many("PV2-1", "Encounter.location", place("planned"), "PV2[Encounter] 3, 4", part="planned", reuse=True),
        many("PV2-3", "Encounter.reasonCode", concept(), "PV2[Encounter] 7", reuse=True),
        extension(
            "PV2-8",
            "Encounter.extension",
            "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate",
            "valueDateTime",
            date_time,
            "PV2[Encounter] 12, 13",
        ),
        extension(
            "PV2-9",
            "Encounter.extension",
            "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedEndDate",
            "valueDateTime",
            date_time,
            "PV2[Encounter] 14, 15",
        ),
        one("PV2-11", "Encounter.length", days, "PV2[Encounter] 17"),
        _REFERRAL,
        one("PV2-25", "Encounter.priority", concept(table("EncounterPriority")), "PV2[Encounter] 34", reuse=True),
        extension(
            "PV2-38",
            "Encounter.extension",
            EXTENSION + "encounter-modeOfArrival",
            "valueCoding",
            coding(table("ModeOfArrivalCode")),
            "PV2[Encounter] 47, 48",
            reuse=True,
        ),
    ),
    {
        **dict.fromkeys(
            (2, 4, 5, 6, 14, 15, 16, 17, 18, 19, 20, 23, 24, *range(26, 38), 39, *range(41, 51)), _NO_TARGET
        ),
        **dict.fromkeys((7, 10, 21, 40), _NO_EXTENSION),
        12: "the guide's target is the narrative, which is not data",
        22: "the guide's target (meta.security) is a Coding and this is yes or no",
    },
)


def visit_more(node: Node, frame: Frame, scope: Scope) -> None:
    """PV2: more of the Encounter."""
    if frame.visit is not None:
        fill(frame.visit, node.segment, VISIT_MORE, scope)


TABLES = (VISIT_MORE,)
HANDLERS: dict[str, Handler] = {"PV2": visit_more}
