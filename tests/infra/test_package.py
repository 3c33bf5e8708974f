"""The package: what runs in Azure and nothing else, with bytecode, and the same bytes for the same code."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.deployment import package
from infra.deployment.package import build_package, code_digest, deployed_files, find_python, install_command
from shared.message.errors.configuration import PackageNotBuilt
from tests.infra.graph import REPOSITORY

TOPS = {"console", "function_app.py", "functions", "host.json", "interfaces", "requirements.txt", "shared"}


@pytest.fixture
def repository(tmp_path):
    """A repository in small, with what must not travel."""
    root = tmp_path / "repository"
    for name, text in {
        ".funcignore": "/local/\n/.funcignore\n/.gitignore\n*.md\n",
        ".gitignore": "__pycache__/\n.venv/\nlocal.settings.json\n",
        "function_app.py": "import shared.one\n",
        "requirements.txt": "orjson\n",
        "shared/one.py": "ONE = 1\n",
        "shared/adapters/local/two.py": "TWO = 2\n",
        "local/host.py": "no\n",
        "shared/README.md": "no\n",
        "local.settings.json": '{"secret": "no"}\n',
        ".venv/lib/x.py": "no\n",
        "shared/__pycache__/one.cpython-311.pyc": "no\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def without_network(command):
    """Run a command; instead of pip, lay down one library."""
    if "pip" in command:
        target = Path(command[command.index("--target") + 1])
        (target / "library").mkdir(parents=True)
        (target / "library" / "__init__.py").write_text("VALUE = 3\n")
    else:
        subprocess.run(command, check=True)


@pytest.fixture
def this_python(monkeypatch):
    """Let the interpreter of the tests be the one that Azure runs."""
    monkeypatch.setattr(package, "PYTHON", f"{sys.version_info.major}.{sys.version_info.minor}")


def names_of(file):
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


def test_what_is_ignored_does_not_travel(repository):
    """Above all a laptop's settings; `shared/adapters/local` has a name that an unanchored pattern would drop."""
    assert [path.as_posix() for path in deployed_files(repository)] == [
        "function_app.py", "requirements.txt", "shared/adapters/local/two.py", "shared/one.py",
    ]  # fmt: skip


def test_of_this_repository_only_the_hub_travels():
    """The same list as `func` would take by `.funcignore`, and never an environment or a state file."""
    found = deployed_files(REPOSITORY)
    assert {path.parts[0] for path in found} == TOPS
    assert [path for path in found if path.suffix == ".pyc"] == []


def test_a_package_has_the_code_its_requirements_and_bytecode_of_both(repository, tmp_path, this_python):
    """A cold start without bytecode takes four times as long."""
    build_package(repository, tmp_path / "p.zip", without_network)
    tag = sys.implementation.cache_tag
    names = names_of(tmp_path / "p.zip")
    assert f"shared/__pycache__/one.{tag}.pyc" in names
    assert f".python_packages/lib/site-packages/library/__pycache__/__init__.{tag}.pyc" in names
    assert f"__pycache__/function_app.{tag}.pyc" in names
    assert all(name.replace("__pycache__/", "").partition(".cpython")[0] for name in names)


def test_the_bytecode_is_taken_whatever_the_times_of_the_files(repository, tmp_path, this_python):
    """Unpacking changes times; bytecode that is checked against them would be thrown away at each start (PEP 552)."""
    build_package(repository, tmp_path / "p.zip", without_network)
    name = f"shared/__pycache__/one.{sys.implementation.cache_tag}.pyc"
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        head = archive.read(name)[:8]
    assert head[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(head[4:], "little") == 0b01  # hash-based, unchecked


def test_the_same_code_gives_the_same_bytes(repository, tmp_path, this_python):
    """Two packages of one commit can be compared."""
    build_package(repository, tmp_path / "a.zip", without_network)
    build_package(repository, tmp_path / "b.zip", without_network)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_digest_changes_with_the_code_and_with_nothing_else(repository):
    """It decides whether `pulumi up` sends code."""
    before = code_digest(repository)
    (repository / "shared/README.md").write_text("changed")
    (repository / "local/host.py").write_text("changed")
    assert code_digest(repository) == before
    (repository / "shared/one.py").write_text("ONE = 2\n")
    after = code_digest(repository)
    assert after != before
    (repository / "shared/one.py").rename(repository / "shared/uno.py")
    assert code_digest(repository) not in (before, after)


def test_wheels_are_for_azures_machines_whatever_machine_this_is():
    """A wheel for a Mac in the package is an import error in Azure; a source build is a compiler on the runner."""
    command = install_command("python3.12", Path("/package"))
    assert "--only-binary=:all:" in command
    assert {command[i + 1] for i, word in enumerate(command) if word == "--platform"} == {
        "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64",
    }  # fmt: skip


def test_without_the_right_python_nothing_is_built(monkeypatch):
    """Bytecode of another version is not read, and says nothing."""
    monkeypatch.setattr(package, "PYTHON", "3.99")
    with pytest.raises(PackageNotBuilt, match=r"python3\.99 is not here"):
        find_python()


def test_a_command_that_fails_is_named(repository, tmp_path, this_python):
    """The text says what to run by hand; what the command printed may hold an index's password, and is left out."""
    (repository / "requirements.txt").write_text("./does-not-exist\n")
    with pytest.raises(PackageNotBuilt, match="-m pip install"):
        build_package(repository, tmp_path / "p.zip")
