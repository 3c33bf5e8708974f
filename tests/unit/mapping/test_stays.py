"""ABS, BLC, RMI, GP1, GP2, and what is not carried (UAC, TCD): decision 0145; every bundle is valid R4."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import PID, PV1, codes, converted, only, resources

MSH = "MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310090000-0500||BAR^{event}|M2|P|2.8"
PR1 = "PR1|1||80146002^Appendectomy^SCT||20240309"


def billed(event, *lines):
    conversion = converted(MSH.format(event=event), f"EVN|{event}|20240310", PID, PV1, *lines)
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    return conversion


def said(observation):
    """Return the values of the components by their names."""
    return [
        (one["code"]["text"], next(value for name, value in one.items() if name.startswith("value")))
        for one in observation["component"]
    ]


def test_an_abstract_is_an_observation_of_the_visit():
    """HL7 6.5.12 ABS: what a coder says of the stay."""
    conversion = billed("P05", "ABS|||MO^Moderate^HL70421||||20240310|4777^Attend^Ada||Y||38||N")
    found = only(conversion, "Observation")
    assert found["encounter"]["reference"].endswith(only(conversion, "Encounter")["id"])
    assert found["effectiveDateTime"] == "2024-03-10"
    assert len(found["performer"]) == 1
    severity, *others = said(found)
    assert severity[1]["coding"][0]["code"] == "MO"
    assert others == [("Caesarean section", True), ("Gestation, weeks", {"value": 38}), ("Stillborn", False)]


def test_blood_that_was_used_keeps_its_amount():
    """HL7 6.5.13 BLC."""
    found = only(billed("P05", "BLC|RED^Red cells^L|2^mL&millilitre&UCUM"), "Observation")
    assert found["valueCodeableConcept"]["coding"][0]["code"] == "RED"
    assert said(found)[0][1]["value"] == 2


def test_an_incident_is_an_adverse_event():
    """HL7 6.5.14 RMI: the patient fell."""
    found = only(billed("P05", "RMI|F^Fall^L|202403091230-0500|P^Preventable^L"), "AdverseEvent")
    assert found["actuality"] == "actual"
    assert found["event"]["coding"][0]["code"] == "F"
    assert found["date"] == "2024-03-09T12:30:00-05:00"
    assert found["category"][0]["coding"][0]["code"] == "P"


def test_what_is_paid_of_a_procedure_is_part_of_it():
    """HL7 6.5.16: GP2 follows its PR1; GP1 is of the visit."""
    gp2 = "GP2|360^Room^L|3|99.5&USD||||10^APC^L"
    conversion = billed("P10", "GP1|131^Outpatient^L|450^ER^L~300^Lab^L", PR1, gp2)
    visit, act = resources(conversion, "Observation")
    assert "partOf" not in visit
    assert [name for name, _ in said(visit)] == ["Revenue code", "Revenue code"]
    assert act["partOf"][0]["reference"].endswith(only(conversion, "Procedure")["id"])
    assert ("Charge", {"value": 99.5, "unit": "USD"}) in said(act)


@pytest.mark.parametrize("line", ["UAC|KERB^Kerberos^HL70615|^^^Base64^c2VjcmV0", "TCD|GLU^Glucose^L|1^1^:^10"])
def test_what_is_not_carried_is_no_finding(line):
    """A credential must reach no store, and how an analyser runs is nobody's result; both are decided."""
    conversion = billed("P05", line)
    assert "segment_unmapped" not in codes(conversion)
    assert "c2VjcmV0" not in str(conversion.bundle)
