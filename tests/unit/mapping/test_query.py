"""QBP, VXQ, RSP, VXR: what is asked, how it was answered, and whose data an answer carries."""

from __future__ import annotations

from typing import Any

import pytest

from shared.changes.apply import apply_changes, needed
from shared.changes.change_set import changes_of
from shared.changes.record import CanonicalRecord, encode_record
from shared.changes.rows import PASSING, has_row
from shared.fhir.validate import validate_bundle
from shared.message.identifiers import Sequence
from tests.unit.mapping.medication_samples import FORECAST, MSH, QPD, RXA
from tests.unit.mapping.samples import PID, converted, only, resources

QBP, RSP = MSH.format(event="QBP^Q11"), MSH.format(event="RSP^K11")
MSA = "MSA|AA|Q100"


def parameters(*lines: str, header: str = QBP) -> dict[str, dict[str, Any]]:
    """Return the parameters of a query by segment and name; the bundle is always valid."""
    conversion = converted(header, *lines)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    found = only(conversion, "Parameters")
    assert only(conversion, "MessageHeader")["focus"][0]["reference"].endswith(found["id"])
    return {one["name"]: {part["name"]: part for part in one["part"]} for one in found["parameter"]}


def test_a_query_for_an_immunization_history():
    """CDC's Z34 names its fields; each becomes the parameter of its type."""
    asked = parameters(QPD, "RCP|I|5^RD&Records&HL70126|R^Real time^HL70394")
    patient = asked["QPD"]
    assert patient["MessageQueryName"]["valueCodeableConcept"]["coding"][0]["code"] == "Z34"
    assert patient["QueryTag"]["valueString"] == "TAG9"
    assert patient["PatientList"]["valueIdentifier"]["value"] == "100001"
    assert patient["PatientName"]["valueHumanName"]["family"] == "Sample"
    assert patient["PatientMotherMaidenName"]["valueHumanName"]["use"] == "maiden"
    assert patient["PatientDateOfBirth"]["valueDate"] == "1980-01-01"
    assert patient["PatientBirthOrder"]["valueInteger"] == 1
    assert asked["RCP"]["QuantityLimitedRequest"]["valueQuantity"]["value"] == 5


def test_a_query_asks_and_says_nothing_of_anybody():
    """The person who is looked for is a criterion, no Patient."""
    assert resources(converted(QBP, QPD), "Patient") == []


def test_a_query_by_example_keeps_its_criteria():
    """PDQ, QPD-3: @PID.5.1^MOO* and so on."""
    conversion = converted(
        MSH.format(event="QBP^Q22"), "QPD|Q22^Find Candidates^HL7|T1|@PID.5.1^MOO*~@PID.7.1^19780920"
    )
    parts = [one for one in only(conversion, "Parameters")["parameter"][0]["part"] if one["name"] == "QueryByExample"]
    assert [one["part"] for one in parts] == [
        [{"name": "PID.5.1", "valueString": "MOO*"}], [{"name": "PID.7.1", "valueString": "19780920"}],
    ]  # fmt: skip


def test_a_cross_reference_query_names_number_and_domain():
    """IHE PIX, QPD-3 and QPD-4."""
    asked = parameters("QPD|IHEPIXQuery|T1|L101^^^LOCAL&1.2.3&ISO^PI|^^^NATIONAL&1.2.4&ISO")["QPD"]
    assert asked["PersonIdentifier"]["valueIdentifier"]["value"] == "L101"
    assert asked["WhatDomainsReturned"]["valueIdentifier"] == {"system": "urn:oid:1.2.4"}


def test_any_other_query_keeps_its_fields_by_number():
    """A query of somebody's own: nothing is lost and nothing guessed."""
    assert parameters("QPD|Z99^Own^L|T1|A^B|C")["QPD"]["Parameter3"]["valueString"] == "A^B"


def test_a_query_of_old_versions():
    """VXQ V01: QRD and QRF."""
    asked = parameters(
        "QRD|20240310|R|I|Q1|||5^RD|01^Sample^Jane|VXI^Vaccine^HL70048", "QRF|MYIIS||||1^Sample",
        header=MSH.format(event="VXQ^V01"),
    )  # fmt: skip
    assert asked["QRD"]["WhoSubjectFilter"]["valueString"] == "01^Sample^Jane"
    assert asked["QRD"]["WhatSubjectFilter"]["valueCodeableConcept"]["coding"][0]["code"] == "VXI"
    assert asked["QRF"]["OtherQuerySubjectFilter"]["valueString"] == "1^Sample"


def test_what_an_answer_carries_says_whose_data_it_is():
    """The registry's: Immunization and forecast name it as their source, and the Provenance its author."""
    conversion = converted(RSP, MSA, "QAK|T1|OK", QPD, PID, "ORC|RE||F1^IIS", RXA, *FORECAST)
    sources = [one["meta"]["source"] for kind in ("Immunization", "ImmunizationRecommendation")
               for one in resources(conversion, kind)]  # fmt: skip
    assert sources == ["urn:id:GENHOSP"] * 2
    assert only(conversion, "Patient")["identifier"][0]["value"] == "100001"
    assert validate_bundle(conversion.bundle, is_closed=True) == []


@pytest.mark.parametrize("message", sorted(PASSING))
def test_questions_and_answers_pass_and_write_nothing(message: str):
    """Decision 0022: a person decides what of another system's data enters a record."""
    event = {"QBP": "Q11", "RSP": "K11", "VXQ": "V01", "VXX": "V02", "VXR": "V03"}[message]
    assert has_row(message, event)
    conversion = converted(MSH.format(event=f"{message}^{event}"), MSA, QPD, PID, "ORC|RE||F1^IIS", RXA)
    changes = changes_of(encode_record(CanonicalRecord(conversion.bundle, conversion.changes, Sequence("iis", 1, 1))))
    assert needed(changes) == []
    assert apply_changes(changes, {}).writes == ()


def test_an_unknown_query_event_has_no_row():
    """It is quarantined like any event that nobody has decided about."""
    assert not has_row("QBP", "Z99")
