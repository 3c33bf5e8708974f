"""What the standard says of a message, by version; expected values are from HL7's chapters 3 and 7."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.hl7 import parse
from shared.hl7.structure import check_structure, nearest_version, read_fields, read_structure, structure_name
from tests.unit.hl7.samples import ADT, with_header


def findings(raw: bytes) -> list[tuple[str, str]]:
    return [(finding.code, finding.place) for finding in check_structure(parse(raw))]


def test_a_complete_admission_differs_in_nothing() -> None:
    """A check that always finds something is read by nobody."""
    raw = with_header(
        "EHR|GENERAL|HUB|HUB|20260301||ADT^A01^ADT_A01|1|P|2.5.1",
        "EVN||20260301",
        "PID|||7||EXAMPLE",
        "PV1||I",
        "ZPI|1",
    )

    assert findings(raw) == []


def test_a_missing_segment_is_named() -> None:
    """ADT_A01 requires MSH, EVN, PID and PV1."""
    raw = with_header("EHR|GENERAL|HUB|HUB|20260301||ADT^A08|1|P|2.5.1", "EVN||20260301", "PID|||7||EXAMPLE")

    assert findings(raw) == [("segment_missing", "PV1")]


def test_a_segment_of_an_optional_group_is_not_missing() -> None:
    """In ORU_R01 the patient is a group that may be absent; an OBR may not."""
    structure = read_structure("2.5.1", "ORU_R01")

    assert structure is not None
    assert structure.required == ("MSH", "OBR")
    assert {"PID", "OBX", "NTE"} <= structure.segments


def test_fields_are_checked_against_their_counts() -> None:
    """PID-3 and PID-5 are required, PID-8 does not repeat; OBX(2) has no OBX-11."""
    raw = ADT.replace(b"|F\r", b"|F~M\r").replace(b"EXAMPLE^ANNA^M", b"")

    assert ("field_missing", "PID-5") in findings(raw)
    assert ("field_repeats_too_often", "PID-8") in findings(raw)
    assert ("field_missing", "OBX(2)-11") in findings(raw)


def test_a_segment_that_does_not_belong_is_named() -> None:
    """Charges do not belong into an admission."""
    assert ("segment_unexpected", "FT1") in findings(ADT + b"FT1|1\r")


def test_an_unknown_structure_is_a_finding() -> None:
    """Its segments are still checked."""
    raw = with_header("EHR|GENERAL|HUB|HUB|20260301||QQQ^Q99|1|P|2.5.1", "PID|1")

    assert findings(raw)[0] == ("structure_unknown", "MSH-9")
    assert ("field_missing", "PID-3") in findings(raw)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("ADT^A08^ADT_A01", "ADT_A01"),
        ("ADT^A08", "ADT_A01"),
        ("ADT^A40", "ADT_A39"),
        ("SIU^S15", "SIU_S12"),
        ("ORU^R01", "ORU_R01"),
        ("ACK^A08", "ACK"),
        ("ACK", "ACK"),
    ],
)
def test_an_event_belongs_to_a_structure(type_: str, expected: str) -> None:
    """HL7 table 0354."""
    assert structure_name(parse(with_header(f"A|B|C|D|1||{type_}|1|P|2.5.1"))) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.5.1", "2.5.1"), ("2.7.1", "2.7"), ("2.9", "2.8.2"), ("2.0", "2.1"), ("", "2.5.1"), ("2.x", "2.5.1")],
)
def test_a_version_without_tables_takes_the_one_before(version: str, expected: str) -> None:
    """A later version only adds."""
    assert nearest_version(version) == expected


def test_a_field_has_type_table_and_count() -> None:
    """PID of 2.5.1; PID-2 is withdrawn in 2.8."""
    fields = read_fields("2.5.1", "PID")

    assert (fields[3].data_type, fields[3].is_required, fields[3].most) == ("CX", True, None)
    assert (fields[8].data_type, fields[8].table, fields[8].most) == ("IS", "HL70001", 1)
    assert read_fields("2.8", "PID")[2].most == 0
    assert read_fields("2.5.1", "ZZZ") == {}


def test_reading_messages_does_not_load_the_tables() -> None:
    """A cold start pays for every import."""
    code = "import sys, shared.hl7, shared.hl7.structure, shared.hl7.ack; print('hl7apy' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "False"
