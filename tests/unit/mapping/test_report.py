"""Every value of a message is accounted for, and the account is true."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.convert import ADT, ORU
from shared.fhir import exact_json
from shared.hl7 import parse
from shared.mapping import convert
from shared.mapping.report import Outcome, mapping_report
from tests.unit.mapping.medication_samples import SAMPLES as MEDICATION
from tests.unit.mapping.samples import MSH_ADT, PID, PV1, context, message

_IDS = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
SIU = (
    b"MSH|^~\\&|SCHED|CLINIC|HUB|HUB|20240310090000-0500||SIU^S12|M3|P|2.5.1\r"
    b"SCH|A1^SCHED|B2^CLINIC|||||CHECKUP^Check^HL70276|Tentative^^HL70277|45|min|^^^20240401100000-0500^20240401103000-0500\r"
    b"PID|1||100001^^^GENHOSP^MR||Sample^Jane^Q||19800101|F\r"
    b"RGS|1\rAIS|1||99213^Visit^C4\rAIP|1||4777^Attend^Ada|P^Physician^L\rAIL|1||CL1^R2\r"
)
DFT = (
    b"MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||DFT^P03|M5|P|2.5.1\r"
    b"PID|1||100001^^^GENHOSP^MR||Sample^Jane^Q||19800101|F||||||||||ACC1^^^GENHOSP^AN\r"
    b"ROL|R1^EHR|AD|PP^Primary^HL70443|4777^Attend^Ada|20240101|20241231|||207Q^Family|1^Hospital|2 Rd^^Town|"
    b"^WPN^PH^^1^555^5550155|W9^1|Town Clinic^^^^^^XX^^^TC1\r"
    b"PV1|1|I|W2^204|||W1^101|||||||||||||V2001^^^GENHOSP^VN||||||||||||||||||||||||W0^1\r"
    b"FT1|1|TX-1|B1|20240309|20240310|CG|44950^Appendectomy^C4|Removal|Remark|2|500&USD|250&USD|SURG^Surgery||||||"
    b"K35.80^Appendicitis^I10C|5002^Cut^Cora|4777^Attend^Ada||F100^LAB|1234^Klerk^Kim|44951^Other^C4|22|||N1^Drug^NDC\r"
    b"PR1|1||44950^Appendectomy^C4||20240309101500-0500|D^Diagnostic|45|5001^Sleep^Sam|||5002^Cut^Cora|5003^Help^Hal|||"
    b"K35.80^^I10C|22|||PR-1^EHR||||OR1^2||PR-0^EHR\r"
    b"ACC|20240308|AA^Auto|Route 50|NY|Y|N|1234^Klerk^Kim|Hit a tree|Friend|Y|1 Rd^^Town|50|AX-1^CITY\r"
    b"DB1|1|PT|D-1^^^BOARD|Y|20240101|20240301|20240302|20240101\r"
    b"PDA|I21^Infarction^I10|W2^205|Y|20240310|4777^Attend^Ada|Y|20240311^20240312|5003^Help^Hal|N\r"
    b"DRG|470^Major joint^MSDRG|20240310|||T^Type|3\r"
    b"GT1|1|G1^^^GENHOSP|Guard^Gus||1 St^^Town|^PRN^PH^^1^555^5550102|^WPN^PH^^1^555^5550103|"
    b"19700101|M||SPO|999-00-2222|"
    b"20240101|20241231|||||E7^^^MAKERS|||N||||||||||||||en^English\r"
    b"IN1|1|GOLD^Gold Plan|PAY1^^^HEALTHCO^NIIP|HealthCo^^^^^^XX^^^HC1|1 Way^^Town|Agent^Abe|"
    b"^WPN^PH^^1^555^5550199|GRP7|"
    b"Guild|EMP9^^^MAKERS^EI|Makers Inc|20240101|20241231||HMO|Sample^John|SPO|19790202|2 St^^Town||"
    b"|1||||||||||||||POL-1|"
    b"250&USD||||||M|3 Rd^^Town|||||S-1^^^HEALTHCO^SN\r"
    b"IN2|EE77^^^MAKERS|999-00-3333||||MC-1||MA-1||MI-1|||||||||||||||P2^^^HC|S2^^^HC||||||||en^English|||||||||||||||"
    b"Boss^Bea|^WPN^PH^^1^555^5550104|||||||||||MB-1^^^HC||^PRN^PH^^1^555^5550177|^WPN^PH^^1^555^5550178\r"
    b"IN3|1||||||||||||||||||||Casey Manager\r"
)
SAMPLES = {"adt": ADT, "oru": ORU, "siu": SIU, "dft": DFT, **MEDICATION}
# Nothing of them is carried, but they say how to read something else, or whether to.
_GUIDES = re.compile(r"(OBX(\(\d+\))?-[24]|RXA-5|SCH-10|AI[SPGL]-8|PID-21|ROL-2).*")


def carried(raw: bytes, place: str = "", value: str | None = None) -> bytes:
    """Return what a message becomes with another value at a place, ids aside, and what was noticed."""
    sent = parse(raw)
    if place:
        sent.set(place, value)
    conversion = convert(sent, context())
    return _IDS.sub(b"#", exact_json.dumps(conversion.bundle)) + repr(conversion.findings).encode()


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_populated_value_has_a_fate(name: str):
    """DESIGN promise 6: for each message the hub can say which source fields reached no output, and why."""
    sent = parse(SAMPLES[name])
    report = mapping_report(sent, context())
    populated = sum(
        1
        for segment in sent.segments
        for field in segment.fields[3 if segment.name == "MSH" else 1 :]
        for value in re.split(r"[~^&]", field)
        if value
    )
    assert len(report.fates) == populated + 2
    assert report.counts["lost"] == 0
    assert all(fate.guide and fate.target for fate in report.fates if fate.outcome is Outcome.MAPPED)
    assert all(fate.reason for fate in report.fates if fate.outcome is not Outcome.MAPPED)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(SAMPLES.keys() - {"qbp"})), st.integers(0, 10_000))  # of a query all is mapped
def test_what_is_not_mapped_changes_nothing(name: str, drawn: int):
    """The account is true: without an ignored or lost value the bundle is the same."""
    fates = [
        fate
        for fate in mapping_report(parse(SAMPLES[name]), context()).fates
        if fate.outcome is not Outcome.MAPPED and not fate.place.startswith("MSH") and not _GUIDES.match(fate.place)
    ]
    fate = fates[drawn % len(fates)]
    assert carried(SAMPLES[name], fate.place) == carried(SAMPLES[name])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["adt", "oru", "dft", *MEDICATION]), st.integers(0, 10_000))
def test_what_is_mapped_shows_in_the_bundle(name: str, drawn: int):
    """The account is true: with another value in its place the bundle is another."""
    fates = [f for f in mapping_report(parse(SAMPLES[name]), context()).fates if f.outcome is Outcome.MAPPED]
    fate = fates[drawn % len(fates)]
    other = f"{parse(SAMPLES[name]).get(fate.place)}9"
    assert carried(SAMPLES[name], fate.place, other) != carried(SAMPLES[name])


def test_a_field_without_a_row_is_lost_and_says_so():
    """ZPD has no family; PID-50 does not exist."""
    report = mapping_report(message(MSH_ADT.format(event="A01"), PID + "|" * 42 + "x", PV1, "ZPD|1|local"), context())
    lost = {fate.place: fate.reason for fate in report.fates if fate.outcome is Outcome.LOST}
    assert lost == {
        "PID-50": "no row for this field",
        "ZPD-1": "no family maps this segment",
        "ZPD-2": "no family maps this segment",
    }


def test_a_report_holds_no_value_of_the_message():
    """It is shown to operators: places and rows, never content."""
    text = str(mapping_report(parse(ADT), context()).to_dict())
    assert "Sample" not in text
    assert "100001" not in text
