"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of measuring tools beside the checkout; a test that needs it skips where it is absent."""
    folder = Path(os.environ.get("CADUCEUS_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "corpus" / "index.csv").exists():
        pytest.skip("needs the public corpus in ../shared, which is not beside this checkout")
    return folder
