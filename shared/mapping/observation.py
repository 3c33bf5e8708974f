"""OBX: the Observation (guide: OBX[Observation], OBX[Observation-Component])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.changes.notes import ListMode
from shared.hl7 import Segment
from shared.mapping.care import support
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.coded import DATA_ABSENT, alternate, code, concept
from shared.mapping.datatypes.identifier import ei, eip
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.datatypes.time import date_time
from shared.mapping.datatypes.value import LINES
from shared.mapping.document_reference import CONTENT
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.laboratory import PERFORMER_ROWS, add_performer, equipment, producer
from shared.mapping.observation_value import ABSENCE_ROWS, VALUE_ROWS, explain_absence, reference_range, set_value
from shared.mapping.practitioner import role
from shared.mapping.rows import KEPT, Resource, Table, Unmapped, extension, fill, first, many, one, parts_of
from shared.mapping.text_lines import OpenText, open_text, text_before

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

# The guide leaves these open. A placeholder or pending result is registered, an unverified or partial one preliminary;
# U and V change the status to final; B ("appended") amends; what was not sought (N) was never begun, which FHIR calls
# cancelled, as the store's table does (HL7 table 0085, FHIR observation-status).
STATUSES = table("ObservationResultStatusCodesInterpretation").also(
    I="registered", O="registered", R="preliminary", S="preliminary", U="final", V="final", N="cancelled", B="amended"
)
_UNKNOWN_CODE = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
_ASKED_WITH_THE_ORDER = frozenset({"QST", "SCI"})  # OBX-29: a question, supporting clinical information
_SUB_ID = EXTENSION + "observation-v2-subid"
_NO_TARGET = "the guide gives it no FHIR element"


@parts_of({1: "valueString", 2: "valueString", 3: "valueString", 4: "valueString"})
def sub_id(raw: str, scope: Scope) -> Resource | None:
    """Return the extension of OBX-4 (guide: OG[Extension-Subidentifier])."""
    parts = [scope.text(part) for part in scope.parts(raw)[:4]]
    names = ("original-sub-identifier", "group", "sequence", "identifier")
    inner = [{"url": name, "valueString": said} for name, said in zip(names, parts, strict=True) if said]
    return {"url": _SUB_ID, "extension": inner} if inner else None


_SPECIMEN_NUMBERS = eip("PGN", "FGN")


@parts_of({1: "identifier", 2: "identifier"})
def known_specimen(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to a specimen by its number: it comes with another message."""
    numbers = _SPECIMEN_NUMBERS(raw, scope)
    return {"type": "Specimen", "identifier": numbers[0]} if numbers else None


@parts_of({1: "extension"})
def not_obtained(raw: str, scope: Scope) -> Unmapped:
    """Return the original of a result that cannot be obtained: ``cancelled`` does not say so."""
    sent = scope.text(scope.parts(raw)[0])
    return Unmapped(alternate({"coding": [{"system": STATUSES.system, "code": sent}]}))


_NOT_OBTAINED = one("OBX-11", "Observation.status", not_obtained, "OBX[Observation] 43 to 45", placed=True, part=KEPT)
_RELATED = one("OBX-33", "Observation.specimen", known_specimen, "OBX[Observation] 85, 86", placed=True)
RESULT = Table(
    "OBX",
    "Observation",
    (
        one("OBX-3", "Observation.code", concept(), "OBX[Observation] 5", reuse=True),
        many("OBX-4", "Observation.extension", sub_id, "OBX[Observation] 6", reuse=True, part=_SUB_ID),
        *VALUE_ROWS,
        many("OBX-7", "Observation.referenceRange", reference_range, "OBX[Observation] 37", reuse=True),
        many(
            "OBX-8",
            "Observation.interpretation",
            concept(table("InterpretationCodes")),
            "OBX[Observation] 38",
            reuse=True,
        ),
        extension(
            "OBX-10",
            "Observation.extension",
            EXTENSION + "observation-nature-of-abnormal-test",
            "valueCodeableConcept",
            concept(table("NatureOfAbnormalTesting")),
            "OBX[Observation] 40, 41",
            reuse=True,
        ),
        one("OBX-11", "Observation.status", code(STATUSES), "OBX[Observation] 42", reuse=True),
        one("OBX-14", "Observation.effectiveDateTime", date_time, "OBX[Observation] 50", reuse=True),
        many("OBX-15", "Observation.performer", producer, "OBX[Observation] 51", reuse=True, part="organization"),
        many(
            "OBX-16",
            "Observation.performer",
            role(
                "http://terminology.hl7.org/CodeSystem/practitioner-role", "responsibleObserver", "Responsible Observer"
            ),
            "OBX[Observation] 53 to 55",
            reuse=True,
            part="person",
        ),
        one("OBX-17", "Observation.method", concept(), "OBX[Observation] 56", reuse=True),
        one("OBX-18", "Observation.device", equipment, "OBX[Observation] 57", reuse=True),
        extension(
            "OBX-19",
            "Observation.extension",
            EXTENSION + "observation-analysis-date-time",
            "valueDateTime",
            date_time,
            "OBX[Observation] 58, 59",
            reuse=True,
        ),
        one("OBX-20", "Observation.bodySite", concept(table("BodySite")), "OBX[Observation] 60", reuse=True),
        many("OBX-21", "Observation.identifier", ei("FILL", "Filler Identifier"), "OBX[Observation] 61, 62"),
        *PERFORMER_ROWS,
        many(
            "OBX-29",
            "Observation.category",
            concept(bare_table("0936", "ObservationType")),
            "OBX[Observation] 74, 75",
            reuse=True,
        ),
        extension(
            "OBX-30",
            "Observation.extension",
            EXTENSION + "observation-structure-type",
            "valueCodeableConcept",
            concept(bare_table("0937", "ObservationSubType")),
            "OBX[Observation] 76 to 78",
            reuse=True,
        ),
        *(*ABSENCE_ROWS, _NOT_OBTAINED, _RELATED),
    ),
    {
        1: "set id: position only",
        2: "the type of OBX-5: it says how to read the value",
        9: _NO_TARGET,
        12: _NO_TARGET,
        13: _NO_TARGET,
        22: _NO_TARGET,
        26: _NO_TARGET,
        27: _NO_TARGET,
        28: _NO_TARGET,
        31: "the action: it says what to do with the result",
    },
    together=11,
)


def observation(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """OBX: one Observation; a result of its report, if it has one. Below a TXA it may be content of the document.

    The next line of a text belongs to the Observation of its first.
    """
    segment = node.segment
    fields = segment.fields
    count = len(fields)
    if frame.document is not None and segment.text(2) in CONTENT:
        return None  # the document has it
    is_text = count > 2 and fields[2] in LINES
    if is_text and (text := text_before(segment, scope)) is not None:
        _take_line(text, segment, scope)
        return frame.within(remarks=text.result) if node.children else None
    code_sent = fields[3] if count > 3 else ""
    named = code_sent.split(scope.component, 1)[0] or code_sent  # a name alone tells results apart, too
    key = (*frame.order, named, fields[4] if count > 4 else "")
    resource: Resource = {"resourceType": "Observation", "id": scope.child_id("Observation", *key)}
    if scope.code != "ORU":
        scope.note_alike(resource, code_sent)  # the groups of other messages may carry one and the same result
    elif scope.has_several_orders:
        scope.note_alike(resource, *fields[2:])  # several orders may carry one and the same result
    fill(resource, segment, RESULT, scope)
    is_timed = frame.report is not None and "effectiveDateTime" in resource
    related = first(_RELATED, segment, scope, resource) if count > 33 else None
    _set_context(resource, frame, frame.specimen or related)
    if count > 5 and fields[5]:
        set_value(resource, segment, scope)
    else:
        explain_absence(resource, segment, scope)
    if count > 23:
        add_performer(resource, segment, scope)
    url = scope.add(resource)
    if is_timed:
        scope.noted(resource)["timed"] = True
    if is_text:
        open_text(resource, segment, scope)
    if count > 11 and fields[11]:
        _note_status(resource, segment, scope)
    elif frame.result_status == "cancelled":
        scope.noted(resource)["control"] = "X"  # its report says it of all its results
    if "OBX" in scope.context.lists and scope.list_mode("OBX") is ListMode.SNAPSHOT:
        _list(url, frame, scope)
    _join(url, segment, frame)
    return frame.within(remarks=resource) if node.children else None


def _note_status(resource: Resource, segment: Segment, scope: Scope) -> None:
    """Note what OBX-11 does to the stored result, and what of it the status alone does not say."""
    control = scope.noted(resource)["control"] = segment.code(11)
    if control == "C":
        scope.corrections.append((resource, segment))
    elif control == "X" and (original := first(_NOT_OBTAINED, segment, scope, resource)):
        resource["_status"] = original.extension


def _take_line(text: OpenText, segment: Segment, scope: Scope) -> None:
    """Add the line of an OBX to its text; for a report say that all else it repeats is where the first line has it."""
    line: Resource = {}
    if scope.trace is not None:
        fill(line, segment, RESULT, scope)
        first(_RELATED, segment, scope, line)
        add_performer(line, segment, scope)
    if any(segment.fields[5:6]):
        set_value(line, segment, scope)
    text.take(segment, line.get("valueString", ""))


def _join(url: str, segment: Segment, frame: Frame) -> None:
    """Let those that an Observation belongs to name it: its report, the list at hand, the order that it is asked for.

    What was asked when an order was placed supports the order, in a report as well (guide: OML_O21 56, ORU_R01 65).
    """
    reference, request = {"reference": url}, frame.request
    is_for_order = request is not None and frame.part_of is None and not _is_of_specimen(frame)
    if frame.report is not None and not (is_for_order and segment.text(29) in _ASKED_WITH_THE_ORDER):
        frame.report.setdefault("result", []).append(reference)
    elif is_for_order:
        support(request, reference)
    if frame.gathers is not None:
        frame.gathers.append(reference)


def _is_of_specimen(frame: Frame) -> bool:
    """Tell whether what stands here is about the specimen itself: it follows the SPM (guide: ORU_R01 77)."""
    return frame.remarks is not None and frame.remarks["resourceType"] == "Specimen"


def _list(url: str, frame: Frame, scope: Scope) -> None:
    """Let a result belong to the list of its report, or of whom else it stands below."""
    report = {"reference": "urn:uuid:" + frame.report["id"]} if frame.report is not None else None
    about = report or frame.part_of or frame.encounter or frame.patient
    if about:
        scope.list_child(url, "Observation", "OBX", about["reference"])


def _set_context(resource: Resource, frame: Frame, specimen: Resource | None) -> None:
    """Set what an Observation has from those it belongs to: person, visit, specimen, time, and their status."""
    if "code" not in resource:
        resource["code"] = _UNKNOWN_CODE
    if "status" not in resource:  # the report's: its own is about all its results
        resource["status"] = frame.result_status or "unknown"
    if frame.patient:
        resource["subject"] = frame.patient
    if frame.encounter:
        resource["encounter"] = frame.encounter
    if specimen:
        resource["specimen"] = specimen
        if _is_of_specimen(frame):
            resource["focus"] = [specimen]
    if frame.part_of:
        resource["partOf"] = [frame.part_of]
    if frame.effective and "effectiveDateTime" not in resource:
        resource["effectiveDateTime"] = frame.effective


TABLES = (RESULT,)
HANDLERS: dict[str, Handler] = {"OBX": observation}
