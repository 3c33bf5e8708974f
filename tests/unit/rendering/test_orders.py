"""When an order is wanted, who entered it, what it rests on: lines are read off HL7 chapter 4 and table 0335."""

from __future__ import annotations

import pytest

from shared.message.errors.mapping import ResourceAbsent
from tests.unit.rendering.samples import ABOUT, PATIENT, lines, noted, rendered

ORDER = {
    "resourceType": "ServiceRequest",
    "id": "s1",
    "status": "active",
    "intent": "order",
    "identifier": [{"system": "urn:id:EHR", "value": "P1"}],
    "code": {"text": "Glucose"},
    **ABOUT,
}


def written(name, *resources, as_type="OML^O21"):
    """Return the segments of one name of an order with these resources."""
    return [line for line in lines(rendered(PATIENT, *resources, as_type=as_type)) if line.startswith(name)]


def person(name):
    """Return a Practitioner of a name."""
    return {"resourceType": "Practitioner", "id": name, "name": [{"family": name}]}


def part(code):
    """Return what an agent of a Provenance did."""
    system = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    return {"type": {"coding": [{"system": system, "code": code}]}}


def wanted(**repeat):
    """Return an order that is wanted repeatedly."""
    return {**ORDER, "occurrenceTiming": {"repeat": repeat}}


@pytest.mark.parametrize(
    ("repeat", "pattern"),
    [
        ({"frequency": 2, "period": 1, "periodUnit": "d"}, "BID"),
        ({"frequency": 6, "period": 1, "periodUnit": "d"}, "6ID"),
        ({"frequency": 1, "period": 8, "periodUnit": "h"}, "Q8H"),
        ({"frequency": 1, "period": 1, "periodUnit": "h"}, "Q1H"),
        ({"frequency": 1, "period": 2, "periodUnit": "mo"}, "Q2L"),
        ({"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "thu"]}, "QJ14"),
        ({"period": 3, "periodUnit": "d"}, "^^^^3^d"),
        ({"frequency": 1, "period": 1, "periodUnit": "d", "when": ["ACM"]}, "QD^^^^^^^ACM"),
    ],
)
def test_a_frequency_becomes_its_pattern_of_table_0335(repeat, pattern):
    """Other systems say a Timing in numbers; a laboratory reads HL7 table 0335."""
    rendering = rendered(PATIENT, wanted(**repeat), as_type="OML^O21")
    (tq1,) = [line.split("|") for line in lines(rendering) if line.startswith("TQ1")]
    assert tq1[3] == pattern
    assert [one for one in noted(rendering) if one[0] == "element_not_carried"] == []


def test_a_frequency_without_a_pattern_is_a_finding():
    """Five times in two days has no code; half of it would be a wrong order."""
    rendering = rendered(PATIENT, wanted(frequency=5, period=2, periodUnit="d"), as_type="OML^O21")
    assert written("TQ1", wanted(frequency=5, period=2, periodUnit="d")) == []
    assert ("element_not_carried", "ServiceRequest.occurrenceTiming.repeat.frequency") in noted(rendering)


def test_the_abbreviation_of_r4_is_the_code_of_hl7():
    """R4 calls weekly WK; HL7 table 0335 Q1W."""
    system = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
    order = {**ORDER, "occurrenceTiming": {"code": {"coding": [{"system": system, "code": "WK"}]}}}
    assert written("TQ1", order) == ["TQ1|1||Q1W"]


def test_an_order_of_the_old_message_has_its_timing_in_orc_7():
    """ORM_O01 of 2.5.1 has no TQ1: chapter 4.4.1."""
    bounds = {"boundsDuration": {"value": 3, "unit": "d", "system": "http://unitsofmeasure.org", "code": "d"}}
    order = {**wanted(frequency=2, period=1, periodUnit="d", **bounds), "asNeededBoolean": True}
    (orc,) = written("ORC", order, as_type="ORM^O01")
    assert orc.split("|")[7] == "^PRNBID^D3"
    assert written("TQ1", order, as_type="ORM^O01") == []


def test_who_entered_an_order_for_whom_is_in_orc():
    """Guide ORC[Provenance] 18 to 35: the agent's part says the field; the orderer is ORC-12 already."""
    office = {"resourceType": "Organization", "id": "o1", "name": "Entry Office"}
    terminal = {"resourceType": "Device", "id": "d1", "identifier": [{"value": "T1"}]}
    agents = [
        {"who": {"reference": "Practitioner/klerk"}, "onBehalfOf": {"reference": "Organization/o1"}, **part("enterer")},
        {"who": {"reference": "Device/d1"}, **part("enterer")},
        {"who": {"reference": "Practitioner/ada"}, **part("author")},
    ]
    event = {
        "resourceType": "Provenance",
        "id": "e1",
        "target": [{"reference": "ServiceRequest/s1"}],
        "recorded": "2024-03-10T07:45:00-05:00",
        "occurredDateTime": "2024-03-10T07:30:00-05:00",
        "agent": agents,
    }
    order = {**ORDER, "requester": {"reference": "Practitioner/ada"}}
    rendering = rendered(PATIENT, order, event, person("klerk"), person("ada"), office, terminal, as_type="OML^O21")
    (orc,) = [line.split("|") for line in lines(rendering) if line.startswith("ORC")]
    assert [orc[number] for number in (9, 10, 12, 15, 17, 18)] == [
        "20240310074500-0500",
        "^klerk",
        "^ada",
        "20240310073000-0500",
        "^Entry Office",
        "T1",
    ]
    assert [one for one in noted(rendering) if one[0] != "field_missing"] == []


def test_a_charge_stands_below_the_order_it_names():
    """A charge under another order would be billed to it."""
    second = {**ORDER, "id": "s2", "identifier": [{"system": "urn:id:EHR", "value": "P2"}]}
    charge = {
        "resourceType": "ChargeItem",
        "id": "c1",
        "status": "billable",
        "code": {"text": "Draw"},
        "supportingInformation": [{"type": "ServiceRequest", "identifier": {"system": "urn:id:EHR", "value": "P2"}}],
        **ABOUT,
    }
    unknown = {**charge, "id": "c2", "supportingInformation": []}
    rendering = rendered(PATIENT, ORDER, second, charge, unknown, as_type="OML^O21")
    names = [one.name for one in rendering.message.segments]
    assert names[names.index("FT1") - 2 : names.index("FT1")] == ["ORC", "OBR"]
    assert rendering.message.get("ORC(2)-2.1") == "P2"
    assert names.count("FT1") == 1
    assert ("resource_not_carried", "ChargeItem") in noted(rendering)


@pytest.mark.parametrize(
    "said", [{"status": "draft"}, {"intent": "proposal"}, {"intent": "plan"}, {"intent": "filler-order"}]
)
def test_what_nobody_has_ordered_is_no_order(said):
    """Whoever receives NW does it; R4 calls a draft not actionable, and says that a plan authorizes nobody."""
    thought_of = {**ORDER, **said}
    for as_type in ("OML^O21", "ORM^O01"):
        with pytest.raises(ResourceAbsent):
            rendered(PATIENT, thought_of, as_type=as_type)
        both = rendered(PATIENT, ORDER, {**thought_of, "id": "s2"}, as_type=as_type)
        assert [line[:6] for line in lines(both) if line.startswith("ORC")] == ["ORC|NW"]
        assert [one for one in noted(both) if one[0] != "field_missing"] == [("resource_not_carried", "ServiceRequest")]
    assert rendered(PATIENT, thought_of).message.type == "ADT^A08"


def test_a_document_of_a_draft_names_its_number_and_does_not_order_it():
    """The ORC above a TXA is read as any other: NW would order what is only thought of."""
    document = {
        "resourceType": "DocumentReference",
        "id": "d1",
        "status": "current",
        "type": {"text": "Letter"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "SGk="}}],
        "context": {"related": [{"reference": "ServiceRequest/s1"}]},
        **ABOUT,
    }
    rendering = rendered(PATIENT, {**ORDER, "status": "draft"}, document, as_type="MDM^T02")
    assert [line for line in lines(rendering) if line[:3] in ("ORC", "OBR")] == []
    assert ("resource_not_carried", "ServiceRequest") in noted(rendering)
    assert rendering.message.get("TXA-14.1") == "P1"
