"""The ORC of a prescription: numbers, status, times and who ordered (guide: ORC[ServiceRequest]; decision 0020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.hl7 import Segment
from shared.mapping.codes.tables import table
from shared.mapping.datatypes.coded import code, coding, concept, fixed
from shared.mapping.datatypes.identifier import cx, ei, eip, group_number
from shared.mapping.datatypes.person import EXTENSION, address, contact_point
from shared.mapping.datatypes.time import date_time
from shared.mapping.medication import DECIDED, Rows
from shared.mapping.order_status import set_status
from shared.mapping.organization import complete_organization, organization
from shared.mapping.practitioner import practitioner, role_of
from shared.mapping.rows import KEPT, Build, Resource, Row, Table, fill, first, many, one, values

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
_CATEGORIES = {
    "I": fixed(CATEGORY_SYSTEM, "inpatient", "Inpatient"),
    "O": fixed(CATEGORY_SYSTEM, "outpatient", "Outpatient"),
}
_NEW = frozenset({"NW", "RO", "OP", "PY"})

# The guide's tables give request-status, which has one word (revoked) where a prescription has two: it is cancelled
# before it began and stopped afterwards. What differs from the guide otherwise is decision 0020.
_CONTROL = table("OrderControlCode[ServiceRequest.status]").also(
    **dict.fromkeys(("OC", "CR", "RQ", "RU"), "cancelled"),
    **dict.fromkeys(("DC", "DR", "OD"), "stopped"),
    **dict.fromkeys(("OP", "DF", "FU"), "active"),
)
_SILENT = _CONTROL.listed.difference(_CONTROL.targets)
ORDER_STATE = table("OrderStatus").also(CA="cancelled", DC="stopped", RP="cancelled")


def _common(number: int, target: str, build: Build, guide: str) -> Row:
    said = f"ORC[ServiceRequest] {guide}" if guide else DECIDED
    part = KEPT if target == "identifier" else None
    return one(f"ORC-{number}", f"MedicationRequest.{target}", build, said, placed=True, part=part)


_ORC: Rows = {
    "control": _common(1, "status", code(_CONTROL), "3"),
    "placer": _common(2, "identifier", ei("PLAC", "Placer Identifier"), "9 to 11"),
    "filler": _common(3, "identifier", ei("FILL", "Filler Identifier"), "12 to 14"),
    "group": _common(4, "groupIdentifier", group_number, "15 to 23"),
    "status": _common(5, "status", code(ORDER_STATE), "24"),
    "parent": _common(8, "basedOn.identifier", eip("PLAC", "FILL"), ""),
    "time": _common(9, "authoredOn", date_time, "28 to 31"),
    "recorder": _common(10, "recorder", practitioner, ""),
    "orderer": _common(12, "requester", practitioner, "34"),
    "facility": _common(21, "requester.organization", organization, "46"),
    "category": _common(29, "category", concept(table("OrderType")), "54"),
    "callback": many("ORC-14", "PractitionerRole.telecom", contact_point(), DECIDED, placed=True, part=KEPT),
    "facility_address": many(
        "ORC-22", "Organization.address", address, "ORC[ServiceRequest] 47", placed=True, part=KEPT
    ),
    "facility_phone": many(
        "ORC-23", "Organization.telecom", contact_point(), "ORC[ServiceRequest] 48", placed=True, part=KEPT
    ),
    "orderer_address": many(
        "ORC-24", "Practitioner.address", address, "ORC[ServiceRequest] 49", placed=True, part=KEPT
    ),
}
_SECURITY = coding(table("ConfidentialityCode"))
COMMON = Table(
    "ORC",
    "MedicationRequest",
    (
        *_ORC.values(),
        one("ORC-16", "MedicationRequest.statusReason", concept(), "ORC[ServiceRequest] 39, 40"),
        many("ORC-28", "MedicationRequest.meta.security", _SECURITY, "ORC[ServiceRequest] 53"),
        many("ORC-33", "MedicationRequest.identifier", cx("PLAC"), "ORC[ServiceRequest] 58 to 60", part="PLAC"),
        many("ORC-38", "MedicationRequest.identifier", ei("FGN"), "ORC[ServiceRequest] 65 to 67", part="FGN"),
    ),
    dict.fromkeys((11, 17, 18, 19), "who verified, entered and acted: the guide has it in a Provenance of the order")
    | dict.fromkeys((15, 20, 25), "the guide gives it no FHIR element"),
)


def numbers_of(orc: Segment, scope: Scope) -> list[Resource]:
    """Return placer and filler number of an order, the placer's first."""
    return [found for name in ("placer", "filler") if (found := first(_ORC[name], orc, scope, {}))]


def add_common(resource: Resource, orc: Segment, scope: Scope) -> None:
    """Add what an ORC says of a prescription, but for who ordered it."""
    fill(resource, orc, COMMON, scope)
    set_status(resource, orc, _ORC["status"], _ORC["control"], scope, _SILENT)
    group = values(_ORC["group"], orc, scope, resource)
    if group:
        resource["groupIdentifier"] = group[0]
        resource.setdefault("identifier", []).extend(group[1:])
        if not resource["identifier"]:
            del resource["identifier"]
    parents = values(_ORC["parent"], orc, scope, resource)
    if parents:
        resource["basedOn"] = [{"type": "MedicationRequest", "identifier": parent} for parent in parents]
    _add_time(resource, orc, scope)
    recorder = first(_ORC["recorder"], orc, scope, resource)
    if recorder:
        resource["recorder"] = recorder
    category = first(_ORC["category"], orc, scope, resource)
    if category:
        more = _CATEGORIES.get(orc.code(29), {"coding": []})
        resource["category"] = [{**category, "coding": [*more["coding"], *category.get("coding", ())]}]


def _add_time(resource: Resource, orc: Segment, scope: Scope) -> None:
    """Set when a new order was written; of any other event its time (guide: ORC[ServiceRequest] 28 to 31)."""
    time = first(_ORC["time"], orc, scope, resource)
    if time and orc.code(1) in _NEW:
        resource["authoredOn"] = time
    elif time:
        event = [{"url": "date", "valueDateTime": time}]
        resource.setdefault("extension", []).append({"url": EXTENSION + "businessEvent", "extension": event})


def add_requester(resource: Resource, orc: Segment, scope: Scope) -> None:
    """Set who ordered: the provider, in a role where the facility or a call-back number is said."""
    orderer = first(_ORC["orderer"], orc, scope, resource)
    if orderer:
        resource["requester"] = orderer
    person = resource.get("requester")
    homes = values(_ORC["orderer_address"], orc, scope, resource) if person else []
    if person and homes:
        scope.edit(person["reference"])["address"] = homes
    facility = first(_ORC["facility"], orc, scope, resource)
    if facility:
        more = {
            "address": values(_ORC["facility_address"], orc, scope, resource),
            "telecom": values(_ORC["facility_phone"], orc, scope, resource),
        }
        complete_organization(facility["reference"], {name: one_ for name, one_ in more.items() if one_}, scope)
    phones = values(_ORC["callback"], orc, scope, resource) if person else []
    if person and (facility or phones):
        resource["requester"] = role_of(person, scope, organization=facility, telecom=phones)
    elif facility:
        resource["requester"] = facility
