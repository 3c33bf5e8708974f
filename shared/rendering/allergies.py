"""AllergyIntolerance as AL1 and IAM (guide: AL1[AllergyIntolerance], IAM[AllergyIntolerance])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.tables import table
from shared.rendering.coded import code, concept, text, text_concept
from shared.rendering.conditions import is_void
from shared.rendering.draft import composed
from shared.rendering.identifiers import ei
from shared.rendering.people import xpn
from shared.rendering.rows import Implied, Resource, Row, Table, fill, prune
from shared.rendering.times import time

if TYPE_CHECKING:
    from shared.rendering.draft import Draft, SegmentDraft

_CATEGORY = table("AllergenType[AllergyIntoleranceCategory]")
_SEVERITY = table("AllergySeverity[AllergyIntolerance.reaction.severity]")
_CRITICALITY = table("AllergySeverity[AllergyIntolerance.criticality]")

ALLERGY = Table(
    "AL1",
    "AllergyIntolerance",
    (
        Row("AL1-2", "AllergyIntolerance.category", code(_CATEGORY), "AL1[AllergyIntolerance] 6 to 8"),
        Row("AL1-3", "AllergyIntolerance.code", concept(), "AL1[AllergyIntolerance] 10"),
        Row("AL1-4", "AllergyIntolerance.criticality", code(_CRITICALITY), "AL1[AllergyIntolerance] 11"),
        Row("AL1-6", "AllergyIntolerance.onsetDateTime", time, "AL1[AllergyIntolerance] 16"),
    ),
    (
        Implied("clinicalStatus", "an allergy that a message lists is active"),
        Implied("patient", "the person of the message"),
        Implied("type", "AL1-2 says it", ("allergy",)),
    ),
)

REACTION = Table(
    "AL1",
    "AllergyIntolerance.reaction",
    (
        Row("AL1-4", "reaction.severity", code(_SEVERITY), "AL1[AllergyIntolerance] 14"),
        Row("AL1-5", "reaction.manifestation", text_concept, "AL1[AllergyIntolerance] 15"),
    ),
)


def write_allergies(patient: str, draft: Draft) -> None:
    """Write an AL1 for each active AllergyIntolerance of the person."""
    number = 0
    for url, allergy in draft.all("AllergyIntolerance"):
        if not draft.points_at(allergy.get("patient"), patient) or is_void(allergy):
            continue
        number += 1
        segment = draft.segment("AL1")
        segment.set(1, str(number))
        with draft.open(url) as resource:
            for reaction in resource.get("reaction", ()):
                fill(segment, reaction, REACTION, draft)
            prune(resource)
            fill(segment, resource, ALLERGY, draft)
            if segment.fields.get(2):
                resource.pop("_type", None)  # category and type are one AL1-2


_OF_THE_MESSAGE = Implied("patient", "the person of the message")
ADVERSE = Table(
    "IAM",
    "AllergyIntolerance",
    (
        Row("IAM-2", "AllergyIntolerance.category", code(_CATEGORY), "IAM[AllergyIntolerance] 6 to 8"),
        Row("IAM-3", "AllergyIntolerance.code", concept(), "IAM[AllergyIntolerance] 10"),
        Row("IAM-4", "AllergyIntolerance.criticality", code(_CRITICALITY), "IAM[AllergyIntolerance] 12"),
        Row("IAM-7", "AllergyIntolerance.identifier", ei(has_fixed_type=False), "IAM[AllergyIntolerance] 18"),
        Row("IAM-11", "AllergyIntolerance.onsetDateTime", time, "IAM[AllergyIntolerance] 22"),
        Row("IAM-12", "AllergyIntolerance.onsetString", text, "IAM[AllergyIntolerance] 23"),
        Row("IAM-13", "AllergyIntolerance.recordedDate", time, "IAM[AllergyIntolerance] 24"),
    ),
    (_OF_THE_MESSAGE, Implied("type", "IAM-2 says it", ("allergy",))),
    {17: "comes back from verificationStatus and clinicalStatus", 27: "not in 2.5.1"},
)
ADVERSE_REACTION = Table(
    "IAM",
    "AllergyIntolerance.reaction",
    (
        Row("IAM-4", "reaction.severity", code(_SEVERITY), "IAM[AllergyIntolerance] 11"),
        Row("IAM-5", "reaction.manifestation", text_concept, "IAM[AllergyIntolerance] 15"),
    ),
)
REPORTER = Table(
    "IAM",
    "RelatedPerson",
    (
        Row("IAM-14", "RelatedPerson.name", xpn, "IAM[AllergyIntolerance] 25 to 27"),
        Row("IAM-15", "RelatedPerson.relationship", concept(table("Relationship")), "IAM[AllergyIntolerance] 28"),
    ),
    (_OF_THE_MESSAGE,),
)
# HL7 table 0438 says in one code how sure it is and, with I, that it is over; other pairs have no code.
_STATES = {
    ("confirmed", "active"): "C",
    ("confirmed", "inactive"): "I",
    ("unconfirmed", "active"): "U",
    ("entered-in-error", ""): "E",
}
_UPDATE, _DELETE = "U", "D"  # HL7 table 0323


def write_adverse_reactions(patient: str, draft: Draft) -> None:
    """Write an IAM for each AllergyIntolerance of the person, also for those that no longer hold."""
    number = 0
    for url, allergy in draft.all("AllergyIntolerance"):
        if not draft.points_at(allergy.get("patient"), patient):
            continue
        number += 1
        segment = draft.segment("IAM")
        segment.set(1, str(number))
        with draft.open(url) as resource:
            _write_state(segment, resource)
            _write_reporter(segment, resource, patient, draft)
            for reaction in resource.get("reaction", ()):
                fill(segment, reaction, ADVERSE_REACTION, draft)
            prune(resource)
            fill(segment, resource, ADVERSE, draft)
            if segment.fields.get(2):
                resource.pop("_type", None)  # category and type are one IAM-2


def _write_state(segment: SegmentDraft, resource: Resource) -> None:
    """Write IAM-17, and IAM-6: an allergy that was entered in error is deleted, any other is as it is said."""
    sure, course = (_only_code(resource.get(name)) for name in ("verificationStatus", "clinicalStatus"))
    said = _STATES.get((sure, course))
    if said:
        segment.set(17, composed([said, "", "HL70438"]))
    if said or (sure, course) == ("", "active"):
        resource.pop("verificationStatus", None)
        resource.pop("clinicalStatus", None)
    segment.set(6, composed([_DELETE if said == "E" else _UPDATE, "", "HL70323"]))


def _only_code(concept_: Resource | None) -> str:
    codings = (concept_ or {}).get("coding", ())
    return str(codings[0].get("code", "")) if codings else ""


def _write_reporter(segment: SegmentDraft, resource: Resource, patient: str, draft: Draft) -> None:
    """Write who reported it: the patient (SEL), somebody related, or a practitioner by name."""
    recorder = resource.get("recorder", {})
    if draft.points_at(recorder, patient):
        segment.set(15, composed(["SEL", "", "HL70063"]))
        recorder.clear()
        return
    with draft.follow(recorder) as person:
        fill(segment, person, REPORTER, draft)


TABLES = (ALLERGY, REACTION, ADVERSE, ADVERSE_REACTION, REPORTER)
