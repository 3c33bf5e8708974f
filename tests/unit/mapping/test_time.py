"""HL7 times as FHIR times."""

from __future__ import annotations

import pytest

from shared.mapping.datatypes.time import fhir_time
from tests.unit.mapping.samples import OBR, PV1, admitted, codes, converted, only, resulted

NEW_YORK = "America/New_York"


@pytest.mark.parametrize(
    ("sent", "fhir"),
    [
        ("2024", "2024"),
        ("202403", "2024-03"),
        ("20240310", "2024-03-10"),
        ("2024071008", "2024-07-10"),
        ("202407100830", "2024-07-10T08:30:00-04:00"),
        ("20240110083015", "2024-01-10T08:30:15-05:00"),
        ("20240110083015.1234", "2024-01-10T08:30:15.1234-05:00"),
        ("202401100830+0130", "2024-01-10T08:30:00+01:30"),
        ("20240110-0500", "2024-01-10"),
        ("20240229", "2024-02-29"),
    ],
)
def test_precision_and_offset_stay_as_sent(sent: str, fhir: str):
    """FHIR dateTime regex; an hour without minutes has no FHIR form and stays a date."""
    found = fhir_time(sent, NEW_YORK)
    assert found is not None
    assert found.value == fhir


@pytest.mark.parametrize(
    "sent", ["20240230", "20241301", "2024-03-10", "abc", "20240310250000", "20240310080060", "2024031008301"]
)
def test_what_is_no_time_is_none(sent: str):
    """A guess would be a false fact."""
    assert fhir_time(sent, NEW_YORK) is None


@pytest.mark.parametrize(("sent", "doubt"), [("202411030130", "time_ambiguous"), ("202403100230", "time_skipped")])
def test_the_hour_that_comes_twice_or_never_is_doubtful(sent: str, doubt: str):
    """Clocks change on 2024-11-03 and 2024-03-10 in New York."""
    found = fhir_time(sent, NEW_YORK)
    assert found is not None
    assert found.doubt == doubt


def test_offset_of_the_message_holds_for_times_without_one():
    """HL7 2.A.22: MSH-7's offset is the message's; it comes before the interface's zone."""
    pid = "PID|1||1^^^G^MR"
    pv1 = "PV1|1|I" + "|" * 42 + "202407100830"
    assert only(admitted(pid, pv1, zone="Asia/Tokyo"), "Encounter")["period"]["start"] == "2024-07-10T08:30:00-05:00"
    plain = "MSH|^~\\&|EHR|G|H|H|20240710||ADT^A01|1|P|2.5"
    start = only(converted(plain, pid, pv1, zone="Asia/Tokyo"), "Encounter")["period"]["start"]
    assert start == "2024-07-10T08:30:00+09:00"


def test_admission_time_of_the_sample_is_absent():
    """An empty field makes no element."""
    assert "period" not in only(admitted("PID|1||1^^^G^MR", PV1), "Encounter")


def test_the_offset_of_a_time_of_day_is_told():
    """FHIR's time has none (R4, datatypes: time): 08:30 of another zone must not pass for 08:30 here in silence."""
    conversion = resulted(OBR, "OBX|1|TM|T^Taken^L||083015+0100||||||F")
    assert only(conversion, "Observation")["valueTime"] == "08:30:15"
    assert codes(conversion) == ["offset_left_out"]
    assert codes(resulted(OBR, "OBX|1|TM|T^Taken^L||083015||||||F")) == []
