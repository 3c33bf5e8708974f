"""Every value of a message is accounted for, and the account is true."""

from __future__ import annotations

import re

import pytest

from bench.convert import ADT, ORU
from shared.fhir import exact_json
from shared.hl7 import parse
from shared.mapping import convert
from shared.mapping.report import Outcome, mapping_report
from tests.unit.mapping.medication_samples import SAMPLES as MEDICATION
from tests.unit.mapping.samples import MSH_ADT, MSH_ORU, MSH_SIU, OBR, PID, PV1, context, message

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
_HEAD = b"MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||%s|M6|P|2.5.1\r"
_PID = b"PID|1||100001^^^GENHOSP^MR||Sample^Jane^Q||19800101|F\r"
MDM = (
    _HEAD % b"MDM^T10" + _PID + b"ORC|SC|P1^EHR|F1^LAB\rOBR|1|P1^EHR|F1^LAB|18842-5^Summary^LN\r"
    b"TXA|1|DS^Summary^HL70270|TX|20240309090000-0500|5002^Cut^Cora|20240309100000-0500|20240309113000-0500|"
    b"20240309120000-0500|4777^Attend^Ada|4778^Sign^Sue|1234^Klerk^Kim|D200^DICT|D100^DICT|P9^EHR|F9^LAB|d200.txt|AU|R|"
    b"AV||Wrong side|4779^Seal^Sam^^^^^^^^^^^^20240309150000-0500|4780^Copy^Cy||Title|||SURG^Surgery^L\r"
    b"OBX|1|TX|18842-5^Summary^LN||Came in ill.\rOBX|2|ED|PDF^Report^L||^application^pdf^Base64^JVBERi0=\r"
)
CARE = (
    _HEAD % b"PPR^PC1"
    + _PID
    + b"PRB|AD|20240309080000-0500|44054006^Diabetes^SCT|PR1^CARE|E1|1|20240301|20240601||chronic^Chronic^L|||"
    b"confirmed|active||20230501|after holidays||||||||V^Very^L|SEV^Severe^L\r"
    b"VAR|V1|20240309090000-0500||4777^Attend^Ada|delay^Delay^L|Came late\r"
    b"PTH|AD|DM^Pathway^L|W1^CARE|20240301|active|20240305080000-0500\r"
    b"GOL|AD|20240309080000-0500|GL1^Walk^L|G1^CARE||1|20240301|20240901|nursing^Nursing^L|DIET^Diet^L||||||"
    b"improving^Improving^L|Slow|active|20240305\r"
)
REF = (
    _HEAD
    % b"REF^I12"
    + b"RF1|A|R^Routine|Med^Medical|WR^Report|O^Outpatient|R100^EHR|20240311|20240611|20240310|S^Second|X9^OTHER|||"
    b"Old pain|3|||||4781^Auth^Al||||Note\r"
    b"AUT|PPO^Plan^L|HC02^^L|Good Health|20240310|20240610|A77^PAYER|175&USD|3|2|20240309||||A^Approved|||Why|"
    b"||||||||||Rem\r"
    b"PRD|RT|Family^Fay|2 Clinic Rd^^Town|W9^1|^WPN^PH^^1^555^5550155||12^NPI|20240101|20241231|"
    b"Town Clinic^^^^^^XX^^^TC1|3 Office St^^Town|W8^2|^WPN^PH^^1^555^5550166\r"
    b"CTD|PR|Desk^Dora|4 St^^Town||^WPN^PH^^1^555^5550177\r" + _PID
)
STAFF = (
    _HEAD % b"MFN^M02" + b"MFI|STF^Staff^HL70175||UPD|||AL\rMFE|MUP|1||4777|CE|20240301080000-0500|1234^Klerk^Kim\r"
    b"STF|47|4777^^^GENHOSP^EI|Attend^Ada|MD^Physician|F|19700101|A|CARD^Cardiology|CAR^Cardiac|^WPN^PH^^1^555^5550100|"
    b"1 Main^^Town|20010101^X|20301231||ada@example.org|||Senior|||||DL1^ST^20300101\r"
    b"PRA|47|G1^Group|CS^Specialist||Cardiology^Board^C^20050101|1112^DEA\r"
    b"ORG|1|U1^Ward|D^Dept||555^^^GENHOSP^XX|PH^Physician|CL^Class|SP^Spec|20200101^20250101\r"
    b"AFF|1|Society^^^^^^XX^^^HS|2 Main^^Town|20100101^20200101\rLAN|1|es^Spanish\r"
    b"EDU|1|MD^Doctor^HL70360|19900101^19960101|||Uni^^^^^^XX^^^U9||3 Main^^Town\r"
    b"CER|1|LIC9||Board^^^^^^XX^^^SB||||||MED^License|||||||||||||20000101||||20301231\r"
)
PLACES = (
    _HEAD % b"MFN^M05" + b"MFI|LOC^Place^HL70175||UPD|||AL\rMFE|MUP|1||W2|PL|20240301080000-0500|1234^Klerk^Kim\r"
    b"LOC|W2^204^1^GENHOSP|Room|R^Room|GENHOSP^^^^^^XX^^^G1|1 Main^^Town|^WPN^PH^^1^555^5550101|L1^License^L\r"
    b"LRL||A||PAR^Parent||W2^205^^GENHOSP\rLDP||CARD^Cardiology|CAR^Card|HEART^Heart||A||||MON^WED^0900^1700|"
    b"^WPN^PH^^1^555^5550102\rLCH||A||SMK^Smoking|Y^Yes\rLCC|||PRI^Private~SPR^Semi\r"
)
SRM = (
    _HEAD
    % b"SRM^S01"
    + b"ARQ|P55^PORTAL|F5^SCHED|||||ROUTINE^Routine^HL70276|NORMAL^Normal^HL70277|30|min|20240320090000-0500^"
    b"20240320120000-0500|3|||4777^Attend^Ada||||1234^Klerk^Kim|||||P100^EHR|F9^LAB\r"
    b"APR|PREFSTART^0900|RES^1|LOC^2|15|OVR^N\r" + _PID
)
ACK = (
    _HEAD % b"ACK^R01" + b"MSA|AE|M2|Text|||101^Missing^HL70357\r"
    b"ERR|PID^1^3^101&Missing&HL70357|PID^1^3^2^4^1|103^Table^HL70357|W|X1^Own^L|p1|stack|Please\r"
)
ORDER = (
    _HEAD % b"OML^O21"
    + _PID
    + b"ORC|NW|P100^EHR|F100^LAB|G1^EHR|||||20240310074500-0500|1234^Klerk^Kim|1235^Check^Cy|4777^Attend^Ada|||"
    b"20240310073000-0500||ENT^Office^L|TERM1^Terminal^L|4782^Act^Al||Clinic^^^^^^XX^^^C1|2 Rd^^Town|"
    b"^WPN^PH^^1^555^5550155|9 Home St^^Town||||||||||||||FG1^LAB\r"
    b"OBR|1|P100^EHR|F100^LAB|24323-8^Panel^LN||20240309|20240310070000-0500|20240310071000-0500|5^mL|5001^Draw^Dan|||"
    b"FAST^Fasting^L|20240310080000-0500\r"
    b"SPM|1|S1&EHR^S2&LAB|S0&EHR|BLD^Blood^HL70487\r"
    b"SAC|A4^LAB|A5^LAB|C5^LAB|C4^LAB|||||RACK^Rack^L||||||||||||10|4|5|mL^millilitre^UCUM|||EDTA^EDTA^HL70371|"
    b"|||||||||||||||FRAGILE^Fragile^L\r"
)
IMAGING = (
    _HEAD % b"OMI^O23" + _PID + b"ORC|NW|P1^EHR\rOBR|1|P1^EHR||24725-4^CT head^LN\r"
    b"IPC|A9^RIS|RP1^RIS|1.2.840.1|S1^RIS|CT^CT^DCM|HEAD^Head^L|STN1|ROOM1^Room 1^L|AET1\r"
)
SUPPLY = (
    _HEAD % b"OMS^O05" + _PID + b"ORC|NW|P1^EHR|||||||20240310|||4777^Attend^Ada\r"
    b"RQD|1|GLV^Gloves^L|4711^Glove^EXT|H7^Glove^HOSP|12|BOX^Box^L|||W2^Ward 2^L|20240312\r"
    b"RQ1|9.90|MAKER^Maker^L|CAT1|VEND^Vendor^L|VC1|N|Y\r"
)
CONSENT = (
    _HEAD % b"MDM^T02" + _PID + b"TXA|1|CN^Consent|TX|||||||||D7^EHR|||||AU\r"
    b"CON|1|001^Release^HL70496|F7|N1^EHR|I agree|As discussed|Risks|Own risks|Not to my work|V^Verbal|A|20240309|"
    b"20240310|"
    b"20240310|20250310|Y|N|es^Spanish|Y||F|||Sample^Max|SPO^Spouse\rOBX|1|TX|59284-0^Consent^LN||Signed.\r"
)
BILL = (
    _HEAD % b"ADT^A01"
    + _PID
    + PV1.encode()
    + b"\rUB1|1|2|3|1|2|5|43~44|6|7|01&Rate&N^120.5&USD|1|X|Y|||11&Onset^20240301\r"
    b"UB2|1|5|02^Work^NUBC|6|7|80&Days&N^12~01&Rate&N^100&USD|11&Onset&N^20240301|70&Stay&N^20240301^20240304|S|||||||"
    b"N|4\r"
)
STAY = (
    _HEAD % b"BAR^P12"
    + _PID
    + PV1.encode()
    + b"\rABS||CAR^Cardiac^L|MO^Moderate^L|||2^Urgent^L|20240310|4777^Attend^Ada|D^Doctor^L|"
    b"Y|1^Premature^L|38|2^Born^L|N\r"
    b"BLC|RED^Red cells^L|2^mL&millilitre&UCUM\rRMI|F^Fall^L|20240309|P^Preventable^L\r"
    b"GP1|131^Outpatient^L|450^ER^L~300^Lab^L|0^Paid^L|1^Edit^L~2^More^L|120.5&USD\r"
    b"PR1|1||80146002^Appendectomy^SCT||20240309\r"
    b"GP2|360^Room^L|3|99.5&USD|1^Paid^L|2^Denied^L|3^Edit^L~4^More^L|10^APC^L|1^Modifier^L~2^More^L|5^Adjusted^L|0^Single^L|"
    b"80&USD|OPPS^Prospective^L|7.5&USD|33\r"
)
STOCK = (
    _HEAD % b"OUL^R22"
    + _PID
    + b"SPM|1|S1||BLD\rOBR|1|P1|F1|GLU^Glucose^L\rOBX|1|NM|GLU^Glucose^L||5|mmol/L^^UCUM|||||F\r"
    b"INV|R1^Reagent^L|OK^^HL70383|RC^Reagent^HL70384|BOX1^Box|CAR1|2|100|80|70|20|mL^millilitre^UCUM|20250101|20240301|||LOT1|"
    b"MAK^Maker^L|SUP^Supplier^L\rSID|A^Auto|LOT2|BOX2|MAK^Maker^L\r"
)
REACTIONS = (
    _HEAD % b"ADT^A60" + _PID + b"IAM|1|DA^Drug|PEN^Penicillin^L|SV^Severe|Rash|A|AI1^EHR\r"
    b"IAR|HIVES^Hives^L|MO^Moderate|AD|Antihistamine\r"
)
DIET = (
    _HEAD % b"ORM^O01" + _PID + b"ORC|NW|P1^EHR|||||||20240310080000-0500|||4777^Attend^Ada\r"
    b"ODS|D|MORN^Morning^L|LS^Low salt^L|No sugar\rODS|S|NOON^Noon^L|SHAKE^Shake^L|With a straw\r"
    b"ODS|P|EVE^Evening|VEG^Vegetarian^L|At home\rODT|EARLY^Early^HL70160|MORN^Morning|Soft spoon\r"
)
SAMPLES = {
    "diet": DIET, "consent": CONSENT, "bill": BILL, "stock": STOCK, "stay": STAY, "reactions": REACTIONS,
    "adt": ADT, "oru": ORU, "siu": SIU, "dft": DFT, "mdm": MDM, "care": CARE, "ref": REF, "staff": STAFF,
    "places": PLACES, "srm": SRM, "ack": ACK, "order": ORDER, "imaging": IMAGING, "supply": SUPPLY, **MEDICATION,
}  # fmt: skip
# Nothing of them is carried, but they say how to read something else, or whether to.
_GUIDES = re.compile(
    r"(OBX(\(\d+\))?-[24]|RXA-5|SCH-10|AI[SPGL]-8|PID-21|ROL-2|ARQ-10|(GOL|PRB|PTH|MFE)-1|LRL-4|RF1-25|AUT-29).*"
)

# Carried where nothing better is said of the same element, and here something is; or read in another's words.
_OUTDONE = re.compile(
    r"TXA-3|OBX\(2\)-5\.2|VAR-5\.1|AUT-9|AUT-14\.1|LDP-10\.[12]|SAC-23|CON-12|INV-7|ODS\(3\)-2\.1|ODT-[12]\.1"
    r"|LCH-5\.1|ABS-8\.[23]"
)


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


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_what_is_not_mapped_changes_nothing(name: str):
    """The account is true: without an ignored or lost value the bundle is the same."""
    as_sent = carried(SAMPLES[name])
    for fate in mapping_report(parse(SAMPLES[name]), context()).fates:
        if fate.outcome is not Outcome.MAPPED and not fate.place.startswith("MSH") and not _GUIDES.match(fate.place):
            assert carried(SAMPLES[name], fate.place) == as_sent, fate.place


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_what_is_mapped_shows_in_the_bundle(name: str):
    """The account is true: with another value in its place the bundle is another."""
    as_sent = carried(SAMPLES[name])
    for fate in mapping_report(parse(SAMPLES[name]), context()).fates:
        if fate.outcome is Outcome.MAPPED and not _OUTDONE.match(fate.place):
            other = f"{parse(SAMPLES[name]).get(fate.place)}9"
            assert carried(SAMPLES[name], fate.place, other) != as_sent, fate.place


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


@pytest.mark.parametrize("event", ["A35", "A41", "A42", "A44", "A45", "A49", "A50", "A51"])
def test_whose_account_or_visit_it_was_is_not_lost(event: str):
    """MRG-1 finds the record of an account or visit that is merged, moved or renumbered; nothing else is made of it."""
    lines = (
        MSH_ADT.format(event=event),
        PID,
        "MRG|555^^^GENHOSP^MR||A0^^^GENHOSP^AN|66^^^GENHOSP|V0^^^GENHOSP^VN",
        PV1,
    )
    fates = mapping_report(message(*lines), context()).fates
    assert {fate.outcome for fate in fates if fate.place.startswith("MRG-1")} == {Outcome.IGNORED}


def test_a_service_has_the_time_of_its_appointment():
    """AIS-4 and AIS-7 beside SCH-11: one appointment has one start, and the other statement of it is not lost."""
    lines = (
        "SCH|10^A|||||R^Routine^HL70276|||30|min^^UCUM|^^30^20240105080000^20240105083000",
        PID,
        "RGS|1",
        "AIS|1||S1^Svc^L|20240105080000|||30|min",
    )
    fates = mapping_report(message(MSH_SIU.format(event="S12"), *lines), context()).fates
    assert {fate.outcome for fate in fates if fate.place in ("AIS-4", "AIS-7")} == {Outcome.IGNORED}


def test_a_control_code_beside_a_status_is_not_lost():
    """ORC-5 says what ORC-1 would (ORC[ServiceRequest] 3, 24); the code moves the stored status."""
    lines = (MSH_ADT.format(event="O01").replace("ADT", "ORM"), PID, "ORC|NW|P1|||IP", "OBR|1|P1||A^First^L")
    fates = mapping_report(message(*lines), context()).fates
    assert {fate.outcome for fate in fates if fate.place == "ORC-1"} == {Outcome.IGNORED}


@pytest.mark.parametrize(
    ("kind", "said", "outcome"),
    [
        *[("ST", "<0.5", Outcome.LOST), ("TX", "a~b", Outcome.LOST), ("NM", "none", Outcome.LOST)],
        *[("CWE", "A^B^L", Outcome.LOST), ("NM", "", Outcome.LOST), ("SN", "", Outcome.LOST)],
        *[
            ("NM", "1.5", Outcome.MAPPED),
            ("NM", "1,5", Outcome.MAPPED),
            ("NM", "1~x", Outcome.MAPPED),
            ("SN", "^1^:^8", Outcome.MAPPED),
        ],
        *[("SN", "<>^5", Outcome.MAPPED), ("SN", "^1^-^2", Outcome.MAPPED), ("NR", "1^2", Outcome.MAPPED)],
    ],
)
def test_a_unit_counts_as_mapped_only_where_the_value_has_it(kind, said, outcome):
    """The guide gives OBX-6 to numbers alone (OBX[Observation] 31 to 36): an ST of <0.5 has no mg/L in FHIR, and
    whoever reads the report must not be told that it has."""
    sent = message(MSH_ORU, PID, OBR, f"OBX|1|{kind}|2345-7^Glucose^LN||{said}|mg/L|||||F")
    (fate,) = [one for one in mapping_report(sent, context()).fates if one.place == "OBX-6"]
    assert fate.outcome is outcome


def test_an_alternate_unit_is_mapped_where_it_is_the_unit():
    """It was called ignored, "Quantity holds one unit", though the Quantity had it."""

    def fates(unit):
        sent = message(MSH_ORU, PID, OBR, f"OBX|1|NM|2345-7^Glucose^LN||5|{unit}|||||F")
        return [
            (one.place, one.outcome, one.target.removeprefix("Observation.valueQuantity."))
            for one in mapping_report(sent, context()).fates
            if one.place.startswith("OBX-6")
        ]

    mapped, ignored = Outcome.MAPPED, Outcome.IGNORED
    parts = [("OBX-6.4", mapped, "code"), ("OBX-6.5", mapped, "unit"), ("OBX-6.6", mapped, "system")]
    assert fates("^^^mmol/L^mmol per litre^UCUM") == parts
    assert fates("mmol/L^^^MMOL") == [("OBX-6.1", mapped, "code"), ("OBX-6.4", ignored, "")]
