"""MedicationRequest as ORC and RXO: lines are read off HL7 2.5.1 chapter 4 and the guide's maps RXO, RXR, TQ1."""

from __future__ import annotations

import pytest

from shared.message.errors.mapping import ResourceAbsent
from shared.rendering import render
from tests.unit.mapping.medication_samples import MSH
from tests.unit.mapping.samples import PID, converted
from tests.unit.rendering.samples import ABOUT, PATIENT, VISIT, lines, rendered

UCUM = "http://unitsofmeasure.org"
MG = {"unit": "mg", "system": UCUM, "code": "mg"}
ASPIRIN = {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1191", "display": "Aspirin"}]}
ORDER = {
    "resourceType": "MedicationRequest",
    "id": "m1",
    "status": "active",
    "intent": "order",
    "identifier": [{"system": "urn:id:EHR", "value": "P1"}],
    "medicationCodeableConcept": ASPIRIN,
    **ABOUT,
}
ROUTES = "http://terminology.hl7.org/CodeSystem/v2-0162"


def dosed(*dosages, **elements):
    """Return an order with these dosages."""
    return {**ORDER, "dosageInstruction": list(dosages), **elements}


def by(route, **elements):
    """Return a dosage of 325 mg by a route."""
    dose = [{"doseQuantity": {"value": 325, **MG}}]
    return {"route": {"coding": [{"system": ROUTES, "code": route}]}, "doseAndRate": dose, **elements}


def often(times):
    """Return the time of a dosage: so many times a day."""
    return {"timing": {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}}}


def told(rendering):
    """Return what no field carries, as (code, place)."""
    return [(one.code, one.place) for one in rendering.findings if one.code.endswith("_not_carried")]


def written(order, *names, as_type="OMP^O09"):
    """Return the segments of these names of an order."""
    return [line for line in lines(rendered(PATIENT, order, as_type=as_type)) if line[:3] in names]


def test_a_drug_order_is_an_omp():
    """Without a MessageHeader what the bundle holds says which message it is."""
    rendering = rendered(PATIENT, VISIT, dosed(by("PO", **often(2)), priority="stat"))
    assert rendering.message.text.split("|")[8] == "OMP^O09^OMP_O09"
    assert [line[:3] for line in lines(rendering)] == ["MSH", "PID", "PV1", "ORC", "TQ1", "RXO", "RXR"]
    assert lines(rendering)[3:] == [
        "ORC|NW|P1^EHR|||IP",
        "TQ1|1||BID||||||S",
        "RXO|1191^Aspirin^RXNORM|325||mg^^UCUM",
        "RXR|PO^^HL70162",
    ]
    assert told(rendering) == []


def test_an_orm_has_its_time_in_orc_7_and_no_route():
    """ORM_O01 of 2.5.1 has RXO, and neither TQ1 nor RXR: the route is told, never left out in silence."""
    rendering = rendered(PATIENT, dosed(by("PO", text="with food", **often(2)), priority="stat"), as_type="ORM^O01")
    assert lines(rendering)[2:] == [
        "ORC|NW|P1^EHR|||IP||^BID^^^^S",
        "RXO|1191^Aspirin^RXNORM|325||mg^^UCUM|||with food",
    ]
    assert told(rendering) == [
        ("element_not_carried", "MedicationRequest.dosageInstruction.route.coding.code"),
        ("element_not_carried", "MedicationRequest.dosageInstruction.route.coding.system"),
    ]


def test_orders_of_all_kinds_keep_their_places_in_an_orm():
    """One ORM may order a drug, a blood count and another drug: each has its own ORC, answers and reasons."""
    sent = (
        "ORC|NW|P1^EHR", "RXO|1191^Aspirin^RXNORM|325||mg^^UCUM", "OBX|1|NM|WT^Weight^L||70|kg^^UCUM|||||F",
        "ORC|NW|P2^EHR", "OBR|1|P2^EHR||CBC^Count^L", "DG1|1||R50^Fever^I10|||W",
        "ORC|NW|P3^EHR", "RXO|1192^Other^RXNORM|1||tablet", "NTE|1||at night",
    )  # fmt: skip
    found = render(converted(MSH.format(event="ORM^O01"), PID, *sent).bundle)
    assert [line.split("|")[0] for line in lines(found)[2:]] == [line.split("|")[0] for line in sent]
    names = ("RXO", "OBX", "NTE")
    assert [line for line in lines(found) if line[:3] in names] == [line for line in sent if line[:3] in names]
    assert told(found) == []


def test_times_and_routes_that_hold_for_one_dose_are_segments_of_their_own():
    """TQ1 and RXR repeat beside one RXO; TQ1-12 says how one time follows another (HL7 table 0427)."""
    times = [dict(often(number), sequence=after) for number, after in ((2, 1), (1, 1), (3, 2))]
    dosages = [by(route, **time) for route in ("PO", "IV") for time in times]
    rendering = rendered(PATIENT, dosed(*dosages))
    assert [line for line in lines(rendering) if line[:3] in ("TQ1", "RXR")] == [
        "TQ1|1||BID|||||||||A",
        "TQ1|2||QD|||||||||S",
        "TQ1|3||TID",
        "RXR|PO^^HL70162",
        "RXR|IV^^HL70162",
    ]
    assert told(rendering) == []


def test_another_dose_is_never_written_as_the_first_one():
    """An RXO has one dose: 650 mg at night is told, and no TQ1 says that 325 mg are given then."""
    second = by("PO", **often(1), doseAndRate=[{"doseQuantity": {"value": 650, **MG}}])
    rendering = rendered(PATIENT, dosed(by("PO", **often(2)), second))
    assert [line for line in lines(rendering) if line[:3] in ("TQ1", "RXO", "RXR")] == [
        "TQ1|1||BID",
        "RXO|1191^Aspirin^RXNORM|325||mg^^UCUM",
        "RXR|PO^^HL70162",
    ]
    assert ("element_not_carried", "MedicationRequest.dosageInstruction.doseAndRate.doseQuantity.value") in told(
        rendering
    )


def test_routes_and_times_that_do_not_hold_together_are_not_mixed():
    """Twice a day by mouth and once by vein is not both by both."""
    rendering = rendered(PATIENT, dosed(by("PO", **often(2)), by("IV", **often(1))))
    assert [line for line in lines(rendering) if line[:3] in ("TQ1", "RXR")] == ["TQ1|1||BID", "RXR|PO^^HL70162"]
    assert ("element_not_carried", "MedicationRequest.dosageInstruction.route.coding.code") in told(rendering)


@pytest.mark.parametrize(
    "dose",
    [
        {"doseRange": {"low": {"value": 325, **MG}}},
        {"doseRange": {"low": {"value": 325, **MG}, "high": {"value": 1, "unit": "g", "system": UCUM, "code": "g"}}},
        {"rateRatio": {"numerator": {"value": 10, **MG}, "denominator": {"value": 2, "unit": "bags"}}},
        {"rateRatio": {"denominator": {"value": 1, "unit": "h", "system": UCUM, "code": "h"}}},
        {"type": {"coding": [{"code": "calculated"}]}, "doseQuantity": {"value": 500, **MG}},
    ],
    ids=["no upper end", "two units", "per what is no time", "of nothing", "calculated by the pharmacy"],
)
def test_half_a_dose_is_told_and_not_written(dose):
    """One end of a range reads as the exact dose (HL7 4A.4.1.2), a rate without its time as another rate."""
    rendering = rendered(PATIENT, dosed({"doseAndRate": [dose]}))
    (rxo,) = [line for line in lines(rendering) if line.startswith("RXO")]
    assert rxo == "RXO|1191^Aspirin^RXNORM"
    assert any(place.startswith("MedicationRequest.dosageInstruction.doseAndRate") for _, place in told(rendering))


def test_a_rate_and_a_limit_have_their_fields():
    """RXO-17, 21, 22: 10 mL an hour; RXO-23: at most 4 g within a day."""
    rate = {"numerator": {"value": 10, "unit": "mL", "system": UCUM, "code": "mL"},
            "denominator": {"value": 1, "unit": "hour", "system": UCUM, "code": "h"}}  # fmt: skip
    limit = {"numerator": {"value": 4, "unit": "g", "system": UCUM, "code": "g"},
             "denominator": {"value": 1, "unit": "day", "system": UCUM, "code": "d"}}  # fmt: skip
    (rxo,) = written(dosed({"doseAndRate": [{"rateRatio": rate}], "maxDosePerPeriod": limit}), "RXO")
    assert rxo == "RXO|1191^Aspirin^RXNORM" + "|" * 16 + "H1||||10|mL^^UCUM|4^g&&UCUM"
    weekly = dosed({"maxDosePerPeriod": {**limit, "denominator": {"value": 1, "system": UCUM, "code": "wk"}}})
    assert written(weekly, "RXO") == ["RXO|1191^Aspirin^RXNORM"]


def test_what_a_pharmacy_made_of_an_order_is_no_rxo():
    """An RXO is the order as it was written; a filler's order has a message of its own (RDE), which is not written."""
    encoded = {**ORDER, "intent": "filler-order"}
    with pytest.raises(ResourceAbsent):
        rendered(PATIENT, encoded, as_type="OMP^O09")
    both = rendered(PATIENT, ORDER, {**encoded, "id": "m2"}, as_type="OMP^O09")
    assert told(both) == [("resource_not_carried", "MedicationRequest")]


def test_a_draft_is_no_order():
    """Whoever receives NW gives the drug; R4 says of a draft that it is not yet actionable."""
    draft = {**ORDER, "status": "draft"}
    with pytest.raises(ResourceAbsent):
        rendered(PATIENT, draft, as_type="OMP^O09")
    both = rendered(PATIENT, ORDER, {**draft, "id": "m2"}, as_type="ORM^O01")
    assert told(both) == [("resource_not_carried", "MedicationRequest")]


@pytest.mark.parametrize(
    ("status", "control", "said"),
    [("active", "NW", "IP"), ("on-hold", "HD", "HD"), ("cancelled", "CA", "CA"), ("stopped", "DC", "DC"),
     ("completed", "SC", "CM"), ("entered-in-error", "CA", "ER"), ("unknown", "NW", "")],
)  # fmt: skip
def test_the_status_says_what_is_asked_for(status, control, said):
    """HL7 tables 0119 and 0038: what began is discontinued, what did not is cancelled (decision 0020)."""
    (orc,) = written({**ORDER, "status": status}, "ORC")
    assert orc == f"ORC|{control}|P1^EHR|||{said}".rstrip("|")


def test_an_inpatient_order_is_i_of_table_0482():
    """Other systems say where a drug is given in R4's own words."""
    system = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
    (orc,) = written({**ORDER, "category": [{"coding": [{"system": system, "code": "inpatient"}]}]}, "ORC")
    assert orc.split("|")[29] == "I^^HL70482"
