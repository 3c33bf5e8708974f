"""RXD, RXG and RXA of a drug: what was dispensed, is to be given, and was given."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.medication_samples import MSH, RXA_DRUG, RXD, RXG, RXO, RXR, RXR_GIVEN
from tests.unit.mapping.samples import PID, PV1, codes, converted, notes, only, resources

RDS, RGV, RAS = (MSH.format(event=event) for event in ("RDS^O13", "RGV^O15", "RAS^O17"))
ORC = "ORC|RE|P100^EHR|F100^RX"


def test_a_dispense_says_what_was_handed_over_by_whom_and_for_which_order():
    """Decision 0020: RXD field by field."""
    conversion = converted(RDS, PID, PV1, ORC, RXD, RXR)
    dispense, drug = only(conversion, "MedicationDispense"), only(conversion, "Medication")
    assert dispense["status"] == "completed"
    assert [one["value"] for one in dispense["identifier"]] == ["TAG1", "1"]
    assert dispense["medicationReference"]["reference"].endswith(drug["id"])
    assert drug["batch"] == {"lotNumber": "LOT1", "expirationDate": "2025-01-01"}
    assert dispense["whenHandedOver"] == "2024-03-10T09:00:00-05:00"
    assert dispense["quantity"] == {"value": 20, "unit": "Tablet", "system": "urn:id:L", "code": "TAB"}
    assert [one["text"] for one in dispense["note"]] == ["Handed to Sam", "Cold chain"]
    assert dispense["substitution"]["wasSubstituted"] is True
    assert dispense["dosageInstruction"][0]["route"]["coding"][0]["code"] == "PO"
    assert dispense["dosageInstruction"][0]["maxDosePerPeriod"]["numerator"]["value"] == 4
    assert dispense["context"]["reference"].endswith(only(conversion, "Encounter")["id"])
    (authorized,) = dispense["authorizingPrescription"]
    assert authorized["reference"].endswith(only(conversion, "MedicationRequest")["id"])
    assert authorized["identifier"]["value"] == "RX77"
    assert len(dispense["performer"]) == 2
    assert validate_bundle(conversion.bundle, is_closed=True) == []


@pytest.mark.parametrize("event", ["RDS^O13", "RGV^O15", "RAS^O17"])
def test_who_dispenses_or_gives_never_changes_the_order(event: str):
    """The order is created where it is missing and left alone where it is not."""
    detail = {"RDS^O13": RXD, "RGV^O15": RXG, "RAS^O17": RXA_DRUG}[event]
    conversion = converted(MSH.format(event=event), PID, ORC, detail)
    order = next(one for one in resources(conversion, "MedicationRequest") if one["intent"] != "instance-order")
    assert notes(conversion, order).provisional is True
    ordered = only(converted(MSH.format(event="OMP^O09"), PID, ORC, RXO), "MedicationRequest")
    assert order["id"] == ordered["id"]


def test_a_drug_known_by_its_code_alone_needs_no_resource():
    """Decision 0020: form, strength, lot or maker make a Medication."""
    conversion = converted(RDS, PID, ORC, "RXD|1|1192^Aspirin^RXNORM|20240310|20")
    dispense = only(conversion, "MedicationDispense")
    assert dispense["medicationCodeableConcept"]["coding"][0]["code"] == "1192"
    assert resources(conversion, "Medication") == []


def test_two_dispenses_of_one_order_are_two_and_the_same_one_is_one():
    """RXD-1 counts within the order; a repeated message names the same dispense."""
    plain = "RXD|{}|1192^Aspirin^RXNORM|20240310|20"
    first, second = resources(converted(RDS, PID, ORC, plain.format(1), plain.format(2)), "MedicationDispense")
    again = only(converted(RDS, PID, ORC, plain.format(1)), "MedicationDispense")
    assert first["id"] == again["id"] != second["id"]


@pytest.mark.parametrize(("code", "was"), [("G", True), ("T", True), ("N", False), ("0", False), ("5", None)])
def test_a_substitution_status_says_whether_one_was_made(code: str, was: bool | None):
    """HL7 table 0167; 5 (brand dispensed as generic) says what was chosen, not whether it was another drug."""
    substitution = only(converted(RDS, PID, ORC, f"RXD|1|1^A^L|20240310|20|||||||{code}"), "MedicationDispense").get(
        "substitution"
    )
    assert substitution is not None
    assert substitution.get("wasSubstituted") is was


@pytest.mark.parametrize(
    ("orc", "status"),
    [("ORC|RE|P1||", "completed"), ("ORC|OC|P1", "cancelled"), ("ORC|OD|P1", "stopped"), ("ORC|OH|P1", "on-hold"),
     ("ORC|SC|P1|||IP", "in-progress"), ("ORC|SC|P1|||CA", "cancelled"), ("ORC|SC|P1|||SC", "preparation")],
)  # fmt: skip
def test_the_status_of_a_dispense_follows_the_order(orc: str, status: str):
    """HL7 tables 0038 and 0119 in the words of R4."""
    conversion = converted(RDS, PID, orc, "RXD|1|1^A^L|20240310|20")
    assert only(conversion, "MedicationDispense")["status"] == status
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_a_give_is_an_instance_of_its_order():
    """RXG (decision 0020): R4's instance-order authorizes a single give of a broader order."""
    conversion = converted(RGV, PID, ORC, RXG, RXR)
    order, give = resources(conversion, "MedicationRequest")
    assert give["intent"] == "instance-order"
    assert give["basedOn"] == [{"reference": "urn:uuid:" + order["id"]}]
    (dosage,) = give["dosageInstruction"]
    assert dosage["timing"]["repeat"]["frequency"] == 2
    assert dosage["timing"]["repeat"]["boundsPeriod"]["end"] == "2024-03-15T08:00:00-05:00"
    assert dosage["doseAndRate"][0]["doseRange"]["high"]["value"] == 650
    assert [one["coding"][0]["code"] for one in dosage["additionalInstruction"]] == ["RI", "RI1"]
    assert [one["value"] for one in give["identifier"]] == ["GT1", "1"]
    assert notes(conversion, give).provisional is False
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_an_administration_says_what_was_given_when_and_how():
    """Guide ORC[MedicationAdministration] 3 to 39; RXA: decision 0020."""
    conversion = converted(
        RAS, PID, PV1, ORC + "|||||||||4777^Attend^Ada", RXA_DRUG, RXR_GIVEN, "OBX|1|NM|P^Pulse^L||70|/min|||||F"
    )
    given, drug = only(conversion, "MedicationAdministration"), only(conversion, "Medication")
    assert given["status"] == "completed"
    assert given["medicationReference"]["reference"].endswith(drug["id"])
    assert given["effectivePeriod"] == {"start": "2024-03-10T09:10:00-05:00", "end": "2024-03-10T09:20:00-05:00"}
    assert [one["value"] for one in given["identifier"]] == ["TAG1", "1", "P100", "F100"]
    assert given["request"]["reference"].endswith(only(conversion, "MedicationRequest")["id"])
    assert given["performer"][1]["function"]["coding"][0]["code"] == "OP"
    assert given["dosage"]["dose"]["value"] == 325
    assert given["dosage"]["rateRatio"]["denominator"]["code"] == "h"
    assert given["dosage"]["route"]["coding"][0]["code"] == "PO"
    assert given["extension"][0]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "RE"
    assert only(conversion, "Observation")["partOf"][0]["reference"].endswith(given["id"])
    assert notes(conversion, given).control == "A"
    assert validate_bundle(conversion.bundle, is_closed=True) == []


@pytest.mark.parametrize(
    ("tail", "status"),
    [("CP", "completed"), ("PA", "completed"), ("RE", "not-done"), ("NA", "not-done"), ("", "completed"),
     ("CP|D", "entered-in-error")],
)  # fmt: skip
def test_the_status_of_an_administration(tail: str, status: str):
    """Guide CompletionStatus; RXA-21 D is a deletion."""
    conversion = converted(RAS, PID, ORC, "RXA|0|1|20240310|20240310|1^A^L|1" + "|" * 14 + tail)
    assert only(conversion, "MedicationAdministration")["status"] == status


def test_a_reason_to_refuse_alone_says_that_it_was_not_given():
    """RXA-18 without RXA-20: a dose that nobody took must not be recorded as taken."""
    conversion = converted(RAS, PID, ORC, "RXA|0|1|20240310|20240310|1^A^L|1" + "|" * 12 + "PD^Patient decided^L")
    given = only(conversion, "MedicationAdministration")
    assert (given["status"], given["statusReason"][0]["coding"][0]["code"]) == ("not-done", "PD")


def test_a_dose_given_that_is_no_number_stays_text():
    """A decimal comma, as half of Europe writes: R4 mad-1 wants a dose beside it, which is unknown."""
    conversion = converted(RAS, PID, ORC, "RXA|0|1|20240310|20240310|1^A^L|0,5|mg")
    dosage = only(conversion, "MedicationAdministration")["dosage"]
    assert dosage["text"] == "0,5 mg"
    assert "value" not in dosage["dose"]
    assert "number_invalid" in codes(conversion)
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_a_route_without_an_amount_is_valid():
    """R4 mad-1 wants a dose beside a route: unknown is said, not invented."""
    conversion = converted(RAS, PID, ORC, "RXA|0|1|20240310||1^A^L", "RXR|PO^Oral^HL70162")
    assert "value" not in only(conversion, "MedicationAdministration")["dosage"]["dose"]
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_several_administrations_of_one_order_stay_apart():
    """RXA-2 counts within the order."""
    plain = "RXA|0|{}|2024031008|2024031008|1^A^L|1"
    found = resources(converted(RAS, PID, ORC, plain.format(1), plain.format(2)), "MedicationAdministration")
    assert len({one["id"] for one in found}) == 2


def test_a_message_without_a_person_still_converts():
    """Nothing is lost because PID is missing; validity holds."""
    for header, line in ((RDS, RXD), (RGV, RXG), (RAS, RXA_DRUG)):
        conversion = converted(header, ORC, line)
        assert "segment_without_parent" in codes(conversion)
        assert validate_bundle(conversion.bundle, is_closed=True) == []
