"""SAC: the container of a specimen (the guide has no map: docs/decisions/0037)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import concept
from shared.mapping.datatypes.identifier import ei
from shared.mapping.datatypes.number import decimal, unit_of, unit_parts
from shared.mapping.datatypes.person import EXTENSION
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import Resource, Table, extension, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0037"
_NO_ELEMENT = "R4 has no element for it"
_MACHINE = "where a machine holds the container: R4 has no element for it"
_MEASURE = "a measure of the container for a machine: R4 has no element for it"
_INDEX = "an index of the sample: it is sent as a result (OBX) too, and R4 has no element for it here"


@parts_of({1: "unit", 2: "unit", 3: "system"})
def unit(raw: str, scope: Scope) -> Resource:
    """Return the unit elements of SAC-24."""
    code, display, system = unit_parts(raw, scope)[:3]
    return unit_of(code, display, system)


_NUMBERS = tuple(one(f"SAC-{number}", "Specimen.container.identifier", ei(), DECIDED, placed=True) for number in (3, 4))
_KIND = one("SAC-9", "Specimen.container.type", concept(), DECIDED, reuse=True, placed=True)
_CAPACITY = one("SAC-21", "Specimen.container.capacity", decimal, DECIDED, placed=True)
_HELD = tuple(
    one(f"SAC-{number}", "Specimen.container.specimenQuantity", decimal, DECIDED, placed=True) for number in (22, 23)
)
_UNIT = one("SAC-24", "Specimen.container.capacity.unit", unit, DECIDED, reuse=True, placed=True)
_ADDITIVE = many(
    "SAC-27",
    "Specimen.container.additiveCodeableConcept",
    concept(table("AdditivePreservative")),
    DECIDED,
    reuse=True,
    placed=True,
)

CONTAINER = Table(
    "SAC",
    "Specimen",
    (
        many("SAC-1", "Specimen.identifier", ei("ACSN", "Accession ID"), DECIDED, part="ACSN"),
        one("SAC-2", "Specimen.accessionIdentifier", ei(), DECIDED),
        *(*_NUMBERS, _KIND, _CAPACITY, *_HELD, _UNIT, _ADDITIVE),
        extension(
            "SAC-43",
            "Specimen.extension",
            EXTENSION + "specimen-specialHandling",
            "valueCodeableConcept",
            concept(),
            DECIDED,
        ),
    ),
    {
        6: "SPM says it",
        **dict.fromkeys((5, *range(10, 16)), _MACHINE),
        **dict.fromkeys(range(16, 21), _MEASURE),
        **dict.fromkeys(range(32, 42), _INDEX),
        **dict.fromkeys((7, 8, 25, 26, 28, 29, 30, 31, 42, 44), _NO_ELEMENT),
    },
)


def container(node: Node, frame: Frame, scope: Scope) -> Frame | None:
    """SAC: a container of the specimen at hand; without one, of a specimen that only its number names."""
    segment = node.segment
    reference = frame.specimen or _unknown_specimen(segment, frame, scope)
    if reference is None:
        return None
    specimen = scope.entries[reference["reference"]]["resource"]
    fill(specimen, segment, CONTAINER, scope)
    found = _held(segment, scope, specimen)
    if found:
        specimen.setdefault("container", []).append(found)
    return frame.within(specimen=reference, remarks=specimen)


def _unknown_specimen(segment: Segment, frame: Frame, scope: Scope) -> Resource | None:
    number = next((segment.text(place) for place in (2, 1, 3) if segment.text(place)), "")
    if not number:
        return None
    of = frame.patient["reference"] if frame.patient else scope.assigner
    specimen_id = scope.child_id("Specimen", "container", of, number)
    subject = {"subject": frame.patient} if frame.patient else {}
    return {"reference": scope.add({"resourceType": "Specimen", "id": specimen_id, **subject})}


def _held(segment: Segment, scope: Scope, specimen: Resource) -> Resource:
    found: Resource = {}
    numbers = [one_ for row in _NUMBERS if (one_ := first(row, segment, scope, specimen))]
    if numbers:
        found["identifier"] = numbers
    kind, additives = first(_KIND, segment, scope, specimen), values(_ADDITIVE, segment, scope, specimen)
    if kind:
        found["type"] = kind
    units = first(_UNIT, segment, scope, specimen) or {}
    capacity = first(_CAPACITY, segment, scope, specimen)
    if capacity is not None:
        found["capacity"] = {"value": capacity, **units}
    held = [one_ for row in _HELD if (one_ := first(row, segment, scope, specimen)) is not None]
    if held:
        found["specimenQuantity"] = {"value": held[0], **units}
    if additives:
        found["additiveCodeableConcept"] = additives[0]
    return found


TABLES = (CONTAINER,)
HANDLERS: dict[str, Handler] = {"SAC": container}
