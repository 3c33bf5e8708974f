"""Dates of different precision, in order or not known to be."""

from __future__ import annotations

import pytest

from shared.fhir.moment import is_after


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("2024", "2023", True),
        ("2023", "2024-05-01", False),
        ("2024", "2024-05", None),
        ("2024-05-01", "2024-05-01", False),
        ("2024-05-02", "2024-05-01T23:59:59Z", True),
        ("2024-05-01", "2024-05-01T00:00:00Z", None),
        ("2024-05-01T10:00:00+02:00", "2024-05-01T08:00:00Z", False),
        ("2024-05-01T10:00:00+02:00", "2024-05-01T07:59:59Z", True),
        ("2024-05-01T00:30:00+01:00", "2024-04-30T23:31:00Z", False),
        ("2024-05-01T10:00:00.5Z", "2024-05-01T10:00:00.45Z", True),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z", True),
    ],
)
def test_moments_are_compared_as_far_as_both_are_known(first: str, second: str, expected: bool | None) -> None:
    """per-1 turns on it. Expected by hand; FHIRPath 2.0, 6.2: different precision gives no answer."""
    assert is_after(first, second) is expected
