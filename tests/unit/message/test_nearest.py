"""A name that nobody has."""

from __future__ import annotations

import pytest

from shared.message.nearest import no_such

KNOWN = ("hospital_adt", "hospital_lab", "Smoke")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hospital_adtt", "interface hospital_adtt; nearest: hospital_adt, hospital_lab"),
        ("HOSPITAL_LAB", "interface HOSPITAL_LAB; nearest: hospital_lab, hospital_adt"),
        ("smoke", "interface smoke; nearest: Smoke"),
        ("zzz", "interface zzz"),
        ("Smith^Ann", "interface"),
        ("", "interface"),
    ],
)
def test_the_nearest_names_are_said_and_what_is_no_name_is_not_repeated(name, said):
    """A typing error is mended at once; what was pasted by mistake may be about a patient."""
    assert no_such("interface", name, KNOWN) == said
