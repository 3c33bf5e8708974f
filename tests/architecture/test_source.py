"""Rules that no type checker knows, kept by a machine."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGES = ("shared", "functions", "local", "cli", "connector", "relay", "infra")
MODULES = sorted(
    [path for package in PACKAGES for path in (REPOSITORY / package).rglob("*.py")] + [REPOSITORY / "function_app.py"]
)
VAGUE = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}
# The laptop sets what settings.py reads, so that the functions find a laptop; it is the one writer. The connector's
# file may say that a secret is in a variable (``env:NAME``). What code runs is chosen before there are settings.
MAY_TOUCH_THE_ENVIRONMENT = {
    *("shared/settings.py", "shared/compiled.py", "local/laptop.py", "connector/keys.py"),
    "local/compile.py",  # asks which compiler builds extensions, as setuptools does
}


def test_layers_are_kept():
    """A stage that imports another, or a library that knows its host, cannot be taken apart again."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    ran = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_no_module_has_a_name_that_says_nothing():
    """Whatever fits nowhere lands there, and nobody finds it again."""
    assert [name(path) for path in MODULES if VAGUE & {path.stem, *path.relative_to(REPOSITORY).parts}] == []


def test_the_environment_is_read_in_one_place():
    """A setting that is read elsewhere is on no page and stops no start."""
    touching = {name(path) for path in MODULES if re.search(r"os\.environ|getenv", path.read_text("utf-8"))}
    assert touching == MAY_TOUCH_THE_ENVIRONMENT


def test_every_package_is_checked():
    """A package that is not on the list above would be free of these rules."""
    tops = {path.parent.name for path in REPOSITORY.glob("*/__init__.py")} - {"bench", "tests"}
    assert tops == set(PACKAGES)


def test_every_module_says_what_it_is():
    """The first line is read before the code, and often instead of it."""
    trees = {name(path): ast.parse(path.read_text("utf-8")) for path in MODULES}
    assert [module for module, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_no_pattern_vanished():
    """The walk above must see the code, or every rule holds for nothing."""
    assert len(MODULES) > 150
    assert re.fullmatch(r"cli/.*\.py", name(MODULES[0]))


def test_every_measurement_finds_what_it_measures():
    """Nothing else runs them; a measurement that cannot start is found by the one who wanted the number."""
    program = (
        "import importlib, bench.__main__ as bench\nfor name in bench.MODULES: importlib.import_module('bench.' + name)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=True, timeout=240)


def name(path: Path) -> str:
    """Return where a file is, from the root of the repository."""
    return path.relative_to(REPOSITORY).as_posix()
