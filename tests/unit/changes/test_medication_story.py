"""Drugs and vaccines through the store: an order, its encoding, dispenses and doses, message after message."""

from __future__ import annotations

from typing import Any

import pytest

from shared.changes.apply import Applied
from shared.changes.record import CanonicalRecord
from shared.fhir.validate import validate_resource
from shared.hl7 import parse
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter, convert
from shared.message.errors.mapping import SubjectConflict
from shared.message.identifiers import Sequence
from tests.unit.changes.samples import Store
from tests.unit.mapping.medication_samples import FORECAST, RXA, RXA_DRUG, RXD, RXE, RXG, RXO, sent
from tests.unit.mapping.samples import PID

ORC = "ORC|{}|P100^EHR|F100^RX"


class Pharmacy:
    """A store that is told messages as they come."""

    def __init__(self) -> None:
        mint = Minter(b"test" * 8)
        self._context = MappingContext(mint, MemoryResolver(mint), ClaimDefaults())
        self._n = 0
        self.store = Store()

    def tell(self, event: str, *lines: str) -> Applied:
        """Convert one message and store what it says; what is stored stays valid R4."""
        self._n += 1
        conversion = convert(parse(sent(event, *lines)), self._context)
        applied = self.store.take(CanonicalRecord(conversion.bundle, conversion.changes, Sequence("rx", 1, self._n)))
        faults = {name: validate_resource(one.resource) for name, one in self.store.held.items()}
        assert {name: found for name, found in faults.items() if found} == {}
        return applied

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return the stored resources of a type."""
        return [one.resource for name, one in self.store.held.items() if name.startswith(kind + "/")]

    def only(self, kind: str) -> dict[str, Any]:
        """Return the one stored resource of a type."""
        (found,) = self.all(kind)
        return found


@pytest.fixture
def pharmacy() -> Pharmacy:
    """A pharmacy with nothing in it."""
    return Pharmacy()


def test_an_order_its_encoding_its_dispense_and_its_dose_are_one_story(pharmacy: Pharmacy) -> None:
    """OMP, RDE, RDS, RAS: one MedicationRequest, and what was done refers to it."""
    pharmacy.tell("OMP^O09", PID, ORC.format("NW"), RXO)
    pharmacy.tell("RDE^O11", PID, ORC.format("NW"), RXE)
    pharmacy.tell("RDS^O13", PID, ORC.format("RE"), RXD)
    pharmacy.tell("RAS^O17", PID, ORC.format("RE"), RXA_DRUG)

    order = pharmacy.only("MedicationRequest")
    reference = f"MedicationRequest/{order['id']}"
    assert (order["status"], order["intent"]) == ("active", "original-order")
    assert pharmacy.only("MedicationDispense")["authorizingPrescription"][0]["reference"] == reference
    assert pharmacy.only("MedicationAdministration")["request"]["reference"] == reference


def test_a_dispense_before_its_order_waits_for_the_order_to_speak(pharmacy: Pharmacy) -> None:
    """The order is provisional until its owner tells it; then it is his."""
    pharmacy.tell("RDS^O13", PID, ORC.format("RE"), RXD)
    assert "provisional" in str(pharmacy.only("MedicationRequest")["meta"])
    pharmacy.tell("OMP^O09", PID, ORC.format("NW"), RXO)
    order = pharmacy.only("MedicationRequest")
    assert "provisional" not in str(order["meta"])
    assert "medicationReference" in order
    assert "medicationCodeableConcept" not in order


def test_a_cancellation_keeps_what_was_ordered(pharmacy: Pharmacy) -> None:
    """An ORC alone says that the order ends, not what it was."""
    pharmacy.tell("OMP^O09", PID, ORC.format("NW"), RXO)
    before = pharmacy.only("MedicationRequest")
    pharmacy.tell("OMP^O09", PID, ORC.format("OC"))
    after = pharmacy.only("MedicationRequest")
    assert after["status"] == "cancelled"
    for element in ("medicationReference", "dosageInstruction", "dispenseRequest", "intent"):
        assert after[element] == before[element]


def test_a_cancelled_order_does_not_come_back(pharmacy: Pharmacy) -> None:
    """NW of an order that has ended is refused and told."""
    pharmacy.tell("OMP^O09", PID, ORC.format("NW"), RXO)
    pharmacy.tell("OMP^O09", PID, ORC.format("OD"))
    applied = pharmacy.tell("OMP^O09", PID, ORC.format("NW"), RXO)
    assert [one.code for one in applied.findings] == ["state_refused"]
    assert pharmacy.only("MedicationRequest")["status"] == "stopped"


def test_hold_and_release(pharmacy: Pharmacy) -> None:
    """OH holds, OE releases."""
    pharmacy.tell("OMP^O09", PID, ORC.format("NW"), RXO)
    pharmacy.tell("OMP^O09", PID, ORC.format("OH"))
    assert pharmacy.only("MedicationRequest")["status"] == "on-hold"
    pharmacy.tell("OMP^O09", PID, ORC.format("OE"))
    assert pharmacy.only("MedicationRequest")["status"] == "active"


def test_a_replaced_order_ends_and_its_replacement_begins(pharmacy: Pharmacy) -> None:
    """RU and RO in one message: HL7 4.5.1.1."""
    pharmacy.tell("OMP^O09", PID, "ORC|NW|P1^EHR", "RXO|1^A^L|1||TAB")
    pharmacy.tell("OMP^O09", PID, "ORC|RU|P1^EHR", "RXO|1^A^L|1||TAB", "ORC|RO|P2^EHR", "RXO|2^B^L|1||TAB")
    by_number = {one["identifier"][0]["value"]: one["status"] for one in pharmacy.all("MedicationRequest")}
    assert by_number == {"P1": "cancelled", "P2": "active"}


def test_several_doses_of_one_order_refer_to_it(pharmacy: Pharmacy) -> None:
    """RAS_O17: RXA repeats below one ORC; RGV_O15: RXG does."""
    plain = "RXA|0|{}|20240310{}0000-0500||1^A^L|1||||||||||||||CP|A"
    pharmacy.tell("RAS^O17", PID, ORC.format("RE"), plain.format(1, "08"), plain.format(2, "20"))
    pharmacy.tell("RGV^O15", PID, ORC.format("RE"), RXG, RXG.replace("RXG|1|", "RXG|2|").replace("GT1", "GT2"))
    order = next(one for one in pharmacy.all("MedicationRequest") if one["intent"] != "instance-order")
    reference = {"reference": f"MedicationRequest/{order['id']}"}
    assert [one["request"] for one in pharmacy.all("MedicationAdministration")] == [reference] * 2
    gives = [one for one in pharmacy.all("MedicationRequest") if one["intent"] == "instance-order"]
    assert [one["basedOn"] for one in gives] == [[reference]] * 2


def test_a_dose_entered_in_error_is_withdrawn(pharmacy: Pharmacy) -> None:
    """RXA-21 D."""
    pharmacy.tell("RAS^O17", PID, ORC.format("RE"), RXA_DRUG)
    pharmacy.tell("RAS^O17", PID, ORC.format("RE"), RXA_DRUG.replace("|CP|A|", "|CP|D|"))
    assert pharmacy.only("MedicationAdministration")["status"] == "entered-in-error"


def test_a_corrected_vaccination_is_the_same_one(pharmacy: Pharmacy) -> None:
    """A and U of one filler number; what the correction does not say stays."""
    pharmacy.tell("VXU^V04", PID, "ORC|RE||F1^EHR", RXA)
    pharmacy.tell("VXU^V04", PID, "ORC|RE||F1^EHR", "RXA|0|1|20240311||45^Hep B NOS^CVX" + "|" * 15 + "CP|U")
    found = pharmacy.only("Immunization")
    assert (found["vaccineCode"]["coding"][0]["code"], found["occurrenceDateTime"]) == ("45", "2024-03-11")
    assert found["lotNumber"] == "L1"


def test_a_new_forecast_replaces_the_older_one(pharmacy: Pharmacy) -> None:
    """A forecast is a snapshot of what is due."""
    pharmacy.tell("VXU^V04", PID, *FORECAST)
    pharmacy.tell("VXU^V04", PID, *FORECAST, *FORECAST[1:])
    assert len(pharmacy.only("ImmunizationRecommendation")["recommendation"]) == 2
    pharmacy.tell("VXU^V04", PID, *FORECAST)
    assert len(pharmacy.only("ImmunizationRecommendation")["recommendation"]) == 1


def test_an_order_of_another_patient_is_stopped(pharmacy: Pharmacy) -> None:
    """One placer number for two people is an error that nobody must merge."""
    pharmacy.tell("OMP^O09", PID, ORC.format("NW"), RXO)
    other = PID.replace("100001", "100002").replace("Sample", "Other").replace("19800101", "19700707")
    with pytest.raises(SubjectConflict):
        pharmacy.tell("OMP^O09", other, ORC.format("NW"), RXO)
