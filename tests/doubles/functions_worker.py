"""Microsoft's Python worker for Azure Functions, from PyPI into a folder that git ignores."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.doubles.packages import CACHE, REPOSITORY, run

VERSIONS = ("azure-functions-runtime==1.3.0", "azurefunctions-extensions-base==1.1.0")
FOLDER = CACHE / "functions-worker-1.3.0"


def installed_worker() -> Path:
    """Return the folder to put on PYTHONPATH, so that the worker can be imported.

    Raises:
        PackageMissing: see the text.
    """
    if not (FOLDER / "azure_functions_runtime").exists():
        # It is written for Python 3.13, and runs on what we support.
        options = ("--quiet", "--target", str(FOLDER), "--no-deps", "--ignore-requires-python")
        run(REPOSITORY, sys.executable, "-m", "pip", "install", *options, *VERSIONS)
    return FOLDER
