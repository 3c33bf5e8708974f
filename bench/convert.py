"""HL7 v2 to validated FHIR R4 JSON: ours, at full mapping, against hl7apy + fhir.resources at eleven fields."""

from __future__ import annotations

from typing import Any

from bench.measure import Row, interleaved
from shared.fhir import exact_json
from shared.fhir.validate import validate_bundle
from shared.hl7 import parse
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter, convert

ADT = (
    b"MSH|^~\\&|EHR|GENHOSP|HUB|HUB|20240310080000-0500||ADT^A01^ADT_A01|M1|P|2.5.1\r"
    b"EVN|A01|20240310080000-0500|||1234^Klerk^Kim^^^^^^GENHOSP\r"
    b"PID|1||100001^^^GENHOSP^MR~999-00-1111^^^USSSA^SS||Sample^Jane^Q^^Ms^^L||19800101|F||2106-3^White^CDCREC|"
    b"1 Main St^Apt 2^Townsville^NY^12345^USA^H||^PRN^PH^^1^555^5550101~^^Internet^jane@example.org|"
    b"^WPN^PH^^1^555^5550102|en^English^ISO639|M^Married^HL70002|CHR|4711^^^GENHOSP^AN|||||Townsville\r"
    b"PD1|||GENHOSP CLINIC^^10001|2345^Family^Fred^^^Dr^MD^^NPI\r"
    b"NK1|1|Sample^John^^^Mr|SPO^Spouse^HL70063|1 Main St^^Townsville^NY^12345|^PRN^PH^^1^555^5550103\r"
    b"PV1|1|I|W2^204^1^GENHOSP|E|||4777^Attend^Ada^^^Dr^MD^^NPI|4778^Refer^Rob^^^Dr^MD^^NPI||MED||||7|||"
    b"4777^Attend^Ada^^^Dr^MD^^NPI||V2001^^^GENHOSP^VN|||||||||||||||||||||||||20240310074500-0500\r"
    b"PV2|||R07.9^Chest pain^I10C\r"
    b"AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives\r"
    b"DG1|1||I10^Essential hypertension^I10C||20240310|A\r"
)

_HEAD = (
    "MSH|^~\\&|LAB|GENHOSP|HUB|HUB|20240310090000-0500||ORU^R01^ORU_R01|M2|P|2.5.1\r"
    "PID|1||100001^^^GENHOSP^MR||Sample^Jane^Q||19800101|F|||1 Main St^^Townsville^NY^12345^USA^H\r"
    "PV1|1|I|W2^204^1^GENHOSP||||4777^Attend^Ada^^^Dr^MD^^NPI||||||||||||V2001^^^GENHOSP^VN\r"
    "ORC|RE|P100^EHR|F100^LAB|||||||||4777^Attend^Ada^^^Dr^MD^^NPI\r"
    "OBR|1|P100^EHR|F100^LAB|24323-8^Comprehensive metabolic panel^LN|||20240310083000-0500|||||||||"
    "4777^Attend^Ada^^^Dr^MD^^NPI||||||20240310085500-0500||CH|F\r"
)
_ANALYTES = "".join(
    f"OBX|{n}|NM|{2000 + n}-{n % 10}^Analyte {n}^LN||{n}.{n % 9 + 1}|mg/dL^mg/dL^UCUM|3.5-9.5|N|||F|||"
    "20240310083000-0500||5001^Tech^Tim^^^^^^GENHOSP\r"
    for n in range(1, 41)
)
ORU = (_HEAD + _ANALYTES).encode()


def run() -> list[Row]:
    """Return the rows of the benchmark table."""
    mint = Minter(b"bench" * 8)
    context = MappingContext(mint, MemoryResolver(mint), ClaimDefaults())
    return [
        _row("ADT^A01 of 1 kB to validated FHIR JSON", ADT, context, goal=100),
        _row("ORU^R01 with 40 OBX to validated FHIR JSON", ORU, context, goal=30),
    ]


def converted(raw: bytes, context: MappingContext) -> bytes:
    """Return the bundle of a message as JSON, validated."""
    bundle = convert(parse(raw), context).bundle
    faults = validate_bundle(bundle, is_closed=True)
    if faults:
        raise AssertionError(faults[0].code)
    return exact_json.dumps(bundle)


def peer(raw: bytes) -> str:
    """Return the Patient, the Encounter and the Observations of a message by hl7apy and fhir.resources."""
    from fhir.resources.R4B.bundle import Bundle
    from hl7apy.parser import parse_message

    message = parse_message(raw.decode(), find_groups=False)
    resources = [_peer_patient(message.pid), _peer_encounter(message.pv1)]
    resources += [_peer_observation(obx) for obx in message.obx]
    entries = [{"resource": resource} for resource in resources]
    return str(Bundle(type="collection", entry=entries).model_dump_json())


def _peer_patient(pid: Any) -> Any:
    from fhir.resources.R4B.patient import Patient

    born = pid.pid_7.value
    return Patient(
        identifier=[{"value": pid.pid_3[0].cx_1.value, "assigner": {"display": pid.pid_3[0].cx_4.value}}],
        name=[{"family": pid.pid_5.xpn_1.value, "given": [pid.pid_5.xpn_2.value]}],
        gender={"F": "female", "M": "male"}[pid.pid_8.value],
        birthDate=f"{born[:4]}-{born[4:6]}-{born[6:8]}",
        address=[{"line": [pid.pid_11.xad_1.value], "city": pid.pid_11.xad_3.value}],
    )


def _peer_encounter(pv1: Any) -> Any:
    from fhir.resources.R4B.encounter import Encounter

    return Encounter(
        **{"status": "in-progress", "class": {"code": "IMP"}}, identifier=[{"value": pv1.pv1_19.cx_1.value}]
    )


def _peer_observation(obx: Any) -> Any:
    from fhir.resources.R4B.observation import Observation

    code = obx.obx_3
    coding = {"system": "http://loinc.org", "code": code.ce_1.value, "display": code.ce_2.value}
    quantity = {"value": float(obx.obx_5.value), "unit": obx.obx_6.ce_1.value}
    return Observation(status="final", code={"coding": [coding]}, valueQuantity=quantity)


def _row(what: str, raw: bytes, context: MappingContext, goal: int) -> Row:
    seconds = interleaved({"ours": lambda: converted(raw, context), "peer": lambda: peer(raw)}, rounds=5)
    ratio = seconds["peer"] / seconds["ours"]
    return Row(
        what,
        f"{seconds['ours'] * 1e3:.2f} ms",
        f"{seconds['peer'] * 1e3:.1f} ms hl7apy + fhir.resources, 11 fields",
        ratio,
        f"{goal}x",
        ratio >= goal,
    )


if __name__ == "__main__":
    for row in run():
        print(f"{row.what}: {row.ours} against {row.against}: {row.ratio:.0f}x (goal {row.goal})")
