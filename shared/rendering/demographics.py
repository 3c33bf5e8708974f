"""Patient and living will as PD1 (guide: PD1[Patient], PD1[Observation-LivingWill])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.coded import concept
from shared.rendering.people import name_text, xcn, xon
from shared.rendering.rows import Implied, Resource, Row, Table, extension, fill, is_extension

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_WILL = Row(
    "PD1-7",
    "Observation.valueCodeableConcept",
    concept(table("LivingWillCode")),
    "PD1[Observation-LivingWill] 13",
)

LIVING_WILL = Table(
    "PD1",
    "Observation",
    (_WILL,),
    (
        Implied("code", "the field says it"),
        Implied("subject", "the person of the message"),
        Implied("status", "the field says it", ("final",)),
    ),
)

DEMOGRAPHICS = Table(
    "PD1",
    "Patient",
    (
        Row("PD1-3", "Patient.generalPractitioner", xon, "PD1[Patient] 5"),
        Row("PD1-4", "Patient.generalPractitioner", xcn, "PD1[Patient] 6"),
        Row(
            "PD1-6",
            "Patient.extension",
            extension("valueCodeableConcept", concept(bare_table("0295", "Handicap"))),
            "PD1[Patient] 8, 9",
            is_extension(EXTENSION + "patient-disability"),
        ),
        Row(
            "PD1-14",
            "Patient.extension",
            extension("valueString", name_text),
            "PD1[Patient] 17, 18",
            is_extension(EXTENSION + "patient-congregation"),
        ),
    ),
)


def write_demographics(resource: Resource, patient: str, draft: Draft) -> None:
    """Write PD1 where something of the Patient is left for it."""
    segment = draft.segment("PD1")
    fill(segment, resource, DEMOGRAPHICS, draft)
    _write_will(segment, patient, draft)
    draft.drop_empty()


def _write_will(segment: SegmentDraft, patient: str, draft: Draft) -> None:
    for url, observation in draft.all("Observation"):
        if is_will(observation) and draft.points_at(observation.get("subject"), patient):
            with draft.open(url) as resource:
                fill(segment, resource, LIVING_WILL, draft)


def is_will(observation: Resource) -> bool:
    """Tell whether an Observation is the living will of PD1-7."""
    return any(one.get("code") == "75320-2" for one in observation.get("code", {}).get("coding", ()))


TABLES = (DEMOGRAPHICS, LIVING_WILL)
