"""ORC with RXO, RXE, RXR, RXC: one MedicationRequest for one order."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.medication_samples import MSH, ORC, RXC, RXE, RXO, RXR, TQ1
from tests.unit.mapping.samples import PID, PV1, codes, converted, notes, only, resources

OMP, RDE = MSH.format(event="OMP^O09"), MSH.format(event="RDE^O11")
PLAIN = "ORC|NW|P100^EHR|F100^RX"


def test_an_order_as_written():
    """Guide RXO[MedicationRequest] 3 to 38, RXR[MedicationRequest] 3 to 7, by hand."""
    conversion = converted(OMP, PID, PV1, ORC, TQ1, RXO, RXR)
    order, drug = only(conversion, "MedicationRequest"), only(conversion, "Medication")
    assert (order["status"], order["intent"]) == ("active", "original-order")
    assert order["medicationReference"]["reference"].endswith(drug["id"])
    assert [one["code"] for one in drug["code"]["coding"]] == ["1191", "00904"]
    assert drug["form"]["coding"][0]["code"] == "TAB"
    milligram = {"unit": "milligram", "system": "http://unitsofmeasure.org", "code": "mg"}
    milliliter = {"unit": "milliliter", "system": "http://unitsofmeasure.org", "code": "mL"}
    assert drug["ingredient"][0]["strength"] == {
        "numerator": {"value": 325, **milligram}, "denominator": {"value": 1, **milliliter},
    }  # fmt: skip
    (dosage,) = order["dosageInstruction"]
    (dose,) = dosage["doseAndRate"]
    assert dose["type"]["coding"][0]["code"] == "ordered"
    assert dose["doseRange"] == {"low": {"value": 325, **milligram}, "high": {"value": 650, **milligram}}
    assert dose["rateRatio"]["denominator"]["code"] == "h"
    assert dosage["route"]["coding"][0]["code"] == "PO"
    assert dosage["site"]["coding"][0]["code"] == "BUCCA"
    assert dosage["method"]["coding"][0]["code"] == "419747000"
    assert [one["text"] for one in dosage["additionalInstruction"][:1]] == ["Take with water"]
    assert dosage["maxDosePerPeriod"]["denominator"]["code"] == "d"
    assert order["substitution"]["allowedCodeableConcept"]["coding"][0]["code"] == "G"
    supply = order["dispenseRequest"]
    assert (supply["quantity"]["value"], supply["numberOfRepeatsAllowed"]) == (20, 2)
    assert supply["dispenseInterval"]["value"] == 5
    assert order["reasonCode"][0]["coding"][0]["code"] == "R51"
    assert order["note"] == [{"text": "Crush it"}]
    assert order["encounter"]["reference"].endswith(only(conversion, "Encounter")["id"])
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_the_common_order_says_who_when_and_why():
    """Guide ORC[ServiceRequest] 9 to 67, applied to a prescription (decision 0020)."""
    conversion = converted(OMP, PID, ORC, RXO)
    order = only(conversion, "MedicationRequest")
    kinds = [(one["type"]["coding"][0]["code"], one["value"]) for one in order["identifier"]]
    assert kinds == [("PLAC", "P100"), ("FILL", "F100"), ("PLAC", "PA1"), ("FGN", "FG1")]
    assert order["groupIdentifier"]["value"] == "G1"
    assert [one["identifier"]["value"] for one in order["basedOn"]] == ["PP1", "PF1"]
    assert order["authoredOn"] == "2024-03-10T07:55:00-05:00"
    assert order["statusReason"]["coding"][0]["code"] == "ST"
    assert order["category"][0]["coding"][0]["code"] == "inpatient"
    assert order["meta"]["security"][0]["code"] == "R"
    role = next(one for one in resources(conversion, "PractitionerRole"))
    assert order["requester"]["reference"].endswith(role["id"])
    assert "5550101" in role["telecom"][0]["value"]
    clinic = next(one for one in resources(conversion, "Organization") if one.get("name") == "Town Clinic")
    assert role["organization"]["reference"].endswith(clinic["id"])
    assert clinic["address"][0]["city"] == "Town"
    doctor = next(one for one in resources(conversion, "Practitioner") if one["name"][0]["family"] == "Attend")
    assert doctor["address"][0]["line"] == ["2 Rd"]
    assert notes(conversion, order).control == "NW"


def test_what_the_pharmacy_encoded_is_the_same_order():
    """One placer number is one MedicationRequest: RXO and RXE of a message, and OMP before RDE."""
    written = only(converted(OMP, PID, PLAIN, RXO), "MedicationRequest")
    encoded = only(converted(RDE, PID, PLAIN, RXE), "MedicationRequest")
    both = only(converted(RDE, PID, PLAIN, RXO, RXE), "MedicationRequest")
    assert written["id"] == encoded["id"] == both["id"]
    assert (encoded["intent"], both["intent"]) == ("filler-order", "original-order")


def test_an_encoded_order_alone_never_changes_what_the_order_was():
    """The store keeps original-order from the OMP: the intent of an RXE counts only where nothing is stored."""
    conversion = converted(RDE, PID, PLAIN, RXE)
    assert notes(conversion, only(conversion, "MedicationRequest")).initial == ("status", "intent")


def test_the_encoded_drug_counts_and_the_ordered_one_stays_beside_it():
    """RXE-2 is what is dispensed; a substitution must stay visible."""
    conversion = converted(RDE, PID, PLAIN, RXO, RXE)
    order = only(conversion, "MedicationRequest")
    by_code = {one["code"]["coding"][0]["code"]: one["id"] for one in resources(conversion, "Medication")}
    assert order["medicationReference"]["reference"].endswith(by_code["1192"])
    assert order["supportingInformation"][0]["reference"].endswith(by_code["1191"])


def test_ordered_and_calculated_dose_stay_apart():
    """Guide RXO[MedicationRequest] 6: doseAndRate.type ordered; the pharmacy's is calculated."""
    order = only(converted(RDE, PID, PLAIN, "RXO|1^A^L|1||TAB", "RXE||1^A^L|500||mg^mg^UCUM"), "MedicationRequest")
    doses = order["dosageInstruction"][0]["doseAndRate"]
    assert [one["type"]["coding"][0]["code"] for one in doses] == ["ordered", "calculated"]
    assert [one["doseQuantity"]["value"] for one in doses] == [1, 500]


def test_one_amount_is_the_exact_dose():
    """HL7 4A.4.1.2: in a non-varying dose order RXO-2 is the exact amount. The guide's range would say "at least"."""
    order = only(converted(OMP, PID, PLAIN, "RXO|1^A^L|100||mg"), "MedicationRequest")
    assert order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"] == {"value": 100, "unit": "mg"}


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [("0,5", "", "0,5 milligram"), ("0,5", "1", "0,5 - 1 milligram"), ("1", "2,5", "1 - 2,5 milligram")],
)
def test_a_dose_that_is_no_number_stays_text(low: str, high: str, text: str):
    """A decimal comma: the other end alone, or how many are taken at a time (RXE-1), would be another dose."""
    rxe = f"RXE|1^BID|1^A^L|{low}|{high}|mg^milligram^UCUM"
    conversion = converted(RDE, PID, PLAIN, rxe)
    (dosage,) = only(conversion, "MedicationRequest")["dosageInstruction"]
    assert dosage["text"] == text
    assert "doseAndRate" not in dosage
    assert dosage["timing"]["repeat"]["frequency"] == 2
    assert "number_invalid" in codes(conversion)


def test_a_dose_that_is_no_number_stands_before_what_is_said_in_words():
    """TQ1-11 has the same element."""
    rxe, timing = "RXE||1^A^L|0,5||mg", "TQ1|1||BID||||||||with food"
    (dosage,) = only(converted(RDE, PID, PLAIN, rxe, timing), "MedicationRequest")["dosageInstruction"]
    assert dosage["text"] == "0,5 mg\nwith food"


def test_a_single_dose_that_is_no_number_stays_text():
    """RXG: what is to be given now."""
    (order,) = [
        one
        for one in resources(
            converted(MSH.format(event="RGV^O15"), PID, PLAIN, "RXG|1||1^BID|1^A^L|0,5||mg"), "MedicationRequest"
        )
        if one["intent"] == "instance-order"
    ]
    (dosage,) = order["dosageInstruction"]
    assert dosage["text"] == "0,5 mg"
    assert "doseAndRate" not in dosage


@pytest.mark.parametrize(
    ("rxe", "rate"),
    [
        ("H1|10|mL^mL^UCUM", {"rateRatio": ("mL", "h")}),
        ("|10|mL/h^mL/h^UCUM", {"rateQuantity": "mL/h"}),
        ("M30||", {"rateRatio": ("mg", "min")}),
    ],
)
def test_a_rate_is_per_the_time_that_is_given(rxe: str, rate: dict[str, object]):
    """RXE-22 to RXE-24: 10 mL per hour, in one field or in three; without an amount of its own the dose is per time."""
    order = only(converted(RDE, PID, PLAIN, "RXE||1^A^L|5||mg^mg^UCUM" + "|" * 17 + rxe), "MedicationRequest")
    dose = order["dosageInstruction"][0]["doseAndRate"][0]
    for element, units in rate.items():
        said = dose[element]
        found = (said["numerator"]["code"], said["denominator"]["code"]) if "numerator" in said else said["code"]
        assert found == units


def test_components_are_the_ingredients_of_the_drug_above_them():
    """RXC belongs to its RXO or RXE (grouping); amount and own strength stay apart (decision 0020)."""
    conversion = converted(
        RDE,
        PID,
        PLAIN,
        "RXO|1^Bag^L",
        "RXC|B|5^Saline^L|1000|mL^mL^UCUM",
        "RXE||2^Mix^L|1",
        RXC,
        "RXC|A|6^KCl^L|20|meq",
    )
    drugs = {one["code"]["coding"][0]["code"]: one for one in resources(conversion, "Medication")}
    assert [one["itemCodeableConcept"]["coding"][0]["code"] for one in drugs["1"]["ingredient"]] == ["5"]
    aspirin, potassium = drugs["2"]["ingredient"]
    assert aspirin["itemReference"]["reference"].endswith(drugs["1191"]["id"])
    assert aspirin["strength"]["numerator"]["value"] == 100
    assert drugs["1191"]["ingredient"][0]["strength"]["numerator"]["value"] == 325
    assert potassium["itemCodeableConcept"]["coding"][0]["code"] == "6"
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_each_order_of_a_message_keeps_its_own_segments():
    """Grouping: several ORC groups, each with its RXR, TQ1, NTE and OBX."""
    conversion = converted(
        OMP, PID,
        "ORC|NW|P1^EHR", "TQ1|1||BID", "RXO|1^A^L|1||TAB", "NTE|1||first", "RXR|PO^Oral^HL70162",
        "OBX|1|NM|W^Weight^L||70|kg|||||F",
        "ORC|NW|P2^EHR", "TQ1|1||TID", "RXO|2^B^L|2||TAB", "NTE|1||second", "RXR|IV^Intravenous^HL70162",
    )  # fmt: skip
    first, second = resources(conversion, "MedicationRequest")
    assert [one["note"] for one in (first, second)] == [[{"text": "first"}], [{"text": "second"}]]
    times = [one["dosageInstruction"][0]["timing"]["repeat"]["frequency"] for one in (first, second)]
    routes = [one["dosageInstruction"][0]["route"]["coding"][0]["code"] for one in (first, second)]
    assert (times, routes) == ([2, 3], ["PO", "IVINJ"])
    assert len(resources(conversion, "Observation")) == 1


def test_several_routes_are_several_dosages():
    """RXR repeats where there is a choice of routes."""
    order = only(
        converted(OMP, PID, PLAIN, "RXO|1^A^L|1||TAB", "RXR|PO^Oral^HL70162", "RXR|IM^Intramuscular^HL70162"),
        "MedicationRequest",
    )
    assert [one["route"]["coding"][0]["code"] for one in order["dosageInstruction"]] == ["PO", "IM"]


def test_where_two_segments_differ_the_encoded_order_counts_and_it_is_a_finding():
    """RXO-13 and RXE-12: one number of refills is dispensed, and nobody is left to guess which."""
    conversion = converted(RDE, PID, PLAIN, "RXO|1^A^L" + "|" * 12 + "2", "RXE||1^A^L" + "|" * 10 + "3")
    assert only(conversion, "MedicationRequest")["dispenseRequest"]["numberOfRepeatsAllowed"] == 3
    assert "statement_differs" in codes(conversion)


def test_an_address_stays_with_its_pharmacy():
    """RXO-33 is where the pharmacy of RXO-32 is, not that of RXE-40."""
    rxo, rxe = "RXO|1^A^L" + "|" * 31 + "PH1^Old^L|9 Way^^Elsewhere", "RXE||1^A^L" + "|" * 38 + "PH2^New^L"
    conversion = converted(RDE, PID, PLAIN, rxo, rxe)
    (pharmacy,) = [one for one in resources(conversion, "Organization") if one.get("name") in {"Old", "New"}]
    assert pharmacy["name"] == "New"
    assert "address" not in pharmacy


def test_a_route_that_differs_is_a_finding():
    """RXR-1 below RXO and RXE: one of them is given."""
    lines = ("RXO|1^A^L", "RXR|PO^Oral^HL70162", "RXE||1^A^L|1||TAB", "RXR|IM^Intramuscular^HL70162")
    conversion = converted(RDE, PID, PLAIN, *lines)
    assert only(conversion, "MedicationRequest")["dosageInstruction"][0]["route"]["coding"][0]["code"] == "IM"
    assert "statement_differs" in codes(conversion)
    same = converted(RDE, PID, PLAIN, *lines[:3], lines[1])
    assert "statement_differs" not in codes(same)


def test_a_timing_of_the_encoded_order_is_not_added_to_the_ordered_one():
    """Two dosages would double the dose."""
    conversion = converted(RDE, PID, PLAIN, "TQ1|1||BID", "RXO|1^A^L|1||TAB", "RXE||1^A^L|1||TAB", "TQ1|1||TID")
    (dosage,) = only(conversion, "MedicationRequest")["dosageInstruction"]
    assert dosage["timing"]["repeat"]["frequency"] == 3
    assert "statement_differs" in codes(conversion)


@pytest.mark.parametrize(
    ("control", "status"),
    [("NW", "active"), ("OP", "active"), ("CA", "active"), ("OC", "cancelled"), ("CR", "cancelled"), ("DC", "stopped"),
     ("OD", "stopped"), ("HR", "on-hold"), ("RL", "active"), ("RU", "cancelled"), ("FU", "active"), ("XO", "unknown")],
)  # fmt: skip
def test_a_control_code_says_the_status_in_the_words_of_r4(control: str, status: str):
    """Guide OrderControlCode, with R4's two words for revoked and decision 0020."""
    conversion = converted(OMP, PID, f"ORC|{control}|P100^EHR", RXO)
    assert only(conversion, "MedicationRequest")["status"] == status


def test_an_order_that_is_only_cancelled_says_nothing_of_the_drug():
    """OMP with an ORC alone: the same order, its drug unknown here and kept in the store."""
    conversion = converted(OMP, PID, "ORC|OC|P100^EHR|F100^RX")
    order = only(conversion, "MedicationRequest")
    assert order["id"] == only(converted(OMP, PID, PLAIN, RXO), "MedicationRequest")["id"]
    assert set(notes(conversion, order).initial) == {"medicationCodeableConcept", "intent", "status"}
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_an_order_without_an_orc_and_without_a_number_is_of_its_message():
    """RXO alone is still an order; what is said twice in the same words is one."""
    conversion = converted(OMP, PID, "RXO|1^A^L|1||TAB", "RXO|1^A^L|1||TAB", "RXO|2^B^L|1||TAB")
    assert len(resources(conversion, "MedicationRequest")) == 2
    assert "resource_repeated" in codes(conversion)


def test_who_ordered_may_come_as_a_participation():
    """PRT below an RXO: OP orders; another role of the order is a finding (decision 0020)."""
    conversion = converted(OMP, PID, PLAIN, "RXO|1^A^L", "PRT|1|AD||OP^^HL70443|4777^Attend^Ada")
    role = only(conversion, "PractitionerRole")
    assert only(conversion, "MedicationRequest")["requester"]["reference"].endswith(role["id"])
    assert "role_without_place" in codes(converted(OMP, PID, PLAIN, "RXO|1^A^L", "PRT|1|AD||CP^^HL70443|4777^Attend"))


def test_a_cumulative_limit_bounds_the_dose():
    """CDO-3 and CDO-4 (2.8.2): 4 g in 24 hours."""
    order = only(converted(RDE, PID, PLAIN, "RXE||1^A^L|500||mg", "CDO|1||4^g|24^h"), "MedicationRequest")
    limit = order["dosageInstruction"][0]["maxDosePerPeriod"]
    assert (limit["numerator"]["value"], limit["denominator"]["value"], limit["denominator"]["code"]) == (4, 24, "h")


@pytest.mark.parametrize(
    ("lines", "code"),
    [(("RXR|PO",), "route_without_drug"), (("RXC|A|1^A^L",), "component_without_drug")],
)
def test_a_route_or_component_of_nothing_is_a_finding(lines: tuple[str, ...], code: str):
    """Nothing goes in silence."""
    assert code in codes(converted(OMP, PID, *lines))


def test_orm_with_an_rxo_orders_a_drug():
    """Guide ORM_O01 42: RXO makes a MedicationRequest, an OBR beside it a ServiceRequest."""
    conversion = converted(
        MSH.format(event="ORM^O01"), PID, PLAIN, "RXO|1^A^L|1||TAB", "ORC|NW|P101^EHR", "OBR|1|P101^EHR||GLU^Glucose^L"
    )
    assert len(resources(conversion, "MedicationRequest")) == len(resources(conversion, "ServiceRequest")) == 1
