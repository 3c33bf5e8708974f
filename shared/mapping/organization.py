"""Organization: from XON, from the assigner of an identifier (HD), from a facility (guide: XON[, HD[Organization])."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.mapping.codes.systems import code_system, identifier_system, universal
from shared.mapping.codes.tables import V2
from shared.mapping.datatypes.check_digit import add_check_digit
from shared.mapping.rows import Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_UNKNOWN = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
}
_UNIVERSAL_TYPES = V2 + "0301"
# HL7 table 0301: the kinds that make a URI; without a kind the form of the id says it.
_URI_TYPES = frozenset({"ISO", "UUID", "GUID", "DNS", "URI", ""})


def assigner(raw: str, scope: Scope) -> Resource:
    """Return a reference to the Organization of an HD that is one component (subcomponents inside)."""
    return scope.reuse("HD", raw, _of_component) or {}


def _of_component(raw: str, scope: Scope) -> Resource:
    namespace, universal_id, kind, *_ = scope.subparts(raw)
    return _organization(namespace, universal_id, kind, scope)


@parts_of({1: "identifier.value", 2: "identifier.value", 3: "identifier.type"})
def facility(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Organization of an HD that is a field."""
    return scope.reuse("facility", raw, _of_field)


def _of_field(raw: str, scope: Scope) -> Resource | None:
    namespace, universal_id, kind = (scope.text(part) for part in scope.parts(raw)[:3])
    return _organization(namespace, universal_id, kind, scope) if namespace or universal_id else None


def _organization(namespace: str, universal_id: str, kind: str, scope: Scope) -> Resource:
    identifiers: list[Resource] = []
    if namespace:
        identifiers.append({"value": namespace})
    if universal_id:
        identifiers.append(universal_identifier(universal_id, kind))
    key = ("universal", universal_id) if universal_id else ("namespace", scope.assigner, namespace)
    resource_id = scope.mint("Organization", *key)
    url = scope.add({"resourceType": "Organization", "id": resource_id, "identifier": identifiers})
    return {"reference": url}


def universal_identifier(universal_id: str, kind: str) -> Resource:
    """Return the Identifier of a universal id: a URI where it is one (guide: HD[Organization] 4 to 6)."""
    uri = universal(universal_id, kind) if kind.upper() in _URI_TYPES else ""
    found: Resource = {}
    if kind:
        found["type"] = {"coding": [{"system": _UNIVERSAL_TYPES, "code": " ".join(kind.split())}]}
    if uri:
        found["system"] = "urn:ietf:rfc:3986"
    found["value"] = uri or universal_id
    return found


@parts_of(
    {1: "name", 3: "identifier.value", 4: "identifier.extension", 5: "identifier.extension", 6: "identifier.system"}
    | {7: "identifier.type", 10: "identifier.value"},
    dict.fromkeys((2, 8, 9), "the guide gives it no FHIR element"),
)
def organization(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Organization of an XON."""
    return scope.reuse("XON", raw, _named)


def _named(raw: str, scope: Scope) -> Resource | None:
    found = described(raw, scope)
    return add_organization(found, scope) if found else None


def described(raw: str, scope: Scope) -> Resource | None:
    """Return what an XON says of an organization: its name and its number."""
    number, name = organization_number(raw, scope), scope.text(scope.parts(raw)[0])
    found: Resource = {"identifier": [number]} if number else {}
    if name:
        found["name"] = name
    return found or None


@parts_of(
    {3: "value", 4: "extension", 5: "extension", 6: "system", 7: "type", 10: "value"},
    dict.fromkeys((2, 8, 9), "the guide gives it no FHIR element"),
)
def organization_number(raw: str, scope: Scope) -> Resource | None:
    """Return the number of an XON as Identifier."""
    parts = scope.parts(raw)
    number = scope.text(parts[9]) or scope.text(parts[2])
    if not number:
        return None
    namespace, universal_id, kind, *_ = scope.subparts(parts[5]) if parts[5] else [""] * 6
    system = identifier_system(namespace, universal_id, kind)
    found = _numbered(number, system, scope.text(parts[6]))
    if parts[3] or parts[4]:
        add_check_digit(found, scope.text(parts[3]), scope.text(parts[4]))
    if system:
        found["assigner"] = assigner(parts[5], scope)
    return found


def add_organization(found: Resource, scope: Scope) -> Resource:
    """Add the Organization of these elements, or complete it; return its reference. A number counts before a name."""
    numbers = found.get("identifier")
    key = (
        ("number", numbers[0].get("system", scope.assigner), numbers[0]["value"])
        if numbers
        else ("name", scope.assigner, found.get("name", ""))
    )
    url = "urn:uuid:" + scope.mint("Organization", *key)
    complete_organization(url, found, scope)
    return {"reference": url}


def unnamed_organization(found: Resource, scope: Scope) -> Resource:
    """Return a reference to an Organization of which the sender says an address or telecom, and no name (org-1)."""
    url = "urn:uuid:" + scope.mint("Organization", "unnamed", scope.assigner, repr(found))
    complete_organization(url, {"_name": _UNKNOWN, **found}, scope)
    return {"reference": url}


def complete_organization(url: str, found: Resource, scope: Scope) -> None:
    """Add an Organization of these elements, or what they say more; none is at home (org-2, org-3)."""
    for element in found.keys() & {"address", "telecom"}:
        found[element] = [away_from_home(one_) for one_ in found[element]]
    scope.add_or_complete({"resourceType": "Organization", "id": url.removeprefix("urn:uuid:"), **found})


def away_from_home(found: Resource) -> Resource:
    """Return an address or telecom of an organization: without the use ``home``, which only a person has."""
    return {name: value for name, value in found.items() if (name, value) != ("use", "home")}


@parts_of({1: "", 10: ""}, dict.fromkeys(range(2, 10), "the name says it"))
def organization_name(raw: str, scope: Scope) -> str | None:
    """Return an XON as a string: its name, else its number (guide: XON[string])."""
    parts = scope.parts(raw)
    return scope.text(parts[0]) or scope.text(parts[9]) or scope.text(parts[2]) or None


def _numbered(value: str, system: str, type_code: str) -> Resource:
    found: Resource = {}
    if type_code:
        found["type"] = {"coding": [{"system": V2 + "0203", "code": " ".join(type_code.split())}]}
    if system:
        found["system"] = system
    found["value"] = value
    return found


@parts_of(
    {1: "identifier.value", 2: "name", 3: "identifier.system", 9: "name"},
    dict.fromkeys((4, 5, 6, 7, 8), "an Organization has the first code only"),
)
def coded_organization(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Organization of a code (guide: CWE[Organization])."""
    return scope.reuse("CWE organization", raw, _of_code)


def _of_code(raw: str, scope: Scope) -> Resource | None:
    parts = scope.parts(raw)
    number, name = scope.text(parts[0]), scope.text(parts[8]) or scope.text(parts[1])
    system = code_system(scope.text(parts[2]))
    found: Resource = {}
    if number:
        found["identifier"] = [{**({"system": system} if system else {}), "value": number}]
    if name:
        found["name"] = name
    return add_organization(found, scope) if found else None
