"""Device: what takes part in an observation, and the software of the sender (guide: PRT[Device], SFT[Device])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.datatypes.coded import concept, text
from shared.mapping.datatypes.identifier import ei, number_of
from shared.mapping.datatypes.time import date_time
from shared.mapping.frame import Handler
from shared.mapping.organization import organization_name
from shared.mapping.rows import KEPT, Resource, Table, fill, first, many, one, parts_of, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope


@parts_of({1: "deviceIdentifier"}, dict.fromkeys((2, 3, 4), "the guide's extension does not exist"))
def udi_carrier(raw: str, scope: Scope) -> Resource | None:
    """Return the carrier of a unique device identifier (guide: EI[Device-udiCarrier])."""
    value = scope.text(scope.parts(raw)[0])
    return {"deviceIdentifier": value} if value else None


_NUMBER = many("PRT-10", "Device.identifier", ei(), "PRT[Device] 14", placed=True)
_UDI = one("PRT-16", "Device.udiCarrier", udi_carrier, "PRT[Device] 20", placed=True)

PARTICIPATING = Table(
    "PRT",
    "Device",
    (
        *(_NUMBER, _UDI),
        one("PRT-17", "Device.manufactureDate", date_time, "PRT[Device] 21"),
        one("PRT-18", "Device.expirationDate", date_time, "PRT[Device] 22"),
        one("PRT-19", "Device.lotNumber", text, "PRT[Device] 23"),
        one("PRT-20", "Device.serialNumber", text, "PRT[Device] 24"),
        one("PRT-21", "Device.distinctIdentifier", number_of, "PRT[Device] 25"),
        one("PRT-22", "Device.type", concept(), "PRT[Device] 26", reuse=True),
    ),
)


def participating_device(segment: Segment, scope: Scope) -> Resource | None:
    """Return a reference to the Device of a PRT; None where it names none."""
    numbers, carriers = values(_NUMBER, segment, scope, {}), values(_UDI, segment, scope, {})
    if not numbers and not carriers:
        return None
    key = (numbers[0].get("system", scope.assigner), numbers[0]["value"]) if numbers else ("udi", segment.text(16))
    resource: Resource = {"resourceType": "Device", "id": scope.mint("Device", "equipment", *key)}
    if numbers:
        resource["identifier"] = numbers
    if carriers:
        resource["udiCarrier"] = carriers
    fill(resource, segment, PARTICIPATING, scope)
    return {"reference": scope.add(resource)}


_INSTALLED = "https://hl7.org/fhir/5.0/StructureDefinition/extension-Device.version.installDate"
_VERSION = one("SFT-2", "Device.version.value", text, "SFT[Device] 6", placed=True, part=KEPT)
_NAME = one("SFT-3", "Device.deviceName.name", text, "SFT[Device] 7, 8", placed=True, part=KEPT)
_REMARK = one("SFT-5", "Device.note.text", text, "SFT[Device] 10", placed=True, part=KEPT)
_SINCE = one("SFT-6", "Device.version.extension", date_time, "SFT[Device] 11, 12", placed=True, part=KEPT)

SOFTWARE = Table(
    "SFT",
    "Device",
    (
        one("SFT-1", "Device.manufacturer", organization_name, "SFT[Device] 4", part=KEPT),
        *(_VERSION, _NAME),
        one("SFT-4", "Device.modelNumber", text, "SFT[Device] 9", part=KEPT),
        *(_REMARK, _SINCE),
    ),
)


def software_device(segment: Segment, scope: Scope) -> Resource | None:
    """Return a reference to the Device of an SFT; None where it names no software."""
    version, name, remark, since = (first(row, segment, scope, {}) for row in (_VERSION, _NAME, _REMARK, _SINCE))
    if not version and not name:
        return None
    resource: Resource = {"resourceType": "Device", "id": scope.mint("Device", "software", scope.assigner, name or "")}
    fill(resource, segment, SOFTWARE, scope)
    if name:
        resource["deviceName"] = [{"name": name, "type": "manufacturer-name"}]
    if version:
        installed = {"extension": [{"url": _INSTALLED, "valueDateTime": since}]} if since else {}
        resource["version"] = [{**installed, "value": version}]
    if remark:
        resource["note"] = [{"text": remark}]
    return {"reference": scope.add_or_complete(resource)}


TABLES = (PARTICIPATING, SOFTWARE)
HANDLERS: dict[str, Handler] = {}
