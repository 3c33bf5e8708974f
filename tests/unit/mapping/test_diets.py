"""ODS and ODT: what somebody is to eat (decision 0044; HL7 chapter 4.9, table 0159)."""

from __future__ import annotations

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import PID, PV1, converted, notes, only, resources

ORM = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310090000-0500||ORM^O01|M2|P|2.5.1"
ORC = "ORC|NW|P1^EHR|||||||20240310080000-0500|||4777^Attend^Ada"


def fed(*lines):
    """Return the conversion of an order of food; it is always valid."""
    conversion = converted(ORM, PID, PV1, *lines)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def test_the_diets_of_one_order_are_one_diet():
    """R4 has one oral diet of an order: low salt and diabetic hold together."""
    conversion = fed(ORC, "ODS|D|MORN^Morning^L|LS^Low salt^L|No sugar", "ODS|D||DM^Diabetic^L|Warm")
    found = only(conversion, "NutritionOrder")
    assert [one["coding"][0]["code"] for one in found["oralDiet"]["type"]] == ["LS", "DM"]
    assert found["oralDiet"]["instruction"] == "No sugar\nWarm"
    assert found["oralDiet"]["schedule"][0]["code"]["coding"][0]["code"] == "MORN"
    assert (found["status"], found["dateTime"]) == ("active", "2024-03-10T08:00:00-05:00")
    assert notes(conversion, found).control == "NW"


def test_a_supplement_and_a_preference_are_no_diet():
    """S is given beside the meals, P is what somebody likes."""
    found = only(fed(ORC, "ODS|S|NOON^Noon^L|SHAKE^Shake^L|With a straw", "ODS|P||VEG^Vegetarian^L"), "NutritionOrder")
    assert found["supplement"][0]["type"]["coding"][0]["code"] == "SHAKE"
    assert found["supplement"][0]["instruction"] == "With a straw"
    assert found["foodPreferenceModifier"][0]["coding"][0]["code"] == "VEG"
    assert "oralDiet" not in found


def test_a_tray_and_a_note_are_notes():
    """ODT has no element in R4; the NTE below belongs to the food, not to the patient."""
    found = only(
        fed(ORC, "ODS|D||LS^Low salt^L", "ODT|EARLY^Early tray|MORN^Morning|Spoon", "NTE|1||Tea"), "NutritionOrder"
    )
    assert [one["text"] for one in found["note"]] == ["Early tray, Morning, Spoon", "Tea"]


def test_two_orders_are_two_and_one_without_a_time_was_ordered_when_it_was_sent():
    """NutritionOrder.dateTime is required; ORC-9 is not."""
    conversion = fed("ORC|NW|P1^EHR", "ODS|D||LS^Low salt^L", "ORC|NW|P2^EHR", "ODS|D||DM^Diabetic^L")
    assert [one["dateTime"] for one in resources(conversion, "NutritionOrder")] == ["2024-03-10T09:00:00-05:00"] * 2
    assert resources(conversion, "ServiceRequest") == []
