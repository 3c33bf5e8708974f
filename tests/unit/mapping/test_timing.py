"""Repeat patterns and durations: what HL7 tables 0335 and 0528 and the data types RPT, RI and TQ say of a Timing."""

from __future__ import annotations

from typing import Any

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.medication_samples import MSH, RXO
from tests.unit.mapping.samples import PID, codes, converted, only, resources

ORC = "ORC|NW|P100^EHR"


def dosage(tq1: str, *more: str) -> dict[str, Any]:
    """Return the one dosage of an order with this timing."""
    conversion = converted(MSH.format(event="OMP^O09"), PID, ORC, tq1, "RXO|1191^Aspirin^RXNORM|1||TAB", *more)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    (found,) = only(conversion, "MedicationRequest")["dosageInstruction"]
    return dict(found)


@pytest.mark.parametrize(
    ("pattern", "repeat"),
    [
        ("BID", {"frequency": 2, "period": 1, "periodUnit": "d"}),
        ("TID", {"frequency": 3, "period": 1, "periodUnit": "d"}),
        ("QID", {"frequency": 4, "period": 1, "periodUnit": "d"}),
        ("5ID", {"frequency": 5, "period": 1, "periodUnit": "d"}),
        ("Q6H", {"frequency": 1, "period": 6, "periodUnit": "h"}),
        ("Q30M", {"frequency": 1, "period": 30, "periodUnit": "min"}),
        ("Q2D", {"frequency": 1, "period": 2, "periodUnit": "d"}),
        ("Q3W", {"frequency": 1, "period": 3, "periodUnit": "wk"}),
        ("Q1L", {"frequency": 1, "period": 1, "periodUnit": "mo"}),
        ("QOD", {"frequency": 1, "period": 2, "periodUnit": "d"}),
        ("QHS", {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]}),
        ("Q1J135", {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "wed", "fri"]}),
        ("QJ2", {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["tue"]}),
        ("ACM", {"when": ["ACM"]}),
        ("Once", {"count": 1}),
    ],
)
def test_a_pattern_of_table_0335_says_a_frequency(pattern: str, repeat: dict[str, Any]):
    """Guide RPT[Timing] 3 keeps the code; a pump or a reminder needs the numbers."""
    timing = dosage(f"TQ1|1||{pattern}")["timing"]
    assert timing["repeat"] == repeat
    assert timing["code"]["coding"][-1] == {"system": "http://terminology.hl7.org/CodeSystem/v2-0335", "code": pattern}


@pytest.mark.parametrize(
    ("pattern", "short"), [("BID", "BID"), ("Q6H", "Q6H"), ("Q1L", "MO"), ("Q1W", "WK"), ("Q5H", None), ("QAM", None)]
)
def test_a_pattern_has_the_abbreviation_that_r4_prefers(pattern: str, short: str | None):
    """Guide RepeatPattern 6 to 25: v3-GTSAbbreviation where it has the pattern."""
    codings = dosage(f"TQ1|1||{pattern}")["timing"]["code"]["coding"]
    found = [one["code"] for one in codings if one["system"].endswith("v3-GTSAbbreviation")]
    assert found == ([short] if short else [])


def test_a_pattern_of_somebody_else_is_not_read():
    """QD of a local table may mean anything: it is kept, and computed by nobody."""
    conversion = converted(MSH.format(event="OMP^O09"), PID, ORC, "TQ1|1||QD&each dusk&99LOCAL", RXO)
    timing = only(conversion, "MedicationRequest")["dosageInstruction"][0]["timing"]
    assert timing["code"]["text"] == "each dusk"
    assert timing["code"]["coding"][0]["code"] == "QD"
    assert "repeat" not in timing
    assert "timing_as_text" in codes(conversion)


@pytest.mark.parametrize("pattern", ["3 times daily", "Q0H", "0ID", "QXH", "^as the doctor says"])
def test_what_is_no_pattern_stays_text_and_is_a_finding(pattern: str):
    """Nothing is computed from words: a wrong frequency harms."""
    conversion = converted(MSH.format(event="OMP^O09"), PID, ORC, f"TQ1|1||{pattern.replace('^', '&')}", RXO)
    timing = only(conversion, "MedicationRequest")["dosageInstruction"][0]["timing"]
    assert timing["code"]["text"] == pattern.lstrip("^")
    assert "repeat" not in timing
    assert "timing_as_text" in codes(conversion)


def test_as_needed_stands_beside_the_pattern():
    """PRN and PRNxxx (HL7 table 0335): taken when it is needed, at most so often."""
    assert dosage("TQ1|1||PRN")["asNeededBoolean"] is True
    often = dosage("TQ1|1||PRNQ6H")
    assert (often["asNeededBoolean"], often["timing"]["repeat"]["period"]) == (True, 6)


@pytest.mark.parametrize(
    "priority", ["PRN", "prn", "PRN^As needed^HL70485", "WHEN^If it hurts^L^PRN^As needed^HL70485"]
)
def test_as_needed_may_be_the_priority(priority: str):
    """HL7 table 0485: without it, a drug to be taken if needed is one to be taken every six hours."""
    found = dosage(f"TQ1|1||Q6H||||||{priority}")
    assert found["asNeededBoolean"] is True
    assert found["timing"]["repeat"]["period"] == 6


def test_as_needed_is_the_priority_in_a_timing_of_older_versions():
    """TQ.6 (HL7 4.3.6), of RXE-1 or ORC-7."""
    conversion = converted(MSH.format(event="RDE^O11"), PID, ORC, "RXE|^Q6H^^^^PRN|1191^Aspirin^RXNORM|325||mg")
    (found,) = only(conversion, "MedicationRequest")["dosageInstruction"]
    assert found["asNeededBoolean"] is True


def test_a_service_that_is_wanted_if_needed_says_so():
    """The same of an order that is not for a drug."""
    lines = ORC, "TQ1|1||Q6H||||||PRN", "OBR|1|P100^EHR||1^Glucose^L"
    assert only(converted(MSH.format(event="OMG^O19"), PID, *lines), "ServiceRequest")["asNeededBoolean"] is True


def test_period_event_and_days_of_an_rpt():
    """Guide RPT[Timing] 5 to 11: every 2 weeks, Monday to Wednesday, 1 hour before breakfast; R4 counts minutes."""
    timing = dosage("TQ1|1||^DW^1^3^2^wk^^ACM^1^h")["timing"]["repeat"]
    assert timing == {
        "dayOfWeek": ["mon", "tue", "wed"], "period": 2, "periodUnit": "wk", "when": ["ACM"], "offset": 60,
    }  # fmt: skip


def test_explicit_times_of_the_day():
    """TQ1-4 is a TM and repeats; the guide's dosageInstruction.timing.event could not hold it (decision 0020)."""
    assert dosage("TQ1|1||QD|0800~20:30")["timing"]["repeat"]["timeOfDay"] == ["08:00:00", "20:30:00"]


def test_an_event_and_times_of_the_day_cannot_stand_together():
    """R4 tim-10."""
    assert "timeOfDay" not in dosage("TQ1|1||QHS|2200")["timing"]["repeat"]


def test_an_offset_without_an_event_is_left_out():
    """R4 tim-9."""
    conversion = converted(MSH.format(event="OMP^O09"), PID, ORC, "TQ1|1||BID||30^min", RXO)
    assert "timing_as_text" in codes(conversion)
    assert validate_bundle(conversion.bundle, is_closed=True) == []


@pytest.mark.parametrize(
    ("tq1", "bounds"),
    [
        ("5^d||", {"boundsDuration": {"value": 5, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}}),
        ("5^d|20240310|", {"boundsPeriod": {"start": "2024-03-10", "end": "2024-03-15"}}),
        ("36^h||20240312120000-0500", {
            "boundsPeriod": {"start": "2024-03-11T00:00:00-05:00", "end": "2024-03-12T12:00:00-05:00"}}),
        ("|20240310|20240320", {"boundsPeriod": {"start": "2024-03-10", "end": "2024-03-20"}}),
    ],
)  # fmt: skip
def test_service_duration_bounds_the_timing(tq1: str, bounds: dict[str, Any]):
    """Guide TQ1[MedicationRequest] 8 to 12, counted by hand: 5 days from 10 March; 36 hours before noon of the 12th."""
    assert dosage("TQ1|1||||||"[:-1] + tq1)["timing"]["repeat"] == bounds


def test_priority_condition_instruction_and_count():
    """Guide TQ1[MedicationRequest] 13 to 15, 17 to 19. countMax without count would break R4 tim-8."""
    conversion = converted(
        MSH.format(event="OMP^O09"), PID, ORC, "TQ1|1||BID||||||S|if fever|with food||10^min|6", "RXO|1^A^L|1||TAB"
    )
    order = only(conversion, "MedicationRequest")
    (said,) = order["dosageInstruction"]
    assert order["priority"] == "stat"
    assert said["additionalInstruction"] == [{"text": "if fever"}]
    assert said["text"] == "with food"
    repeat = said["timing"]["repeat"]
    assert (repeat["duration"], repeat["durationUnit"], repeat["count"]) == (10, "min", 6)


def test_a_priority_the_guide_does_not_map_is_kept_beside_it():
    """HL7 table 0485 T: timing critical; request-priority has no such code."""
    conversion = converted(MSH.format(event="OMP^O09"), PID, ORC, "TQ1|1||BID||||||T", RXO)
    order = only(conversion, "MedicationRequest")
    assert "priority" not in order
    assert order["_priority"]["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "T"
    assert "code_unmapped" in codes(conversion)


def test_several_timings_follow_each_other_by_their_conjunction():
    """HL7 table 0427: S is followed by the next, A has the next beside it."""
    lines = (ORC, "TQ1|1||BID|||||||||S", "TQ1|2||QD|||||||||A", "TQ1|3||QHS", "RXO|1^A^L|1||TAB")
    order = only(converted(MSH.format(event="OMP^O09"), PID, *lines), "MedicationRequest")
    assert [one["sequence"] for one in order["dosageInstruction"]] == [1, 2, 2]
    assert all(one["doseAndRate"][0]["doseQuantity"]["value"] == 1 for one in order["dosageInstruction"])


def test_the_timing_of_old_versions():
    """Guide TQ[MedicationRequest] 3 to 17 and RI[Timing]: ORC-7 before 2.5."""
    orc = "ORC|NW|P100^EHR|||||2&TAB^BID&0800,2000^D5^20240310^^S^if fever^With food^^^10&min^6"
    conversion = converted(MSH.format(event="OMP^O09"), PID, orc, "RXO|1191^Aspirin^RXNORM")
    order = only(conversion, "MedicationRequest")
    (said,) = order["dosageInstruction"]
    assert said["doseAndRate"] == [{"doseQuantity": {"value": 2, "unit": "TAB"}}]
    assert said["timing"]["repeat"] == {
        "boundsPeriod": {"start": "2024-03-10", "end": "2024-03-15"},
        "frequency": 2, "period": 1, "periodUnit": "d", "timeOfDay": ["08:00:00", "20:00:00"],
        "duration": 10, "durationUnit": "min", "count": 6,
    }  # fmt: skip
    assert order["priority"] == "stat"
    assert order["note"] == [{"text": "With food"}]
    assert said["additionalInstruction"] == [{"text": "if fever"}]
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_a_service_occurs_as_its_timing_says():
    """Guide TQ1[ServiceRequest] 4 to 19: a laboratory order has an occurrence, not a dosage."""
    lines = (
        "ORC|NW|P100^EHR",
        "TQ1|1|3^each|Q6H||||20240310|20240312|A|if fever|call first",
        "OBR|1|P100^EHR||GLU^Glucose^L",
    )
    conversion = converted(MSH.format(event="OML^O21"), PID, *lines)
    order = only(conversion, "ServiceRequest")
    assert order["occurrenceTiming"]["repeat"]["period"] == 6
    assert order["occurrenceTiming"]["repeat"]["boundsPeriod"] == {"start": "2024-03-10", "end": "2024-03-12"}
    assert order["quantityQuantity"] == {"value": 3, "unit": "each"}
    assert order["priority"] == "asap"
    assert order["asNeededCodeableConcept"] == {"text": "if fever"}
    assert order["note"] == [{"text": "call first"}]
    assert validate_bundle(conversion.bundle, is_closed=True) == []


def test_the_orders_an_order_waits_for_are_named():
    """TQ2-3 and TQ2-4 (decision 0020)."""
    conversion = converted(MSH.format(event="OMP^O09"), PID, ORC, "TQ1|1||BID", "TQ2|1|S|P99^EHR|F99^RX", RXO)
    order = only(conversion, "MedicationRequest")
    assert [one["identifier"]["value"] for one in order["supportingInformation"]] == ["P99", "F99"]


def test_a_timing_in_a_report_has_no_place():
    """ORU_R01 62: the guide gives a report none. It is a finding, not a guess."""
    conversion = converted(MSH.format(event="OUL^R22"), PID, "OBR|1|||GLU^Glucose^L", "TQ1|1||BID")
    assert "timing_without_order" in codes(conversion)
    assert resources(conversion, "ServiceRequest") == []
