"""The compiled build: never older than its sources, and the same bytes as they."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import shared
from local.compile import _is_gcc
from shared import compiled
from tests.conftest import REPOSITORY

ASKED = """
import shared
from shared.fhir import place
print(shared.RUNNING)
print(place.__file__)
print(place.write_place(place.extend_place((None, "Patient", None), ["telecom", 0])))
"""


# What the counters count in a repository of one module.
TRAINING = """
from pathlib import Path
from shared.fhir import place
[place.write_place((None, "Patient", None)) for _ in range(1000)]
Path("trained").write_text(place.__file__)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A library of one module in a folder of its own, with the build that fits it."""
    sources, folder = tmp_path / "shared", tmp_path / ".compiled" / "here"
    sources.mkdir()
    folder.mkdir(parents=True)
    (sources / "one.py").write_text("ONE = 1\n")
    monkeypatch.setattr(compiled, "SOURCES", sources)
    monkeypatch.setattr(compiled, "FOLDER", folder)
    monkeypatch.setattr(compiled, "GROUP", "caduceus_tried_")
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if not isinstance(one, compiled._Finder)])
    monkeypatch.delenv(compiled.SWITCH, raising=False)
    (folder / compiled.STAMP).write_text(compiled.sources_digest())
    return sources, folder


def test_a_build_of_these_sources_is_used(here):
    """Plain Python stays the source; the build is the same, faster."""
    assert compiled.use_if_it_fits() == "the compiled build"
    assert isinstance(sys.meta_path[0], compiled._Finder)


@pytest.mark.parametrize(
    "change",
    [
        lambda sources: (sources / "one.py").write_text("ONE = 2\n"),
        lambda sources: (sources / "two.py").write_text(""),
        lambda sources: (sources / "one.py").rename(sources / "three.py"),
        lambda sources: (sources.parent / ".compiled" / "here" / compiled.STAMP).unlink(),
    ],
    ids=["changed", "added", "renamed", "half made"],
)
def test_a_build_of_other_sources_is_left_alone_and_said(here, change):
    """Whoever edits a source must see what they wrote run, and hear why it is slower."""
    sources, _ = here
    change(sources)
    assert compiled.use_if_it_fits() == (
        "plain Python: the compiled build is of other sources than these; `make compile` makes it anew"
    )
    assert not isinstance(sys.meta_path[0], compiled._Finder)


def test_a_build_that_this_machine_cannot_load_is_left_alone(here):
    """A package made on a newer Linux must not keep a Function App from starting."""
    _, folder = here
    (folder / f"{compiled.GROUP}1__mypyc{compiled.SUFFIX}").write_bytes(b"no library")
    assert compiled.use_if_it_fits().startswith("plain Python: the compiled build cannot be loaded on this machine")
    assert not isinstance(sys.meta_path[0], compiled._Finder)


def test_the_switch_runs_the_source(here, monkeypatch):
    """To compare the two."""
    monkeypatch.setenv(compiled.SWITCH, "off")
    assert compiled.use_if_it_fits() == "plain Python: CADUCEUS_COMPILED is off"


def test_what_is_compiled_is_there():
    """A folder that was renamed would be left out in silence."""
    from local.compile import compiled_sources

    found = compiled_sources()
    assert "shared/mapping/patient.py" in found
    assert "shared/mapping/frame.py" not in found


def test_mypyc_takes_every_module(tmp_path):
    """It asks for more than mypy does: a release would have no compiled build, and nobody would know before."""
    write = "import sys, local.compile as c; c._written_in_c(c.compiled_sources(), sys.argv[1])"
    written = run(REPOSITORY, "-c", write, str(tmp_path))
    assert written.returncode == 0, written.stderr


def test_without_a_c_compiler_one_sentence_says_so(tmp_path):
    """It is optional: nobody should read a traceback to learn that."""
    made = run(small_copy(tmp_path), "-m", "local.compile", PATH=str(tmp_path), CC=str(tmp_path / "cc"))
    assert made.returncode == 1
    assert made.stderr.endswith(
        "the compiled build needs a C compiler and Python's headers (Debian: gcc, python3-dev)\n"
    )


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_what_is_compiled_says_the_same_until_its_source_says_otherwise(tmp_path):
    """The whole way in small: compile, run, edit, run. What was written last always runs."""
    copy = small_copy(tmp_path)
    made = run(copy, "-m", "local.compile")
    assert made.returncode == 0, made.stderr
    trained = copy / "trained"
    assert trained.exists() == _is_gcc()
    assert not trained.exists() or not Path(trained.read_text()).exists(), "the build with counters is gone"
    state, file, said = run(copy, "-c", ASKED).stdout.splitlines()
    assert (state, Path(file).suffix) == ("the compiled build", Path(compiled.SUFFIX).suffix)
    assert run(copy, "-c", ASKED, CADUCEUS_COMPILED="off").stdout.splitlines()[2] == said == "Patient.telecom[0]"
    again = run(copy, "-m", "local.compile")
    assert (again.returncode, "made of these sources already" in again.stdout) == (0, True)
    source = copy / "shared" / "fhir" / "place.py"
    source.write_text(source.read_text().replace('"{name}[{index}]"', '"{name}({index})"'))
    state, file, said = run(copy, "-c", ASKED).stdout.splitlines()
    assert state.startswith("plain Python: the compiled build is of other sources")
    assert (Path(file), said) == (source, "Patient.telecom(0)")


@pytest.mark.skipif(shared.RUNNING != "the compiled build", reason="needs the compiled build: make compile")
def test_both_convert_every_message_to_the_same_bytes(tmp_path, shared_dir):
    """Bundles and reports of the whole corpus; the only difference that a build may make is time."""
    found = []
    for state in ("on", "off"):
        out = tmp_path / state
        command = ("-m", "cli", "convert", str(shared_dir / "corpus"), "--out", str(out), "--json")
        found.append(run(REPOSITORY, *command, CADUCEUS_COMPILED=state).stdout.replace(str(out), "OUT"))
        found.append({file.name: file.read_bytes() for file in out.rglob("*.json")})
    assert json.loads(found[0])
    assert len(found[1]) > 1000
    assert found[:2] == found[2:]


@pytest.mark.skipif(shutil.which("cc") is None or not _is_gcc(), reason="needs GCC")
def test_samples_that_do_not_go_through_cost_speed_and_not_the_build(tmp_path):
    """Somebody's folder of interfaces may hold a mistake, and they may want to compile all the same."""
    copy = small_copy(tmp_path)
    (copy / "local" / "compile_training.py").write_text("raise SystemExit(1)\n")
    made = run(copy, "-m", "local.compile")
    assert (made.returncode, "without what they would tell" in made.stderr) == (0, True)
    assert run(copy, "-c", ASKED).stdout.startswith("the compiled build\n")


def small_copy(folder):
    """Return a repository with one module of the library to compile."""
    for name in ("shared/__init__.py", "shared/compiled.py", "shared/fhir/place.py", "local/compile.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    for package in ("local", "shared/fhir"):
        (folder / package / "__init__.py").touch()
    (folder / "local" / "compile_training.py").write_text(TRAINING)
    (folder / "pyproject.toml").write_text('[tool.caduceus]\ncompiled = ["shared/fhir"]\nplain = []\n')
    return folder


def run(folder, *arguments, **environment):
    """Run Python in a folder."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "CADUCEUS_COMPILED": "on", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
