"""HumanName, Address, ContactPoint, Practitioner and Organization as XPN, XAD, XTN, XCN, NDL, XON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.mapping.codes.tables import V2, CodeTable, table
from shared.mapping.datatypes.person import EXTENSION
from shared.rendering.codes import inverse_code
from shared.rendering.draft import composed
from shared.rendering.identifiers import taken_authority, taken_check_digit, taken_type
from shared.rendering.rows import ALTERNATE_CODES, Resource, prune
from shared.rendering.times import taken_period

if TYPE_CHECKING:
    from shared.rendering.draft import Draft

_USES, _ORDER = table("NameType"), table("NameAssemblyOrder")
_ADDRESS_USES, _ADDRESS_TYPES = table("AddressType[Use]"), table("AddressType[Type]")
_TELECOM_USES, _EQUIPMENT = table("TelecommunicationUseCode"), table("TelecommunicationEquipmentType")
_SURNAME = ("humanname-own-prefix", "humanname-own-name", "humanname-partner-prefix", "humanname-partner-name")
_PIECES = tuple(EXTENSION + "contactpoint-" + name for name in ("country", "area", "local", "extension"))
_MOST_SUFFIXES = 3


def xpn(value: Resource, draft: Draft, kind: str) -> str:
    """Write a HumanName as an XPN; a third suffix and more stay behind."""
    del kind
    family, given, middle, suffixes, prefix = _taken_name(value)
    use = taken_code(value, "use", _USES)
    start, end = taken_period(value.get("period", {}))
    order = _taken_extension(value, EXTENSION + "humanname-assembly-order", "valueCode")
    _forget_text(value, (prefix, given, middle, family[0], *suffixes))
    said = composed([family, given, middle, suffixes[0], prefix, suffixes[1]])
    del draft
    return composed_with(said, [use, "", "", "", inverse_code(_ORDER).get(order, order), start, end, suffixes[2]], 6)


def composed_with(head: str, rest: list[Any], places: int) -> str:
    """Return components that follow ``places`` written ones; empty where there are none before them."""
    tail = composed(rest)
    return head + "^" * (places - head.count("^")) + tail if head and tail else head


def _taken_name(value: Resource) -> tuple[list[str], str, str, list[str], str]:
    surname = [value.pop("family", "")]
    inner = value.get("_family", {})
    surname += [_taken_extension(inner, EXTENSION + url, "valueString") for url in _SURNAME]
    given: list[str] = [*value.pop("given", ()), ""]
    first, more = given[0], given[1:]
    suffixes = value.pop("suffix", [])
    if len(suffixes) > _MOST_SUFFIXES:
        value["suffix"] = suffixes[_MOST_SUFFIXES:]
    padded = [*suffixes, "", "", ""][:_MOST_SUFFIXES]
    return surname, first, " ".join(part for part in more if part), padded, " ".join(value.pop("prefix", ()))


def _forget_text(value: Resource, parts: tuple[str, ...]) -> None:
    """Drop the text of a name that its parts say."""
    words = {word for part in parts for word in part.split()}
    if words.issuperset(str(value.get("text", "")).replace(",", " ").split()):
        value.pop("text", None)


def taken_code(value: Resource, element: str, codes: CodeTable) -> str:
    """Return the HL7 code of an element with a required binding, and take it; its original where it has one."""
    beside = value.get("_" + element, {})
    for one in beside.get("extension", ()):
        if one.get("url") == ALTERNATE_CODES:
            codings = one.get("valueCodeableConcept", {}).get("coding") or [{}]
            if "code" in codings[0]:
                found = str(codings[0]["code"])
                one.clear()
                return found
    own = inverse_code(codes).get(value.get(element, ""), "")
    if own:
        value.pop(element)
    return own


def _taken_extension(value: Resource, url: str, element: str) -> str:
    for one in value.get("extension", ()):
        if one.get("url") == url and element in one:
            one.pop("url")
            return str(one.pop(element))
    return ""


def xad(value: Resource, draft: Draft, kind: str) -> str:
    """Write an Address as an XAD; the text of one without parts is its first line."""
    del draft, kind
    lines: list[str] = value.pop("line", [])
    if not lines and not value.keys() & {"city", "state", "postalCode", "country"} and value.get("text"):
        lines = [value.pop("text")]
    first, more = (lines[0], lines[1:]) if lines else ("", [])
    use = taken_code(value, "use", _ADDRESS_USES)
    own_type = "" if use else taken_code(value, "type", _ADDRESS_TYPES)
    tract = _taken_extension(value, EXTENSION + "iso21090-ADXP-censusTract", "valueString")
    places = [value.pop(element, "") for element in ("city", "state", "postalCode", "country")]
    district = value.pop("district", "")
    start, end = taken_period(value.get("period", {}))
    second = ", ".join(line for line in more if line)
    _forget_text(value, (first, second, *places, district))
    return composed([[first], second, *places, use or own_type, "", district, tract, "", "", start, end])


def name_text(value: str, draft: Draft, kind: str) -> str:
    """Write a name that is one string as an XPN."""
    del draft, kind
    return composed([[value]])


def is_work(value: Resource) -> bool:
    """Tell whether a ContactPoint is a business number."""
    return value.get("use") == "work"


def is_private(value: Resource) -> bool:
    """Tell whether a ContactPoint is any but a business number."""
    return not is_work(value)


def xtn(value: Resource, draft: Draft, kind: str) -> str:
    """Write a ContactPoint as an XTN."""
    del draft, kind
    said, system, use = value.pop("value", ""), value.pop("system", "phone"), value.get("use", "")
    pieces = [_taken_extension(value, url, "valueString") for url in _PIECES]
    if not said and not any(pieces):
        return ""
    if system == "email":
        taken_code(value, "use", _TELECOM_USES)
        value.pop("use", None)
        return composed(["", "NET", "Internet", said])
    if use == "mobile":
        value.pop("use")
        use_code, equipment = "PRN", "CP"
    else:
        use_code = taken_code(value, "use", _TELECOM_USES)
        equipment = inverse_code(_EQUIPMENT).get(system, "")
    if not equipment:
        value["system"] = system  # sms, url: HL7 has no equipment of that kind
    whole, unformatted = ("", said) if any(pieces) else (said, "")
    if unformatted == _formatted(*pieces):
        unformatted = ""
    return composed([whole, use_code, equipment, "", *pieces, "", "", "", unformatted])


def _formatted(country: str, area: str, local: str, extension: str) -> str:
    pieces = ("+" + country if country else "", area, local, "X" + extension if extension else "")
    return " ".join(piece for piece in pieces if piece) if local else ""


def xcn(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to a Practitioner, itself or through its role, as an XCN."""
    del kind
    return composed(taken_person(value, draft))


def taken_person(value: Resource, draft: Draft) -> list[Any]:
    """Return the components of an XCN from a reference, and take it."""
    _, target = draft.look(value)
    if target.get("resourceType") == "PractitionerRole":
        with draft.follow(value) as role:
            person = role.get("practitioner", {})
            role["code"] = [one for one in role.get("code", ()) if not _says_the_field(one)]
            return taken_person(person, draft) if person else []
    if not target and "identifier" in value:
        found = _person([], value.pop("identifier"), draft)
        value.pop("display", None)
        return found
    if target.get("resourceType") not in ("Practitioner", "RelatedPerson", "Patient"):
        return []
    with draft.follow(value) as person:
        names = person.get("name", [])
        identifiers = person.get("identifier", [])
        found = _person(names, identifiers[0] if identifiers else {}, draft)
        for one in person.get("qualification", ()):
            if "identifier" not in one and not found[6]:
                found[6] = _degree(one.get("code", {}))
        return found


def _says_the_field(code: Resource) -> bool:
    """Tell whether a role is what the field means: OBX-16, OBX-25."""
    return any(one.get("code") in ("responsibleObserver", "MDIR") for one in code.get("coding", ()))


def _person(names: list[Resource], identifier: Resource, draft: Draft) -> list[Any]:
    name = names[0] if names else {}
    family, given, middle, suffixes, prefix = _taken_name(name)
    _forget_text(name, (prefix, given, middle, family[0], *suffixes))
    use = taken_code(name, "use", _USES)
    start, end = taken_period(name.get("period", {}))
    prune(name)
    number, type_code, digits = identifier.pop("value", ""), taken_type(identifier), taken_check_digit(identifier)
    assigned = taken_authority(identifier, draft)
    if type_code == "NPI" and assigned == ["NPI", "", ""]:
        assigned = []  # the type says it
    identifier.pop("use", None)
    head = [number, family, given, middle, suffixes[0], prefix, "", "", assigned, use, *digits, type_code]
    return [*head, "", "", "", "", "", start, end, suffixes[1], "", ""]


def _degree(value: Resource) -> str:
    codings = value.get("coding", [])
    if codings and codings[0].get("system") == V2 + "0360":
        found = str(codings[0].get("code", ""))
        value.clear()
        return found
    return str(value.pop("text", "")) if "coding" not in value else ""


def ndl(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to a PractitionerRole as an NDL; its name is a CNN in subcomponents."""
    del kind
    _, target = draft.look(value)
    start = end = ""
    if target.get("resourceType") == "PractitionerRole":
        with draft.follow(value) as role:
            start, end = taken_period(role.get("period", {}))
            parts = taken_person(role.get("practitioner", {}), draft)
    else:
        parts = taken_person(value, draft)
    if not parts:
        return ""
    number, family, given, middle, suffix, prefix, degree, _, assigned = parts[:9]
    return composed([[number, family[0], given, middle, suffix, prefix, degree, "", *assigned], start, end])


def xon(value: Resource, draft: Draft, kind: str) -> str:
    """Write a reference to an Organization as an XON; through a role where that is of an organization."""
    del kind
    _, target = draft.look(value)
    if target.get("resourceType") == "PractitionerRole":
        with draft.follow(value) as role:
            return xon(role.get("organization", {}), draft, "")
    if target.get("resourceType") != "Organization":
        return ""
    with draft.follow(value) as organization:
        return organization_of(organization, draft)


def organization_of(organization: Resource, draft: Draft) -> str:
    """Return an Organization as an XON, and take name and first number."""
    identifiers = organization.get("identifier", [])
    first = identifiers[0] if identifiers else {}
    number, type_code, digits = first.pop("value", ""), taken_type(first), taken_check_digit(first)
    assigned = taken_authority(first, draft)
    return composed([organization.pop("name", ""), "", "", *digits, assigned, type_code, "", "", number])
