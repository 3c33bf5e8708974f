"""Microsoft's worker, from PyPI into a folder that git ignores; where that cannot be, its tests say so and skip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
VERSIONS = ("azure-functions-runtime==1.3.0", "azurefunctions-extensions-base==1.1.0")
CACHE = Path(os.environ.get("CADUCEUS_TEST_CACHE", REPOSITORY / ".cache")) / "functions-worker-1.3.0"


@pytest.fixture(scope="session")
def worker_path() -> Path:
    """The folder to put on PYTHONPATH, so that the worker can be imported."""
    if not (CACHE / "azure_functions_runtime").exists():
        # It is written for Python 3.13, and runs on what we support.
        options = ["--quiet", "--target", str(CACHE), "--no-deps", "--ignore-requires-python"]
        command = [sys.executable, "-m", "pip", "install", *options, *VERSIONS]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if ran.returncode:
            pytest.skip("needs azure-functions-runtime, which pip could not install")
    return CACHE
