"""Synthetic messages about drugs, vaccines and queries: nobody's, and every field that is mapped is filled."""

from __future__ import annotations

from tests.unit.mapping.samples import PID

MSH = "MSH|^~\\&|PHARM|GENHOSP|HUB|HUB|20240310080000-0500||{event}|M7|P|2.5.1"
ORC = (
    "ORC|NW|P100^EHR|F100^RX|G1^EHR||||PP1&EHR^PF1&RX|20240310075500-0500|1234^Klerk^Kim||4777^Attend^Ada||"
    "^WPN^PH^^1^555^5550101||ST^Stock^L|||||Town Clinic^^^^^^XX^^^TC1|1 Rd^^Town|^WPN^PH^^1^555^5550102|2 Rd^^Town||||"
    "R^^HL70177|I^Inpatient^HL70482||||PA1^^^EHR|||||FG1^RX"
)
TQ1 = "TQ1|1||BID&&HL70335|0800~2000||5^d|20240310080000-0500||R^Routine^HL70485|if fever|with food||10^min|10"
RXO = (
    "RXO|1191^Aspirin^RXNORM|325|650|mg^milligram^UCUM|TAB^Tablet^HL70292|^Crush it|^Take with water||G||"
    "20|TAB^Tablet^HL70292|2|5002^Cut^Cora|||H1|325|mg^milligram^UCUM|R51^Headache^I10C|10|mL^milliliter^UCUM|4^g&gram&UCUM|"
    "00904^Aspirin^NDC|1|mL^milliliter^UCUM||5||||PH1^Town Pharmacy^L|3 Rd^^Town|||^WPN^PH^^1^555^5550103"
)
RXR = "RXR|PO^Oral^HL70162|BUCCA^Buccal^HL70550||CH^Chew^HL70165|RI1^Slowly^L"
RXR_GIVEN = "RXR|PO^Oral^HL70162|BUCCA^Buccal^HL70550||CH^Chew^HL70165|^Slowly"
RXC = "RXC|B|1191^Aspirin^RXNORM|100|mg^milligram^UCUM|325|mg^milligram^UCUM|00904^Aspirin^NDC|1|mL^milliliter^UCUM"
RXE = (
    "RXE||1192^Aspirin EC^RXNORM|325|650|mg^milligram^UCUM|TAB^Tablet^HL70292|^Swallow whole||G|20|TAB^Tablet^HL70292|"
    "2|5002^Cut^Cora||RX77||||4^g&gram&UCUM||^For Jane|H1|10|mL^milliliter^UCUM|325|mg^milligram^UCUM|"
    "R51^Headache^I10C||||00905^Aspirin EC^NDC|20240309120000-0500|1|mL^milliliter^UCUM|||||7|PH1^Town Pharmacy^L|"
    "3 Rd^^Town||||^WPN^PH^^1^555^5550103"
)
RXD = (
    "RXD|1|1192^Aspirin EC^RXNORM|20240310090000-0500|20|TAB^Tablet^L|TAB^Tablet^HL70292|RX77||Handed to Sam|"
    "5003^Help^Hal|G^Generic^HL70167|4^g&gram&UCUM|W2^204^1^GENHOSP||^Cold chain|325|mg^milligram^UCUM|LOT1|20250101|"
    "ACME^Acme^L|||||00905^Aspirin EC^NDC|||1|mL^milliliter^UCUM|PH1^Town Pharmacy^L|3 Rd^^Town||P^Partial^HL70484|"
    "^WPN^PH^^1^555^5550103|TAG1^RX"
)
RXG = (
    "RXG|1|1|^BID^D5^20240310080000-0500|1192^Aspirin EC^RXNORM|325|650|mg^milligram^UCUM|TAB^Tablet^HL70292|^Watch|"
    "G^Generic^HL70167|||RI^With food^L|H1|10|mL^milliliter^UCUM|325|mg^milligram^UCUM|LOT1|20250101|ACME^Acme^L|"
    "R51^Headache^I10C|1|mL^milliliter^UCUM|||||||GT1^RX"
)
RXA_DRUG = (
    "RXA|0|1|20240310091000-0500|20240310092000-0500|1192^Aspirin EC^RXNORM|325|mg^milligram^UCUM|TAB^Tablet^HL70292|"
    "^Given late|5003^Help^Hal||H1|325|mg^milligram^UCUM|LOT1|20250101|ACME^Acme^L|RF^Refused first^L|"
    "R51^Headache^I10C|CP|A||1|mL^milliliter^UCUM|||W2^204^1^GENHOSP||TAG1^RX"
)
ORC_VACCINE = (
    "ORC|RE|P200^EHR|F200^EHR|G2^EHR|||||20240310101500-0500|||4777^Attend^Ada||||||||||||||||R^^HL70177|||||PA2^^^EHR"
)
RXA = (
    "RXA|0|1|20240310100000-0500||08^Hep B, adolescent or pediatric^CVX|0.5|mL^milliliter^UCUM||00^New^NIP001~^Cried|"
    "5003^Help^Hal|^^^Old Town Clinic||||L1|20250630|MSD^Merck^MVX||Z23^Immunization^I10C|CP|A|20240310100500-0500|||||"
    "CL1^R2^^TOWN|4 Rd^^Town"
)
RXR_VACCINE = "RXR|IM^Intramuscular^HL70162|DELT^Deltoid^HL70550"
FACTS = (
    "OBX|1|CE|64994-7^Eligibility^LN|1|V01^Not VFC eligible^HL70064||||||F|||20240310",
    "OBX|2|CE|30963-3^Funding^LN|1|PHC70^Private^CDCPHINVS||||||F",
    "OBX|3|CE|69764-9^Document type^LN|2|253088698300005911070207^Hep B VIS^cdcgs1vis||||||F",
    "OBX|4|DT|29768-9^Published^LN|2|20230512||||||F",
    "OBX|5|DT|29769-7^Presented^LN|2|20240310||||||F",
    "OBX|6|CE|30956-7^Vaccine type^LN|3|45^Hep B, unspecified^CVX||||||F",
    "OBX|7|CE|59779-9^Schedule^LN|3|VXC16^ACIP^CDCPHINVS||||||F",
    "OBX|8|NM|30973-2^Dose number^LN|3|2||||||F",
    "OBX|9|NM|59782-3^Doses^LN|3|3||||||F",
    "OBX|10|CE|59780-7^Series^LN|3|^Hep B 3-dose||||||F",
    "OBX|11|CE|31044-1^Reaction^LN|4|39579001^Anaphylaxis^SCT||||||F|||20240310104000-0500",
    "OBX|12|ST|48767-8^Annotation^LN|5|Left arm was sore||||||F",
    "OBX|13|CE|30945-0^Contraindication^LN|6|21^Acute illness^NIP||||||F",
)
FORECAST = (
    "ORC|RE||9999^IIS",
    "RXA|0|1|20240310|20240310|998^No vaccine administered^CVX|999||||||||||||||NA",
    "OBX|1|CE|30956-7^Vaccine type^LN|1|45^Hep B, unspecified^CVX||||||F",
    "OBX|2|CE|59779-9^Schedule^LN|1|VXC16^ACIP^CDCPHINVS||||||F",
    "OBX|3|NM|30973-2^Dose number^LN|1|3||||||F",
    "OBX|4|DT|30980-7^Due^LN|1|20240910||||||F",
    "OBX|5|DT|30981-5^Earliest^LN|1|20240810||||||F",
    "OBX|6|CE|59783-1^Status^LN|1|LA13422-3^On schedule^LN||||||F",
    "OBX|7|CE|30982-3^Reason^LN|1|R1^Due by age^L||||||F",
)
QPD = (
    "QPD|Z34^Request Immunization History^CDCPHINVS|TAG9|100001^^^GENHOSP^MR|Sample^Jane^Q^^^^L|Mother^Mary^^^^^M|"
    "19800101|F|1 Rd^^Town^NY|^PRN^PH^^1^555^5550155|N|1|20240101|CLINIC9"
)


def sent(event: str, *lines: str) -> bytes:
    """Return the bytes of a message of these segments."""
    return ("\r".join((MSH.format(event=event), *lines)) + "\r").encode()


SAMPLES = {
    "rde": sent("RDE^O11", PID, ORC, TQ1, RXO, RXE, RXR, RXC, "NTE|1||Ring before"),
    "omp": sent("OMP^O09", PID, ORC, TQ1, "TQ2|1|S|P99^EHR|F99^RX", RXO, RXR, RXC),
    "rds": sent("RDS^O13", PID, "ORC|RE|P100^EHR|F100^RX||CM", RXD, RXR, RXC, "NTE|1||Cooled"),
    "rgv": sent("RGV^O15", PID, "ORC|RE|P100^EHR|F100^RX", RXG, RXR, RXC),
    "ras": sent("RAS^O17", PID, "ORC|RE|P100^EHR|F100^RX|||||||||4777^Attend^Ada", RXA_DRUG, RXR_GIVEN),
    "vxu": sent("VXU^V04", PID, ORC_VACCINE, RXA, RXR_VACCINE, *FACTS),
    "rsp": sent("RSP^K11", "MSA|AA|Q100|All well", "ERR||PID^1^3|101^Required^HL70357|W|1^Own^L|p1|Diagnosed|Say it",
                "QAK|TAG9|OK|Z34^Request Immunization History^CDCPHINVS|1|1|0", QPD, PID, *FORECAST),
    "qbp": sent("QBP^Q11", QPD, "RCP|I|5^RD&Records&HL70126|R^Real time^HL70394"),
}  # fmt: skip
