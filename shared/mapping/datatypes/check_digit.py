"""Check digits of numbers, which the guide keeps as extensions of the Identifier (CX, XON, XCN)."""

from __future__ import annotations

from shared.mapping.rows import Resource

CHECK_DIGIT = "http://hl7.org/fhir/StructureDefinition/identifier-checkDigit"
CHECK_SCHEME = "http://hl7.org/fhir/StructureDefinition/namingsystem-checkDigit"


def add_check_digit(identifier: Resource, digit: str, scheme: str) -> None:
    """Add check digit and scheme, which the guide keeps as extensions."""
    pairs = ((CHECK_DIGIT, digit), (CHECK_SCHEME, scheme))
    found = [{"url": url, "valueString": said} for url, said in pairs if said]
    if found:
        identifier["extension"] = found
