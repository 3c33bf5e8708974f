"""What the Makefile leaves behind when something is missing on the machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"
# Debian's Python without the package python3-venv: the folder is there, pip is not.
PYTHON = """\
#!/bin/sh
[ "$2" = venv ] || exit 0
mkdir -p "$3/bin"
touch "$3/bin/python"
echo "ensurepip is not available" >&2
exit 1
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(("target", "folder"), [("install", ".venv"), ("install-infra", ".venv-infra")])
def test_half_an_environment_is_not_taken_for_a_whole_one(tmp_path, target, folder):
    """Once python3-venv is installed, the second `make run` begins anew and does not look for pip in vain."""
    shutil.copy(MAKEFILE, tmp_path / "Makefile")
    (tmp_path / "infra").mkdir()
    for name in ("pyproject.toml", "requirements.txt", "infra/requirements.txt"):
        (tmp_path / name).touch()
    python = tmp_path / "python3.12"  # the infrastructure asks for this one first
    python.write_text(PYTHON, "utf-8")
    python.chmod(0o755)
    ran = subprocess.run(
        ["make", target, f"PYTHON={python}"],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode != 0
    assert "ensurepip is not available" in ran.stderr
    assert not (tmp_path / folder).exists()
