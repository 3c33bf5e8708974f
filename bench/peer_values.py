"""Values of HL7 data types as the peer of bench/convert.py makes them of hl7apy's fields: a small function each."""

from __future__ import annotations

from typing import Any
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]

V2 = "http://terminology.hl7.org/CodeSystem/v2-"
HL7 = "http://terminology.hl7.org/CodeSystem/"
EXTENSION = "http://hl7.org/fhir/StructureDefinition/"
SYSTEMS = {
    "LN": "http://loinc.org",
    "UCUM": "http://unitsofmeasure.org",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "ISO639": "urn:ietf:bcp:47",
}
ASSIGNERS = {"NPI": "http://hl7.org/fhir/sid/us-npi", "USSSA": "http://hl7.org/fhir/sid/us-ssn"}
IDENTIFIER_TYPES = {
    "MR": "Medical record number",
    "SS": "Social Security number",
    "AN": "Account number",
    "VN": "Visit number",
    "PLAC": "Placer Identifier",
    "FILL": "Filler Identifier",
}
NAME_USES = {"L": "official"}
USES = {"PRN": "home", "WPN": "work", "H": "home"}


def text(element: Any) -> str:
    """Return the value of a field, component or subcomponent; empty when it is absent."""
    return element.value or ""


def made_id(kind: str, *key: str) -> str:
    """Return the id of a resource."""
    return str(uuid5(NAMESPACE_URL, "|".join((kind, *key))))


def moment(field: Any) -> str:
    """Return a date or time as FHIR writes it."""
    said = text(field)
    day = f"{said[:4]}-{said[4:6]}-{said[6:8]}"
    if len(said) == 8:
        return day
    return f"{day}T{said[8:10]}:{said[10:12]}:{said[12:14]}{said[14:17]}:{said[17:19]}"


def coding(system: str, code: str, display: str = "") -> Json:
    """Return a Coding."""
    return {"system": system, "code": code, **({"display": display} if display else {})}


def concept(*codings: Json) -> Json:
    """Return a CodeableConcept."""
    return {"coding": list(codings)}


def coded(field: Any, kind: str = "ce") -> Json:
    """Return the Coding of a CE or CWE."""
    code, display, system = (text(getattr(field, f"{kind}_{number}")) for number in (1, 2, 3))
    named = SYSTEMS.get(system) or (V2 + system.removeprefix("HL7") if system.startswith("HL7") else "")
    return {key: said for key, said in (("system", named), ("code", code), ("display", display)) if said}


def typed(code: str) -> Json:
    """Return the type of an identifier."""
    return concept(coding(V2 + "0203", code, IDENTIFIER_TYPES[code]))


def name(field: Any, kind: str = "xpn", first: int = 1) -> Json:
    """Return the HumanName of an XPN or XCN."""
    family, given, second, _, prefix = (text(getattr(field, f"{kind}_{first + step}")) for step in (0, 1, 2, 3, 4))
    found: Json = {"family": family, "given": [said for said in (given, second) if said]}
    if prefix:
        found["prefix"] = [prefix]
    use = NAME_USES.get(text(field.xpn_7)) if kind == "xpn" else None
    return {**found, "use": use} if use else found


def address(field: Any) -> Json:
    """Return the Address of an XAD."""
    use = USES.get(text(field.xad_7))
    lines = [said for said in (text(field.xad_1), text(field.xad_2)) if said]
    places = (("city", field.xad_3), ("state", field.xad_4), ("postalCode", field.xad_5), ("country", field.xad_6))
    found = {"line": lines, **{key: said for key, place in places if (said := text(place))}}
    return {"use": use, **found} if use else found


def telecom(field: Any, default: str) -> Json:
    """Return the ContactPoint of an XTN."""
    use = USES.get(text(field.xtn_2), default)
    if text(field.xtn_3) == "Internet":
        return {"system": "email", "value": text(field.xtn_4), "use": use}
    pieces = [(kind, text(getattr(field, f"xtn_{n}"))) for kind, n in (("country", 5), ("area", 6), ("local", 7))]
    extensions = [{"url": f"{EXTENSION}contactpoint-{kind}", "valueString": said} for kind, said in pieces if said]
    number = "+" + " ".join(said for _, said in pieces)
    return {"system": "phone", "value": number, "use": use, "extension": extensions}
