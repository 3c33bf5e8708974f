"""CX, EI, EIP, DLN and plain numbers as Identifier (guide: CX[Identifier], EI[Identifier-Extension] and kin).

The system comes from the assigner. The guide also wants an Organization per assigner; it becomes one resource.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.mapping.codes.systems import SSN, code_system, identifier_system
from shared.mapping.codes.tables import V2, table
from shared.mapping.datatypes.check_digit import add_check_digit
from shared.mapping.datatypes.time import between
from shared.mapping.organization import assigner
from shared.mapping.rows import NULL, Build, Resource, parts_of

if TYPE_CHECKING:
    from shared.hl7 import Segment
    from shared.mapping.scope import Scope

_TYPES = table("IdentifierType").targets
_PERSONNEL = table("PractitionerIDNumberType").targets
_TYPE_SYSTEM = V2 + "0203"
_NO_TARGET = "the guide gives it no FHIR element"


@cache
def typed(code: str, display: str = "") -> Resource:
    """Return the type of an identifier: HL7 table 0203; it is shared and must not be changed."""
    shown = display or (_TYPES[code].display if code in _TYPES else "")
    return {"coding": [{"system": _TYPE_SYSTEM, "code": code, **({"display": shown} if shown else {})}]}


@cache
def cx(default_type: str = "") -> Build:
    """Return the build function of a CX as Identifier; ``default_type`` where CX.5 is empty."""

    @parts_of(
        {1: "value", 2: "extension", 3: "extension", 4: "system", 5: "type", 7: "period.start", 8: "period.end"},
        dict.fromkeys((6, 9, 10, 11, 12), _NO_TARGET),
    )
    def identifier(raw: str, scope: Scope) -> Resource | None:
        parts = scope.parts(raw)
        value = scope.text(parts[0])
        if not value:
            return None
        found = numbered(value, scope.text(parts[4]) or default_type)
        if parts[1] or parts[2]:
            add_check_digit(found, scope.text(parts[1]), scope.text(parts[2]))
        add_assigner(found, parts[3], scope)
        if parts[6] or parts[7]:
            period = between(parts[6], parts[7], scope)
            if period:
                found["period"] = period
        return found

    return identifier


@cache
def ei(type_code: str = "", type_display: str = "") -> Build:
    """Return the build function of an EI as Identifier, with the type the guide assigns (PLAC, FILL...)."""

    @parts_of({1: "value", 2: "system", 3: "system"}, {4: "the kind of EI.3: its form says it"})
    def identifier(raw: str, scope: Scope) -> Resource | None:
        parts = scope.parts(raw)
        value = scope.text(parts[0])
        if not value:
            return None
        found: Resource = {"type": typed(type_code, type_display)} if type_code else {}
        namespace, universal_id, kind = (scope.text(part) for part in parts[1:4])
        system = identifier_system(namespace, universal_id, kind)
        if system:
            found["system"] = system
        found["value"] = value
        if namespace and universal_id:
            found["assigner"] = {"display": namespace}
        return found

    return identifier


@cache
def eip(placer_type: str, filler_type: str) -> Build:
    """Return the build function of an EIP as its one or two Identifiers."""
    kinds = (ei(placer_type), ei(filler_type))

    @parts_of({1: "", 2: ""})
    def identifiers(raw: str, scope: Scope) -> list[Resource]:
        parts = scope.parts(raw)
        pairs = zip(kinds, parts[:2], strict=True)
        found = (build(scope.component.join(part.split(scope.subcomponent)), scope) for build, part in pairs if part)
        return [one for one in found if one]

    return identifiers


def owned_number(segment: Segment, field: int, scope: Scope) -> tuple[str, str] | None:
    """Return owner and value of an EI that a resource is known by; None where there is none: a null is no number."""
    number = segment.text(field)
    if number in ("", NULL):
        return None
    return segment.text(field, 3) or segment.text(field, 2) or scope.assigner, number


@parts_of({1: "value", 2: "system", 3: "system"}, {4: "the kind of EI.3: its form says it"})
def group_number(raw: str, scope: Scope) -> list[Resource]:
    """Return the numbers of ORC-4: an EI until 2.7, an EIP from 2.8 on; subcomponents make it one in any version."""
    if scope.subcomponent in raw or not scope.is_before("2.8"):
        found: list[Resource] = eip("PGN", "FGN")(raw, scope)
        return found
    number = ei("PGN")(raw, scope)
    return [number] if number else []


@parts_of({1: "value", 2: "type", 4: "period.end"}, {3: "the guide's extension does not exist"})
def personnel_number(raw: str, scope: Scope) -> Resource | None:
    """Return a number of a practitioner (guide: PLN[Identifier])."""
    parts = scope.parts(raw)
    value = scope.text(parts[0])
    if not value:
        return None
    found: Resource = {}
    kind = scope.text(parts[1].split(scope.subcomponent)[0])
    if kind:
        target = _PERSONNEL.get(kind)
        shown = {"display": target.display} if target else {}
        found["type"] = {"coding": [{"system": V2 + "0338", "code": " ".join(kind.split()), **shown}]}
    found["value"] = value
    period = between("", parts[3], scope) if parts[3] else None
    return {**found, "period": period} if period else found


@cache
def typed_number(type_code: str) -> Build:
    """Return the build function of a bare number (ST) as Identifier of a type."""

    @parts_of({1: "value"})
    def identifier(raw: str, scope: Scope) -> Resource | None:
        value = scope.text(raw)
        return numbered(value, type_code) if value else None

    return identifier


@parts_of({1: ""}, dict.fromkeys(range(2, 13), "the element is a string"))
def number_of(raw: str, scope: Scope) -> str | None:
    """Return the number of a CX or EI as a string."""
    return scope.text(scope.parts(raw)[0]) or None


@parts_of(
    {1: "value", 3: "system", 4: "value", 6: "system", 10: "value", 12: "system"},
    dict.fromkeys((2, 5, 7, 8, 9, 11, 13), "an Identifier has no name"),
)
def coded_number(raw: str, scope: Scope) -> list[Resource]:
    """Return a code as Identifiers, alternates too (guide: CWE[Identifier])."""
    parts = scope.parts(raw)
    pairs = ((scope.text(parts[place]), code_system(scope.text(parts[place + 2]))) for place in (0, 3, 9))
    return [{**({"system": system} if system else {}), "value": value} for value, system in pairs if value]


@parts_of({1: "value", 2: "extension", 3: "period.end"})
def drivers_license(raw: str, scope: Scope) -> Resource | None:
    """Return a driver's license (guide: DLN[Identifier]); the issuer stays a name: it is no URI."""
    parts = scope.parts(raw)
    value = scope.text(parts[0])
    if not value:
        return None
    found = numbered(value, "DL")
    issuer = scope.text(parts[1])
    if issuer:
        found["system"] = identifier_system(issuer, "", "")
    period = between("", parts[2], scope) if parts[2] else None
    if period:
        found["period"] = period
    return found


@parts_of({1: "value"})
def social_security(raw: str, scope: Scope) -> Resource | None:
    """Return a US social security number (guide: PID[Patient] 31 to 34)."""
    value = scope.text(raw)
    return {"type": typed("SS"), "system": SSN, "value": value} if value else None


def numbered(value: str, type_code: str) -> Resource:
    """Return an Identifier of a value and an HL7 type code."""
    if not type_code:
        return {"value": value}
    return {"type": typed(type_code if type_code.isalnum() else " ".join(type_code.split())), "value": value}


def add_assigner(identifier: Resource, raw: str, scope: Scope) -> None:
    """Add system and assigner of an HD that is one component."""
    if raw:
        identifier.update(scope.reuse("assigned by", raw, _assigned_by))


def _assigned_by(raw: str, scope: Scope) -> Resource:
    namespace, universal_id, kind, *_ = scope.subparts(raw)
    system = identifier_system(namespace, universal_id, kind)
    return {"system": system, "assigner": assigner(raw, scope)} if system else {}
