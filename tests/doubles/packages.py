"""Packages that tests need beside the requirements, installed the first time into a folder that git ignores."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("CADUCEUS_TEST_CACHE", REPOSITORY / ".cache"))
_SECONDS = 600


class PackageMissing(Exception):
    """It cannot be had here; the text says why. The tests that need it are skipped."""


def npm_install(folder: Path, *packages: str) -> Path:
    """Return ``folder/node_modules`` with the packages, each ``name@version``; their scripts are not run.

    Raises:
        PackageMissing: there is no Node.js, or npm cannot reach a registry.
    """
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        raise PackageMissing(f"needs {' and '.join(missing)}, for {packages[0]}")
    complete = folder / "complete"
    if not complete.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}', "utf-8")
        options = ("--no-audit", "--no-fund", "--ignore-scripts")
        run(folder, "npm", "install", *options, *packages)
        complete.touch()
    return folder / "node_modules"


def run(folder: Path, *command: str) -> None:
    """Run an installer in a folder.

    Raises:
        PackageMissing: it failed.
    """
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_SECONDS)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise PackageMissing(f"{Path(command[0]).name} could not install: {last}") from None
    except (subprocess.SubprocessError, OSError) as error:
        raise PackageMissing(f"{Path(command[0]).name} could not install ({type(error).__name__})") from None
