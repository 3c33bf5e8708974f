"""Fields that only one sender has, mapped by its interface."""

from __future__ import annotations

from typing import Any

import pytest

from shared.fhir.validate import validate_bundle
from shared.mapping import Conversion
from shared.mapping.custom import by_segment, custom_field
from shared.mapping.report import Outcome, mapping_report
from tests.unit.mapping.samples import (
    MSH_ADT,
    OBR,
    PID,
    PV1,
    admitted,
    codes,
    context,
    message,
    only,
    resources,
    resulted,
)

URL = "https://example.org/fhir/local"


def custom(*fields: tuple[str, str], **options: str) -> dict[str, Any]:
    """Return the option of a context with custom fields."""
    return {"custom": by_segment(custom_field(field, target, **options) for field, target in fields)}


def valid(conversion: Conversion) -> Conversion:
    """Return a conversion that is valid."""
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


@pytest.mark.parametrize(
    ("kind", "sent", "value"),
    [
        ("string", "Rex", {"valueString": "Rex"}),
        ("boolean", "Y", {"valueBoolean": True}),
        ("integer", "7", {"valueInteger": 7}),
        ("decimal", "7.5", {"valueDecimal": 7.5}),
        ("date", "20240102", {"valueDate": "2024-01-02"}),
        ("dateTime", "202401020304-0500", {"valueDateTime": "2024-01-02T03:04:00-05:00"}),
        ("Coding", "V^Vegan^L", {"valueCoding": {"system": "urn:id:L", "code": "V", "display": "Vegan"}}),
        ("Identifier", "12", {"valueIdentifier": {"value": "12"}}),
        ("Quantity", "5^kg", {"valueQuantity": {"value": 5, "unit": "kg"}}),
    ],
)  # fmt: skip
def test_a_local_field_becomes_an_extension_of_its_type(kind, sent, value):
    """Decision 0038: the interface names field, resource, url and type."""
    options = custom(("ZPI-3", "Patient.extension"), url=URL, kind=kind)
    conversion = valid(admitted(PID, f"ZPI|1||{sent}", PV1, **options))
    assert only(conversion, "Patient")["extension"] == [{"url": URL, **value}]
    assert "segment_local" not in codes(conversion)


def test_one_component_and_every_repetition_are_taken():
    """ZPI-3.2 is the name of each repetition."""
    options = custom(("ZPI-3.2", "Patient.extension"), url=URL)
    conversion = valid(admitted(PID, "ZPI|1||a^Rex~b^Tom", **options))
    assert [one["valueString"] for one in only(conversion, "Patient")["extension"]] == ["Rex", "Tom"]


def test_a_local_number_is_an_identifier_of_the_visit():
    """The system is the interface's, where it names one."""
    options = custom(("ZVN-1", "Encounter.identifier"), system="urn:oid:1.2.3")
    conversion = valid(admitted(PID, PV1, "ZVN|77", **options))
    assert {"system": "urn:oid:1.2.3", "value": "77"} in only(conversion, "Encounter")["identifier"]


def test_local_use_of_a_standard_field_is_mapped_beside_the_standard():
    """OBR-18 (placer field 1) means what two partners agreed on."""
    options = custom(("OBR-18", "DiagnosticReport.extension"), url=URL)
    line = OBR.split("|")
    line[18] = "ward sample"
    conversion = valid(resulted("|".join(line), "OBX|1|NM|2345-7^Glucose^LN||5.4|mmol/L|||||F", **options))
    assert only(conversion, "DiagnosticReport")["extension"] == [{"url": URL, "valueString": "ward sample"}]


def test_a_field_whose_resource_is_not_at_hand_is_a_finding():
    """A Z-segment before any PV1 has no visit."""
    conversion = valid(admitted(PID, "ZPI|1||x", **custom(("ZPI-3", "Encounter.extension"), url=URL)))
    assert "custom_without_place" in codes(conversion)


def test_other_local_segments_stay_findings_and_messages_stay_apart():
    """What one interface maps, another does not."""
    mine = custom(("ZPI-3", "Patient.extension"), url=URL)
    assert codes(admitted(PID, "ZPI|1||x", "ZZZ|1", **mine)).count("segment_local") == 1
    assert "extension" not in only(admitted(PID, "ZPI|1||x"), "Patient")


def test_the_report_names_the_interface_as_the_row():
    """Every field is accounted for, those of the interface too."""
    lines = (MSH_ADT.format(event="A01"), PID, "ZPI|1||Rex|lost")
    report = mapping_report(message(*lines), context(**custom(("ZPI-3", "Patient.extension"), url=URL)))
    fates = {fate.place: fate for fate in report.fates if fate.place.startswith("ZPI")}
    assert (fates["ZPI-3"].outcome, fates["ZPI-3"].guide) == (Outcome.MAPPED, "interface")
    assert fates["ZPI-4"].outcome is Outcome.LOST
    assert resources(report.conversion, "Patient")[0]["extension"][0]["valueString"] == "Rex"
