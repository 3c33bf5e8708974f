"""Condition as DG1 (guide: DG1[Condition], DG1[Encounter])."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.coded import concept, text
from shared.rendering.identifiers import ei
from shared.rendering.people import xcn
from shared.rendering.rows import Implied, Resource, Row, Table, fill
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft


def is_void(resource: Resource) -> bool:
    """Tell whether a resource says that it does not hold: a message lists what holds."""
    codes = {
        one.get("code")
        for element in ("clinicalStatus", "verificationStatus")
        for one in resource.get(element, {}).get("coding", ())
    }
    return bool(codes & {"inactive", "resolved", "entered-in-error", "refuted"})


DIAGNOSIS = Table(
    "DG1",
    "Condition",
    (
        Row("DG1-3", "Condition.code", concept(bare_table("0051", "")), "DG1[Condition] 5"),
        Row("DG1-4", "Condition.code.text", text, "DG1[Condition] 6"),
        Row("DG1-5", "Condition.onsetDateTime", time, "DG1[Condition] 7"),
        Row("DG1-16", "Condition.asserter", xcn, "DG1[Condition] 18"),
        Row("DG1-19", "Condition.recordedDate", time, "DG1[Condition] 23"),
        Row("DG1-20", "Condition.identifier", ei(has_fixed_type=False), "DG1[Condition] 24"),
    ),
    (
        Implied("category", "DG1 is of the visit"),
        Implied("subject", "the person of the message"),
        Implied("encounter", "the visit of the message"),
        Implied("clinicalStatus", "a diagnosis that a message lists is active"),
        Implied("verificationStatus", "a diagnosis that a message lists holds"),
    ),
    {22: "not in 2.5.1"},
)

IN_THE_VISIT = Table(
    "DG1",
    "Encounter.diagnosis",
    (
        Row("DG1-6", "diagnosis.use", concept(table("DiagnosisType")), "DG1[Encounter] 8"),
        Row("DG1-15", "diagnosis.rank", text, "DG1[Encounter] 17"),
    ),
    (Implied("condition", "the DG1 itself"),),
)


def write_diagnoses(patient: str, visit: str, draft: Draft, *, only: Container[str] | None = None) -> None:
    """Write a DG1 for each Condition of the person, or for those of these urls, with its place in the visit."""
    number = 0
    with draft.open_if_any(visit) as encounter:
        for url, condition in draft.all("Condition"):
            if not draft.points_at(condition.get("subject"), patient) or is_void(condition):
                continue
            if only is not None and url not in only:
                continue
            number += 1
            segment = draft.segment("DG1")
            segment.set(1, str(number))
            with draft.open(url) as resource:
                _forget_second_date(resource)
                fill(segment, resource, DIAGNOSIS, draft)
            for one in encounter.get("diagnosis", ()):
                if draft.points_at(one.get("condition"), url):
                    fill(segment, one, IN_THE_VISIT, draft)


def _forget_second_date(resource: Resource) -> None:
    """Drop the extension of the date that recordedDate holds as well: DG1-19 is both."""
    for one in resource.get("extension", ()):
        is_asserted = one.get("url") == EXTENSION + "condition-assertedDate"
        if is_asserted and one.get("valueDateTime") == resource.get("recordedDate"):
            one.clear()


TABLES = (DIAGNOSIS, IN_THE_VISIT)
