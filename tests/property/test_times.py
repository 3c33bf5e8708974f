"""HL7 times as FHIR times: any precision, offset and zone; and one that is none costs nothing but itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.fhir.validate import validate_bundle
from shared.mapping.datatypes.time import fhir_time
from tests.unit.mapping.samples import converted

BOUNDED = settings(max_examples=150, deadline=None)

# http://hl7.org/fhir/R4/datatypes.html: the regular expressions of dateTime, date and instant.
_YEAR = r"([0-9]([0-9]([0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
_MONTH, _DAY = r"(0[1-9]|1[0-2])", r"(0[1-9]|[1-2][0-9]|3[0-1])"
_CLOCK = r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?"
_OFFSET = r"(Z|(\+|-)((0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
DATE_TIME = re.compile(rf"{_YEAR}(-{_MONTH}(-{_DAY}({_CLOCK}{_OFFSET})?)?)?")
DATE = re.compile(rf"{_YEAR}(-{_MONTH}(-{_DAY})?)?")

ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
LENGTHS = (4, 6, 8, 10, 12, 14)

zones = st.sampled_from(ZONES)
fractions = st.text("0123456789", min_size=1, max_size=4)
offsets = st.builds(
    lambda sign, minutes: f"{sign}{minutes // 60:02}{minutes % 60:02}", st.sampled_from("+-"), st.integers(0, 840)
)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31))


@st.composite
def sent_times(draw: st.DrawFn) -> str:
    """A time of HL7 v2.5.1 2.A.22: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]."""
    digits = draw(moments).strftime("%Y%m%d%H%M%S").zfill(14)[: draw(st.sampled_from(LENGTHS))]
    fraction = "." + draw(fractions) if len(digits) == 14 and draw(st.booleans()) else ""
    return digits + fraction + (draw(offsets) if draw(st.booleans()) else "")


@given(sent_times(), zones)
@BOUNDED
def test_every_time_is_a_legal_one_that_says_what_was_sent(sent: str, zone: str) -> None:
    """The clock on the wall and the precision stay; nothing is shifted or made up."""
    found = fhir_time(sent, zone)
    assert found is not None
    assert DATE_TIME.fullmatch(found.value)

    digits, offset = re.fullmatch(r"(\d+(?:\.\d+)?)([+-]\d{4})?", sent).groups()  # type: ignore[union-attr]
    clock = re.sub(r"(Z|[+-]\d\d:\d\d)$", "", found.value) if "T" in found.value else found.value
    said = re.sub(r"[-T:]", "", clock)
    assert said == (digits[:8] if len(digits) == 10 else digits + "00" if len(digits) == 12 else digits)
    if offset and "T" in found.value:
        assert found.value.endswith(f"{offset[:3]}:{offset[3:]}")


@given(moments, zones)
@BOUNDED
def test_a_time_without_an_offset_is_that_of_the_zone(moment: datetime, zone: str) -> None:
    """Whoever reads it in the zone sees the time that was sent."""
    found = fhir_time(moment.strftime("%Y%m%d%H%M%S").zfill(14), zone)
    assert found is not None
    assume(found.doubt != "time_skipped")
    # R4 has offsets of whole minutes; before 1940 zones have seconds.
    assume(moment.replace(tzinfo=ZoneInfo(zone)).utcoffset().total_seconds() % 60 == 0)  # type: ignore[union-attr]

    seen = datetime.fromisoformat(found.value).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert seen == moment.replace(microsecond=0)


def instants_of(local: datetime, zone: str) -> int:
    """Return how many moments of the world the clocks of a zone show as this time: counted, not asked for."""
    here = ZoneInfo(zone)
    near = (local.replace(tzinfo=UTC) + timedelta(hours=hours) for hours in range(-36, 37, 3))
    possible = {moment.astimezone(here).utcoffset() for moment in near}
    moments_ = [(local - offset).replace(tzinfo=UTC) for offset in possible if offset is not None]
    return sum(moment.astimezone(here).replace(tzinfo=None) == local for moment in moments_)


# Where clocks changed (IANA tzdata): Vienna, New York; Lord Howe by half an hour; Apia left a whole day out.
CHANGES = [
    ("Europe/Vienna", datetime(2026, 3, 29, 2)), ("Europe/Vienna", datetime(2026, 10, 25, 2)),
    ("America/New_York", datetime(2024, 3, 10, 2)), ("America/New_York", datetime(2024, 11, 3, 1)),
    ("Australia/Lord_Howe", datetime(2026, 4, 5, 1, 30)), ("Australia/Lord_Howe", datetime(2026, 10, 4, 2)),
    ("Pacific/Apia", datetime(2011, 12, 30, 12)),
]  # fmt: skip


@given(st.sampled_from(CHANGES), st.integers(-24 * 60, 24 * 60))
@BOUNDED
def test_a_time_that_comes_twice_or_never_is_doubtful_and_no_other(change: tuple[str, datetime], minutes: int) -> None:
    """01:30 of an autumn night is two moments; 02:30 of a spring night is none."""
    zone, around = change
    local = around + timedelta(minutes=minutes)
    found = fhir_time(local.strftime("%Y%m%d%H%M"), zone)
    assert found is not None

    assert found.doubt == {0: "time_skipped", 1: "", 2: "time_ambiguous"}[instants_of(local, zone)]


@pytest.mark.parametrize(("sent", "code"), [("202610250230", "time_ambiguous"), ("202603290230", "time_skipped")])
def test_a_doubtful_time_of_a_message_is_a_finding_at_its_place(sent: str, code: str) -> None:
    """A person can ask the sender, who alone knows."""
    header = "MSH|^~\\&|EHR|G|HUB|HUB|20261025||ADT^A01|1|P|2.5.1"
    found = converted(header, "PID|1||1^^^G^MR", "PV1|1|I" + "|" * 42 + sent, zone="Europe/Vienna").findings

    assert (code, "PV1-44") in [(one.code, one.place) for one in found]


@given(sent_times(), zones, st.sampled_from(["", "+0000", "-0500", "+1400"]))
@BOUNDED
def test_a_birthday_never_shifts(sent: str, zone: str, offset: str) -> None:
    """A child born at 23:30 has one birthday, wherever the message is read."""
    header = f"MSH|^~\\&|EHR|G|HUB|HUB|202603011200{offset}||ADT^A01|1|P|2.5.1"
    bundle = converted(header, f"PID|1||1^^^G^MR||||{sent}", zone=zone).bundle
    [patient] = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient"]

    assert DATE.fullmatch(patient["birthDate"])
    digits = re.match(r"\d+", sent).group()[:8]  # type: ignore[union-attr]
    assert patient["birthDate"].replace("-", "") == digits


# One message with times of every kind: segment, field; each of them may be wrong alone.
STAY = [
    "MSH|^~\\&|EHR|G|HUB|HUB|20260301120000+0000||ADT^A01|1|P|2.5.1",
    "EVN|A01|20260301120000|20260302|||20260301115900",
    "PID|1||1^^^G^MR||Sample^Jane||19800101|F" + "|" * 21 + "20260303|Y|||20260228100000|G",
    "NK1|1|Kin^Ida|MTH|||||20200101|20301231",
    "PV1|1|I|W1" + "|" * 16 + "V1" + "|" * 25 + "20260301080000|20260305100000",
    "PV2|||||||" + "|20260301|20260306",
    "AL1|1|DA|NUT^Nut^L|SV|Rash|20100505",
    "DG1|1||R51^Ache^I10||20260301090000|A",
    "PR1|1||A1^Repair^L||20260302080000",
    "IN1|1|P1|C1|Insurer" + "|" * 8 + "20200101|20301231",
]
LAB = [
    "MSH|^~\\&|LAB|G|HUB|HUB|20260301120000+0000||ORU^R01|1|P|2.5.1",
    "PID|1||1^^^G^MR||Sample^Jane||19800101|F",
    "ORC|RE|P1|F1||||||20260301090000",
    "OBR|1|P1|F1|24323-8^Panel^LN|||20260301100000|20260301101000||||||20260301103000" + "|" * 8 + "20260301110000|||F",
    "OBX|1|NM|2951-2^Sodium^LN||138|mmol/L|||||F|||20260301100500|||||20260301104500",
    "OBX|2|DT|11368-8^Onset^LN||20260228||||||F",
    "SPM|1|S1||SER|||||||||||||20260301100000|20260301102000",
]
# What identifies something is not merely a time: the message itself, the visit and the procedure by its time.
# EVN-3 has no FHIR element: nobody reads it.
KEYS = {("MSH", 7), ("PR1", 5), ("EVN", 3)}
PLACES = [
    (message, line, number)
    for message in (STAY, LAB)
    for line, segment in enumerate(message)
    for number, value in enumerate(segment.split("|"))
    if re.fullmatch(r"(19|20)\d{6}(\d{6})?(\+0000)?", value)
    and (segment[:3], number + (segment[:3] == "MSH")) not in KEYS
]


def with_value(place: tuple[list[str], int, int], value: str) -> list[str]:
    message, line, number = place
    fields = message[line].split("|")
    fields[number] = value
    return [*message[:line], "|".join(fields), *message[line + 1 :]]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.text("0123456789AZaz:/-+. ", min_size=1, max_size=16))
def test_one_bad_date_loses_nothing_but_itself(place: tuple[list[str], int, int], bad: str) -> None:
    """Whatever stands there: see below."""
    assume(bad.strip() and fhir_time(bad.strip(), "UTC") is None and bad.strip("0 "))
    lose_nothing(place, bad)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0][place[1]][:3]}-{place[2]}")
def test_no_field_loses_more_than_its_bad_date(place: tuple[list[str], int, int]) -> None:
    """Every field that holds a time, with a day that does not exist (30 February)."""
    lose_nothing(place, "20260230")


def lose_nothing(place: tuple[list[str], int, int], bad: str) -> None:
    """Assert that the bundle is that of the message without the value, is valid, and that the place is a finding."""
    without = converted(*with_value(place, ""))
    conversion = converted(*with_value(place, bad))

    assert not validate_bundle(conversion.bundle)
    if not is_value(place):
        assert told(conversion.bundle) == told(without.bundle)
    known = {(one.code, one.place) for one in without.findings}
    segment = place[0][place[1]][:3]
    new = [one for one in conversion.findings if (one.code, one.place) not in known]
    assert any(one.code.startswith(("date_", "time_")) and one.place.startswith(segment) for one in new)


def is_value(place: tuple[list[str], int, int]) -> bool:
    """Tell whether the place is OBX-5: what is no date there stays as text."""
    return place[0][place[1]].startswith("OBX") and place[2] == 5


def told(bundle: Any) -> Any:
    """Return what a bundle says, without the texts that tell what was sent."""
    return {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
