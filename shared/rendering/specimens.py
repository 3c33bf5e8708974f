"""Specimen as SPM and SAC, and as fields of OBR where a message has no SPM (guide: SPM[Specimen], OBR[Specimen])."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from shared.hl7.delimiters import STANDARD
from shared.mapping.codes.tables import bare_table, table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.coded import code, concept
from shared.rendering.draft import SegmentDraft, composed, escaped, subcomposed
from shared.rendering.identifiers import ei, entity_pair, has_type, taken_entity, type_of
from shared.rendering.people import xcn
from shared.rendering.results import write_results
from shared.rendering.rows import Implied, Resource, Row, Table, extension, fill, is_extension, prune
from shared.rendering.statements import amount
from shared.rendering.times import taken_period, time
from shared.rendering.values import cq, unit

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_DECIDED = "decision 0037"
_LATER = "not in 2.5.1"
_FREE = bare_table("", "")
_TYPES = table("SpecimenType")
_ADDITIVES = table("AdditivePreservative")
_AVAILABLE = code(table("YesNoIndicator[AvailabilityStatus]"))


def remark(value: Resource, draft: Draft, kind: str) -> str:
    """Write an Annotation as a text."""
    del draft, kind
    return escaped(value.pop("text", ""))


SPECIMEN = Table(
    "SPM",
    "Specimen",
    (
        Row("SPM-4", "Specimen.type", concept(_TYPES), "SPM[Specimen] 8"),
        Row("SPM-7", "Specimen.collection.method", concept(table("SpecimenCollectionMethod")), "SPM[Specimen] 11"),
        Row("SPM-8", "Specimen.collection.bodySite", concept(), "SPM[Specimen] 12"),
        Row("SPM-12", "Specimen.collection.quantity", cq, "SPM[Specimen] 16"),
        Row("SPM-14", "Specimen.note", remark, "SPM[Specimen] 18"),
        Row("SPM-17", "Specimen.collection.collectedDateTime", time, "SPM[Specimen] 22"),
        Row("SPM-18", "Specimen.receivedTime", time, "SPM[Specimen] 23"),
        Row("SPM-20", "Specimen.status", _AVAILABLE, "SPM[Specimen] 25"),
        Row("SPM-24", "Specimen.condition", concept(table("SpecimenCondition")), "SPM[Specimen] 29"),
    ),
    (
        Implied("subject", "the person of the message"),
        Implied("request", "the order above"),
    ),
    {
        2: "comes back from the identifiers of type PGN and FGN",
        3: "comes back from the numbers of the parents",
        30: _LATER,
        31: _LATER,
        32: _LATER,
    },
)

CONTAINER = Table(
    "SPM",
    "Specimen.container",
    (
        Row("SPM-6", "container.additiveCodeableConcept", concept(_ADDITIVES), "SPM[Specimen] 10"),
        Row("SPM-27", "container.type", concept(), "SPM[Specimen] 32"),
    ),
)


OF_SPECIMEN = Table(
    "SAC",
    "Specimen",
    (
        Row("SAC-1", "Specimen.identifier", ei(), _DECIDED, has_type("ACSN")),
        Row("SAC-2", "Specimen.accessionIdentifier", ei(has_fixed_type=False), _DECIDED),
        Row(
            "SAC-43",
            "Specimen.extension",
            extension("valueCodeableConcept", concept()),
            _DECIDED,
            is_extension(EXTENSION + "specimen-specialHandling"),
        ),
    ),
)
HELD = Table(
    "SAC",
    "Specimen.container",
    (
        Row("SAC-9", "container.type", concept(), _DECIDED),
        Row("SAC-21", "container.capacity", amount, _DECIDED),
        Row("SAC-22", "container.specimenQuantity", amount, _DECIDED),
        Row("SAC-27", "container.additiveCodeableConcept", concept(_ADDITIVES), _DECIDED),
    ),
    (),
    {
        3: "comes back from the first number of the container",
        4: "comes back from the second number of the container",
        23: "comes back in SAC-22: FHIR has one quantity of what is held",
        24: "comes back from the unit of capacity and quantity",
    },
)


def _coded_remark(value: Resource, draft: Draft, kind: str) -> str:
    """Write an Annotation as the whole CE that it holds, delimiters and all (guide: CWE[Annotation])."""
    del draft, kind
    return composed(value.pop("text", "").split(STANDARD.component))


COLLECTOR = Table(
    "OBR",
    "Specimen",
    (Row("OBR-10", "Specimen.collection.collector", xcn, "OBR[Specimen] 13"),),
)
IN_ORDER = Table(
    "OBR",
    "Specimen",
    (
        Row("OBR-9", "Specimen.collection.quantity", cq, "OBR[Specimen] 12"),
        Row("OBR-14", "Specimen.receivedTime", time, "OBR[Specimen] 18"),
        Row("OBR-39", "Specimen.note", _coded_remark, "OBR[Specimen] 45"),
    ),
    (
        Implied("subject", "the person of the message"),
        Implied("request", "the order above"),
    ),
    {15: "comes back from type, body site and condition, where a message has no SPM"},
)


def write_specimens(references: Iterable[Resource], draft: Draft, *, has_containers: bool = False) -> None:
    """Write an SPM for each Specimen of an order.

    Args:
        has_containers: The message structure has SAC below it.
    """
    for number, reference in enumerate(references, 1):
        if draft.look(reference)[1].get("resourceType") != "Specimen":
            continue
        spm = draft.segment("SPM")
        spm.set(1, str(number))
        with draft.follow(reference) as resource:
            held = [one for one in resource.get("container", ()) if has_containers and one.get("identifier")]
            sac = SegmentDraft("SAC")
            if has_containers:
                fill(sac, resource, OF_SPECIMEN, draft)
            _write_numbers(spm, resource, draft)
            for container in resource.get("container", ()):
                if container not in held:
                    fill(spm, container, CONTAINER, draft)
            period = resource.get("collection", {}).get("collectedPeriod", {})
            spm.set(17, composed(taken_period(period)))
            fill(spm, resource, SPECIMEN, draft)
            write_results(_about(draft.look(reference)[0], draft), draft)
            _write_containers(sac, held, draft)


def is_about(observation: Resource, specimens: Iterable[Resource], draft: Draft) -> bool:
    """Tell whether an Observation is about one of these specimens, not about what was found in it."""
    urls = {draft.look(one)[0] for one in specimens}
    return any(draft.look(one)[0] in urls for one in observation.get("focus", ()))


def _about(specimen: str, draft: Draft) -> list[str]:
    """Return the Observations about a specimen, and take what says so: they stand below its SPM."""
    found = []
    for url, one in draft.all("Observation"):
        if any(draft.points_at(each, specimen) for each in one.get("focus", ())):
            found.append(url)
            with draft.open(url) as resource:
                resource.pop("focus")
    return found


def _write_containers(sac: SegmentDraft, held: list[Resource], draft: Draft) -> None:
    """Write a SAC for each container that has a number; the first says what there is to say of the specimen."""
    if sac.fields and not held:
        draft.segments.append(sac)
    for container in held:
        for number, one in zip((3, 4), container.get("identifier", ()), strict=False):
            sac.set(number, ei(has_fixed_type=False)(one, draft, "EI"))
        sizes = [container[element] for element in ("capacity", "specimenQuantity") if element in container]
        fill(sac, container, HELD, draft)
        units = [unit(one) for one in sizes]
        sac.set(24, units[0] if units else "")
        draft.segments.append(sac)
        sac = SegmentDraft("SAC")


def write_collector(obr: SegmentDraft, specimens: Iterable[Resource], draft: Draft) -> None:
    """Write who collected a specimen: SPM has no field of it."""
    for reference in specimens:
        found, target = draft.look(reference)
        if "collector" in target.get("collection", {}):
            with draft.open(found) as specimen:
                fill(obr, specimen, COLLECTOR, draft)


def write_in_order(obr: SegmentDraft, specimens: list[Resource], draft: Draft) -> None:
    """Write the first Specimen of an order into its OBR, for a message that has no SPM."""
    for reference in specimens[:1]:
        if draft.look(reference)[1].get("resourceType") != "Specimen":
            return
        with draft.follow(reference) as resource:
            fill(obr, resource, COLLECTOR, draft)
            fill(obr, resource, IN_ORDER, draft)
            obr.set(15, _taken_source(resource, draft))


def _taken_source(specimen: Resource, draft: Draft) -> str:
    """Return type, body site and condition of a Specimen as an SPS, whose codes are subcomponents; take them."""
    collection = specimen.get("collection", {})
    conditions = specimen.get("condition", [])
    said = (specimen.get("type"), collection.get("bodySite"), conditions[0] if conditions else None)
    parts = [
        concept(_TYPES if place == 0 else _FREE)(one, draft, "CWE") if one else "" for place, one in enumerate(said)
    ]
    kind, site, condition = (part.replace(STANDARD.component, STANDARD.subcomponent) for part in parts)
    return STANDARD.component.join([kind, "", "", site, "", condition]).rstrip(STANDARD.component)


def _write_numbers(spm: SegmentDraft, resource: Resource, draft: Draft) -> None:
    """Write SPM-2: placer's and filler's number, each an EI in subcomponents; one without a type is the placer's."""
    numbers = {"PGN": "", "FGN": ""}
    for identifier in resource.get("identifier", ()):
        kind = type_of(identifier) or "PGN"
        if numbers.get(kind) == "":
            numbers[kind] = subcomposed(taken_entity(identifier, draft))
    spm.set(2, "^".join(numbers.values()).rstrip("^"))
    _write_parents(spm, resource, draft)


def _write_parents(spm: SegmentDraft, resource: Resource, draft: Draft) -> None:
    """Write SPM-3: the pairs of numbers of the specimens that this one is of."""
    pairs: list[list[Resource]] = []
    for one in resource.get("parent", ()):
        kind = type_of(one.get("identifier", {}))
        if kind == "PGN" or (kind == "FGN" and (not pairs or pairs[-1][1])):
            pairs.append([{}, {}])
        if kind in ("PGN", "FGN"):
            pairs[-1][kind == "FGN"] = one["identifier"]
            one.pop("type", None)
    for first, second in pairs:
        spm.add(3, entity_pair(first, second, draft))
    prune(resource)


TABLES = (SPECIMEN, CONTAINER, OF_SPECIMEN, HELD, COLLECTOR, IN_ORDER)
