"""Local codes by the interface's own map; what nobody maps keeps its original."""

from __future__ import annotations

import pytest

from shared.registry.concept_map import ConceptMap
from tests.unit.mapping.samples import OBR, PV1, admitted, codes, only, resulted

ADMINISTRATIVE = "http://hl7.org/fhir/administrative-gender"
LOINC = {"system": "http://loinc.org", "code": "2823-3", "display": "Potassium"}
MAPS = [
    ConceptMap(
        {("L", "K"): ("http://loinc.org", "2823-3", "Potassium"), ("0001", "W"): (ADMINISTRATIVE, "female", "")}
    ),
    ConceptMap(
        by_uri={
            ("urn:id:L", "K"): ("http://loinc.org", "2823-3", "Potassium"),
            ("http://terminology.hl7.org/CodeSystem/v2-0001", "W"): (ADMINISTRATIVE, "female", ""),
        }
    ),
]


@pytest.mark.parametrize("own", MAPS, ids=["CSV", "ConceptMap"])
def test_a_local_code_is_translated_and_its_original_stays_beside_it(own: ConceptMap) -> None:
    """Whoever doubts the map can see what was sent."""
    conversion = resulted(OBR, "OBX|1|NM|K^Kalium^L||4|mmol/L|||||F", codes=own)

    local = {"system": "urn:id:L", "code": "K", "display": "Kalium"}
    assert only(conversion, "Observation")["code"]["coding"] == [LOINC, local]


@pytest.mark.parametrize("own", MAPS, ids=["CSV", "ConceptMap"])
def test_a_local_code_of_an_hl7_table_becomes_the_code_that_fhir_requires(own: ConceptMap) -> None:
    """PID-8 holds no system: the table's number stands for it."""
    conversion = admitted("PID|1||1^^^G^MR||||19800101|W", PV1, codes=own)

    assert only(conversion, "Patient")["gender"] == "female"
    assert "code_unmapped" not in codes(conversion)


def test_a_code_that_nobody_maps_keeps_its_original_and_is_a_finding() -> None:
    """Never a guess: no code enters a required binding, and none is lost."""
    conversion = admitted("PID|1||1^^^G^MR||||19800101|W", PV1, codes=MAPS[0])
    assert "gender" in only(conversion, "Patient")

    conversion = admitted("PID|1||1^^^G^MR||||19800101|Q", PV1, codes=MAPS[0])
    patient = only(conversion, "Patient")
    assert "gender" not in patient
    assert codes(conversion).count("code_unmapped") == 1
    [extension] = patient["_gender"]["extension"]
    assert extension["valueCodeableConcept"]["coding"][0]["code"] == "Q"
    assert "code_unmapped" in codes(conversion)
