"""XPN, XAD and XTN as HumanName, Address and ContactPoint (guide: XPN[HumanName], XAD[Address], XTN[ContactPoint])."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from shared.mapping.codes.tables import CodeTable, table
from shared.mapping.datatypes.coded import alternate, coded_text
from shared.mapping.datatypes.number import number
from shared.mapping.datatypes.time import between
from shared.mapping.rows import Build, Resource, parts_of

if TYPE_CHECKING:
    from shared.mapping.scope import Scope

EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
_USES = table("NameType")
_ADDRESS_TYPES = table("AddressType[Type]").targets
_ADDRESS_USES = table("AddressType[Use]")
_EQUIPMENT = table("TelecommunicationEquipmentType").targets
_TELECOM_USES = table("TelecommunicationUseCode")
_ASSEMBLY = table("NameAssemblyOrder").targets
_NO_TARGET = "the guide gives it no FHIR element"

# FN.2 to FN.5, in order (guide: FN[HumanName] 4 to 11).
_SURNAME = ("humanname-own-prefix", "humanname-own-name", "humanname-partner-prefix", "humanname-partner-name")


_CALLED = 15
_NAME_PARTS = {
    1: "family", 2: "given", 3: "given", 4: "suffix", 5: "prefix", 6: "suffix", 7: "use", 10: "period",
    11: "extension", 12: "period.start", 13: "period.end", 14: "suffix", _CALLED: "given",
}  # fmt: skip


@cache
def human_name(default_use: str = "") -> Build:
    """Return the build function of an XPN; ``default_use`` where the name type says nothing."""

    @parts_of(_NAME_PARTS, {8: _NO_TARGET, 9: _NO_TARGET})
    def name(raw: str, scope: Scope) -> Resource | list[Resource] | None:
        parts = scope.parts(raw)
        found = name_of(parts[:6], parts[13], scope)
        if not found:
            return None
        _add_code(found, "use", scope.text(parts[6]), _USES, scope)
        if default_use:
            found.setdefault("use", default_use)
        if parts[9] or parts[11] or parts[12]:
            add_validity(found, parts[9], parts[11], parts[12], scope)
        order = _ASSEMBLY.get(scope.text(parts[10])) if parts[10] else None
        if order:
            found["extension"] = [{"url": EXTENSION + "humanname-assembly-order", "valueCode": order.code}]
        called = scope.text(parts[_CALLED - 1]) if parts[_CALLED - 1] else ""
        return [found, {"use": "nickname", "given": [called]}] if called else found

    return name


_NAME = human_name()


@parts_of(
    {part: element for part, element in _NAME_PARTS.items() if part != _CALLED},
    {8: _NO_TARGET, 9: _NO_TARGET, _CALLED: "what somebody is called is another name, and the element holds one"},
)
def one_name(raw: str, scope: Scope) -> Resource | None:
    """Return the HumanName of an XPN for an element that holds one."""
    found: Resource | list[Resource] | None = _NAME(raw, scope)
    return found[0] if isinstance(found, list) else found


def name_of(parts: list[str], professional: str, scope: Scope) -> Resource:
    """Return family, given, prefix and suffix of XPN.1 to XPN.6, which XCN.2 to XCN.7 repeat."""
    found: Resource = {}
    family, extensions = _family(parts[0], scope)
    if family:
        found["family"] = family
    if extensions:
        found["_family"] = {"extension": extensions}
    text = scope.text
    if parts[1] or parts[2]:
        given = [said for part in (parts[1], parts[2]) if part and (said := text(part))]
        if given:
            found["given"] = given
    prefix = text(parts[4]) if parts[4] else ""
    if prefix:
        found["prefix"] = [prefix]
    if parts[3] or parts[5] or professional:
        suffix = [said for part in (parts[3], parts[5], professional) if part and (said := text(part))]
        if suffix:
            found["suffix"] = suffix
    return found


def _family(raw: str, scope: Scope) -> tuple[str, list[Resource]]:
    if scope.subcomponent not in raw:
        return scope.text(raw), []
    surname, *more = scope.subparts(raw)
    extensions = [
        {"url": EXTENSION + url, "valueString": said} for url, said in zip(_SURNAME, more, strict=False) if said
    ]
    return surname, extensions


def _add_code(found: Resource, element: str, sent: str, codes: CodeTable, scope: Scope) -> None:
    """Add a code with a required binding; one the table does not map is kept beside it, as the guide's is."""
    if not sent:
        return
    target = codes.targets.get(sent)
    if target:
        found[element] = target.code
        return
    if sent not in codes.listed:
        scope.find("code_unmapped", f"HL7 table {codes.number}")
    found["_" + element] = alternate({"coding": [{"system": codes.system, "code": " ".join(sent.split())}]})


def add_validity(found: Resource, both: str, start: str, end: str, scope: Scope) -> None:
    """Add the period of a name or address: its own two dates, else the older range (DR as subcomponents)."""
    if both and not start and not end:
        start, end, *_ = [*both.split(scope.subcomponent), ""]
    if start or end:
        period = between(start, end, scope)
        if period:
            found["period"] = period


@parts_of(
    {1: "line", 2: "line", 3: "city", 4: "state", 5: "postalCode", 6: "country", 7: "use", 9: "district"}
    | {10: "extension", 12: "period", 13: "period.start", 14: "period.end", 19: "line"},
    dict.fromkeys((8, 11, 15, 16, 17, 18, 20, 21, 22, 23), _NO_TARGET),
)
def address(raw: str, scope: Scope) -> Resource | None:
    """Return an Address."""
    parts = scope.parts(raw)
    text = scope.text
    found: Resource = {}
    _classify(found, text(parts[6]), scope)
    if parts[0] or parts[1] or parts[18]:
        street = scope.subparts(parts[0])[:3] if scope.subcomponent in parts[0] else [text(parts[0])]
        lines = [line for line in (*street, text(parts[1]), text(parts[18])) if line]
        if lines:
            found["line"] = lines
    for element, part in _ADDRESS_TEXTS:
        raw = parts[part]
        said = raw if raw.isalnum() else scope.head(raw) if raw else ""
        if said:
            found[element] = said
    if parts[8] and (district := coded_text(parts[8].replace(scope.subcomponent, scope.component), scope)):
        found["district"] = district
    tract = text(parts[9]) if parts[9] else ""
    if tract:
        found["extension"] = [{"url": EXTENSION + "iso21090-ADXP-censusTract", "valueString": tract}]
    if parts[11] or parts[12] or parts[13]:
        add_validity(found, parts[11], parts[12], parts[13], scope)
    return found if found.keys() - _ABOUT_THE_ADDRESS else None


_ADDRESS_TEXTS = (("city", 2), ("state", 3), ("postalCode", 4), ("country", 5))
_ABOUT_THE_ADDRESS = frozenset({"use", "_use", "type"})


def _classify(found: Resource, sent: str, scope: Scope) -> None:
    """Set use or type of an address (guide: XAD[Address] 9, 10); one that is neither is kept beside the use."""
    kind = _ADDRESS_TYPES.get(sent)
    if kind:
        found["type"] = kind.code
    else:
        _add_code(found, "use", sent, _ADDRESS_USES, scope)


_TELECOM_PARTS = {1: "value", 2: "use", 3: "system", 4: "value", 5: "extension", 6: "extension", 7: "extension"} | {
    8: "extension", 12: "value", 13: "period.start", 14: "period.end", 18: "rank"
}  # fmt: skip
_PIECE_NAMES = ("country", "area", "local", "extension")
_PIECES = tuple((4 + place, EXTENSION + "contactpoint-" + name) for place, name in enumerate(_PIECE_NAMES))
_ELECTRONIC = frozenset({"internet", "x.400"})
_PHONES = {sent: "phone" if target.code == "mobile" else target.code for sent, target in _EQUIPMENT.items()}
_USUAL_USES = _TELECOM_USES.targets


@cache
def contact_point(default_use: str = "") -> Build:
    """Return the build function of an XTN; ``default_use`` where XTN.2 is empty."""

    @parts_of(_TELECOM_PARTS, dict.fromkeys((9, 10, 11, 15, 16, 17), _NO_TARGET))
    def telecom(raw: str, scope: Scope) -> Resource | None:
        parts = scope.texts(raw)
        use_code, equipment = parts[1], parts[2]
        found = _reached(parts)
        if not found.get("value"):
            return None
        if use_code in _USUAL_USES:
            found["use"] = _USUAL_USES[use_code].code
        elif use_code:
            _add_code(found, "use", use_code, _TELECOM_USES, scope)
        if equipment == "CP":
            found.setdefault("use", "mobile")
        elif default_use and not use_code:
            found["use"] = default_use
        if parts[12] or parts[13]:
            start, end = scope.parts(raw)[12:14]
            period = between(start, end, scope)
            if period:
                found["period"] = period
        rank = number(parts[17]) if parts[17] else None
        if isinstance(rank, int) and rank > 0:
            found["rank"] = rank
        return found

    return telecom


def _reached(parts: list[str]) -> Resource:
    """Return system, value and number pieces. A value without a system is invalid (cpt-2), so there always is one."""
    first, use_code, equipment, address_, country, area, local, extension = parts[:8]
    if (not equipment and address_) or equipment.lower() in _ELECTRONIC:
        return {"system": "email", "value": address_ or first}
    if use_code == "NET" and (address_ or "@" in first):
        return {"system": "email", "value": address_ or first}
    found: Resource = {"system": _PHONES.get(equipment, "other") if equipment else "phone"}
    if country or area or local or extension:
        found["extension"] = [{"url": url, "valueString": parts[part]} for part, url in _PIECES if parts[part]]
    said = parts[11] or _formatted(country, area, local, extension) or first or address_
    if said:
        found["value"] = said
    return found


def _formatted(country: str, area: str, local: str, extension: str) -> str:
    """Return the number as the guide writes it (XTN[ContactPoint] 15 to 18)."""
    if not local:
        return ""
    number = f"{area} {local}" if area else local
    if country:
        number = f"+{country} {number}"
    return f"{number} X{extension}" if extension else number
