"""IPC: the imaging procedure of an order (HL7 4.5.6; the guide has no map: docs/decisions/0037)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.datatypes.coded import coding, concept
from shared.mapping.datatypes.identifier import ei
from shared.mapping.frame import Frame, Handler
from shared.mapping.grouping import Node
from shared.mapping.rows import KEPT, Resource, Table, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

DECIDED = "decision 0037"
_STATION = "which machine will make it: R4 names the machine of what was made"


@parts_of({1: "value"}, dict.fromkeys((2, 3, 4), "a UID stands for itself"))
def study_uid(raw: str, scope: Scope) -> Resource | None:
    """Return a DICOM UID as Identifier (R4 imagingstudy: system urn:dicom:uid, value urn:oid:)."""
    said = scope.text(scope.parts(raw)[0])
    return (
        {"system": "urn:dicom:uid", "value": said if said.startswith("urn:") else "urn:oid:" + said} if said else None
    )


_UID = one("IPC-3", "ImagingStudy.identifier", study_uid, DECIDED, placed=True, part=KEPT)
_ACCESSION = one("IPC-1", "ImagingStudy.identifier", ei("ACSN", "Accession ID"), DECIDED, placed=True, part=KEPT)
_STEP = one("IPC-4", "ImagingStudy.identifier", ei(), DECIDED, placed=True, part=KEPT)

STUDY = Table(
    "IPC",
    "ImagingStudy",
    (
        *(_ACCESSION, _UID, _STEP),
        many("IPC-5", "ImagingStudy.modality", coding(), DECIDED, reuse=True),
        many("IPC-6", "ImagingStudy.procedureCode", concept(), DECIDED, reuse=True),
    ),
    {7: _STATION, 9: _STATION},
)
ORDERED = Table(
    "IPC",
    "ServiceRequest",
    (
        many("IPC-2", "ServiceRequest.identifier", ei(), DECIDED, part=KEPT),
        many("IPC-8", "ServiceRequest.locationCode", concept(), DECIDED, reuse=True),
    ),
)


def imaging(node: Node, frame: Frame, scope: Scope) -> None:
    """IPC: the ImagingStudy that the order will give, known by its UID, else by its accession number."""
    segment = node.segment
    numbers = [one_ for row in (_UID, _ACCESSION, _STEP) for one_ in values(row, segment, scope, {})]
    request = frame.request if frame.request and frame.request["resourceType"] == "ServiceRequest" else None
    if request is not None:
        fill(request, segment, ORDERED, scope)
    if not numbers or frame.patient is None:
        return
    key = (numbers[0].get("system", scope.assigner), numbers[0]["value"])
    resource: Resource = {
        "resourceType": "ImagingStudy",
        "id": scope.child_id("ImagingStudy", *key),
        "identifier": numbers,
        "status": "registered",
        "subject": frame.patient,
    }
    fill(resource, segment, STUDY, scope)
    if frame.encounter:
        resource["encounter"] = frame.encounter
    if request is not None:
        resource["basedOn"] = [{"reference": "urn:uuid:" + request["id"]}]
    scope.add(resource)
    accession = first(_ACCESSION, segment, scope, {})
    if accession and request is not None and accession not in request.get("identifier", ()):
        request.setdefault("identifier", []).append(accession)


TABLES = (STUDY, ORDERED)
HANDLERS: dict[str, Handler] = {"IPC": imaging}
