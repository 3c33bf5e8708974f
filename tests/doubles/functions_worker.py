"""Microsoft's Python worker for Azure Functions, from PyPI into a folder that git ignores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

VERSIONS = ("azure-functions-runtime==1.3.0", "azurefunctions-extensions-base==1.1.0")
REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CADUCEUS_TEST_CACHE", REPOSITORY / ".cache")) / "functions-worker-1.3.0"
_INSTALL_SECONDS = 300


class WorkerMissing(Exception):
    """The worker cannot be had here; the text says why."""


def installed_worker() -> Path:
    """Return the folder to put on PYTHONPATH, so that the worker can be imported.

    Raises:
        WorkerMissing: see the text.
    """
    if not (CACHE / "azure_functions_runtime").exists():
        # It is written for Python 3.13, and runs on what we support.
        options = ["--quiet", "--target", str(CACHE), "--no-deps", "--ignore-requires-python"]
        command = [sys.executable, "-m", "pip", "install", *options, *VERSIONS]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
        except (subprocess.SubprocessError, OSError) as error:
            raise WorkerMissing(f"pip could not install azure-functions-runtime ({type(error).__name__})") from None
    return CACHE
