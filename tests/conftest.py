"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import shared

REPOSITORY = Path(__file__).resolve().parents[1]

# How fast an example runs is the machine's affair.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_report_header() -> str:
    """Say which code is tested: a compiled build that fits its sources comes before them."""
    return f"code: {shared.RUNNING}"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of measuring tools beside the checkout; a test that needs it skips where it is absent."""
    folder = Path(os.environ.get("CADUCEUS_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "corpus" / "index.csv").exists():
        pytest.skip("needs the public corpus in ../shared, which is not beside this checkout")
    return folder
