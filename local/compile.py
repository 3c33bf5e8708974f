"""Makes the compiled build: ``python -m local.compile`` (`make compile`). What is compiled stands in pyproject.toml.

GCC compiles twice: first with counters, for a run of the samples (`local.compile_training`), then with what that run
counted: calls of what runs often are set in where they are made, and what hardly runs lies apart.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from copy import copy
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.compiled import FOLDER, GROUP, SOURCES, STAMP, SWITCH, fits, sources_digest

if TYPE_CHECKING:
    from setuptools import Extension

REPOSITORY = SOURCES.parent
# Each group is one file of C, and a call from one to another is dear: as few as there are cores on a small machine.
GROUP_BYTES = 500_000
OPTIMIZATION = "2"
# A function that no other library can replace is called as it is, or set in where it is called, not looked up.
FLAGS = ["-fvisibility=hidden"] if os.name == "posix" else []
COUNTING = ("-fprofile-generate",)
# What the samples never reach is compiled as without counters: other messages must not pay for it.
COUNTED = ("-fprofile-use", "-fprofile-partial-training", "-Wno-missing-profile")


def main() -> int:
    """Return 0 when the build is in its place, 1 when it cannot be made here; the text says why."""
    if fits(FOLDER):
        print(f"{FOLDER.relative_to(REPOSITORY)} is made of these sources already (make compile-clean removes it)")
        return 0
    try:
        from setuptools.errors import CCompilerError, PlatformError
    except ImportError:
        return _refuse("the compiled build needs mypy and setuptools: pip install -e '.[compiled]'")
    began = time.monotonic()
    os.chdir(REPOSITORY)
    digest, sources = sources_digest(), compiled_sources()
    with tempfile.TemporaryDirectory(prefix="caduceus-compile-") as folder:
        try:
            _try_compiler(Path(folder))
            library = _compiled(_written_in_c(sources, folder), folder, digest)
        except (CCompilerError, PlatformError):
            return _refuse("the compiled build needs a C compiler and Python's headers (Debian: gcc, python3-dev)")
        _replace(FOLDER, library)
    print(f"{FOLDER.relative_to(REPOSITORY)}: {len(sources)} modules, in {time.monotonic() - began:.0f} s")
    return 0


def _refuse(why: str) -> int:
    print(why, file=sys.stderr)
    return 1


def compiled_sources() -> list[str]:
    """Return the modules that are compiled, relative to the repository, in order."""
    declared: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["caduceus"]
    plain = tuple(declared["plain"])
    found = (file for folder in declared["compiled"] for file in sorted((REPOSITORY / folder).rglob("*.py")))
    names = (file.relative_to(REPOSITORY).as_posix() for file in found if file.name != "__init__.py")
    return [name for name in names if not name.startswith(plain)]


def _grouped(sources: list[str]) -> Iterator[list[str]]:
    """Yield neighbours, as many as make a group."""
    group: list[str] = []
    for source in sources:
        group.append(source)
        if sum(Path(name).stat().st_size for name in group) > GROUP_BYTES:
            yield group
            group = []
    if group:
        yield group


def _written_in_c(sources: list[str], folder: str) -> list[Extension]:
    """Return what is to be built; mypyc's advice on style is shown only when it refuses."""
    from mypyc.build import mypycify

    groups: list[tuple[list[str], str | None]] = [
        (group, f"{GROUP}{number}") for number, group in enumerate(_grouped(sources), 1)
    ]
    said = StringIO()
    try:
        with redirect_stdout(said):
            found = mypycify(sources, opt_level=OPTIMIZATION, debug_level="0", separate=groups, target_dir=folder)
    except SystemExit:
        print(said.getvalue(), file=sys.stderr)
        raise
    for extension in found:
        extension.extra_compile_args += FLAGS
    return found


def _compiled(extensions: list[Extension], folder: str, digest: str) -> Path:
    """Return where the libraries lie, stamped with what they are made of."""
    flags: Sequence[str] = ()
    if _is_gcc():
        print("compiling with counters; then the samples run, and it is compiled again: some minutes", flush=True)
        counting = _build(extensions, folder, COUNTING)
        (counting / STAMP).write_text(digest)
        environment = {**os.environ, SWITCH: str(counting)}
        done = subprocess.run([sys.executable, "-m", "local.compile_training"], env=environment, check=False)
        if done.returncode == 0:
            flags = COUNTED
        else:
            print("the samples did not go through, so it is compiled without what they would tell", file=sys.stderr)
    library = _build(extensions, folder, flags)
    (library / STAMP).write_text(digest)
    return library


def _is_gcc() -> bool:
    """Say whether the compiler of this Python is GCC; others count in ways of their own."""
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC")
    if not compiler:
        return False
    asked = subprocess.run([*shlex.split(compiler), "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    return "Free Software Foundation" in asked.stdout


def _replace(old: Path, new: Path) -> None:
    """Put a folder in the place of another: whoever looks finds the one, the other or none, whole."""
    beside = old.with_name(f"{old.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(new, beside)
    shutil.rmtree(old, ignore_errors=True)
    beside.rename(old)


def _try_compiler(folder: Path) -> None:
    from setuptools import Extension

    (folder / "probe.c").write_text("#include <Python.h>\n")
    _build([Extension("probe", [str(folder / "probe.c")])], str(folder / "probe"))


def _build(extensions: list[Extension], folder: str, flags: Sequence[str] = ()) -> Path:
    """Compile all of them anew, and return the folder of the libraries."""
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    command = build_ext(Distribution({"ext_modules": [_with(flags, extension) for extension in extensions]}))
    command.build_temp, command.build_lib, command.parallel = folder, f"{folder}/lib", os.cpu_count()
    command.force = True
    command.ensure_finalized()
    command.run()
    return Path(folder, "lib")


def _with(flags: Sequence[str], extension: Extension) -> Extension:
    changed = copy(extension)
    changed.extra_compile_args = [*extension.extra_compile_args, *flags]
    changed.extra_link_args = [*extension.extra_link_args, *flags]
    return changed


if __name__ == "__main__":
    sys.exit(main())
