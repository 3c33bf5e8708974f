"""SIU: SCH, RGS, AIS, AIG, AIL, AIP."""

from __future__ import annotations

import pytest

from shared.fhir.validate import validate_bundle
from tests.unit.mapping.samples import MSH_SIU, PID, converted, notes, only, resources

SCH = (
    "SCH|A1^SCHED|B2^CLINIC|||||CHECKUP^Check^HL70276|Normal^^HL70277|30|min|^^^20240401100000-0500^20240401103000-0500"
)
SERVICES = (
    "RGS|1",
    "AIS|1||99213^Visit^C4|20240401100000-0500|||30|min",
    "AIP|1||4777^Attend^Ada|P^Physician^L|||20240401100000-0500|||30|min",
    "AIL|1||CL1^R2",
)


def booked(event: str = "S12", sch: str = SCH) -> object:
    """Return the conversion of a booking."""
    return converted(MSH_SIU.format(event=event), sch, PID, *SERVICES)


def test_booking_has_its_times_its_service_and_everyone_who_takes_part():
    """Guide SCH[Appointment] 3, 4, 9, 11, 12, 14; AIS 5; AIP 5; AIL 5; PID[Appointment] 6."""
    conversion = booked()
    appointment = only(conversion, "Appointment")
    assert [i["value"] for i in appointment["identifier"]] == ["A1", "B2"]
    assert (appointment["start"], appointment["end"]) == ("2024-04-01T10:00:00-05:00", "2024-04-01T10:30:00-05:00")
    assert appointment["minutesDuration"] == 30
    assert appointment["serviceType"][0]["coding"][0]["code"] == "99213"
    assert appointment["reasonCode"][0]["coding"][0]["code"] == "866149003"
    kinds = ("Patient", "Practitioner", "Location")
    ids = {r["id"] for kind in kinds for r in resources(conversion, kind)}
    actors = {p["actor"]["reference"].removeprefix("urn:uuid:") for p in appointment["participant"]}
    assert len(actors) == 3
    assert actors <= ids


@pytest.mark.parametrize(
    ("event", "code", "status"),
    [("S12", "", "booked"), ("S15", "", "cancelled"), ("S26", "", "noshow"), ("S14", "Started", "checked-in")],
)
def test_status_is_the_fillers_word_else_the_events(event: str, code: str, status: str):
    """FillerStatusCodes[Appointment]; HL7 chapter 10 where SCH-25 is empty."""
    conversion = booked(event, SCH + "|" * 14 + code)
    appointment = only(conversion, "Appointment")
    assert appointment["status"] == status
    assert notes(conversion, appointment).control == code


def test_rescheduled_appointment_is_the_same_appointment():
    """SCH-2 identifies it through S12, S13, S15."""
    assert len({only(booked(event), "Appointment")["id"] for event in ("S12", "S13", "S15")}) == 1


def test_start_without_end_takes_its_length():
    """R4 app-3: start and end come together; SCH-9 says how long."""
    sch = "SCH|A1^SCHED|B2^CLINIC||||||Normal|1|H|^^^20240401100000-0500"
    appointment = only(converted(MSH_SIU.format(event="S12"), sch, PID), "Appointment")
    assert appointment["end"] == "2024-04-01T11:00:00-05:00"


def test_a_booking_without_any_time_or_anybody_is_proposed_and_valid():
    """R4 app-3 and participant 1..*: a message that names neither must not be quarantined as invalid."""
    conversion = converted(MSH_SIU.format(event="S12"), "SCH|A1^SCHED|B2^CLINIC" + "|" * 23 + "Booked")
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    found = only(conversion, "Appointment")
    assert (found["status"], found["participant"][0]["status"]) == ("proposed", "needs-action")
    assert notes(conversion, found).initial == ("participant",)


def test_a_booking_has_its_status_when_the_service_brings_the_time():
    """AIS-4 says when, where SCH-11 is silent: it was booked all along."""
    conversion = converted(
        MSH_SIU.format(event="S12"), "SCH|A1^SCHED|B2^CLINIC" + "|" * 23 + "Booked", PID, "RGS|1",
        "AIS|1||99213^Visit^C4|20240401100000-0500|||30|min",
    )  # fmt: skip
    found = only(conversion, "Appointment")
    assert (found["status"], found["end"]) == ("booked", "2024-04-01T10:30:00-05:00")
    assert len(found["participant"]) == 1


@pytest.mark.parametrize("length", ["99999999999999999", "-5", "1e400", "0"])
def test_a_length_that_is_none_never_loses_the_appointment(length):
    """Every input is hostile: a length may be no length of time, and what the rest says still counts."""
    begins = "20240401100000-0500"
    conversion = converted(
        MSH_SIU.format(event="S12"),
        f"SCH|A1|B1|||||||{length}|min|^^^{begins}||||||||||||||Booked",
        PID,
        "RGS|1",
        f"AIS|1||V^Visit^L|{begins}|||{length}|d",
        f"AIP|1||4777^Attend^Ada||||{length}|d|{length}|min",
        f"AIL|1||CL1^R2|||{begins}|{length}|h|{length}|d",
    )
    assert validate_bundle(conversion.bundle, is_closed=True) == []
    assert only(conversion, "Appointment")["start"] == "2024-04-01T10:00:00-05:00"


def test_who_comes_later_takes_part_from_then_on():
    """Guide AIP[Appointment] 9, AIL[Appointment] 9: the offset counts from the start, where no time is said."""
    conversion = converted(
        MSH_SIU.format(event="S12"),
        "SCH|A1|B1|||||||||^^^20240401100000-0500^20240401110000-0500||||||||||||||Booked",
        PID,
        "RGS|1",
        "AIP|1||4777^Attend^Ada||||15|min|30|min",
        "AIL|1||CL1^R2|||20240401101000-0500|15|min",
    )
    periods = [one["period"] for one in only(conversion, "Appointment")["participant"] if "period" in one]
    assert periods == [
        {"start": "2024-04-01T10:15:00-05:00", "end": "2024-04-01T10:45:00-05:00"},
        {"start": "2024-04-01T10:10:00-05:00"},
    ]


@pytest.mark.parametrize(
    ("action", "state", "standing"),
    [
        ("D", "", "declined"),
        ("A", "", "accepted"),
        ("", "Cancelled", "declined"),
        ("", "Pending", "tentative"),
        ("U", "Booked", "accepted"),
    ],
)
def test_who_is_taken_off_an_appointment_is_not_awaited(action: str, state: str, standing: str) -> None:
    """AIP-2 D and AIP-12 Cancelled: a telehealth session opened for the wrong physician; guide AIP[Appointment] 14."""
    conversion = converted(MSH_SIU.format(event="S14"), SCH, PID, f"AIP|1|{action}|4777^Attend^Ada|||||||||{state}")
    appointment = only(conversion, "Appointment")
    of = {one["actor"]["reference"]: one["status"] for one in appointment["participant"] if "status" in one}
    physician = only(conversion, "Practitioner")
    assert of[f"urn:uuid:{physician['id']}"] == standing


def test_a_service_that_is_taken_off_an_appointment_is_none_of_it() -> None:
    """AIS-2 D (HL7 table 0206): the message tells it so that it goes."""
    conversion = converted(MSH_SIU.format(event="S14"), SCH, PID, "AIS|1|D|MRI^Scan^L", "AIS|2|A|CT^Scan^L")
    appointment = only(conversion, "Appointment")
    assert [one["coding"][0]["code"] for one in appointment["serviceType"]] == ["CT"]
