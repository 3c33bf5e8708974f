"""HL7 v2 to validated FHIR R4 JSON: ours against hl7apy + fhir.resources, the same bundles; and what a worker does."""

from __future__ import annotations

from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.convert_large import growth, slowest
from bench.convert_peer import differences, peer
from bench.measure import Row, interleaved
from bench.messages import admission
from bench.pipeline import write_interfaces
from shared.fhir.bundle import join_entries
from shared.fhir.validate import write_and_validate
from shared.hl7 import parse
from shared.mapping import ClaimDefaults, MappingContext, MemoryResolver, Minter, convert
from shared.message.identifiers import InterfaceId, Sequence
from shared.registry import load_registry
from shared.transform.canonical import Converter, Job

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


ADMISSIONS = 400  # other patients and visits, so that nothing of a patient can be reused


def run() -> list[Row]:
    """Return the rows of the benchmark table."""
    return [
        _row("ADT^A01 of 1 kB to validated FHIR JSON, 23 resources", ADT, goal=100, most_milliseconds=0.3),
        _row("ORU^R01 with 40 OBX to validated FHIR JSON", ORU, goal=30, most_milliseconds=1.0),
        _admissions(),
        *growth(),
        *slowest(),
    ]


def converted(raw: bytes, context: MappingContext) -> bytes:
    """Return the bundle of a message as JSON, validated."""
    bundle = convert(parse(raw), context).bundle
    written, faults = write_and_validate(bundle, is_closed=True)
    if faults:
        raise AssertionError(faults[0].code)
    return join_entries(bundle, written.texts)


def _row(what: str, raw: bytes, goal: int, most_milliseconds: float) -> Row:
    mint = Minter(b"bench" * 8)
    context = MappingContext(mint, MemoryResolver(mint), ClaimDefaults())
    found = differences(converted(raw, context), peer(raw))
    if found:
        raise AssertionError(f"{len(found)} resources differ from the peer's")
    # Each call reads bytes of its own. A round of ours is hundreds of messages, as a busy hub has them.
    seconds = interleaved(
        {"ours": lambda: converted(bytes(bytearray(raw)), context), "peer": lambda: peer(raw)},
        rounds=5,
        round_seconds=0.3,
    )
    ratio = seconds["peer"] / seconds["ours"]
    return Row(
        what,
        f"{seconds['ours'] * 1e3:.2f} ms",
        f"{seconds['peer'] * 1e3:.1f} ms hl7apy + fhir.resources, the same bundle",
        ratio,
        f"{goal}x, at most {most_milliseconds} ms",
        ratio >= goal and seconds["ours"] * 1e3 <= most_milliseconds,
    )


CLAIMED = {"PID(1)": "Patient", "PID(1)-18": "Account", "PV1(1)": "Encounter"}  # what the hub looks up before


def _admissions() -> Row:
    """What a conversion worker of the hub does for a message: parse, map, judge, encode, for ever other patients."""
    with TemporaryDirectory() as folder:
        registry = load_registry(write_interfaces(Path(folder), second_port=1), "laptop")
    mint = Minter(b"bench" * 8)
    converter = Converter(registry, b"bench" * 8)
    numbers = count()

    def convert_admissions() -> None:
        for number in islice(numbers, ADMISSIONS):
            ids = {place: mint(kind, str(number)) for place, kind in CLAIMED.items()}
            converter(Job(admission(number, patients=10**8), InterfaceId("bench"), Sequence("bench", 1, number), ids))

    milliseconds = interleaved({"ours": convert_admissions}, rounds=5, round_seconds=0.3)["ours"] * 1e3 / ADMISSIONS
    return Row(
        "ADT^A01 of another patient each, to the canonical record",
        f"{milliseconds:.2f} ms CPU",
        "",
        None,
        "at most 0.45 ms",
        milliseconds <= 0.45,
    )


if __name__ == "__main__":
    for row in run():
        against = f" against {row.against}: {row.ratio:.0f}x" if row.ratio else ""
        print(f"{row.what}: {row.ours}{against} (goal {row.goal})")
