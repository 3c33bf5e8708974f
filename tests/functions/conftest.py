"""Microsoft's worker; where it cannot be had, its tests say so and skip."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.functions_worker import installed_worker
from tests.doubles.packages import PackageMissing


@pytest.fixture(scope="session")
def worker_path() -> Path:
    """The folder to put on PYTHONPATH, so that the worker can be imported."""
    try:
        return installed_worker()
    except PackageMissing as missing:
        pytest.skip(str(missing))
