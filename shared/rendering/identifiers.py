"""Identifier, and the Organization that assigns it, as CX, EI, EIP, HD, DLN."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.mapping.codes.systems import SSN
from shared.mapping.codes.tables import V2, table
from shared.mapping.datatypes.check_digit import CHECK_DIGIT, CHECK_SCHEME
from shared.rendering.codes import authority, is_registered
from shared.rendering.draft import composed, escaped, subcomposed
from shared.rendering.rows import Choice, Resource, Write
from shared.rendering.times import taken_period

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_TYPES = table("IdentifierType").targets
_TYPE_SYSTEMS = (V2 + "0203", None)
_URI = "urn:ietf:rfc:3986"


def type_of(identifier: Resource) -> str:
    """Return the HL7 table 0203 code of an identifier; empty without one."""
    for one in identifier.get("type", {}).get("coding", ()):
        if one.get("system") in _TYPE_SYSTEMS:
            return str(one.get("code", ""))
    return ""


def has_type(*codes: str) -> Choice:
    """Return the choice of identifiers by their HL7 type; ``""`` stands for none."""
    return lambda identifier: type_of(identifier) in codes


def is_social_security(identifier: Resource) -> bool:
    """Tell whether an identifier is a US social security number, which has a field of its own."""
    return type_of(identifier) == "SS" and identifier.get("system") == SSN and "assigner" not in identifier


def taken_type(identifier: Resource) -> str:
    """Return the HL7 type of an identifier, and take it with the name the table gives it."""
    found = type_of(identifier)
    holder = identifier.get("type", {})
    for one in holder.get("coding", ()):
        if found and one.get("code") == found and one.get("system") in _TYPE_SYSTEMS:
            shown = one.pop("display", "")
            if holder.get("text") in (shown, _TYPES[found].display if found in _TYPES else shown):
                holder.pop("text", None)
            one.clear()
    return found


def taken_authority(identifier: Resource, draft: Draft) -> list[str]:
    """Return the HD of who assigned an identifier, and take system and assigner."""
    system = identifier.pop("system", "")
    namespace, universal_id, kind = authority(system)
    owner = identifier.get("assigner", {})
    if "reference" in owner:
        with draft.follow(owner) as organization:
            named = taken_names(organization)
        namespace = named[0] if named[0] and (not namespace or is_registered(system)) else namespace
        if not universal_id and named[1]:
            universal_id, kind = named[1:]
    elif not namespace and owner.get("display"):
        namespace = owner.pop("display")
    elif owner.get("display") == namespace:
        owner.pop("display", None)
    return [namespace, universal_id, kind]


def taken_names(organization: Resource) -> list[str]:
    """Return namespace, universal id and its kind from the identifiers of an Organization, Device or Location."""
    namespace, universal_id, kind = "", "", ""
    for identifier in organization.get("identifier", ()):
        universal = _universal_type(identifier)
        if identifier.get("system") == _URI or universal:
            if not universal_id:
                value = identifier.pop("value", "")
                _, universal_id, kind = authority(value) if identifier.pop("system", "") else ("", value, universal)
                identifier.pop("type", None)
                kind = universal or kind
        elif "system" not in identifier and not namespace and not type_of(identifier):
            namespace = identifier.pop("value", "")
    return [namespace, universal_id, kind]


def _universal_type(identifier: Resource) -> str:
    codings = identifier.get("type", {}).get("coding", ())
    return next((str(one.get("code", "")) for one in codings if one.get("system") == V2 + "0301"), "")


def hd(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to an Organization, Location or Device as an HD: namespace and universal id, else its name."""
    del kind
    with draft.follow(value) as resource:
        namespace, universal_id, type_ = taken_names(resource)
        namespace = namespace or (resource.pop("name", "") if not universal_id else "")
    return composed([namespace, universal_id, type_])


def cx(value: Resource, draft: Draft, kind: str) -> str:
    """Write an Identifier as a CX."""
    del kind
    number = value.pop("value", "")
    if not number:
        return ""
    digits = taken_check_digit(value)
    assigned = taken_authority(value, draft)
    type_code = taken_type(value)
    dates = taken_period(value.get("period", {}))
    value.pop("use", None)
    return composed([number, *digits, assigned, type_code, "", *(one[:8] for one in dates)])


def number(value: Resource, draft: Draft, kind: str) -> str:
    """Write the value of an Identifier alone, where the field says the rest."""
    del draft, kind
    value.pop("type", None)
    value.pop("system", None)
    return escaped(value.pop("value", ""))


def drivers_license(value: Resource, draft: Draft, kind: str) -> str:
    """Write an Identifier as a DLN."""
    del kind
    said = value.pop("value", "")
    taken_type(value)
    issuer = taken_authority(value, draft)
    _, end = taken_period(value.get("period", {}))
    return composed([said, issuer[0] or issuer[1], end[:8]])


@cache
def ei(*, has_fixed_type: bool = True) -> Write:
    """Return the write function of an Identifier as an EI; the field says its type, if the guide assigns one."""

    def entity(value: Resource, draft: Draft, kind: str) -> str:
        del kind
        return composed(taken_entity(value, draft, has_fixed_type=has_fixed_type))

    return entity


def taken_entity(value: Resource, draft: Draft, *, has_fixed_type: bool = True) -> list[str]:
    """Return the components of an EI, and take them."""
    said = value.pop("value", "")
    if has_fixed_type:
        taken_type(value)
    return [said, *taken_authority(value, draft)] if said else []


def entity_pair(first: Resource, second: Resource, draft: Draft) -> str:
    """Return the EIP of a placer's and a filler's Identifier, each an EI in subcomponents; take them."""
    return "^".join(subcomposed(taken_entity(one, draft)) for one in (first, second)).rstrip("^")


def taken_check_digit(value: Resource) -> list[str]:
    """Return check digit and scheme, and take them."""
    found = {CHECK_DIGIT: "", CHECK_SCHEME: ""}
    for one in value.get("extension", ()):
        if one.get("url") in found:
            found[one.pop("url")] = one.pop("valueString", "")
    return list(found.values())
