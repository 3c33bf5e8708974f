"""Drugs, vaccines and queries: whatever a field holds, the bundle is valid R4 and every value has a fate."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.fhir.validate import validate_bundle
from shared.hl7 import parse
from shared.mapping.report import mapping_report
from tests.unit.mapping.medication_samples import SAMPLES
from tests.unit.mapping.samples import context

# What senders put where it does not belong, and what the code branches on.
AWKWARD = (
    *('""', "", "x", "0", "-5", "999", "9999", "1e400", "100000000000", "<5", "3.0", "007"),
    *("2024", "20241301", "20240310080000-0500", "2400", "0800", "25:61"),
    *("^", "^^LN", "a^b^c", "&", "A&B^C&D", "~", "a~b", "1^2^3^4^5^6^7^8^9^10^11^12", "\\T\\", "\\X0D\\"),
    *("A", "D", "U", "X", "CP", "NA", "RE", "ZZ", "NW", "OC", "RU", "CA"),
    *("PRN", "Q0H", "QHS", "QJ8", "^DW^9^1", "^DW^1^3^0^s^^ZZ^1^s", "BID&&X^DW^3^1^1.5^h^^AC^0.5^h"),
    *("1^min", "5^d", "-1^h", "0^s", "^s", "H1", "M0", "X1", "999999999999^wk"),
    *("998^x^CVX", "30980-7^x^LN", "30973-2^x^LN", "31044-1^r^LN", "69764-9^d^LN", "59783-1^s^LN"),
)
_FIELD = st.tuples(st.integers(0, 40), st.integers(1, 40), st.sampled_from(AWKWARD))


def garbled(raw: bytes, changes: list[tuple[int, int, str]]) -> bytes:
    """Return a message with other fields: (segment after MSH, field, what it holds)."""
    header, *segments = raw.decode().rstrip("\r").split("\r")
    for drawn, number, value in changes:
        place = drawn % len(segments)
        fields = segments[place].split("|")
        fields += [""] * (number + 1 - len(fields))
        fields[number] = value
        segments[place] = "|".join(fields)
    return ("\r".join([header, *segments]) + "\r").encode()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.lists(_FIELD, min_size=1, max_size=6))
def test_whatever_a_field_holds_the_bundle_is_valid(name: str, changes: list[tuple[int, int, str]]):
    """A bundle that is refused stops a patient's message; one bad value must never do that."""
    report = mapping_report(parse(garbled(SAMPLES[name], changes)), context())
    assert validate_bundle(report.conversion.bundle, is_closed=True) == []
    assert all(fate.target if fate.outcome == "mapped" else fate.reason for fate in report.fates)
