"""Practitioner and PractitionerRole: from XCN and NDL (guide: XCN[Practitioner], XCN[PractitionerRole], NDL)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from shared.mapping.codes.systems import NPI, identifier_system
from shared.mapping.codes.tables import V2, table
from shared.mapping.datatypes.check_digit import add_check_digit
from shared.mapping.datatypes.identifier import typed
from shared.mapping.datatypes.person import add_validity, name_of
from shared.mapping.datatypes.time import between
from shared.mapping.location import LOCATION_PARTS, location
from shared.mapping.organization import assigner
from shared.mapping.rows import Build, Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

_USES = table("NameType").targets
_DEGREES = table("DegreeLicenseCertificate").targets
_NO_TARGET = "the guide gives it no FHIR element"
PRACTITIONER_PARTS = {
    1: "identifier.value",
    2: "name.family",
    3: "name.given",
    4: "name.given",
    5: "name.suffix",
    6: "name.prefix",
    7: "qualification.code",
    8: "identifier.system",
    9: "identifier.system",
    10: "name.use",
    11: "identifier.extension",
    12: "identifier.extension",
    13: "identifier.type",
    17: "name.period",
    19: "name.period.start",
    20: "name.period.end",
    21: "name.suffix",
}
_XCN_IGNORED = dict.fromkeys((14, 15, 16, 18, 22, 23, 24, 25), _NO_TARGET)


@parts_of(PRACTITIONER_PARTS, _XCN_IGNORED)
def practitioner(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the Practitioner of an XCN; equal text is one Practitioner."""
    return scope.reuse("XCN", raw, _of_field)


def _of_field(raw: str, scope: Scope) -> Resource | None:
    return _practitioner(scope.parts(raw), scope)


def _practitioner(parts: list[str], scope: Scope) -> Resource | None:
    number, name = scope.text(parts[0]), name_of([*parts[1:6], ""], parts[20], scope)
    if not number and not name:
        return None
    resource: Resource = {"resourceType": "Practitioner", "id": ""}
    if number:
        identifier = _identifier(number, parts, scope)
        resource["id"] = scope.mint("Practitioner", identifier.get("system", scope.assigner), number)
        resource["identifier"] = [identifier]
    else:
        shown = (name.get("family", ""), " ".join(name.get("given", ())))
        resource["id"] = scope.mint("Practitioner", "name", scope.assigner, *shown)
    if name:
        use = _USES.get(scope.text(parts[9]))
        if use:
            name["use"] = use.code
        add_validity(name, parts[16], parts[18], parts[19], scope)
        resource["name"] = [name]
    degree = scope.text(parts[6])
    if degree:
        resource["qualification"] = [{"code": _degree(degree)}]
    return {"reference": scope.add(resource)}


def _identifier(number: str, parts: list[str], scope: Scope) -> Resource:
    type_code = scope.text(parts[12])
    namespace, universal_id, kind, *_ = scope.subparts(parts[8]) if parts[8] else [""] * 6
    source = scope.text(parts[7])
    found: Resource = {"type": typed(" ".join(type_code.split()))} if type_code else {}
    if parts[10] or parts[11]:
        add_check_digit(found, scope.text(parts[10]), scope.text(parts[11]))
    named = identifier_system(namespace, universal_id, kind)
    system = NPI if type_code == "NPI" else named or identifier_system(source, "", "")
    if system:
        found["system"] = system
    found["value"] = number
    if named and parts[8]:
        found["assigner"] = assigner(parts[8], scope)
    return found


def _degree(sent: str) -> Resource:
    target = _DEGREES.get(sent)
    if target is None:
        return {"text": sent}
    return {"coding": [{"system": V2 + "0360", "code": target.code, "display": target.display}]}


@cache
def role(system: str = "", code: str = "", display: str = "") -> Build:
    """Return the build function of a PractitionerRole of an XCN, with the role's code where the guide assigns one."""
    meaning = {"coding": [{"system": system, "code": code, "display": display}]} if code else None

    def in_role(raw: str, scope: Scope) -> Resource | None:
        person = practitioner(raw, scope)
        return role_of(person, scope, code=meaning) if person else None

    @parts_of(PRACTITIONER_PARTS, _XCN_IGNORED)
    def practitioner_role(raw: str, scope: Scope) -> Resource | None:
        return scope.reuse("role " + code, raw, in_role)

    return practitioner_role


def role_of(person: Resource | None, scope: Scope, **elements: Any) -> Resource:
    """Return a reference to the PractitionerRole of a Practitioner, or of nobody known, with these elements."""
    said = {name: value for name, value in elements.items() if value}
    of = person["reference"] if person else ""
    key = ("PractitionerRole", of + repr(said))
    found: Resource | None = scope.known.get(key)
    if found is None:
        resource: Resource = {
            "resourceType": "PractitionerRole",
            "id": scope.mint("PractitionerRole", of, repr(said)),
            **({"practitioner": person} if person else {}),
        }
        resource.update({name: [value] if name == "code" else value for name, value in said.items()})
        found = scope.known[key] = {"reference": scope.add(resource)}
    return found


@parts_of(
    {1: "practitioner", 2: "period.start", 3: "period.end"}
    | {part + 3: f"location.{path}" for part, path in LOCATION_PARTS.items() if part < 9},
    {8: _NO_TARGET, 9: _NO_TARGET},
)
def named_role(raw: str, scope: Scope) -> Resource | None:
    """Return a reference to the PractitionerRole of an NDL: its name is a CNN in subcomponents, its place a PL."""
    return scope.reuse("NDL", raw, _of_name)


def _of_name(raw: str, scope: Scope) -> Resource | None:
    parts = scope.parts(raw)
    number, *name = parts[0].split(scope.subcomponent)
    if not scope.text(number) and scope.subcomponent not in parts[0]:
        return None
    padded = [*name, *[""] * 10]
    as_xcn = [number, *padded[:6], "", scope.subcomponent.join(padded[7:10]).strip(scope.subcomponent), *[""] * 30]
    person = _practitioner(as_xcn, scope)
    if person is None:
        return None
    period = between(parts[1], parts[2], scope) if parts[1] or parts[2] else None
    place = location(scope.component.join(parts[3:11]), scope) if any(parts[3:11]) else None
    return role_of(person, scope, period=period, location=[place] if place else None)
