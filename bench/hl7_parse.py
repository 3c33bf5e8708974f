"""An ADT of 1 kB: parse, read twenty fields, set one, write. Ours against python-hl7 and hl7apy, in one run.

Each does it as its documentation says: by path, with python-hl7's accessors and hl7apy's attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.measure import Row, interleaved
from shared.hl7 import parse

ADT = (
    "MSH|^~\\&|EHR|GENHOSP|HUB|REGION|20260312084512.123+0000||ADT^A01^ADT_A01|MSG00000001|P|2.5.1|||AL|NE|USA|"
    "UNICODE UTF-8\r"
    "EVN|A01|20260312084510|||1234^NURSE^NINA^^^^^^GENHOSP|20260312084500\r"
    "PID|1||1000001^^^GENHOSP^MR~999000001^^^SSA^SS||SAMPLE^JANE^MARIE^^MS^^L||19790814|F||2106-3^White^HL70005|"
    "123 MAIN ST^APT 4B^SPRINGFIELD^IL^62704^USA^H||^PRN^PH^^1^217^5550134~^NET^Internet^jane@example.org|"
    "^WPN^PH^^1^217^5550176|eng^English^ISO639|M^Married^HL70002|CHR|778800001^^^GENHOSP^AN\r"
    "NK1|1|SAMPLE^JOHN^A|SPO^Spouse^HL70063|123 MAIN ST^^SPRINGFIELD^IL^62704^USA|^PRN^PH^^1^217^5550134\r"
    "PV1|1|I|4WEST^401^A^GENHOSP^^N|E|||1122^ATTEND^ADA^J^^DR^MD^^NPI|3344^REFER^ROB^^^DR^MD^^NPI||MED||||7|A0||"
    "1122^ATTEND^ADA^J^^DR^MD^^NPI|IN|V00000001^^^GENHOSP^VN|||||||||||||||||||||||||20260312083000\r"
    "PV2|||^CHEST PAIN, UNSPECIFIED\r"
    "AL1|1|DA^Drug allergy^HL70127|7980^PENICILLIN^RXNORM|SV^Severe^HL70128|HIVES\r"
    "DG1|1||R07.9^Chest pain, unspecified^I10||20260312|A\r"
)
RAW = ADT.encode()

READ = (
    ("MSH", 3, 1),
    ("MSH", 4, 1),
    ("MSH", 5, 1),
    ("MSH", 6, 1),
    ("MSH", 9, 1),
    ("MSH", 9, 2),
    ("MSH", 10, 1),
    ("MSH", 12, 1),
    ("PID", 3, 1),
    ("PID", 3, 4),
    ("PID", 5, 1),
    ("PID", 5, 2),
    ("PID", 7, 1),
    ("PID", 8, 1),
    ("PID", 11, 3),
    ("PID", 11, 5),
    ("PV1", 2, 1),
    ("PV1", 7, 1),
    ("PV1", 19, 1),
    ("DG1", 3, 1),
)
OUR_PATHS = [f"{segment}-{field}.{component}" for segment, field, component in READ]
PYTHON_HL7_PATHS = [f"{segment}.F{field}.R1.C{component}" for segment, field, component in READ]
HL7APY_NAMES = [(segment.lower(), f"{segment}_{field}".lower(), component) for segment, field, component in READ]

Work = Callable[[], tuple[list[Any], Any]]  # the values read, and the message written


def run() -> list[Row]:
    """Return the rows of the benchmark table."""
    candidates: dict[str, Work] = {"ours": ours, "python-hl7": python_hl7(), "hl7apy": hl7apy()}
    read, written = ours()
    for name, work in candidates.items():
        their_read, their_written = work()
        _require(their_read == read, f"{name} reads something else")
        _require(_text(their_written).strip() == _text(written).strip(), f"{name} writes something else")
    seconds = interleaved(candidates)
    return [_row(seconds["ours"], name, seconds[name], goal) for name, goal in (("python-hl7", 50), ("hl7apy", 1000))]


def ours() -> tuple[list[Any], bytes]:
    """Return what was read and written with shared.hl7, from bytes to bytes."""
    message = parse(RAW)
    get = message.get
    read = [get(path) for path in OUR_PATHS]
    message.set("MSH-5", "NEW")
    return read, message.to_bytes()


def python_hl7() -> Work:
    """Return the same work done by python-hl7, from str to str."""
    import hl7

    def work() -> tuple[list[Any], str]:
        message = hl7.parse(ADT)
        read = [message[path] for path in PYTHON_HL7_PATHS]
        message["MSH.F5"] = "NEW"
        return read, str(message)

    return work


def hl7apy() -> Work:
    """Return the same work done by hl7apy, from str to str, without finding groups, which is slower still."""
    from hl7apy.parser import parse_message

    def work() -> tuple[list[Any], str]:
        message = parse_message(ADT, find_groups=False)
        read = [
            _component(getattr(getattr(message, segment), field), number) for segment, field, number in HL7APY_NAMES
        ]
        message.msh.msh_5 = "NEW"
        return read, message.to_er7()

    return work


def _component(field: Any, number: int) -> str:
    components = {child.name.rpartition("_")[2]: child for child in field[0].children}
    child = components.get(str(number))
    return field[0].to_er7() if child is None else child.to_er7()


def _row(ours_seconds: float, name: str, seconds: float, goal: int) -> Row:
    ratio = seconds / ours_seconds
    return Row(
        what="ADT of 1 kB: parse, read 20 fields, set one, write",
        ours=f"{ours_seconds * 1e6:,.1f} µs",
        against=f"{name}: {seconds * 1e6:,.0f} µs",
        ratio=ratio,
        goal=f"{goal:,}x",
        met=ratio >= goal,
    )


def _text(written: Any) -> str:
    return written.decode() if isinstance(written, bytes) else str(written)


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise AssertionError(otherwise)


if __name__ == "__main__":
    for row in run():
        print(f"{row.what}: {row.ours}; {row.against}; {row.ratio:,.1f}x, goal {row.goal}")
